//! From rows of a manifest to what a step learns from.

use std::path::Path;

use burn::tensor::{Device, Tensor};
use fpga_core::control::{draw_landmarks5, draw_skeleton};
use fpga_core::data::manifest::{FaceRecord, ManifestRow};
use fpga_core::data::{StreamedRow, read_array};
use fpga_core::error::{Context, Error, Result};
use fpga_core::face::{FaceBox, MaskShape, SEEN, face_region};
use fpga_core::identity::projector::IdentityFeatures;
use fpga_core::pipeline::PromptEncoder;
use fpga_core::text::LongPrompt;
use fpga_core::train::diffusion::{DiffusionBatch, FaceTarget, Modality};
use fpga_core::unet::Conditioning;
use fpga_core::vae::{AutoencoderKl, picture_to_tensor};
use image::RgbImage;
use image::imageops::{FilterType, crop_imm, resize};

/// Side of a face crop, in heights of the face.
const CROP: f32 = 2.0;

/// Reads pictures and words as the model does.
pub(crate) struct Reader {
    pub(crate) vae: AutoencoderKl,
    pub(crate) text: PromptEncoder,
    /// Where both lie.
    pub(crate) device: Device,
    /// Of the pictures that the model sees.
    pub(crate) side: u32,
}

/// The square of a picture that the model sees.
#[derive(Clone, Copy)]
struct View {
    left: f32,
    top: f32,
    side: f32,
}

impl Reader {
    /// Skeletons over pictures, or landmarks over crops of their first faces.
    pub(crate) fn batch(
        &self,
        rows: Vec<StreamedRow<ManifestRow>>,
        modality: Modality,
        knows_people: bool,
    ) -> Result<DiffusionBatch> {
        let (mut pictures, mut conditions) = (Vec::new(), Vec::new());
        let (mut texts, mut faces) = (Vec::new(), Vec::new());
        for StreamedRow { row, origin } in rows {
            let folder = origin.file.parent().unwrap_or(Path::new(""));
            let clause = || format!("{} line {}", origin.file.display(), origin.line);
            let view = View::of(&row, modality);
            let picture = self
                .picture(&folder.join(&row.image), view)
                .context(clause)?;
            pictures.push(picture_to_tensor(&picture, &self.device));
            let drawn = self.condition(&row, modality, view);
            conditions.push(picture_to_tensor(&drawn, &self.device) * 0.5 + 0.5);
            texts.push(self.words(&row.caption).context(clause)?);
            let people = row.faces.iter().map(|face| {
                let face = self.face(face, folder, view, knows_people);
                face.context(clause)
            });
            faces.push(people.collect::<Result<_>>()?);
        }
        let pictures = Tensor::cat(pictures, 0);
        self.vae.check_picture(pictures.dims())?;
        let latents = self.vae.scale(self.vae.encode(pictures).mean);
        Ok(DiffusionBatch {
            condition: Some(Tensor::cat(conditions, 0)),
            modality,
            faces,
            ..DiffusionBatch::new(latents, Conditioning::text(Tensor::cat(texts, 0)))
        })
    }

    /// `[1, n, width]`
    pub(crate) fn words(&self, caption: &str) -> Result<Tensor<3>> {
        let [words, _] = self.text.encode(caption, "", LongPrompt::Truncate)?;
        Ok(words.context)
    }

    fn picture(&self, path: &Path, view: View) -> Result<RgbImage> {
        let read = image::open(path).map_err(|error| Error::format(path, error.to_string()))?;
        let View { left, top, side } = view;
        let read = read.into_rgb8();
        let seen = crop_imm(&read, left as u32, top as u32, side as u32, side as u32);
        let whole = seen.to_image();
        Ok(resize(&whole, self.side, self.side, FilterType::CatmullRom))
    }

    fn condition(&self, row: &ManifestRow, modality: Modality, view: View) -> RgbImage {
        let size = [self.side; 2];
        let place = |point: [f32; 2]| view.place(point, self.side);
        match modality {
            Modality::Skeleton => {
                let bodies = row.skeleton.persons.iter();
                let bodies = bodies.map(|one| one.visible_body(SEEN).map(|at| at.map(place)));
                draw_skeleton(size, &bodies.collect::<Vec<_>>())
            }
            Modality::Landmark => {
                let points = row.faces.iter().filter_map(|face| face.kps5.as_ref());
                let points = points.map(|points| points.points().map(place));
                draw_landmarks5(size, &points.collect::<Vec<_>>())
            }
        }
    }

    fn face(
        &self,
        face: &FaceRecord,
        folder: &Path,
        view: View,
        knows_people: bool,
    ) -> Result<FaceTarget> {
        let [left, top, right, bottom] = face.bbox.edges();
        let [left, top] = view.place([left, top], self.side);
        let [right, bottom] = view.place([right, bottom], self.side);
        let place = FaceBox::new(left, top, right, bottom)?;
        let region = face_region(MaskShape::Box(&place), [self.side; 2])?;
        if !knows_people {
            return Ok(FaceTarget::unknown(region));
        }
        let file = face.id_embed.as_ref().ok_or_else(|| {
            let why = "is needed to learn identity: build the manifest with an embedder";
            Error::invalid("id_embed", why)
        })?;
        let numbers = read_array(&folder.join(file))?;
        let raw = Tensor::<1>::from_floats(numbers.as_slice(), &self.device);
        let length = raw.clone().square().sum().sqrt();
        Ok(FaceTarget {
            features: Some(IdentityFeatures {
                face: Some((raw / length).unsqueeze_dim(0)),
                ..IdentityFeatures::default()
            }),
            ..FaceTarget::unknown(region)
        })
    }
}

impl View {
    /// The largest square in the middle, or round the first face.
    fn of(row: &ManifestRow, modality: Modality) -> Self {
        let (width, height) = (row.width as f32, row.height as f32);
        let shorter = width.min(height);
        let (centre, side) = match (modality, row.faces.first()) {
            (Modality::Landmark, Some(face)) => {
                let [left, top, right, bottom] = face.bbox.edges();
                let centre = [(left + right) / 2.0, (top + bottom) / 2.0];
                (centre, (CROP * (bottom - top)).clamp(8.0, shorter))
            }
            _ => ([width / 2.0, height / 2.0], shorter),
        };
        let side = side.floor();
        let corner = |centre: f32, size: f32| (centre - side / 2.0).clamp(0.0, size - side).floor();
        Self {
            left: corner(centre[0], width),
            top: corner(centre[1], height),
            side,
        }
    }

    /// Where a point of the picture lies in a square of `side` pixels.
    fn place(&self, [x, y]: [f32; 2], side: u32) -> [f32; 2] {
        let scale = side as f32 / self.side;
        [(x - self.left) * scale, (y - self.top) * scale]
    }
}

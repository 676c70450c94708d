//! Drawn scenes as the diffusion model sees them.

use std::ops::Range;
use std::path::Path;

use anyhow::Result;
use burn::tensor::{Device, Int, Tensor};
use fpga_core::Error;
use fpga_core::control::{draw_landmarks5, draw_skeleton};
use fpga_core::data::portrait::{Person, Wording};
use fpga_core::face::{ArcFaceEmbedder, FaceBox, Landmarks5, MaskShape, SEEN, face_region};
use fpga_core::identity::projector::IdentityFeatures;
use fpga_core::text::{ClipText, ClipTokenizer};
use fpga_core::train::diffusion::{DiffusionBatch, FaceTarget, Likeness, Modality};
use fpga_core::unet::Conditioning;
use fpga_core::vae::{AutoencoderKl, picture_to_tensor};
use fpga_core::weights::{ModelFolder, Storage, arcface_from_file};
use ndarray::Array2;
use rayon::prelude::*;

use crate::head::head;
use crate::people::{Numbers, aligned, crowd, group, near};
use crate::recipe::{POOL, SIDE, TRAINED};
use crate::remembered::Remembered;
use crate::words;

/// Scenes and the networks that read them. A scene is drawn and read once, and then remembered.
#[derive(Clone)]
pub(crate) struct Scenes {
    pub(crate) vae: AutoencoderKl,
    pub(crate) reader: ClipText,
    pub(crate) tokenizer: ClipTokenizer,
    pub(crate) embedder: ArcFaceEmbedder,
    pub(crate) device: Device,
    pub(crate) crowd: Range<u64>,
    motif: Motif,
    known: Remembered<Scene>,
}

/// What scenes show. Scene `n` of the second motif has number 2³² + n, and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Motif {
    /// One to three people.
    Groups,
    /// One person from near.
    Portraits,
    /// Up to four people.
    Crowds,
    /// One face, as it is cut out to be made anew.
    Faces,
}

impl Motif {
    const ALL: [Self; 4] = [Self::Groups, Self::Portraits, Self::Crowds, Self::Faces];

    /// Number of its first scene.
    fn first(self) -> u64 {
        (self as u64) << 32
    }

    fn of(number: u64) -> Self {
        Self::ALL[(number >> 32) as usize]
    }
}

/// What is known of a scene.
#[derive(Clone)]
pub(crate) struct Scene {
    /// `[1, c, h, w]`
    pub(crate) latents: Tensor<4>,
    /// `[1, n, width]`
    pub(crate) words: Tensor<3>,
    pub(crate) faces: Vec<FaceTarget>,
    pub(crate) bodies: Vec<[Option<[f32; 2]>; 18]>,
    pub(crate) landmarks: Vec<[[f32; 2]; 5]>,
}

impl Scenes {
    /// With the networks that were trained before.
    pub(crate) fn open(model: &Path, device: &Device) -> Result<Self> {
        let folder = |name: &str| ModelFolder::open(model.join(name), None);
        let face = model.join("face/backbone.safetensors");
        let (face, _) = arcface_from_file(&face, Storage::F32, device)?;
        Ok(Self {
            vae: folder("vae")?.vae(Storage::F32, device)?.0,
            reader: folder("text_encoder")?.clip_text(Storage::F32, device)?.0,
            tokenizer: ClipTokenizer::from_folder(model.join("tokenizer"))?,
            embedder: ArcFaceEmbedder::new(face, device)?,
            device: device.clone(),
            crowd: TRAINED,
            motif: Motif::Groups,
            known: Remembered::default(),
        })
    }

    /// Scenes of others.
    pub(crate) fn of(&self, crowd: Range<u64>) -> Self {
        Self {
            crowd,
            known: Remembered::default(),
            ..self.clone()
        }
    }

    /// Other scenes.
    pub(crate) fn showing(self, motif: Motif) -> Self {
        Self { motif, ..self }
    }

    /// What a step learns from.
    pub(crate) fn batch(&self, at: u64, count: u64) -> Result<DiffusionBatch, Error> {
        Ok(together(self.scenes(at, count, self.motif)?))
    }

    /// With condition pictures: skeletons of groups, or landmarks of faces from near.
    pub(crate) fn controlled(
        &self,
        at: u64,
        count: u64,
        modality: Modality,
    ) -> Result<DiffusionBatch, Error> {
        let motif = match modality {
            Modality::Skeleton => Motif::Groups,
            Modality::Landmark => Motif::Portraits,
        };
        let scenes = self.scenes(at, count, motif)?;
        let picture = |scene: &Scene| {
            let drawn = match modality {
                Modality::Skeleton => draw_skeleton([SIDE; 2], &scene.bodies),
                Modality::Landmark => draw_landmarks5([SIDE; 2], &scene.landmarks),
            };
            picture_to_tensor(&drawn, &self.device) * 0.5 + 0.5
        };
        let conditions = scenes.iter().map(picture).collect();
        Ok(DiffusionBatch {
            condition: Some(Tensor::cat(conditions, 0)),
            modality,
            ..together(scenes)
        })
    }

    fn scenes(&self, at: u64, count: u64, motif: Motif) -> Result<Vec<Scene>, Error> {
        let number = |index| motif.first() + Numbers::new(at, index).below(POOL);
        let scenes = (0..count).into_par_iter().map(|index| {
            self.known
                .or_made(number(index), |number| self.read(number))
        });
        scenes.collect()
    }

    /// `[1, n, width]`
    pub(crate) fn words(&self, caption: &str) -> Result<Tensor<3>, Error> {
        let ids = words::ids(&self.tokenizer, caption)?;
        let ids = Tensor::<1, Int>::from_ints(ids.as_slice(), &self.device);
        Ok(self.reader.forward(ids.unsqueeze()).last_hidden_state)
    }

    fn read(&self, number: u64) -> Result<Scene, Error> {
        let numbers = &mut Numbers::new(number, 255);
        let (scene, who) = match Motif::of(number) {
            Motif::Groups => group(numbers, &self.crowd, SIDE)?,
            Motif::Portraits => near(numbers, &self.crowd, SIDE)?,
            Motif::Crowds => crowd(numbers, &self.crowd, SIDE)?,
            Motif::Faces => return self.cut_out(numbers),
        };
        let wording = match numbers.chance(0.5) {
            true => Wording::Plain,
            false => Wording::Described,
        };
        let drawing = scene.draw()?;
        let pixels = picture_to_tensor(&drawing.picture, &self.device);
        // One scene in ten knows nobody, as the unconditional half of guidance does.
        let somebody = !numbers.chance(0.1);
        let mut faces = Vec::new();
        for (figure, person) in drawing.figures.iter().zip(who) {
            let region = match numbers.chance(0.7) {
                true => rectangle(&head(&figure.face)?),
                false => face_region(MaskShape::Box(&figure.face), [SIDE; 2])?,
            };
            let face = self.known_face(numbers, &Person::from_seed(person))?;
            faces.push(target(face, figure.landmarks, region, somebody));
        }
        Ok(Scene {
            latents: self.vae.scale(self.vae.encode(pixels).mean),
            words: self.words(&scene.caption(wording))?,
            faces,
            bodies: { drawing.figures.iter() }
                .map(|figure| figure.skeleton.visible_body(SEEN))
                .collect(),
            landmarks: { drawing.figures.iter() }
                .map(|figure| figure.landmarks.points())
                .collect(),
        })
    }

    /// What the recogniser says of another picture of somebody.
    pub(crate) fn known_face(
        &self,
        numbers: &mut Numbers,
        person: &Person,
    ) -> Result<Tensor<1>, Error> {
        let face = self.embedder.embed_aligned(&aligned(numbers, person)?)?;
        Ok(Tensor::from_floats(face.unit().as_slice(), &self.device))
    }
}

/// A face to learn, of somebody or of nobody in particular.
pub(crate) fn target(
    face: Tensor<1>,
    landmarks: Landmarks5,
    region: Array2<f32>,
    somebody: bool,
) -> FaceTarget {
    let likeness = somebody.then(|| Likeness {
        landmarks,
        embedding: face.clone(),
    });
    let face = if somebody { face } else { face.zeros_like() };
    FaceTarget {
        likeness,
        features: Some(IdentityFeatures {
            face: Some(face.unsqueeze()),
            ..IdentityFeatures::default()
        }),
        ..FaceTarget::unknown(region)
    }
}

fn together(scenes: Vec<Scene>) -> DiffusionBatch {
    let latents = scenes.iter().map(|scene| scene.latents.clone()).collect();
    let words = scenes.iter().map(|scene| scene.words.clone()).collect();
    let text = Conditioning::text(Tensor::cat(words, 0));
    DiffusionBatch {
        faces: scenes.into_iter().map(|scene| scene.faces).collect(),
        ..DiffusionBatch::new(Tensor::cat(latents, 0), text)
    }
}

/// The pixels of a box.
pub(crate) fn rectangle(place: &FaceBox) -> Array2<f32> {
    let [left, top, right, bottom] = place.edges();
    let side = SIDE as usize;
    Array2::from_shape_fn((side, side), |(y, x)| {
        let (x, y) = (x as f32 + 0.5, y as f32 + 0.5);
        f32::from((left..right).contains(&x) && (top..bottom).contains(&y))
    })
}

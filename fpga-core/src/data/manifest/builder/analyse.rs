//! One picture's row.

use std::io::Cursor;
use std::path::Path;

use image::{GrayImage, ImageFormat, RgbImage};

use super::{Analysers, BuildSettings, stem};
use crate::data::array_file::write_array;
use crate::data::files::write_whole;
use crate::data::manifest::{
    FaceRecord, MANIFEST_VERSION, ManifestRow, SkeletonFormat, SkeletonRecord, ZoomCrop,
};
use crate::error::{Context, Error, Result};
use crate::face::{DetectedFace, FaceBox, SEEN, Skeleton};

pub(super) struct Analysis<'a> {
    pub(super) file: &'a Path,
    pub(super) name: &'a str,
    pub(super) out: &'a Path,
    pub(super) analysers: &'a Analysers<'a>,
    pub(super) settings: &'a BuildSettings,
    pub(super) picture: &'a RgbImage,
}

impl Analysis<'_> {
    /// The row, or why the picture is left out.
    pub(super) fn row(&self) -> Result<Result<ManifestRow, String>> {
        let faces = self.faces()?;
        if faces.is_empty() && self.settings.need_face {
            return Ok(Err("no face that is large and sure enough".to_owned()));
        }
        let skeleton = self.skeleton()?;
        let crops = faces.iter().enumerate();
        let zoom_crops = crops
            .map(|(index, face)| self.zoom(index, face))
            .collect::<Result<Vec<_>>>()?;
        let record = |(face, crop): (&DetectedFace, &ZoomCrop)| {
            let record = self.face(face, crop, &skeleton.persons);
            record.context(|| format!("face {}", crop.face_index))
        };
        let faces = faces
            .iter()
            .zip(&zoom_crops)
            .map(record)
            .collect::<Result<_>>()?;
        let caption = match self.analysers.captioner {
            Some(captioner) => captioner.caption(self.file, self.picture)?,
            None => String::new(),
        };
        Ok(Ok(ManifestRow {
            version: MANIFEST_VERSION,
            image: self.name.to_owned(),
            width: self.picture.width(),
            height: self.picture.height(),
            caption,
            source: self.settings.source.clone(),
            license: self.settings.license.clone(),
            skeleton,
            faces,
            zoom_crops,
        }))
    }

    /// Sure and large enough, the surest first.
    fn faces(&self) -> Result<Vec<DetectedFace>> {
        let settings = self.settings;
        let (width, height) = self.picture.dimensions();
        let mut faces = self.analysers.detector.detect(self.picture)?;
        faces.retain(|face| {
            face.bounds.clip(width, height).is_ok()
                && face.score >= settings.least_score
                && longer_side(&face.bounds) >= settings.least_face
        });
        faces.sort_by(|a, b| b.score.total_cmp(&a.score));
        Ok(faces)
    }

    fn skeleton(&self) -> Result<SkeletonRecord> {
        let Some(poses) = self.analysers.poses else {
            return Ok(SkeletonRecord::default());
        };
        let persons = poses.poses(self.picture)?;
        let whole = persons.iter().all(|person| person.extremities.is_some());
        let format = match whole && !persons.is_empty() {
            true => SkeletonFormat::WholeBody133,
            false => SkeletonFormat::OpenPose18,
        };
        Ok(SkeletonRecord { format, persons })
    }

    /// A square of whole pixels round the face, shifted and cut to stay inside.
    fn zoom(&self, face_index: usize, face: &DetectedFace) -> Result<ZoomCrop> {
        let zoom = self.settings.zoom;
        if !(1.0..=16.0).contains(&zoom) {
            return Err(Error::invalid(
                "zoom",
                format!("must be 1 to 16, found {zoom}"),
            ));
        }
        let side = (longer_side(&face.bounds) * zoom).round();
        let span = |centre: f64, length: u32| {
            let (side, length) = (side.min(length as f32), length as f32);
            let start = (centre as f32 - side / 2.0)
                .round()
                .clamp(0.0, length - side);
            (start, start + side)
        };
        let [x, y] = face.bounds.centre();
        let ((x0, x1), (y0, y1)) = (
            span(x, self.picture.width()),
            span(y, self.picture.height()),
        );
        let crop_box = FaceBox::new(x0, y0, x1, y1)?;
        let scale = longer_side(&crop_box) / longer_side(&face.bounds);
        Ok(ZoomCrop {
            face_index,
            crop_box,
            scale,
        })
    }

    fn face(
        &self,
        face: &DetectedFace,
        crop: &ZoomCrop,
        persons: &[Skeleton],
    ) -> Result<FaceRecord> {
        let (stem, index) = (stem(self.name), crop.face_index);
        let landmarks = self.analysers.landmarks;
        Ok(FaceRecord {
            bbox: face.bounds,
            score: face.score,
            kps5: face.landmarks,
            lmk106: landmarks
                .map(|detector| detector.landmarks(self.picture, &face.bounds))
                .transpose()?,
            id_embed: self.embedding(face, format!("embeddings/{stem}-{index}.npy"))?,
            parsing_mask: self.mask(crop, format!("masks/{stem}-{index}.png"))?,
            face_px: longer_side(&face.bounds),
            person_index: owner(&face.bounds, persons),
            id_label: None,
        })
    }

    fn embedding(&self, face: &DetectedFace, name: String) -> Result<Option<String>> {
        let Some(embedder) = self.analysers.embedder else {
            return Ok(None);
        };
        let embedding = embedder.embed(self.picture, face.need_landmarks()?)?;
        write_array(&self.out.join(&name), embedding.raw())?;
        Ok(Some(name))
    }

    /// Writes the parts of the zoom crop at its own resolution.
    fn mask(&self, crop: &ZoomCrop, name: String) -> Result<Option<String>> {
        let Some(parser) = self.analysers.parser else {
            return Ok(None);
        };
        let [x0, y0, x1, y1] = crop.crop_box.edges().map(|edge| edge as u32);
        let (width, height) = (x1 - x0, y1 - y0);
        let portrait = image::imageops::crop_imm(self.picture, x0, y0, width, height).to_image();
        let parts = parser.parse(&portrait)?;
        let labels = parts.labels();
        let (rows, columns) = labels.dim();
        // The label under the centre of the pixel.
        let nearest =
            |index: u32, from: usize, to: u32| (2 * index as usize + 1) * from / (2 * to as usize);
        let label = |x, y| labels[[nearest(y, rows, height), nearest(x, columns, width)]];
        let mask = GrayImage::from_fn(width, height, |x, y| image::Luma([label(x, y)]));
        let (path, mut bytes) = (self.out.join(&name), Cursor::new(Vec::new()));
        mask.write_to(&mut bytes, ImageFormat::Png)
            .map_err(|error| Error::format(&path, error.to_string()))?;
        write_whole(&path, bytes.get_ref())?;
        Ok(Some(name))
    }
}

fn longer_side(bounds: &FaceBox) -> f32 {
    bounds.width().max(bounds.height())
}

/// The person whose nose, or else whose eyes' middle, is in the box and nearest to its middle.
fn owner(bounds: &FaceBox, persons: &[Skeleton]) -> Option<usize> {
    let [cx, cy] = bounds.centre();
    let [x0, y0, x1, y1] = bounds.edges().map(f64::from);
    let distance = |person: &Skeleton| {
        let [x, y] = face_of(person)?.map(f64::from);
        let inside = x > x0 && x < x1 && y > y0 && y < y1;
        inside.then(|| (x - cx).hypot(y - cy))
    };
    let near = persons
        .iter()
        .enumerate()
        .filter_map(|(index, person)| Some((index, distance(person)?)));
    near.min_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(index, _)| index)
}

/// Where a person's face is, roughly.
fn face_of(person: &Skeleton) -> Option<[f32; 2]> {
    let joints = person.visible_body(SEEN);
    let between_eyes = || {
        let (right, left) = joints[14].zip(joints[15])?;
        Some([(right[0] + left[0]) / 2.0, (right[1] + left[1]) / 2.0])
    };
    joints[0].or_else(between_eyes)
}

//! What is wrong with a manifest, row by row.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use super::row::{FaceRecord, MANIFEST_VERSION, ManifestRow};
use crate::data::array_file::read_array;
use crate::data::lines::{OnBroken, rows_of};
use crate::error::{Error, Result};
use crate::face::FacePart;

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValidateSettings {
    /// Whether pictures, embeddings and masks are opened.
    pub files: bool,
    /// Numbers of an embedding.
    pub embedding: usize,
    /// Detections below it should not be there.
    pub least_score: f32,
    /// Faces whose longer side is shorter should not be there.
    pub least_face: f32,
}

impl Default for ValidateSettings {
    fn default() -> Self {
        Self {
            files: true,
            embedding: 512,
            least_score: 0.5,
            least_face: 32.0,
        }
    }
}

/// One thing that is wrong with a row.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// The line is not a row; why.
    Unreadable(String),
    /// A version that this crate does not know.
    Version(u32),
    /// The picture cannot be opened; why.
    Picture(String),
    /// The picture has another size than the row says: width, height.
    PictureSize(u32, u32),
    /// A width or height of 0.
    Empty,
    /// A face's box lies outside the picture.
    FaceOutside(usize),
    /// A face's score is not within the wanted range.
    Score(usize, f32),
    /// A face is smaller than wanted.
    SmallFace(usize, f32),
    /// A face's landmarks do not belong to its box.
    Landmarks(usize),
    /// A face's embedding cannot be used; why.
    Embedding(usize, String),
    /// A face's part mask cannot be used; why.
    Mask(usize, String),
    /// A face names a person that is not there.
    Person(usize, usize),
    /// A zoom crop names a face that is not there.
    ZoomFace(usize),
    /// A zoom crop does not hold its face's middle, or leaves the picture.
    ZoomBox(usize),
}

impl Fault {
    /// One word for statistics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::Version(_) => "version",
            Self::Picture(_) => "picture",
            Self::PictureSize(..) => "picture size",
            Self::Empty => "empty",
            Self::FaceOutside(_) => "face outside",
            Self::Score(..) => "score",
            Self::SmallFace(..) => "small face",
            Self::Landmarks(_) => "landmarks",
            Self::Embedding(..) => "embedding",
            Self::Mask(..) => "mask",
            Self::Person(..) => "person",
            Self::ZoomFace(_) => "zoom face",
            Self::ZoomBox(_) => "zoom box",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => write!(f, "not a row: {why}"),
            Self::Version(found) => write!(f, "version {found} is newer than {MANIFEST_VERSION}"),
            Self::Picture(why) => write!(f, "picture: {why}"),
            Self::PictureSize(w, h) => {
                write!(f, "the picture has {w}×{h} pixels, not what the row says")
            }
            Self::Empty => write!(f, "width or height is 0"),
            Self::FaceOutside(face) => write!(f, "face {face} lies outside the picture"),
            Self::Score(face, score) => write!(f, "face {face} has the score {score}"),
            Self::SmallFace(face, size) => write!(f, "face {face} is only {size} pixels long"),
            Self::Landmarks(face) => {
                write!(f, "the landmarks of face {face} do not belong to its box")
            }
            Self::Embedding(face, why) => write!(f, "embedding of face {face}: {why}"),
            Self::Mask(face, why) => write!(f, "mask of face {face}: {why}"),
            Self::Person(face, person) => {
                write!(f, "face {face} names person {person}, who is not there")
            }
            Self::ZoomFace(crop) => write!(f, "zoom crop {crop} names a face that is not there"),
            Self::ZoomBox(crop) => {
                write!(f, "zoom crop {crop} misses its face or leaves the picture")
            }
        }
    }
}

/// What a validation found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validation {
    /// Rows and lines that should be rows.
    pub rows: u64,
    /// Rows without a fault.
    pub sound: u64,
    /// How often each kind of fault was found.
    pub faults: BTreeMap<&'static str, u64>,
}

/// Looks at every row; `report` gets the line of each faulty one and what is wrong with it.
///
/// # Errors
/// `Io` if the manifest cannot be read; what `report` returns.
pub fn validate(
    manifest: &Path,
    settings: &ValidateSettings,
    mut report: impl FnMut(u64, &[Fault]) -> Result<()>,
) -> Result<Validation> {
    let folder = manifest.parent().unwrap_or(Path::new("."));
    let mut found = Validation::default();
    let mut note = |line: u64, faults: &[Fault], found: &mut Validation| {
        found.rows += 1;
        if faults.is_empty() {
            found.sound += 1;
            return Ok(());
        }
        for fault in faults {
            *found.faults.entry(fault.kind()).or_default() += 1;
        }
        report(line, faults)
    };
    let mut rows = rows_of::<ManifestRow>(manifest, OnBroken::Skip)?;
    while let Some(row) = rows.next_or_broken()? {
        match row {
            Ok(row) => note(
                row.origin.line,
                &row.row.faults(folder, settings),
                &mut found,
            )?,
            Err(broken) => note(
                broken.origin.line,
                &[Fault::Unreadable(broken.why)],
                &mut found,
            )?,
        }
    }
    Ok(found)
}

impl ManifestRow {
    /// What is wrong with the row of a manifest in `folder`.
    pub fn faults(&self, folder: &Path, settings: &ValidateSettings) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.version > MANIFEST_VERSION {
            faults.push(Fault::Version(self.version));
        }
        if self.width == 0 || self.height == 0 {
            faults.push(Fault::Empty);
        }
        if settings.files {
            faults.extend(self.picture_fault(folder));
        }
        for (index, face) in self.faces.iter().enumerate() {
            self.face_faults(index, face, settings, &mut faults);
            if settings.files {
                faults.extend(face.file_faults(index, folder, settings));
            }
        }
        self.zoom_faults(&mut faults);
        faults
    }

    fn picture_fault(&self, folder: &Path) -> Option<Fault> {
        let path = folder.join(&self.image);
        match image::image_dimensions(&path) {
            Err(error) => Some(Fault::Picture(format!("{}: {error}", path.display()))),
            Ok(size) if size != (self.width, self.height) => {
                Some(Fault::PictureSize(size.0, size.1))
            }
            Ok(_) => None,
        }
    }

    fn face_faults(
        &self,
        index: usize,
        face: &FaceRecord,
        settings: &ValidateSettings,
        faults: &mut Vec<Fault>,
    ) {
        if face.bbox.clip(self.width, self.height).is_err() {
            faults.push(Fault::FaceOutside(index));
        }
        if !(settings.least_score..=1.0).contains(&face.score) {
            faults.push(Fault::Score(index, face.score));
        }
        if !(face.face_px >= settings.least_face) {
            faults.push(Fault::SmallFace(index, face.face_px));
        }
        if face
            .kps5
            .is_some_and(|points| points.check_within(&face.bbox).is_err())
        {
            faults.push(Fault::Landmarks(index));
        }
        if let Some(person) = face
            .person_index
            .filter(|&person| person >= self.skeleton.persons.len())
        {
            faults.push(Fault::Person(index, person));
        }
    }

    fn zoom_faults(&self, faults: &mut Vec<Fault>) {
        for (index, crop) in self.zoom_crops.iter().enumerate() {
            let Some(face) = self.faces.get(crop.face_index) else {
                faults.push(Fault::ZoomFace(index));
                continue;
            };
            let ([x, y], [x0, y0, x1, y1]) =
                (face.bbox.centre(), crop.crop_box.edges().map(f64::from));
            let holds = x > x0 && x < x1 && y > y0 && y < y1;
            let inside = x0 >= 0.0
                && y0 >= 0.0
                && x1 <= f64::from(self.width)
                && y1 <= f64::from(self.height);
            if !(holds && inside) {
                faults.push(Fault::ZoomBox(index));
            }
        }
    }
}

impl FaceRecord {
    fn file_faults(&self, index: usize, folder: &Path, settings: &ValidateSettings) -> Vec<Fault> {
        let embedding = self.id_embed.as_ref().and_then(|file| {
            let why = match read_array(&folder.join(file)) {
                Err(error) => error.to_string(),
                Ok(values) if values.len() != settings.embedding => {
                    format!("has {} numbers, not {}", values.len(), settings.embedding)
                }
                Ok(values) if !values.iter().all(|value| value.is_finite()) => {
                    "holds NaN or infinity".to_owned()
                }
                Ok(_) => return None,
            };
            Some(Fault::Embedding(index, why))
        });
        let mask = self.parsing_mask.as_ref().and_then(|file| {
            let error = read_mask(&folder.join(file)).err()?;
            Some(Fault::Mask(index, error.to_string()))
        });
        embedding.into_iter().chain(mask).collect()
    }
}

/// Part numbers of an 8-bit grey PNG, `[height, width]`.
fn read_mask(path: &Path) -> Result<image::GrayImage> {
    let picture = image::open(path).map_err(|error| Error::format(path, error.to_string()))?;
    let image::DynamicImage::ImageLuma8(mask) = picture else {
        return Err(Error::format(path, "not an 8-bit grey picture"));
    };
    match mask
        .iter()
        .find(|&&label| usize::from(label) >= FacePart::ALL.len())
    {
        Some(label) => Err(Error::format(
            path,
            format!("{label} is not the number of a part"),
        )),
        None => Ok(mask),
    }
}

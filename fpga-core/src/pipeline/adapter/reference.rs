//! What is known of one picture of a person, given or observed.

use image::RgbImage;

use crate::error::{Error, Result};
use crate::face::{
    DetectedFace, FaceDetector, FaceEmbedder, FaceEmbedding, FaceParser, Landmarks5, PartMap,
    align_face_to,
};

/// Side of the portrait that FaceID-Plus looks at.
const PORTRAIT: u32 = 224;

/// One picture of a person, as far as it is known; an adapter says what it lacks.
#[derive(Clone, Debug, Default)]
pub struct FaceReference {
    /// The whole picture.
    pub picture: Option<RgbImage>,
    /// Eyes, nose and mouth in the picture.
    pub landmarks: Option<Landmarks5>,
    /// By the recognition network that the adapter was trained with.
    pub embedding: Option<FaceEmbedding>,
    /// The parts of the face, over the whole picture.
    pub parts: Option<PartMap>,
}

/// Who looks at reference pictures.
#[derive(Clone, Copy, Default)]
pub struct FaceObservers<'a> {
    /// Finds the face.
    pub detector: Option<&'a dyn FaceDetector>,
    /// Says whose it is.
    pub embedder: Option<&'a dyn FaceEmbedder>,
    /// Tells its parts.
    pub parser: Option<&'a dyn FaceParser>,
    /// Which face counts where there are several.
    pub choice: FaceChoice,
    /// In which order detector and embedder see the channels.
    pub colours: ColourOrder,
}

/// Which of several faces of a reference picture is the person's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FaceChoice {
    /// The largest; of equals the first that the detector names.
    #[default]
    Largest,
    /// The first that the detector names, as ConsistentID's code has it.
    First,
}

/// The order of a picture's channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColourOrder {
    /// As pictures have them.
    #[default]
    Right,
    /// Red and blue exchanged, as ConsistentID's SD 1.5 code hands pictures to its face networks.
    Exchanged,
}

impl FaceReference {
    /// A person of whom only the face embedding is known.
    pub fn from_embedding(embedding: FaceEmbedding) -> Self {
        Self {
            embedding: Some(embedding),
            ..Self::default()
        }
    }

    /// A picture that nobody has looked at.
    pub fn from_picture(picture: RgbImage) -> Self {
        Self {
            picture: Some(picture),
            ..Self::default()
        }
    }

    /// A picture with everything that the observers see in it.
    ///
    /// # Errors
    /// No face in the picture, one without the landmarks that an embedder needs, or what an observer
    /// refuses.
    pub fn observe(picture: &RgbImage, observers: &FaceObservers<'_>) -> Result<Self> {
        let seen = match observers.colours {
            ColourOrder::Right => picture.clone(),
            ColourOrder::Exchanged => exchanged(picture),
        };
        let mut reference = Self::from_picture(picture.clone());
        if let Some(detector) = observers.detector {
            let face = observers.choice.pick(&detector.detect(&seen)?)?;
            reference.landmarks = face.landmarks;
            if let Some(embedder) = observers.embedder {
                reference.embedding = Some(embedder.embed(&seen, face.need_landmarks()?)?);
            }
        }
        if let Some(parser) = observers.parser {
            reference.parts = Some(parser.parse(picture)?);
        }
        Ok(reference)
    }

    pub(super) fn need_embedding(&self) -> Result<FaceEmbedding> {
        let absent = || {
            lacks(
                "face embedding",
                "pass one, or a face detector and an embedder",
            )
        };
        self.embedding.clone().ok_or_else(absent)
    }

    pub(super) fn need_picture(&self) -> Result<&RgbImage> {
        let absent = || lacks("picture", "this adapter looks at it");
        self.picture.as_ref().ok_or_else(absent)
    }

    pub(super) fn need_parts(&self) -> Result<&PartMap> {
        let absent = || lacks("parts of the face", "pass a part map, or a face parser");
        self.parts.as_ref().ok_or_else(absent)
    }

    /// The face upright in the middle, as FaceID-Plus was trained.
    pub(super) fn face_portrait(&self) -> Result<RgbImage> {
        let absent = || {
            let why = "this adapter looks at an aligned face: pass them, or a face detector";
            lacks("face landmarks", why)
        };
        let landmarks = self.landmarks.as_ref().ok_or_else(absent)?;
        align_face_to(self.need_picture()?, landmarks, PORTRAIT)
    }
}

impl FaceChoice {
    fn pick(self, faces: &[DetectedFace]) -> Result<DetectedFace> {
        let first = faces.first().ok_or_else(|| {
            let why = "no face was found in it: pass landmarks or an embedding";
            Error::invalid("reference picture", why)
        })?;
        let larger = |best: DetectedFace, face: &DetectedFace| match face.area() > best.area() {
            true => *face,
            false => best,
        };
        Ok(match self {
            Self::First => *first,
            Self::Largest => faces.iter().fold(*first, larger),
        })
    }
}

impl std::fmt::Debug for FaceObservers<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FaceObservers")
            .field("detector", &self.detector.is_some())
            .field("embedder", &self.embedder.is_some())
            .field("parser", &self.parser.is_some())
            .field("choice", &self.choice)
            .field("colours", &self.colours)
            .finish()
    }
}

fn exchanged(picture: &RgbImage) -> RgbImage {
    let mut picture = picture.clone();
    picture.pixels_mut().for_each(|pixel| pixel.0.reverse());
    picture
}

fn lacks(what: &str, why: &str) -> Error {
    Error::invalid(what, format!("is needed and absent: {why}"))
}

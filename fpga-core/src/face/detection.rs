//! Finding faces in a picture: what a detector gives, and what anything must do to be one.
//!
//! A detector is this crate's ONNX one, a caller's own type, or a plain function: see
//! [`FaceDetector`]. What it finds is in picture pixels, like everything in this room.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::face_box::FaceBox;
use super::landmarks::Landmarks5;
use crate::error::{Error, Result};

/// One face that a detector found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DetectedFace {
    /// Where it is; parts may lie outside the picture.
    #[serde(rename = "box")]
    pub bounds: FaceBox,
    /// Eyes, nose and mouth, from detectors that give them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub landmarks: Option<Landmarks5>,
    /// How sure the detector is, 0–1.
    pub score: f32,
}

impl DetectedFace {
    /// Width × height of the box, in square pixels.
    pub fn area(&self) -> f32 {
        self.bounds.width() * self.bounds.height()
    }

    /// # Errors
    /// If there are none: this face cannot be aligned, so it has no embedding.
    pub fn need_landmarks(&self) -> Result<&Landmarks5> {
        self.landmarks.as_ref().ok_or_else(|| {
            let why = "a face embedder needs five landmarks, and the detector gave none";
            Error::invalid("face landmarks", why)
        })
    }
}

/// Finds the faces of a picture.
///
/// Any `Fn(&RgbImage) -> Result<Vec<DetectedFace>>` is one, so that a caller's detector needs no type.
pub trait FaceDetector: Send + Sync {
    /// All faces, the surest first; none is no error.
    ///
    /// # Errors
    /// What the detector cannot do, never that there is no face.
    fn detect(&self, picture: &RgbImage) -> Result<Vec<DetectedFace>>;
}

impl<F> FaceDetector for F
where
    F: Fn(&RgbImage) -> Result<Vec<DetectedFace>> + Send + Sync,
{
    fn detect(&self, picture: &RgbImage) -> Result<Vec<DetectedFace>> {
        self(picture)
    }
}

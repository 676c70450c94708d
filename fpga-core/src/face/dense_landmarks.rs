//! Many points of a face: outline, brows, eyes, nose, lips.
//!
//! 68 points in the order of iBUG 300-W (Sagonas et al. 2013), or 106 in InsightFace's own order.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::face_box::FaceBox;
use super::landmarks::Landmarks5;
use crate::error::{Error, ErrorKind, Result};

/// 68 or 106 points, in picture pixels; points may lie outside the picture.
///
/// In JSON: `[[x, y], …]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<[f32; 2]>", into = "Vec<[f32; 2]>")]
pub struct DenseLandmarks(Vec<[f32; 2]>);

/// Whose points, in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LandmarkOrder {
    /// 68: jaw 0–16, brows 17–26, nose 27–35, eyes 36–47, lips 48–67.
    Ibug68,
    /// 106: InsightFace's `2d106det`.
    InsightFace106,
}

impl DenseLandmarks {
    /// From the points in their order; their number tells which order it is.
    ///
    /// # Errors
    /// If there are neither 68 nor 106, or `NotFinite` if a coordinate is NaN or infinite.
    pub fn new(points: Vec<[f32; 2]>) -> Result<Self> {
        if !matches!(points.len(), 68 | 106) {
            let needed = "68 points (iBUG) or 106 (InsightFace)";
            return Err(Error::shape("face landmarks", needed, points.len()));
        }
        if !points.iter().flatten().all(|value| value.is_finite()) {
            let what = "face landmarks".to_owned();
            return Err(Error::new(ErrorKind::NotFinite { what }));
        }
        Ok(Self(points))
    }

    /// All points.
    pub fn points(&self) -> &[[f32; 2]] {
        &self.0
    }

    /// The order they are in.
    pub fn order(&self) -> LandmarkOrder {
        match self.0.len() {
            68 => LandmarkOrder::Ibug68,
            _ => LandmarkOrder::InsightFace106,
        }
    }

    /// Eyes, nose tip and mouth corners, for alignment.
    ///
    /// # Errors
    /// If eyes and mouth are all in one place.
    pub fn five(&self) -> Result<Landmarks5> {
        let at = |index: usize| self.0[index];
        let middle = |range: std::ops::Range<usize>| {
            let count = range.len() as f32;
            [0, 1].map(|axis| self.0[range.clone()].iter().map(|p| p[axis]).sum::<f32>() / count)
        };
        Landmarks5::new(match self.order() {
            LandmarkOrder::Ibug68 => [middle(36..42), middle(42..48), at(30), at(48), at(54)],
            // Pupils, nose tip, mouth corners.
            LandmarkOrder::InsightFace106 => [at(38), at(88), at(86), at(52), at(61)],
        })
    }
}

impl TryFrom<Vec<[f32; 2]>> for DenseLandmarks {
    type Error = Error;

    fn try_from(points: Vec<[f32; 2]>) -> Result<Self> {
        Self::new(points)
    }
}

impl From<DenseLandmarks> for Vec<[f32; 2]> {
    fn from(landmarks: DenseLandmarks) -> Self {
        landmarks.0
    }
}

/// Finds many points of a face whose box is known.
///
/// Any `Fn(&RgbImage, &FaceBox) -> Result<DenseLandmarks>` is one.
pub trait LandmarkDetector: Send + Sync {
    /// Of the face inside `bounds`.
    ///
    /// # Errors
    /// What the detector cannot do, or if it makes NaN of the face.
    fn landmarks(&self, picture: &RgbImage, bounds: &FaceBox) -> Result<DenseLandmarks>;
}

impl<F> LandmarkDetector for F
where
    F: Fn(&RgbImage, &FaceBox) -> Result<DenseLandmarks> + Send + Sync,
{
    fn landmarks(&self, picture: &RgbImage, bounds: &FaceBox) -> Result<DenseLandmarks> {
        self(picture, bounds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_points_come_from_either_order() {
        let line = |count: usize| (0..count).map(|i| [i as f32, 2.0 * i as f32]).collect();
        let five = |count| {
            DenseLandmarks::new(line(count))
                .unwrap()
                .five()
                .unwrap()
                .points()
        };
        let of = |indices: [f32; 5]| indices.map(|i| [i, 2.0 * i]);
        assert_eq!(five(68), of([38.5, 44.5, 30.0, 48.0, 54.0]));
        assert_eq!(five(106), of([38.0, 88.0, 86.0, 52.0, 61.0]));
    }

    #[test]
    fn other_numbers_of_points_are_refused() {
        for count in [0, 5, 67, 69, 98] {
            let error = DenseLandmarks::new(vec![[0.0, 0.0]; count]).unwrap_err();
            assert!(error.to_string().contains("68 points"), "{error}");
        }
        assert!(DenseLandmarks::new(vec![[f32::NAN, 0.0]; 68]).is_err());
        assert!(serde_json::from_str::<DenseLandmarks>("[[1, 2]]").is_err());
    }
}

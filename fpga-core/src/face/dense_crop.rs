//! What InsightFace's landmark networks see of a face, and what their answers mean.
//!
//! `2d106det` gives 106 points, `1k3d68` 1103 points in space, the last 68 of which are iBUG's. Both
//! see a square around the box, 1.5 times as wide, and answer in −1..1 of it.

use image::RgbImage;

use super::affine::Affine;
use super::dense_landmarks::DenseLandmarks;
use super::face_box::FaceBox;
use super::warp::warp;
use crate::error::{Error, Result};

/// Numbers of `2d106det`: 106 points, x and y.
const PLANE_POINTS: usize = 2 * 106;
/// Numbers of `1k3d68`: 1103 points, x, y and z.
const SPACE_POINTS: usize = 3 * 1103;
/// Points of a space answer that are landmarks: the last ones.
const SPACE_LANDMARKS: usize = 68;

/// The square around one face.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DenseCrop {
    to_picture: Affine,
    side: u32,
}

impl DenseCrop {
    /// `side` is the network's, usually 192.
    ///
    /// # Errors
    /// If the side is 0.
    pub fn new(bounds: &FaceBox, side: u32) -> Result<Self> {
        let length = f64::from(bounds.width().max(bounds.height()));
        let scale = f64::from(side) / (1.5 * length);
        let shift = bounds
            .centre()
            .map(|centre| f64::from(side) / 2.0 - centre * scale);
        let to_crop = Affine::similarity(scale, 0.0, shift);
        Ok(Self {
            to_picture: to_crop.inverse()?,
            side,
        })
    }

    /// The network's picture: `side`×`side`, black where the square leaves the picture.
    pub fn extract(&self, picture: &RgbImage) -> RgbImage {
        warp(picture, &self.to_picture, [self.side; 2])
    }

    /// Landmarks in picture pixels.
    ///
    /// # Errors
    /// If there are neither 212 numbers (2d106det) nor 3309 (1k3d68); `NotFinite` if one is NaN or
    /// infinite.
    pub fn decode(&self, output: &[f32]) -> Result<DenseLandmarks> {
        let half = f64::from(self.side / 2);
        let point = |[x, y]: [f32; 2]| {
            let in_crop = [x, y].map(|value| (f64::from(value) + 1.0) * half);
            self.to_picture.apply(in_crop).map(|value| value as f32)
        };
        let points = match output.len() {
            PLANE_POINTS => output
                .as_chunks::<2>()
                .0
                .iter()
                .map(|p| point(*p))
                .collect(),
            SPACE_POINTS => {
                let points = output.as_chunks::<3>().0;
                let landmarks = &points[points.len() - SPACE_LANDMARKS..];
                landmarks.iter().map(|[x, y, _]| point([*x, *y])).collect()
            }
            found => {
                let needed = "212 numbers (2d106det) or 3309 (1k3d68)";
                return Err(Error::shape("output of a landmark network", needed, found));
            }
        };
        DenseLandmarks::new(points)
    }
}

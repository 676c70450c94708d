//! What RTMPose sees of a person, and what its answers mean (Jiang et al. 2023; SimCC, Li et al. 2022).
//!
//! The box with a quarter more on each axis, widened to the network's aspect. The answer is one curve
//! along x and one along y per point, two bins per pixel; the peaks are the place, the lower of the two
//! peaks is the score.

use image::RgbImage;

use super::affine::Affine;
use super::skeleton::Keypoint;
use super::warp::warp;
use crate::error::{Error, ErrorKind, Result};

/// Box side in the crop / in the picture.
const PADDING: f64 = 1.25;
/// Bins per crop pixel.
const SPLIT: f64 = 2.0;

/// The rectangle around one person.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PoseCrop {
    to_picture: Affine,
    size: [u32; 2],
}

impl PoseCrop {
    /// `bounds` are left, top, right, bottom; `size` is the network's width and height.
    ///
    /// # Errors
    /// If the box has no area or a side is 0.
    pub fn new(bounds: [f32; 4], size: [u32; 2]) -> Result<Self> {
        let [x0, y0, x1, y1] = bounds.map(f64::from);
        let [width, height] = size.map(f64::from);
        let sides = [x1 - x0, y1 - y0];
        if !sides.iter().all(|side| side.is_finite() && *side > 0.0) || size.contains(&0) {
            let why = format!("needs an area, found {bounds:?} for a crop of {size:?}");
            return Err(Error::invalid("person box", why));
        }
        let [box_width, box_height] = sides.map(|side| side * PADDING);
        let reach = box_width.max(box_height * width / height);
        let scale = reach / width;
        let centre = [(x0 + x1) / 2.0, (y0 + y1) / 2.0];
        let shift = [
            centre[0] - scale * width / 2.0,
            centre[1] - scale * height / 2.0,
        ];
        Ok(Self {
            to_picture: Affine::similarity(scale, 0.0, shift),
            size,
        })
    }

    /// The network's picture, black where the rectangle leaves the picture.
    pub fn extract(&self, picture: &RgbImage) -> RgbImage {
        warp(picture, &self.to_picture, self.size)
    }

    /// Points in picture pixels; a point without any response has score 0 or less.
    ///
    /// # Shapes
    /// - `across`: `[points, 2 · width]`; `down`: `[points, 2 · height]`, flattened
    ///
    /// # Errors
    /// If the lengths do not fit; `NotFinite` if a number is NaN or infinite.
    pub fn decode(&self, across: &[f32], down: &[f32]) -> Result<Vec<Keypoint>> {
        let [columns, rows] = self.size.map(|side| (f64::from(side) * SPLIT) as usize);
        let fits = across.len().is_multiple_of(columns)
            && down.len().is_multiple_of(rows)
            && across.len() / columns == down.len() / rows;
        if !fits {
            let needed = format!("curves of {columns} and {rows} bins, as many of each");
            return Err(Error::shape(
                "output of a pose network",
                needed,
                [across.len(), down.len()],
            ));
        }
        if !across.iter().chain(down).all(|value| value.is_finite()) {
            let what = "output of the pose network".to_owned();
            return Err(Error::new(ErrorKind::NotFinite { what }));
        }
        let curves = across.chunks_exact(columns).zip(down.chunks_exact(rows));
        let point = |(across, down): (&[f32], &[f32])| {
            let ((column, best_x), (row, best_y)) = (peak(across), peak(down));
            let score = best_x.min(best_y);
            let bins = match score > 0.0 {
                true => [column as f64, row as f64],
                false => [-1.0; 2],
            };
            let [x, y] = self.to_picture.apply(bins.map(|bin| bin / SPLIT));
            Keypoint {
                x: x as f32,
                y: y as f32,
                score,
            }
        };
        Ok(curves.map(point).collect())
    }
}

/// Place and height of the first largest value.
fn peak(curve: &[f32]) -> (usize, f32) {
    let values = curve.iter().copied().enumerate();
    values.fold((0, f32::NEG_INFINITY), |best, (place, value)| {
        if value > best.1 { (place, value) } else { best }
    })
}

//! Pictures seen through a map, as the common Python tools make them (`cv2.warpAffine`).
//!
//! Bilinear sampling at pixel *indices* (the first pixel's centre is 0), black outside, no
//! antialiasing, unlike the rest of the room: networks were trained on pictures made so. Equal to
//! OpenCV 5 but for one level where its arithmetic rounds the other way (1 value in 10 000).

use image::{Rgb, RgbImage};

use super::affine::Affine;

/// A picture of `[width, height]` whose pixels lie where `to_picture` says.
pub(super) fn warp(picture: &RgbImage, to_picture: &Affine, [width, height]: [u32; 2]) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let [sx, sy] = to_picture.apply([f64::from(x), f64::from(y)]);
        Rgb(sample(picture, sx, sy).map(|level| level.round() as u8))
    })
}

/// Bilinear mean of the four pixels around index position `(x, y)`; black outside the picture.
fn sample(picture: &RgbImage, x: f64, y: f64) -> [f64; 3] {
    let mut sum = [0.0; 3];
    for (row, row_weight) in neighbours(y) {
        for (column, column_weight) in neighbours(x) {
            let (Ok(column), Ok(row)) = (u32::try_from(column), u32::try_from(row)) else {
                continue;
            };
            if let Some(Rgb(pixel)) = picture.get_pixel_checked(column, row) {
                for (sum, level) in sum.iter_mut().zip(pixel) {
                    *sum += row_weight * column_weight * f64::from(*level);
                }
            }
        }
    }
    sum
}

fn neighbours(position: f64) -> [(i64, f64); 2] {
    let low = position.floor();
    let fraction = position - low;
    let index = low as i64; // saturates, so the next one must too
    [(index, 1.0 - fraction), (index.saturating_add(1), fraction)]
}

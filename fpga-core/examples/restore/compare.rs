//! Before, after, and what changed, side by side.

use fpga_core::RgbImage;
use image::{Rgb, imageops};

/// A difference of one level becomes this many.
const MAGNIFIED: u8 = 8;
/// Pixels between the pictures.
const GAP: u32 = 8;

/// Three pictures in a row: before, after, their difference magnified on black.
pub(crate) fn side_by_side(before: &RgbImage, after: &RgbImage) -> RgbImage {
    let (width, height) = before.dimensions();
    let difference = RgbImage::from_fn(width, height, |x, y| {
        let (old, new) = (before.get_pixel(x, y), after.get_pixel(x, y));
        Rgb([0, 1, 2].map(|channel: usize| {
            old[channel]
                .abs_diff(new[channel])
                .saturating_mul(MAGNIFIED)
        }))
    });
    let mut sheet = RgbImage::from_pixel(3 * width + 2 * GAP, height, Rgb([255; 3]));
    for (index, picture) in [before, after, &difference].into_iter().enumerate() {
        imageops::replace(
            &mut sheet,
            picture,
            index as i64 * i64::from(width + GAP),
            0,
        );
    }
    sheet
}

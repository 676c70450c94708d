//! Pictures whose faces lost their detail.

use fpga_core::data::portrait::DrawnFigure;
use fpga_core::face::{MaskShape, face_region};
use fpga_core::{Error, RgbImage};
use image::Rgb;
use image::imageops::{FilterType, resize};

/// The picture with a face that was shrunk by this factor and enlarged again.
pub(crate) fn spoilt(
    picture: &RgbImage,
    figure: &DrawnFigure,
    scale: f32,
) -> Result<RgbImage, Error> {
    let [wide, high] = <[u32; 2]>::from(picture.dimensions());
    let [width, height] = [wide, high].map(|side| ((side as f32 * scale) as u32).max(1));
    let small = resize(picture, width, height, FilterType::Triangle);
    let blurred = resize(&small, wide, high, FilterType::Triangle);
    let mask = face_region(MaskShape::Landmarks(&figure.landmarks), [wide, high])?;
    Ok(RgbImage::from_fn(wide, high, |x, y| {
        let share = mask[[y as usize, x as usize]];
        let (sharp, blurred) = (picture.get_pixel(x, y), blurred.get_pixel(x, y));
        let mixed = |channel: usize| {
            let [sharp, blurred] = [sharp, blurred].map(|pixel| f32::from(pixel[channel]));
            (sharp + share * (blurred - sharp)).round() as u8
        };
        Rgb([0, 1, 2].map(mixed))
    }))
}

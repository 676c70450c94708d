//! Pictures whose faces lost their detail.

use fpga_core::data::portrait::DrawnFigure;
use fpga_core::face::{Landmarks5, MaskShape, face_region};
use fpga_core::{Error, RgbImage};
use image::Rgb;
use image::imageops::{FilterType, resize};
use ndarray::Array2;

/// Where such a face is made anew. Masks fade inside of their edge, so it is larger than what lost its detail.
pub(crate) fn spoilt_region(
    picture: &RgbImage,
    figure: &DrawnFigure,
) -> Result<Array2<f32>, Error> {
    let points = figure.landmarks.points();
    let middle = [0, 1].map(|axis| points.iter().map(|at| at[axis]).sum::<f32>() / 5.0);
    let grown =
        points.map(|at| [0, 1].map(|axis| middle[axis] + LARGER * (at[axis] - middle[axis])));
    let grown = Landmarks5::new(grown)?;
    face_region(MaskShape::Landmarks(&grown), picture.dimensions().into())
}

/// By how much.
const LARGER: f32 = 1.2;

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

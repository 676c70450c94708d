//! Pictures at the size that a network wants.

use burn::tensor::{Device, Tensor, TensorData};
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

use crate::error::{Error, Result};

/// A longer picture would be enlarged beyond memory only to be cut away.
const MAX_ASPECT: u32 = 64;

/// The middle square of `side` pixels after the shorter side became `short` (bicubic, antialiased, as
/// torchvision does it with Pillow's pictures).
pub(super) fn middle_square(picture: &RgbImage, short: u32, side: u32) -> Result<RgbImage> {
    let (width, height) = picture.dimensions();
    let least = width.min(height);
    if least == 0 || width.max(height) / least > MAX_ASPECT {
        let needed = format!("sides of at least 1 pixel, at most {MAX_ASPECT} times as long");
        return Err(Error::shape("picture", needed, (width, height)));
    }
    let scaled = |length: u32| (u64::from(short) * u64::from(length) / u64::from(least)) as u32;
    let (new_width, new_height) = (scaled(width), scaled(height));
    let source = ImageRef::new(width, height, picture.as_raw(), PixelType::U8x3);
    let resized = source.map_err(Into::into).and_then(|source| {
        let mut resized = Image::new(new_width, new_height, PixelType::U8x3);
        let options =
            ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom));
        Resizer::new().resize(&source, &mut resized, &options)?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(resized)
    });
    let resized = resized
        .map_err(|error| Error::invalid("picture", "cannot be resized").with_source(error))?;
    let resized = RgbImage::from_raw(new_width, new_height, resized.into_vec())
        .expect("the resizer gives three bytes per pixel");
    // Half a pixel is rounded to even, as Python's `round` does.
    let start =
        |length: u32| ((f64::from(length) - f64::from(side)) / 2.0).round_ties_even() as u32;
    let crop = image::imageops::crop_imm(&resized, start(new_width), start(new_height), side, side);
    Ok(crop.to_image())
}

/// `[1, 3, height, width]`, each channel minus its mean, over its deviation, from values 0–1.
pub(super) fn normalised(
    picture: &RgbImage,
    means: [f32; 3],
    deviations: [f32; 3],
    device: &Device,
) -> Tensor<4> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let values: Vec<f32> = (0..3)
        .flat_map(|channel| {
            let bytes = picture.iter().skip(channel).step_by(3);
            bytes.map(move |&byte| (f32::from(byte) / 255.0 - means[channel]) / deviations[channel])
        })
        .collect();
    Tensor::from_data(TensorData::new(values, [1, 3, height, width]), device)
}

//! From a picture to what CLIP's vision model takes, as transformers' `CLIPImageProcessor` does it.
//!
//! The short side becomes the model's (bicubic, antialiased, rounded to bytes), the middle is cut
//! out, and each channel is normalised. The resampling follows Pillow's algorithm with other
//! rounding of its fixed-point weights: single values differ by at most one step of 255.

use std::ops::RangeInclusive;

use burn::tensor::{Device, Tensor, TensorData};
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, IntoImageView, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

use crate::error::{Error, Result};

/// Of the pictures that OpenAI's CLIP was trained on; OpenCLIP uses the same.
const MEAN: [f64; 3] = [0.48145466, 0.4578275, 0.40821073];
const DEVIATION: [f64; 3] = [0.26862954, 0.26130258, 0.27577711];
/// A longer picture would be enlarged beyond memory only to be cut away.
const MAX_ASPECT: u32 = 64;
/// Of the models that a configuration can ask for.
const SIDES: RangeInclusive<usize> = 1..=4096;

/// `side` is the model's [`image_size`](super::ClipVisionConfig::image_size).
///
/// # Shapes
/// - returns `[1, 3, side, side]`
///
/// # Errors
/// An empty picture, one whose sides differ by more than 64 times, or a `side` beyond 4096.
pub fn preprocess(picture: &RgbImage, side: usize, device: &Device) -> Result<Tensor<4>> {
    let resized = resize_short_side(picture, side)?;
    let (width, height) = (resized.width() as usize, resized.height() as usize);
    let (left, top) = ((width - side) / 2, (height - side) / 2);
    let pixels = resized.buffer();
    let mut values = Vec::with_capacity(3 * side * side);
    for channel in 0..3 {
        let normalise = |byte: u8| {
            let value = f64::from(byte) / 255.0;
            ((value - MEAN[channel]) / DEVIATION[channel]) as f32
        };
        for row in top..top + side {
            let start = 3 * (row * width + left) + channel;
            let row = pixels[start..].iter().step_by(3).take(side);
            values.extend(row.copied().map(normalise));
        }
    }
    let data = TensorData::new(values, [1, 3, side, side]);
    Ok(Tensor::from_data(data, device))
}

fn resize_short_side(picture: &RgbImage, side: usize) -> Result<Image<'static>> {
    if !SIDES.contains(&side) {
        let why = format!("{} to {} pixels, found {side}", SIDES.start(), SIDES.end());
        return Err(Error::invalid("image_size", why));
    }
    let (width, height) = picture.dimensions();
    let (short, long) = (width.min(height), width.max(height));
    if short == 0 || long / short > MAX_ASPECT {
        let needed = format!("sides of at least 1 pixel, at most {MAX_ASPECT} times as long");
        return Err(Error::shape("picture", needed, (width, height)));
    }
    let scaled = |length: u32| (side as u64 * u64::from(length) / u64::from(short)) as u32;
    let (new_width, new_height) = (scaled(width), scaled(height));
    // rows before columns, as the reference does it: bytes are rounded in between
    let source = ImageRef::new(width, height, picture.as_raw(), PixelType::U8x3);
    source
        .map_err(Into::into)
        .and_then(|source| {
            let wide = resample(&source, [new_width, height])?;
            resample(&wide, [new_width, new_height])
        })
        .map_err(|error| Error::invalid("picture", "cannot be resized").with_source(error))
}

fn resample(
    source: &impl IntoImageView,
    [width, height]: [u32; 2],
) -> Result<Image<'static>, Box<dyn std::error::Error + Send + Sync>> {
    let bicubic = ResizeAlg::Convolution(FilterType::CatmullRom);
    let mut resized = Image::new(width, height, PixelType::U8x3);
    let options = ResizeOptions::new().resize_alg(bicubic);
    Resizer::new().resize(source, &mut resized, &options)?;
    Ok(resized)
}

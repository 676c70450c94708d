//! Between 8-bit pictures and the tensors of the VAE.
//!
//! A picture is `H×W` RGB; a tensor is `[1, 3, H, W]` with values −1..1.

use burn::tensor::{Device, Tensor, TensorData};
use image::RgbImage;
use ndarray::Array2;

use crate::error::{Error, ErrorKind, Result};
use crate::nn::read_values;

/// `value / 127.5 − 1` for every byte.
///
/// # Shapes
/// - returns `[1, 3, H, W]`
pub fn picture_to_tensor(picture: &RgbImage, device: &Device) -> Tensor<4> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let mut planes = vec![0f32; 3 * height * width];
    for (index, pixel) in picture.pixels().enumerate() {
        for (channel, &value) in pixel.0.iter().enumerate() {
            planes[channel * height * width + index] = f32::from(value) / 127.5 - 1.0;
        }
    }
    Tensor::from_data(TensorData::new(planes, [1, 3, height, width]), device)
}

/// What the VAE decodes to, as 0..1, clamped.
///
/// # Shapes
/// - `decoded` and result: `[b, 3, H, W]`
pub fn to_unit_range(decoded: Tensor<4>) -> Tensor<4> {
    (decoded * 0.5 + 0.5).clamp(0.0, 1.0)
}

/// One picture per row of the batch; values are clamped to −1..1 and rounded to the nearest byte.
///
/// # Shapes
/// - `tensor`: `[b, 3, H, W]`
///
/// # Errors
/// Another number of channels, or NaN or infinity in the tensor.
pub fn tensor_to_pictures(tensor: Tensor<4>) -> Result<Vec<RgbImage>> {
    let [batch, channels, height, width] = tensor.dims();
    if channels != 3 {
        return Err(Error::shape(
            "decoded picture",
            "[_, 3, _, _]",
            tensor.dims(),
        ));
    }
    let values = host_values(tensor, "decoded picture")?;
    let pixels = height * width;
    let byte = |value: f32| (value.clamp(-1.0, 1.0) * 127.5 + 127.5).round() as u8;
    let picture = |row: usize| {
        let planes = &values[row * 3 * pixels..(row + 1) * 3 * pixels];
        RgbImage::from_fn(width as u32, height as u32, |x, y| {
            let index = y as usize * width + x as usize;
            image::Rgb([0, 1, 2].map(|channel| byte(planes[channel * pixels + index])))
        })
    };
    Ok((0..batch).map(picture).collect())
}

/// A mask as `[1, 1, h, w]`.
pub fn mask_to_tensor(mask: &Array2<f32>, device: &Device) -> Tensor<4> {
    let (height, width) = mask.dim();
    let values: Vec<f32> = mask.iter().copied().collect();
    Tensor::from_data(TensorData::new(values, [1, 1, height, width]), device)
}

/// Copies a tensor to the host as f32 and refuses NaN and infinity.
///
/// # Errors
/// [`ErrorKind::NotFinite`] names `what`; as [`read_values`] if the device failed.
pub fn host_values<const D: usize>(tensor: Tensor<D>, what: &str) -> Result<Vec<f32>> {
    let values = read_values(tensor)?;
    if values.iter().all(|value| value.is_finite()) {
        return Ok(values);
    }
    Err(Error::new(ErrorKind::NotFinite {
        what: what.to_owned(),
    }))
}

/// The picture enlarged by reflection to multiples of `unit` below and to the right.
pub(crate) fn pad_to_multiple(picture: &RgbImage, unit: u32) -> RgbImage {
    let (width, height) = picture.dimensions();
    let mirror = |at: u32, size: u32| {
        let period = 2 * (size - 1).max(1);
        let at = at % period;
        if at < size { at } else { period - at }
    };
    let (wide, tall) = (width.next_multiple_of(unit), height.next_multiple_of(unit));
    RgbImage::from_fn(wide, tall, |x, y| {
        *picture.get_pixel(
            mirror(x, width).min(width - 1),
            mirror(y, height).min(height - 1),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_the_round_trip() {
        let picture =
            RgbImage::from_fn(256, 3, |x, y| image::Rgb([x as u8, y as u8, 255 - x as u8]));
        let device = Device::flex();
        let back = tensor_to_pictures(picture_to_tensor(&picture, &device)).unwrap();
        assert_eq!(back, [picture]);
    }

    #[test]
    fn nan_is_refused() {
        let tensor = Tensor::<4>::full([1, 3, 2, 2], f32::NAN, &Device::flex());
        let error = tensor_to_pictures(tensor).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NotFinite { .. }));
    }

    #[test]
    fn padding_reflects_and_works_on_one_pixel() {
        let picture = RgbImage::from_fn(3, 1, |x, _| image::Rgb([x as u8; 3]));
        let padded = pad_to_multiple(&picture, 8);
        let row: Vec<u8> = (0..8).map(|x| padded.get_pixel(x, 7)[0]).collect();
        assert_eq!(row, [0, 1, 2, 1, 0, 1, 2, 1]);
        let dot = pad_to_multiple(&RgbImage::new(1, 1), 8);
        assert_eq!(dot.dimensions(), (8, 8));
    }
}

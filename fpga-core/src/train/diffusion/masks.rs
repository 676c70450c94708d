//! Masks of pictures on the grids of latents and attention layers.

use burn::tensor::{Device, Tensor, TensorData};
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use ndarray::Array2;

/// `mask` on a grid: bilinear with antialiasing, as the reference resizes them.
pub(super) fn resize(mask: &Array2<f32>, [height, width]: [usize; 2]) -> Array2<f32> {
    let (rows, columns) = mask.dim();
    if (rows, columns) == (height, width) {
        return mask.clone();
    }
    let bytes: Vec<u8> = mask.iter().flat_map(|value| value.to_ne_bytes()).collect();
    let source = ImageRef::new(columns as u32, rows as u32, &bytes, PixelType::F32)
        .expect("four bytes per value of a mask");
    let mut target = Image::new(width as u32, height as u32, PixelType::F32);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new()
        .resize(&source, &mut target, &options)
        .expect("two pictures of one pixel type");
    let (values, _) = target.buffer().as_chunks::<4>();
    let values = values
        .iter()
        .map(|bytes| f32::from_ne_bytes(*bytes))
        .collect();
    Array2::from_shape_vec((height, width), values).expect("one value per pixel")
}

/// The larger of both, pixel by pixel; of the first one's size.
pub(super) fn union(mut mask: Array2<f32>, other: &Array2<f32>) -> Array2<f32> {
    mask.zip_mut_with(other, |value, &other| *value = value.max(other));
    mask
}

/// One map per picture: `[b, 1, h, w]`.
pub(super) fn to_tensor(maps: &[Array2<f32>], device: &Device) -> Tensor<4> {
    let (height, width) = maps.first().map_or((0, 0), Array2::dim);
    let values: Vec<f32> = maps.iter().flat_map(|map| map.iter().copied()).collect();
    let shape = [maps.len(), 1, height, width];
    Tensor::from_data(TensorData::new(values, shape), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shrinks_as_torch_does() {
        // torch.nn.functional.interpolate(x, (2, 3), mode="bilinear", antialias=True) of arange(30) / 29.
        let mask = Array2::from_shape_fn((5, 6), |(y, x)| (y * 6 + x) as f32 / 29.0);
        let found = resize(&mask, [2, 3]);
        let expected = [
            0.231_527_1,
            0.293_103_46,
            0.354_679_82,
            0.645_320_2,
            0.706_896_5,
            0.768_472_85,
        ];
        for (found, expected) in found.iter().zip(expected) {
            let gap: f32 = found - expected;
            assert!(gap.abs() < 1e-5, "{found} is not {expected}");
        }
    }
}

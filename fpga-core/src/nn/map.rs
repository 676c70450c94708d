//! Feature maps `[b, c, h, w]`: sums, joins, and the way to tokens `[b, h·w, c]` and back.

use burn::tensor::Tensor;

use super::param::cast_to;
use crate::kernels::tensor as kernels;

/// `a + b` in the type of `a`; one of them may have a single picture or pixel, which holds for all.
///
/// # Shapes
/// - all `[b, c, h, w]`
pub fn add(a: Tensor<4>, b: Tensor<4>) -> Tensor<4> {
    let b = cast_to(b, a.dtype());
    kernels::add_maps(&a, &b).unwrap_or_else(|| a + b)
}

/// Channels of `a`, then channels of `b`.
///
/// # Shapes
/// - `[b, c, h, w]` and `[b, c′, h, w]` to `[b, c + c′, h, w]`
pub fn join_channels(a: Tensor<4>, b: Tensor<4>) -> Tensor<4> {
    kernels::join_channels(&a, &b).unwrap_or_else(|| Tensor::cat(vec![a, b], 1))
}

/// One token per pixel, row by row. Free where the memory is NHWC.
///
/// # Shapes
/// - `[b, c, h, w]` to `[b, h·w, c]`
pub fn to_tokens(map: Tensor<4>) -> Tensor<3> {
    let [batch, channels, height, width] = map.dims();
    map.permute([0, 2, 3, 1])
        .reshape([batch, height * width, channels])
}

/// One pixel per token, row by row.
///
/// # Shapes
/// - `[b, h·w, c]` to `[b, c, h, w]`
pub fn to_map(tokens: Tensor<3>, [height, width]: [usize; 2]) -> Tensor<4> {
    let [batch, _, channels] = tokens.dims();
    tokens
        .reshape([batch, height, width, channels])
        .permute([0, 3, 1, 2])
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    /// NHWC memory, as between the layers of a network.
    fn map(batch: usize, start: f32, device: &Device) -> Tensor<4> {
        let values: Vec<f32> = (0..batch * 30).map(|index| start + index as f32).collect();
        Tensor::from_data(TensorData::new(values, [batch, 2, 5, 3]), device).permute([0, 3, 1, 2])
    }

    #[test]
    fn one_picture_is_added_to_every_other() {
        let device = Device::flex();
        let (many, one) = (map(4, 0.5, &device), map(1, 100.0, &device));
        let expected = many.clone() + one.clone().repeat_dim(0, 4);
        assert_eq!(
            add(many.clone(), one.clone()).into_data(),
            expected.clone().into_data()
        );
        assert_eq!(add(one, many).into_data(), expected.into_data());
    }

    #[test]
    fn one_pixel_is_added_to_every_other() {
        let device = Device::flex();
        let (many, pixel) = (
            map(2, 0.5, &device),
            Tensor::<4>::ones([2, 3, 1, 1], &device),
        );
        let expected = many.clone() + 1.0;
        assert_eq!(add(many, pixel).into_data(), expected.into_data());
    }
}

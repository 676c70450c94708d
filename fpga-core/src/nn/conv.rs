//! Two-dimensional convolution.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, module, ops::ConvOptions};

use super::param::{weight_as, zeros};

/// Where a convolution looks: kernel size, stride and zero padding, equal in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Kernel height and width.
    pub kernel: usize,
    /// Step between two output pixels.
    pub stride: usize,
    /// Zeros added on every side.
    pub padding: usize,
}

impl Window {
    /// 1×1.
    pub const POINT: Self = Self {
        kernel: 1,
        stride: 1,
        padding: 0,
    };
    /// 3×3 that keeps the size.
    pub const SAME: Self = Self {
        kernel: 3,
        stride: 1,
        padding: 1,
    };
    /// 3×3 that halves the size.
    pub const HALVE: Self = Self {
        kernel: 3,
        stride: 2,
        padding: 1,
    };
}

/// Convolution `[b, in, h, w] → [b, out, h′, w′]`.
#[derive(Module, Debug)]
pub struct Conv2d {
    /// `[out, in, kernel, kernel]`
    pub weight: Param<Tensor<4>>,
    /// `[out]`
    pub bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    window: Window,
}

impl Conv2d {
    /// A layer with a bias; zero until weights are loaded.
    pub fn new(inputs: usize, outputs: usize, window: Window, device: &Device) -> Self {
        let bias = Some(zeros([outputs], device));
        Self {
            bias,
            ..Self::without_bias(inputs, outputs, window, device)
        }
    }

    /// A layer without a bias; zero until weights are loaded.
    pub fn without_bias(inputs: usize, outputs: usize, window: Window, device: &Device) -> Self {
        let weight = zeros([outputs, inputs, window.kernel, window.kernel], device);
        Self {
            weight,
            bias: None,
            window,
        }
    }

    /// # Shapes
    /// - `input`: `[b, in, h, w]`
    /// - returns `[b, out, h′, w′]`
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let dtype = input.dtype();
        let Window {
            kernel: _,
            stride,
            padding,
        } = self.window;
        let options = ConvOptions::new([stride; 2], [padding; 2], [1; 2], 1);
        let bias = self.bias.as_ref().map(|bias| weight_as(bias, dtype));
        module::conv2d(input, weight_as(&self.weight, dtype), bias, options)
    }
}

//! Two-dimensional convolution.

use burn::module::{Module, Param};
use burn::tensor::ops::{ConvOptions, InterpolateMode, InterpolateOptions};
use burn::tensor::{Device, Tensor, module};

use super::param::{cast_to, zeros};
use crate::kernels::tensor::ConvParts;
use crate::kernels::{self, tensor};

/// Where a convolution looks: kernel size, stride and zero padding, the same down and across.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Kernel height and width.
    pub kernel: usize,
    /// Step between two output pixels.
    pub stride: usize,
    /// Zeros added above and to the left, and below and to the right.
    pub padding: [usize; 2],
}

impl Window {
    /// 1×1.
    pub const POINT: Self = Self {
        kernel: 1,
        stride: 1,
        padding: [0, 0],
    };
    /// 3×3 that keeps the size.
    pub const SAME: Self = Self {
        kernel: 3,
        stride: 1,
        padding: [1, 1],
    };
    /// 3×3 that halves the size.
    pub const HALVE: Self = Self {
        kernel: 3,
        stride: 2,
        padding: [1, 1],
    };
}

/// What is added to a convolution's result.
#[derive(Clone, Debug, Default)]
pub struct Added {
    /// One value per picture and channel, `[b, out]`.
    pub shift: Option<Tensor<2>>,
    /// Shaped like the result.
    pub residual: Option<Tensor<4>>,
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
        self.apply(input, Added::default(), None)
    }

    /// The convolution and what is added to it, in one pass where the device can.
    ///
    /// # Shapes
    /// - `input`: `[b, in, h, w]`
    /// - returns `[b, out, h′, w′]`
    pub fn forward_added(&self, input: Tensor<4>, added: Added) -> Tensor<4> {
        self.apply(input, added, None)
    }

    /// Enlarges the input to `size` by taking the nearest pixel, then convolves.
    ///
    /// # Shapes
    /// - `input`: `[b, in, h, w]`
    /// - returns `[b, out, size₀′, size₁′]`
    pub fn forward_enlarged(&self, input: Tensor<4>, size: [usize; 2]) -> Tensor<4> {
        self.apply(input, Added::default(), Some(size))
    }

    fn apply(&self, input: Tensor<4>, added: Added, enlarge: Option<[usize; 2]>) -> Tensor<4> {
        let (weight, bias) = (self.weight.val(), self.bias.as_ref().map(Param::val));
        let Window {
            kernel,
            stride,
            padding,
        } = self.window;
        let [before, after] = padding;
        let parts = ConvParts {
            weight: &weight,
            bias: bias.as_ref(),
            shift: added.shift.as_ref(),
            residual: added.residual.as_ref(),
            window: kernels::Window {
                kernel,
                stride,
                before,
                after,
            },
            enlarge,
        };
        if let Some(output) = tensor::convolve(&input, parts) {
            return output;
        }

        let dtype = input.dtype();
        let bias = bias.map(|bias| cast_to(bias, dtype));
        let input = match enlarge {
            Some(size) => {
                let nearest = InterpolateOptions::new(InterpolateMode::Nearest);
                module::interpolate(input, nearest.with_output_size(size))
            }
            None => input,
        };
        let (input, padding) = match before == after {
            true => (input, before),
            false => (input.pad((before, after, before, after), 0.0), 0),
        };
        let options = ConvOptions::new([stride; 2], [padding; 2], [1; 2], 1);
        let mut output = module::conv2d(input, cast_to(weight, dtype), bias, options);
        if let Some(shift) = added.shift {
            output = output + shift.unsqueeze_dims(&[2, 3]);
        }
        match added.residual {
            Some(residual) => residual + output,
            None => output,
        }
    }
}

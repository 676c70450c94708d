//! A convolution, its batch norm and ReLU: the only layer of the network.

use burn::module::{Module, Param};
use burn::tensor::activation::relu;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, module};

use crate::nn::{BatchNorm, Conv2d, Window};

/// TensorFlow's, with which the network was trained.
const EPSILON: f64 = 1e-3;

/// With a square kernel.
#[derive(Module, Debug)]
pub struct InceptionConv {
    /// Without a bias: the norm has one.
    pub conv: Conv2d,
    /// Of the convolution's output.
    pub bn: BatchNorm,
}

/// With a kernel of one row or one column, which keeps the size.
#[derive(Module, Debug)]
pub struct WideConv {
    /// The kernel.
    pub conv: LineKernel,
    /// Of the convolution's output.
    pub bn: BatchNorm,
}

/// A kernel of one row or one column.
#[derive(Module, Debug)]
pub struct LineKernel {
    /// `[out, in, rows, columns]`, one of the last two is 1.
    pub weight: Param<Tensor<4>>,
}

impl InceptionConv {
    /// Zero until weights are loaded.
    pub fn new(inputs: usize, outputs: usize, window: Window, device: &Device) -> Self {
        Self {
            conv: Conv2d::without_bias(inputs, outputs, window, device),
            bn: BatchNorm::with_epsilon(outputs, EPSILON, device),
        }
    }

    /// # Shapes
    /// - `input`: `[b, in, h, w]`
    /// - returns `[b, out, h′, w′]`
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        relu(self.bn.forward(self.conv.forward(input)))
    }
}

impl WideConv {
    /// `kernel` is rows and columns, both odd. Zero until weights are loaded.
    pub fn new(
        [inputs, outputs]: [usize; 2],
        [rows, columns]: [usize; 2],
        device: &Device,
    ) -> Self {
        let weight = Tensor::zeros([outputs, inputs, rows, columns], device);
        Self {
            conv: LineKernel {
                weight: Param::from_tensor(weight),
            },
            bn: BatchNorm::with_epsilon(outputs, EPSILON, device),
        }
    }

    /// # Shapes
    /// - `input`: `[b, in, h, w]`
    /// - returns `[b, out, h, w]`
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let weight = self.conv.weight.val().cast(input.dtype());
        let [_, _, rows, columns] = weight.dims();
        let options = ConvOptions::new([1, 1], [rows / 2, columns / 2], [1, 1], 1);
        relu(
            self.bn
                .forward(module::conv2d(input, weight, None, options)),
        )
    }
}

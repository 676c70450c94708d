//! IResNet's residual block: norm, convolution, norm, PReLU, convolution, norm; nothing after the sum.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::nn::{BatchNorm, Conv2d, ConvNorm, PRelu, Window, add};

/// `[b, in, h, w]` to `[b, out, h′, w′]`; the first block of a stage halves the size.
#[derive(Module, Debug)]
pub struct IResBlock {
    bn1: BatchNorm,
    conv1: Conv2d,
    bn2: BatchNorm,
    prelu: PRelu,
    conv2: Conv2d,
    bn3: BatchNorm,
    downsample: Option<ConvNorm>,
}

impl IResBlock {
    /// Zero until weights are loaded.
    pub(super) fn new(inputs: usize, outputs: usize, halves: bool, device: &Device) -> Self {
        let window = if halves { Window::HALVE } else { Window::SAME };
        let shortcut = Window {
            stride: window.stride,
            ..Window::POINT
        };
        Self {
            bn1: BatchNorm::new(inputs, device),
            conv1: Conv2d::without_bias(inputs, outputs, Window::SAME, device),
            bn2: BatchNorm::new(outputs, device),
            prelu: PRelu::new(outputs, device),
            conv2: Conv2d::without_bias(outputs, outputs, window, device),
            bn3: BatchNorm::new(outputs, device),
            downsample: halves.then(|| ConvNorm::new(inputs, outputs, shortcut, device)),
        }
    }

    pub(super) fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let inner = self.conv1.forward(self.bn1.forward(input.clone()));
        let inner = self.prelu.forward(self.bn2.forward(inner));
        let inner = self.bn3.forward(self.conv2.forward(inner));
        match &self.downsample {
            Some(shortcut) => add(inner, shortcut.forward(input)),
            None => add(inner, input),
        }
    }
}

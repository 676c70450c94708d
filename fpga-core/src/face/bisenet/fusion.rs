//! Joins detail and context (Yu et al. 2018, section 3.3).

use burn::module::Module;
use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::{Device, Tensor};

use super::context::mean;
use crate::nn::{Conv2d, ConvNorm, Window, join_channels};

/// A 1×1 convolution over both, and a gate per channel.
#[derive(Module, Debug)]
pub struct FeatureFusion {
    convblk: ConvNorm,
    conv1: Conv2d,
    conv2: Conv2d,
}

impl FeatureFusion {
    pub(super) fn new(inputs: usize, outputs: usize, device: &Device) -> Self {
        let point = |from, to| Conv2d::without_bias(from, to, Window::POINT, device);
        Self {
            convblk: ConvNorm::new(inputs, outputs, Window::POINT, device),
            conv1: point(outputs, outputs / 4),
            conv2: point(outputs / 4, outputs),
        }
    }

    /// # Shapes
    /// - `[b, c, h, w]` and `[b, c′, h, w]` to `[b, out, h, w]`
    pub(super) fn forward(&self, detail: Tensor<4>, context: Tensor<4>) -> Tensor<4> {
        let feature = relu(self.convblk.forward(join_channels(detail, context)));
        let inner = relu(self.conv1.forward(mean(feature.clone())));
        let gate = sigmoid(self.conv2.forward(inner));
        feature.clone() * gate + feature
    }
}

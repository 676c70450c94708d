//! The context path: what the whole picture is, brought back to 1/8 (Yu et al. 2018, section 3.2).

use burn::module::Module;
use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::{Device, Tensor};

use super::backbone::Backbone;
use super::{BiSeNetConfig, size_of};
use crate::nn::{BatchNorm, Conv2d, ConvNorm, Window, add};

/// Backbone, refinement at 1/16 and 1/32, and the mean of the whole picture.
#[derive(Module, Debug)]
pub struct ContextPath {
    resnet: Backbone,
    arm16: AttentionRefinement,
    arm32: AttentionRefinement,
    conv_head32: ConvNorm,
    conv_head16: ConvNorm,
    conv_avg: ConvNorm,
}

/// Weighs channels by what the whole map says of them.
#[derive(Module, Debug)]
pub struct AttentionRefinement {
    conv: ConvNorm,
    conv_atten: Conv2d,
    bn_atten: BatchNorm,
}

impl ContextPath {
    pub(super) fn new(config: &BiSeNetConfig, device: &Device) -> Self {
        let width = config.context_width;
        let [_, _, third, fourth] = config.stages.map(|stage| stage.width);
        let same = || ConvNorm::new(width, width, Window::SAME, device);
        Self {
            resnet: Backbone::new(config, device),
            arm16: AttentionRefinement::new(third, width, device),
            arm32: AttentionRefinement::new(fourth, width, device),
            conv_head32: same(),
            conv_head16: same(),
            conv_avg: ConvNorm::new(fourth, width, Window::POINT, device),
        }
    }

    /// # Shapes
    /// - `pixels`: `[b, 3, h, w]`
    /// - returns the backbone's feature at 1/8, and context at 1/8 and 1/16
    pub(super) fn forward(&self, pixels: Tensor<4>) -> [Tensor<4>; 3] {
        let [feature8, feature16, feature32] = self.resnet.forward(pixels);
        let whole = relu(self.conv_avg.forward(mean(feature32.clone())));

        let context32 = self.arm32.forward(feature32) + whole;
        let size16 = size_of(&feature16);
        let context16 = forward_enlarged(&self.conv_head32, context32, size16);

        let refined16 = add(self.arm16.forward(feature16), context16.clone());
        let size8 = size_of(&feature8);
        let context8 = forward_enlarged(&self.conv_head16, refined16, size8);
        [feature8, context8, context16]
    }
}

impl AttentionRefinement {
    fn new(inputs: usize, outputs: usize, device: &Device) -> Self {
        Self {
            conv: ConvNorm::new(inputs, outputs, Window::SAME, device),
            conv_atten: Conv2d::without_bias(outputs, outputs, Window::POINT, device),
            bn_atten: BatchNorm::new(outputs, device),
        }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let feature = relu(self.conv.forward(input));
        let weight = self.conv_atten.forward(mean(feature.clone()));
        feature * sigmoid(self.bn_atten.forward(weight))
    }
}

/// Nearest-neighbour enlargement, convolution, norm, ReLU.
fn forward_enlarged(layer: &ConvNorm, input: Tensor<4>, size: [usize; 2]) -> Tensor<4> {
    relu(layer.bn.forward(layer.conv.forward_enlarged(input, size)))
}

/// Over the picture, `[b, c, h, w]` to `[b, c, 1, 1]`.
pub(super) fn mean(map: Tensor<4>) -> Tensor<4> {
    map.mean_dim(3).mean_dim(2)
}

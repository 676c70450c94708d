//! ResNet-18 without its classifier (He et al. 2016, table 1): features at 1/8, 1/16 and 1/32.

use burn::module::Module;
use burn::tensor::activation::relu;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Device, Tensor, module};

use super::BiSeNetConfig;
use crate::face::residual::ResidualStage;
use crate::nn::{BatchNorm, Conv2d, ConvNorm, Window, add};

/// Stem and four stages.
#[derive(Module, Debug)]
pub struct Backbone {
    conv1: Conv2d,
    bn1: BatchNorm,
    layer1: Vec<BackboneBlock>,
    layer2: Vec<BackboneBlock>,
    layer3: Vec<BackboneBlock>,
    layer4: Vec<BackboneBlock>,
}

/// Convolution, norm, ReLU, convolution, norm, sum, ReLU.
#[derive(Module, Debug)]
pub struct BackboneBlock {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    downsample: Option<ConvNorm>,
}

impl Backbone {
    pub(super) fn new(config: &BiSeNetConfig, device: &Device) -> Self {
        let stem = Window {
            kernel: 7,
            stride: 2,
            padding: [3, 3],
        };
        let mut inputs = config.stem_width;
        let mut stage = |ResidualStage { blocks, width }, stride| {
            let first = BackboneBlock::new(inputs, width, stride, device);
            inputs = width;
            let rest = (1..blocks).map(|_| BackboneBlock::new(width, width, 1, device));
            std::iter::once(first).chain(rest).collect()
        };
        let [first, second, third, fourth] = config.stages;
        Self {
            conv1: Conv2d::without_bias(3, config.stem_width, stem, device),
            bn1: BatchNorm::new(config.stem_width, device),
            layer1: stage(first, 1),
            layer2: stage(second, 2),
            layer3: stage(third, 2),
            layer4: stage(fourth, 2),
        }
    }

    /// # Shapes
    /// - `pixels`: `[b, 3, h, w]`
    /// - returns features of h/8, h/16 and h/32
    pub(super) fn forward(&self, pixels: Tensor<4>) -> [Tensor<4>; 3] {
        let stem = relu(self.bn1.forward(self.conv1.forward(pixels)));
        let pool = MaxPoolOptions::new([3, 3])
            .with_stride([2, 2])
            .with_padding([1, 1]);
        let feature4 = run(&self.layer1, module::max_pool2d(stem, pool));
        let feature8 = run(&self.layer2, feature4);
        let feature16 = run(&self.layer3, feature8.clone());
        let feature32 = run(&self.layer4, feature16.clone());
        [feature8, feature16, feature32]
    }
}

fn run(blocks: &[BackboneBlock], input: Tensor<4>) -> Tensor<4> {
    blocks.iter().fold(input, |map, block| block.forward(map))
}

impl BackboneBlock {
    fn new(inputs: usize, outputs: usize, stride: usize, device: &Device) -> Self {
        let sized = |window| Window { stride, ..window };
        let shortcut = || ConvNorm::new(inputs, outputs, sized(Window::POINT), device);
        Self {
            conv1: Conv2d::without_bias(inputs, outputs, sized(Window::SAME), device),
            bn1: BatchNorm::new(outputs, device),
            conv2: Conv2d::without_bias(outputs, outputs, Window::SAME, device),
            bn2: BatchNorm::new(outputs, device),
            downsample: (inputs != outputs || stride != 1).then(shortcut),
        }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let inner = relu(self.bn1.forward(self.conv1.forward(input.clone())));
        let inner = self.bn2.forward(self.conv2.forward(inner));
        let shortcut = match &self.downsample {
            Some(shortcut) => shortcut.forward(input),
            None => input,
        };
        relu(add(shortcut, inner))
    }
}

//! BiSeNet for face parsing (Yu et al. 2018, figure 2), in the layout of face-parsing.PyTorch.
//!
//! `[b, 3, h, w]` pixels become `[b, classes, h, w]` logits. The published network keeps only the
//! context path: its feature at 1/8 stands in for the spatial path. Two further heads served training.

mod backbone;
mod context;
mod fusion;
mod parser;

use burn::module::Module;
use burn::tensor::activation::relu;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use burn::tensor::{Device, Tensor, module};

pub use backbone::{Backbone, BackboneBlock};
pub use context::{AttentionRefinement, ContextPath};
pub use fusion::FeatureFusion;
pub use parser::BiSeNetParser;

use super::residual::ResidualStage;
use crate::error::{Error, Result};
use crate::nn::{Conv2d, ConvNorm, Window};

/// Sizes of a [`BiSeNet`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BiSeNetConfig {
    /// Channels before the backbone's first stage.
    pub stem_width: usize,
    /// The backbone's four stages; all but the first halve the size.
    pub stages: [ResidualStage; 4],
    /// Channels of the context path.
    pub context_width: usize,
    /// Channels after fusion.
    pub fusion_width: usize,
    /// Channels inside the heads: fused, at 1/8, at 1/16.
    pub head_widths: [usize; 3],
    /// Classes of pixels.
    pub classes: usize,
}

impl Default for BiSeNetConfig {
    /// The released network: ResNet-18, 19 classes, 13 M parameters.
    fn default() -> Self {
        Self {
            stem_width: 64,
            stages: [64, 128, 256, 512].map(|width| ResidualStage { blocks: 2, width }),
            context_width: 128,
            fusion_width: 256,
            head_widths: [256, 64, 64],
            classes: 19,
        }
    }
}

impl BiSeNetConfig {
    /// Zero until weights are loaded.
    pub fn init(&self, device: &Device) -> BiSeNet {
        let (context, fused) = (self.context_width, self.fusion_width);
        let [out, out16, out32] = self.head_widths;
        let head = |inputs, width| Head {
            conv: ConvNorm::new(inputs, width, Window::SAME, device),
            conv_out: Conv2d::without_bias(width, self.classes, Window::POINT, device),
        };
        BiSeNet {
            cp: ContextPath::new(self, device),
            ffm: FeatureFusion::new(self.stages[1].width + context, fused, device),
            conv_out: head(fused, out),
            conv_out16: head(context, out16),
            conv_out32: head(context, out32),
            config: self.clone(),
        }
    }

    /// Whether the network can take pixels of this shape.
    ///
    /// # Errors
    /// Other than three channels, or sides that are no multiples of 32.
    pub fn check_pixels(&self, shape: [usize; 4]) -> Result<()> {
        let [batch, channels, height, width] = shape;
        let fits = |side: usize| side > 0 && side.is_multiple_of(32);
        if batch == 0 || channels != 3 || !fits(height) || !fits(width) {
            let needed = "[b, 3, h, w] with h and w multiples of 32";
            return Err(Error::shape("portrait", needed, shape));
        }
        Ok(())
    }
}

/// The network.
#[derive(Module, Debug)]
pub struct BiSeNet {
    cp: ContextPath,
    ffm: FeatureFusion,
    conv_out: Head,
    conv_out16: Head,
    conv_out32: Head,
    #[module(skip)]
    config: BiSeNetConfig,
}

/// From features to logits.
#[derive(Module, Debug)]
pub struct Head {
    conv: ConvNorm,
    conv_out: Conv2d,
}

impl BiSeNet {
    /// The sizes that it was built with.
    pub fn config(&self) -> &BiSeNetConfig {
        &self.config
    }

    /// # Shapes
    /// - `pixels`: `[b, 3, h, w]`, ImageNet's mean and deviation, sides multiples of 32
    /// - returns `[b, classes, h, w]`
    pub fn forward(&self, pixels: Tensor<4>) -> Tensor<4> {
        let size = size_of(&pixels);
        let [feature8, context8, _] = self.cp.forward(pixels);
        let fused = self.ffm.forward(feature8, context8);
        enlarge(self.conv_out.forward(fused), size)
    }

    /// All three heads: fused, at 1/8, at 1/16.
    ///
    /// # Shapes
    /// - as [`forward`](Self::forward), three times
    pub fn forward_all(&self, pixels: Tensor<4>) -> [Tensor<4>; 3] {
        let size = size_of(&pixels);
        self.forward_small(pixels)
            .map(|logits| enlarge(logits, size))
    }

    /// All three heads before their answers are enlarged.
    ///
    /// # Shapes
    /// - returns `[b, classes, h/8, w/8]` twice, then `[b, classes, h/16, w/16]`
    pub fn forward_small(&self, pixels: Tensor<4>) -> [Tensor<4>; 3] {
        let [feature8, context8, context16] = self.cp.forward(pixels);
        let fused = self.ffm.forward(feature8, context8.clone());
        [
            self.conv_out.forward(fused),
            self.conv_out16.forward(context8),
            self.conv_out32.forward(context16),
        ]
    }
}

impl Head {
    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let inner = relu(self.conv.forward(input));
        self.conv_out.forward(inner)
    }
}

/// Height and width.
fn size_of(map: &Tensor<4>) -> [usize; 2] {
    let [_, _, height, width] = map.dims();
    [height, width]
}

/// Bilinear, corner pixels on corner pixels.
pub(crate) fn enlarge(logits: Tensor<4>, size: [usize; 2]) -> Tensor<4> {
    let options = InterpolateOptions::new(InterpolateMode::Bilinear)
        .with_align_corners(true)
        .with_output_size(size);
    module::interpolate(logits, options)
}

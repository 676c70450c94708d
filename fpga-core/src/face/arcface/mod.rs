//! ArcFace's face recognition network (Deng et al. 2019, section 3.1): IResNet-50, -100 and relatives.
//!
//! `[b, 3, 112, 112]` aligned faces become `[b, 512]` embeddings. Four stages each halve the picture;
//! what is left is flattened, so the network knows where in the face it looks. Names are those of
//! InsightFace's PyTorch training code.

mod block;
mod embedder;

use burn::module::Module;
use burn::tensor::{Device, Tensor};

pub use block::IResBlock;
pub use embedder::ArcFaceEmbedder;

use super::residual::ResidualStage;
use crate::error::{Error, Result};
use crate::nn::{BatchNorm, Conv2d, Linear, PRelu, Window};

/// Sizes of an [`ArcFace`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArcFaceConfig {
    /// Side of the square face in pixels; a multiple of 16.
    pub side: usize,
    /// Channels before the first stage.
    pub stem_width: usize,
    /// The four stages.
    pub stages: [ResidualStage; 4],
    /// Length of the embedding.
    pub features: usize,
}

impl ArcFaceConfig {
    /// IResNet-50, 44 M parameters.
    pub fn r50() -> Self {
        Self::released([3, 4, 14, 3])
    }

    /// IResNet-100, 65 M parameters.
    pub fn r100() -> Self {
        Self::released([3, 13, 30, 3])
    }

    fn released(blocks: [usize; 4]) -> Self {
        let widths = [64, 128, 256, 512];
        Self {
            side: 112,
            stem_width: 64,
            stages: [0, 1, 2, 3].map(|stage| ResidualStage {
                blocks: blocks[stage],
                width: widths[stage],
            }),
            features: 512,
        }
    }

    /// Zero until weights are loaded.
    pub fn init(&self, device: &Device) -> ArcFace {
        let mut inputs = self.stem_width;
        let [layer1, layer2, layer3, layer4] = self.stages.map(|stage| {
            let blocks = (0..stage.blocks).map(|index| {
                let inputs = if index == 0 { inputs } else { stage.width };
                IResBlock::new(inputs, stage.width, index == 0, device)
            });
            let blocks = blocks.collect();
            inputs = stage.width;
            blocks
        });
        let flat = inputs * self.grid().pow(2);
        ArcFace {
            conv1: Conv2d::without_bias(3, self.stem_width, Window::SAME, device),
            bn1: BatchNorm::new(self.stem_width, device),
            prelu: PRelu::new(self.stem_width, device),
            layer1,
            layer2,
            layer3,
            layer4,
            bn2: BatchNorm::new(inputs, device),
            fc: Linear::new(flat, self.features, device),
            features: BatchNorm::new(self.features, device),
            config: self.clone(),
        }
    }

    /// Side of what the last stage leaves.
    pub fn grid(&self) -> usize {
        self.side / 16
    }

    /// Whether the network can take pixels of this shape.
    ///
    /// # Errors
    /// Any other size than the network's.
    pub fn check_pixels(&self, shape: [usize; 4]) -> Result<()> {
        let [batch, rest @ ..] = shape;
        if batch == 0 || rest != [3, self.side, self.side] {
            let needed = format!("[b, 3, {0}, {0}]", self.side);
            return Err(Error::shape("aligned faces", needed, shape));
        }
        Ok(())
    }
}

/// The network.
#[derive(Module, Debug)]
pub struct ArcFace {
    conv1: Conv2d,
    bn1: BatchNorm,
    prelu: PRelu,
    layer1: Vec<IResBlock>,
    layer2: Vec<IResBlock>,
    layer3: Vec<IResBlock>,
    layer4: Vec<IResBlock>,
    bn2: BatchNorm,
    fc: Linear,
    features: BatchNorm,
    #[module(skip)]
    config: ArcFaceConfig,
}

impl ArcFace {
    /// The sizes that it was built with.
    pub fn config(&self) -> &ArcFaceConfig {
        &self.config
    }

    /// # Shapes
    /// - `pixels`: `[b, 3, side, side]`, red first, −1..1
    /// - returns `[b, features]`, not normalised
    pub fn forward(&self, pixels: Tensor<4>) -> Tensor<2> {
        let stem = self.bn1.forward(self.conv1.forward(pixels));
        let stem = self.prelu.forward(stem);

        let stages = [&self.layer1, &self.layer2, &self.layer3, &self.layer4];
        let blocks = stages.into_iter().flatten();
        let map = blocks.fold(stem, |map, block| block.forward(map));

        let flat: Tensor<2> = self.bn2.forward(map).flatten(1, 3);
        self.features.forward(self.fc.forward(flat))
    }
}

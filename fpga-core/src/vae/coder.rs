//! The two directions: picture to latent distribution, latents to picture.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::config::VaeConfig;
use super::stage::{DownStage, MidStage, NORM_EPSILON, UpStage};
use crate::nn::{Conv2d, GroupNorm, Window};

/// From the picture to twice the latent channels: mean and logarithm of the variance.
#[derive(Module, Debug)]
pub struct Encoder {
    /// 3×3.
    pub conv_in: Conv2d,
    /// Finest first.
    pub down_blocks: Vec<DownStage>,
    /// At the coarsest size.
    pub mid_block: MidStage,
    /// Followed by SiLU.
    pub conv_norm_out: GroupNorm,
    /// 3×3.
    pub conv_out: Conv2d,
}

/// From latents to the picture.
#[derive(Module, Debug)]
pub struct Decoder {
    /// 3×3.
    pub conv_in: Conv2d,
    /// At the coarsest size.
    pub mid_block: MidStage,
    /// Coarsest first.
    pub up_blocks: Vec<UpStage>,
    /// Followed by SiLU.
    pub conv_norm_out: GroupNorm,
    /// 3×3.
    pub conv_out: Conv2d,
}

impl Encoder {
    pub(super) fn new(config: &VaeConfig, device: &Device) -> Self {
        let [finest, coarsest] = end_widths(config);
        let stages = 0..config.block_out_channels.len();
        Self {
            conv_in: Conv2d::new(config.in_channels, finest, Window::SAME, device),
            down_blocks: stages
                .map(|stage| DownStage::new(config, stage, device))
                .collect(),
            mid_block: MidStage::new(config, coarsest, device),
            conv_norm_out: GroupNorm::new(config.norm_groups, coarsest, NORM_EPSILON, device),
            conv_out: Conv2d::new(coarsest, 2 * config.latent_channels, Window::SAME, device),
        }
    }

    /// # Shapes
    /// - `picture`: `[b, in_channels, H, W]`
    /// - returns `[b, 2·latent_channels, h, w]`
    pub fn forward(&self, picture: Tensor<4>) -> Tensor<4> {
        let features = self
            .down_blocks
            .iter()
            .fold(self.conv_in.forward(picture), |features, stage| {
                stage.forward(features)
            });
        let features = self.mid_block.forward(features);
        self.conv_out
            .forward(self.conv_norm_out.forward_silu(features))
    }
}

impl Decoder {
    pub(super) fn new(config: &VaeConfig, device: &Device) -> Self {
        let [finest, coarsest] = end_widths(config);
        let stages = 0..config.block_out_channels.len();
        Self {
            conv_in: Conv2d::new(config.latent_channels, coarsest, Window::SAME, device),
            mid_block: MidStage::new(config, coarsest, device),
            up_blocks: stages
                .map(|stage| UpStage::new(config, stage, device))
                .collect(),
            conv_norm_out: GroupNorm::new(config.norm_groups, finest, NORM_EPSILON, device),
            conv_out: Conv2d::new(finest, config.out_channels, Window::SAME, device),
        }
    }

    /// # Shapes
    /// - `latents`: `[b, latent_channels, h, w]`
    /// - returns `[b, out_channels, H, W]`
    pub fn forward(&self, latents: Tensor<4>) -> Tensor<4> {
        let features = self.mid_block.forward(self.conv_in.forward(latents));
        let features = self
            .up_blocks
            .iter()
            .fold(features, |features, stage| stage.forward(features));
        self.conv_out
            .forward(self.conv_norm_out.forward_silu(features))
    }
}

fn end_widths(config: &VaeConfig) -> [usize; 2] {
    let widths = &config.block_out_channels;
    [widths[0], widths[widths.len() - 1]]
}

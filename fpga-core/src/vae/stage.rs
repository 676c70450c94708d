//! The stages of both directions: residual blocks, a middle with attention, halving or doubling.
//!
//! Field names are the checkpoint's, except that `downsampler` and `upsampler` stand for the
//! checkpoint's lists `downsamplers.0` and `upsamplers.0`.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::config::VaeConfig;
use crate::nn::{
    Downsample, GroupNorm, Linear, Reach, ResnetBlock, ResnetConfig, Upsample, attend, to_map,
    to_tokens,
};

/// Epsilon of all norms of these autoencoders.
pub(crate) const NORM_EPSILON: f64 = 1e-6;

/// Residual blocks, then half the size.
#[derive(Module, Debug)]
pub struct DownStage {
    /// The first one changes the width.
    pub resnets: Vec<ResnetBlock>,
    /// Absent in the last stage.
    pub downsampler: Option<Downsample>,
}

/// Residual blocks, then twice the size.
#[derive(Module, Debug)]
pub struct UpStage {
    /// The first one changes the width.
    pub resnets: Vec<ResnetBlock>,
    /// Absent in the last stage.
    pub upsampler: Option<Upsample>,
}

/// Two residual blocks with attention between.
#[derive(Module, Debug)]
pub struct MidStage {
    /// Always two.
    pub resnets: Vec<ResnetBlock>,
    /// One, or none in autoencoders without attention.
    pub attentions: Vec<SpatialAttention>,
}

/// Every pixel looks at every pixel, with a single head as wide as the feature map.
#[derive(Module, Debug)]
pub struct SpatialAttention {
    /// Before the projections.
    pub group_norm: GroupNorm,
    /// `[channels, channels]`
    pub to_q: Linear,
    /// `[channels, channels]`
    pub to_k: Linear,
    /// `[channels, channels]`
    pub to_v: Linear,
    /// `[channels, channels]`
    pub to_out: Linear,
}

impl DownStage {
    /// Zero until weights are loaded.
    pub(super) fn new(config: &VaeConfig, stage: usize, device: &Device) -> Self {
        let widths = &config.block_out_channels;
        let [inputs, outputs] = [widths[stage.saturating_sub(1)], widths[stage]];
        let halves = stage + 1 < widths.len();
        Self {
            resnets: resnets(config, config.layers_per_block, [inputs, outputs], device),
            downsampler: halves.then(|| Downsample::padded_at_end(outputs, device)),
        }
    }

    /// # Shapes
    /// - `features`: `[b, inputs, h, w]`
    /// - returns `[b, outputs, ⌊h/2⌋, ⌊w/2⌋]`, the same size in the last stage
    pub fn forward(&self, features: Tensor<4>) -> Tensor<4> {
        let features = through(&self.resnets, features);
        match &self.downsampler {
            Some(downsampler) => downsampler.forward(features),
            None => features,
        }
    }
}

impl UpStage {
    /// Stages count from the coarsest, as the checkpoint does. Zero until weights are loaded.
    pub(super) fn new(config: &VaeConfig, stage: usize, device: &Device) -> Self {
        let widths = &config.block_out_channels;
        let width = |stage: usize| widths[widths.len() - 1 - stage];
        let [inputs, outputs] = [width(stage.saturating_sub(1)), width(stage)];
        let layers = config.layers_per_block + 1;
        let doubles = stage + 1 < widths.len();
        Self {
            resnets: resnets(config, layers, [inputs, outputs], device),
            upsampler: doubles.then(|| Upsample::new(outputs, device)),
        }
    }

    /// # Shapes
    /// - `features`: `[b, inputs, h, w]`
    /// - returns `[b, outputs, 2h, 2w]`, the same size in the last stage
    pub fn forward(&self, features: Tensor<4>) -> Tensor<4> {
        let features = through(&self.resnets, features);
        match &self.upsampler {
            Some(upsampler) => upsampler.forward(features),
            None => features,
        }
    }
}

impl MidStage {
    /// Zero until weights are loaded.
    pub(super) fn new(config: &VaeConfig, width: usize, device: &Device) -> Self {
        let attention = || SpatialAttention::new(width, config.norm_groups, device);
        Self {
            resnets: resnets(config, 2, [width, width], device),
            attentions: config.mid_attention.then(attention).into_iter().collect(),
        }
    }

    /// # Shapes
    /// - `features` and result: `[b, c, h, w]`
    pub fn forward(&self, features: Tensor<4>) -> Tensor<4> {
        let (first, rest) = self.resnets.split_at(1);
        let features = through(first, features);
        let features = self
            .attentions
            .iter()
            .fold(features, |features, attention| attention.forward(features));
        through(rest, features)
    }
}

impl SpatialAttention {
    fn new(channels: usize, norm_groups: usize, device: &Device) -> Self {
        let project = || Linear::new(channels, channels, device);
        Self {
            group_norm: GroupNorm::new(norm_groups, channels, NORM_EPSILON, device),
            to_q: project(),
            to_k: project(),
            to_v: project(),
            to_out: project(),
        }
    }

    /// # Shapes
    /// - `features` and result: `[b, c, h, w]`
    pub fn forward(&self, features: Tensor<4>) -> Tensor<4> {
        let [_, _, height, width] = features.dims();
        let pixels = to_tokens(self.group_norm.forward(features.clone()));
        let query = self.to_q.forward(pixels.clone());
        let key = self.to_k.forward(pixels.clone());
        let value = self.to_v.forward(pixels);
        let mixed = attend(query, key, value, 1, Reach::Full);
        to_map(
            self.to_out.forward_added(mixed, to_tokens(features)),
            [height, width],
        )
    }
}

fn resnets(
    config: &VaeConfig,
    layers: usize,
    [inputs, outputs]: [usize; 2],
    device: &Device,
) -> Vec<ResnetBlock> {
    let block = |layer| ResnetConfig {
        inputs: if layer == 0 { inputs } else { outputs },
        outputs,
        time_width: None,
        norm_groups: config.norm_groups,
        norm_epsilon: NORM_EPSILON,
    };
    (0..layers).map(|layer| block(layer).init(device)).collect()
}

fn through(resnets: &[ResnetBlock], features: Tensor<4>) -> Tensor<4> {
    resnets
        .iter()
        .fold(features, |features, resnet| resnet.forward(features, None))
}

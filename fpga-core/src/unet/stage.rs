//! The stages of the UNet: one block type down, one in the middle, one up.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::config::{EncoderConfig, StageConfig, TransformerConfig};
use super::prepared::Guide;
use super::transformer::SpatialTransformer;
use crate::nn::{Downsample, KeyValue, ResnetBlock, ResnetConfig, Upsample, join_channels};

/// What every residual block and transformer of one network shares.
impl EncoderConfig {
    fn resnet(&self, inputs: usize, outputs: usize, device: &Device) -> ResnetBlock {
        ResnetConfig {
            inputs,
            outputs,
            time_width: Some(self.time_width),
            norm_groups: self.norm_groups,
            norm_epsilon: self.norm_epsilon,
        }
        .init(device)
    }

    fn transformer(
        &self,
        channels: usize,
        config: TransformerConfig,
        device: &Device,
    ) -> SpatialTransformer {
        SpatialTransformer::new(channels, self.norm_groups, config, device)
    }

    fn transformers(&self, stage: &StageConfig, device: &Device) -> Vec<SpatialTransformer> {
        let count = if stage.transformer.is_some() {
            stage.layers
        } else {
            0
        };
        let one = |config| self.transformer(stage.channels, config, device);
        stage
            .transformer
            .iter()
            .cycle()
            .take(count)
            .map(|&config| one(config))
            .collect()
    }
}

/// Residual blocks, each followed by a transformer if there is one; then half the size.
#[derive(Module, Debug)]
pub struct DownStage {
    resnets: Vec<ResnetBlock>,
    attentions: Vec<SpatialTransformer>,
    downsampler: Option<Downsample>,
}

impl DownStage {
    /// Keys and values of the text, in the order of use.
    pub(super) fn read_text(&self, context: &Tensor<3>) -> impl Iterator<Item = KeyValue> {
        self.attentions
            .iter()
            .flat_map(|attention| attention.read_text(context))
    }

    /// `inputs` channels come in; `halves` except in the innermost stage.
    pub(super) fn new(
        network: &EncoderConfig,
        stage: &StageConfig,
        inputs: usize,
        halves: bool,
        device: &Device,
    ) -> Self {
        let width = |layer| if layer == 0 { inputs } else { stage.channels };
        let resnet = |layer| network.resnet(width(layer), stage.channels, device);
        Self {
            resnets: (0..stage.layers).map(resnet).collect(),
            attentions: network.transformers(stage, device),
            downsampler: halves.then(|| Downsample::new(stage.channels, device)),
        }
    }

    /// Appends every output that the way up will need to `skips`.
    ///
    /// # Shapes
    /// - `hidden`: `[b, inputs, h, w]`
    /// - returns `[b, channels, ⌈h/2⌉, ⌈w/2⌉]`, or unhalved in the innermost stage
    pub(super) fn forward(
        &self,
        mut hidden: Tensor<4>,
        guide: &mut Guide<'_>,
        skips: &mut Vec<Tensor<4>>,
    ) -> Tensor<4> {
        for (layer, resnet) in self.resnets.iter().enumerate() {
            hidden = resnet.forward(hidden, Some(&guide.time));
            if let Some(attention) = self.attentions.get(layer) {
                hidden = attention.forward(hidden, guide);
            }
            skips.push(hidden.clone());
        }
        if let Some(downsampler) = &self.downsampler {
            hidden = downsampler.forward(hidden);
            skips.push(hidden.clone());
        }
        hidden
    }
}

/// Residual block, transformer, residual block at the smallest size.
#[derive(Module, Debug)]
pub struct MidStage {
    resnets: Vec<ResnetBlock>,
    attentions: Vec<SpatialTransformer>,
}

impl MidStage {
    /// Keys and values of the text, in the order of use.
    pub(super) fn read_text(&self, context: &Tensor<3>) -> impl Iterator<Item = KeyValue> {
        self.attentions
            .iter()
            .flat_map(|attention| attention.read_text(context))
    }

    pub(super) fn new(
        network: &EncoderConfig,
        channels: usize,
        config: TransformerConfig,
        device: &Device,
    ) -> Self {
        let resnet = || network.resnet(channels, channels, device);
        Self {
            resnets: vec![resnet(), resnet()],
            attentions: vec![network.transformer(channels, config, device)],
        }
    }

    /// # Shapes
    /// - `hidden` and result: `[b, channels, h, w]`
    pub(super) fn forward(&self, hidden: Tensor<4>, guide: &mut Guide<'_>) -> Tensor<4> {
        let hidden = self.resnets[0].forward(hidden, Some(&guide.time));
        let hidden = self.attentions[0].forward(hidden, guide);
        self.resnets[1].forward(hidden, Some(&guide.time))
    }
}

/// Residual blocks over input and skip together, each followed by a transformer if there is one;
/// then twice the size.
#[derive(Module, Debug)]
pub struct UpStage {
    resnets: Vec<ResnetBlock>,
    attentions: Vec<SpatialTransformer>,
    upsampler: Option<Upsample>,
}

impl UpStage {
    /// Keys and values of the text, in the order of use.
    pub(super) fn read_text(&self, context: &Tensor<3>) -> impl Iterator<Item = KeyValue> {
        self.attentions
            .iter()
            .flat_map(|attention| attention.read_text(context))
    }

    /// `inputs` channels come from below; `skips` are the channels of the skips, in order of use.
    pub(super) fn new(
        network: &EncoderConfig,
        stage: &StageConfig,
        inputs: usize,
        skips: &[usize],
        doubles: bool,
        device: &Device,
    ) -> Self {
        let width = |layer| if layer == 0 { inputs } else { stage.channels };
        let layers = skips.iter().enumerate();
        let resnet = |(layer, skip)| network.resnet(width(layer) + skip, stage.channels, device);
        Self {
            resnets: layers.map(resnet).collect(),
            attentions: network.transformers(stage, device),
            upsampler: doubles.then(|| Upsample::new(stage.channels, device)),
        }
    }

    /// Takes its skips from the end of `skips`.
    ///
    /// # Shapes
    /// - `hidden`: `[b, inputs, h, w]`
    /// - returns `[b, channels, h′, w′]`, the size of the next stage's skips
    pub(super) fn forward(
        &self,
        mut hidden: Tensor<4>,
        guide: &mut Guide<'_>,
        skips: &mut Vec<Tensor<4>>,
    ) -> Tensor<4> {
        for (layer, resnet) in self.resnets.iter().enumerate() {
            let skip = skips
                .pop()
                .expect("the config has one skip per layer on the way up");
            hidden = resnet.forward(join_channels(hidden, skip), Some(&guide.time));
            if let Some(attention) = self.attentions.get(layer) {
                hidden = attention.forward(hidden, guide);
            }
        }
        match (&self.upsampler, skips.last()) {
            // Where an odd size was halved, doubling would overshoot the skip it has to meet.
            (Some(upsampler), Some(next)) => {
                let [_, _, height, width] = next.dims();
                upsampler.forward_to(hidden, [height, width])
            }
            _ => hidden,
        }
    }
}

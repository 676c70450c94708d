//! The half of the UNet that a ControlNet copies: time embedding, way down, middle.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::conditioning::{AddedConditioning, Conditioning};
use super::config::{EncoderConfig, StageConfig};
use super::prepared::{Guide, PreparedConditioning};
use super::stage::{DownStage, MidStage};
use crate::nn::{
    Conv2d, Precision, SinusoidalEmbedding, TimestepEmbedding, Window, add, cast_to, silu,
};

/// Outputs of the way down, the newest last.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// One per skip connection, in the order in which they were made.
    pub skips: Vec<Tensor<4>>,
    /// What the middle stage makes of the last one: `[b, channels, h, w]`.
    pub hidden: Tensor<4>,
}

/// Time embedding, way down and middle.
#[derive(Module, Debug)]
pub struct UNetEncoder {
    conv_in: Conv2d,
    time_embedding: TimestepEmbedding,
    add_embedding: Option<TimestepEmbedding>,
    down_blocks: Vec<DownStage>,
    mid_block: Option<MidStage>,
    #[module(skip)]
    timestep: SinusoidalEmbedding,
    #[module(skip)]
    size: Option<SinusoidalEmbedding>,
    #[module(skip)]
    precision: Precision,
}

impl EncoderConfig {
    /// Zero until weights are loaded.
    pub fn init(&self, device: &Device) -> UNetEncoder {
        let first = self.stages[0].channels;
        let last = self.stages.len() - 1;
        let down_stage = |(index, stage): (usize, &StageConfig)| {
            let inputs = if index == 0 {
                first
            } else {
                self.stages[index - 1].channels
            };
            DownStage::new(self, stage, inputs, index != last, device)
        };
        let embed = |inputs| TimestepEmbedding::new(inputs, self.time_width, device);
        let size_of = |width| SinusoidalEmbedding {
            width,
            ..self.timestep
        };
        UNetEncoder {
            conv_in: Conv2d::new(self.in_channels, first, Window::SAME, device),
            time_embedding: embed(self.timestep.width),
            add_embedding: self.added.map(|added| embed(added.input_width)),
            down_blocks: self.stages.iter().enumerate().map(down_stage).collect(),
            mid_block: self
                .mid
                .map(|config| MidStage::new(self, self.stages[last].channels, config, device)),
            timestep: self.timestep,
            size: self.added.map(|added| size_of(added.size_width)),
            precision: Precision::F32,
        }
    }
}

impl UNetEncoder {
    /// The same encoder, with activations in this type.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// In which type activations are.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// From the outside's f32 to what is computed in.
    pub(super) fn entering<const D: usize>(&self, tensor: Tensor<D>) -> Tensor<D> {
        cast_to(tensor, self.precision.dtype())
    }

    /// Reads the text and embeds the extra vector, once per job.
    pub fn prepare(&self, conditioning: &Conditioning) -> PreparedConditioning {
        let context = &self.entering(conditioning.context.clone());
        let down = self
            .down_blocks
            .iter()
            .flat_map(|stage| stage.read_text(context));
        let mid = self
            .mid_block
            .iter()
            .flat_map(|stage| stage.read_text(context));
        let added = conditioning
            .added
            .as_ref()
            .and_then(|added| self.embed_added(added));
        PreparedConditioning {
            text: down.chain(mid).collect(),
            added,
            hint: None,
            identities: None,
            watch: None,
        }
    }

    fn embed_added(&self, added: &AddedConditioning) -> Option<Tensor<2>> {
        let (embedding, size) = self.add_embedding.as_ref().zip(self.size)?;
        let [batch, numbers] = added.time_ids.dims();
        let sizes = size.forward(added.time_ids.clone().reshape([batch * numbers]));
        let sizes = sizes.reshape([batch, numbers * size.width]);
        Some(embedding.forward(Tensor::cat(vec![added.text_embeds.clone(), sizes], 1)))
    }

    /// The vector that every residual block receives, already through their common SiLU.
    ///
    /// # Shapes
    /// - `timesteps`: `[b]`
    /// - returns `[b, time_width]`
    pub fn embed_time(
        &self,
        timesteps: Tensor<1>,
        conditioning: &PreparedConditioning,
    ) -> Tensor<2> {
        let time = self
            .time_embedding
            .forward(self.timestep.forward(timesteps));
        self.entering(silu(match &conditioning.added {
            Some(added) => time + added.clone(),
            None => time,
        }))
    }

    /// # Shapes
    /// - `latents`: `[b, in_channels, h, w]`
    /// - `hint`: `[b, channels₀, h, w]`, an encoded condition that is added after `conv_in`
    pub(super) fn forward(
        &self,
        latents: Tensor<4>,
        hint: Option<Tensor<4>>,
        guide: &mut Guide<'_>,
    ) -> Encoded {
        let mut hidden = self.conv_in.forward(self.entering(latents));
        if let Some(hint) = hint {
            hidden = add(hidden, hint);
        }

        let mut skips = vec![hidden.clone()];
        for stage in &self.down_blocks {
            hidden = stage.forward(hidden, guide, &mut skips);
            guide.next_stage();
        }

        if let Some(mid) = &self.mid_block {
            hidden = mid.forward(hidden, guide);
        }
        guide.next_stage();
        Encoded { skips, hidden }
    }

    /// The whole encoder on its own, as a ControlNet runs it.
    ///
    /// # Shapes
    /// - `latents`: `[b, in_channels, h, w]`; `timesteps`: `[b]`; `hint`: `[b, channels₀, h, w]`
    pub fn encode(
        &self,
        latents: Tensor<4>,
        timesteps: Tensor<1>,
        hint: Tensor<4>,
        conditioning: &PreparedConditioning,
    ) -> Encoded {
        let time = self.embed_time(timesteps, conditioning);
        self.forward(latents, Some(hint), &mut Guide::new(time, conditioning))
    }
}

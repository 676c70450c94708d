//! What a UNet is made of: one [`StageConfig`] per resolution, on the way down and on the way up.
//!
//! Built from diffusers' `config.json` by [`UNetConfig::from_json`], or by hand. Names follow
//! Rombach et al. 2022; the default sizes are Stable Diffusion 1.5's.

use crate::error::{Error, Result};
use crate::nn::SinusoidalEmbedding;

/// The transformer of one stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransformerConfig {
    /// Attention heads; divides the stage's channels.
    pub heads: usize,
    /// Transformer blocks in a row.
    pub depth: usize,
    /// Width of the text tokens.
    pub context_width: usize,
    /// Whether the projections in and out are linear layers (SD 2, SDXL) or 1×1 convolutions.
    pub linear_projection: bool,
}

/// One resolution of the UNet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageConfig {
    /// Channels of every block in the stage.
    pub channels: usize,
    /// Residual blocks, each followed by a transformer if the stage has one.
    pub layers: usize,
    /// Absent where the stage only convolves.
    pub transformer: Option<TransformerConfig>,
}

/// Extra vector condition of SDXL: pooled text and picture sizes ("text_time").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddedConfig {
    /// Width of the sinusoidal embedding of each size number.
    pub size_width: usize,
    /// Width of pooled text and all size embeddings together.
    pub input_width: usize,
}

/// What ControlNet and UNet share: everything up to the middle.
#[derive(Clone, Debug, PartialEq)]
pub struct EncoderConfig {
    /// Channels of the latents (9 for inpainting models).
    pub in_channels: usize,
    /// Outermost first.
    pub stages: Vec<StageConfig>,
    /// The transformer of the middle stage; `None` leaves the middle stage out.
    pub mid: Option<TransformerConfig>,
    /// How the timestep is embedded.
    pub timestep: SinusoidalEmbedding,
    /// Width of the time embedding.
    pub time_width: usize,
    /// SDXL's extra condition.
    pub added: Option<AddedConfig>,
    /// Groups of every group norm.
    pub norm_groups: usize,
    /// Epsilon of the residual blocks' norms.
    pub norm_epsilon: f64,
}

/// A whole UNet.
#[derive(Clone, Debug, PartialEq)]
pub struct UNetConfig {
    /// Everything up to the middle.
    pub encoder: EncoderConfig,
    /// Innermost first; `layers` counts one more than on the way down.
    pub up_stages: Vec<StageConfig>,
    /// Channels of the prediction.
    pub out_channels: usize,
}

/// Sizes beyond these belong to no known model; refusing them keeps a hostile file harmless.
const MAX_CHANNELS: usize = 1 << 16;
const MAX_BLOCKS: usize = 256;

impl EncoderConfig {
    /// Checks that every size is possible.
    ///
    /// # Errors
    /// [`Error::invalid`] names the first impossible value.
    pub fn check(&self) -> Result<()> {
        require(
            !self.stages.is_empty(),
            "block_out_channels",
            "needs at least one stage",
        )?;
        require(
            self.norm_groups > 0,
            "norm_num_groups",
            "must be positive, found 0",
        )?;
        let width = self.timestep.width;
        require(
            width >= 2 && width.is_multiple_of(2),
            "block_out_channels[0]",
            "must be even",
        )?;
        require(
            in_range(self.in_channels),
            "in_channels",
            "must be from 1 to 65536",
        )?;
        require(
            in_range(self.time_width),
            "time_embedding_dim",
            "must be from 1 to 65536",
        )?;
        if let Some(added) = self.added {
            let fits = in_range(added.input_width) && in_range(added.size_width);
            require(
                fits,
                "projection_class_embeddings_input_dim",
                "must be from 1 to 65536",
            )?;
        }
        for stage in &self.stages {
            self.check_stage(stage)?;
        }
        let innermost = self.stages[self.stages.len() - 1];
        self.check_stage(&StageConfig {
            transformer: self.mid,
            ..innermost
        })
    }

    fn check_stage(&self, stage: &StageConfig) -> Result<()> {
        let &StageConfig {
            channels,
            layers,
            transformer,
        } = stage;
        if !in_range(channels) || !channels.is_multiple_of(self.norm_groups) {
            let groups = self.norm_groups;
            let why = format!("{channels} is not a positive multiple of norm_num_groups {groups}");
            return Err(Error::invalid("block_out_channels", why));
        }
        require(
            (1..=MAX_BLOCKS).contains(&layers),
            "layers_per_block",
            "must be from 1 to 256",
        )?;
        let Some(TransformerConfig {
            heads,
            depth,
            context_width,
            ..
        }) = transformer
        else {
            return Ok(());
        };
        if heads == 0 || !channels.is_multiple_of(heads) {
            let why = format!("{heads} heads do not divide {channels} channels");
            return Err(Error::invalid("attention_head_dim", why));
        }
        let deep_enough = (1..=MAX_BLOCKS).contains(&depth);
        require(
            deep_enough,
            "transformer_layers_per_block",
            "must be from 1 to 256",
        )?;
        require(
            in_range(context_width),
            "cross_attention_dim",
            "must be from 1 to 65536",
        )
    }

    /// Channels of every skip connection, in the order in which the encoder makes them.
    pub fn skip_channels(&self) -> Vec<usize> {
        let mut channels = vec![self.stages[0].channels];
        let last = self.stages.len() - 1;
        for (index, stage) in self.stages.iter().enumerate() {
            let halving = usize::from(index != last);
            channels.extend(std::iter::repeat_n(stage.channels, stage.layers + halving));
        }
        channels
    }
}

impl UNetConfig {
    /// Checks that every size is possible.
    ///
    /// # Errors
    /// [`Error::invalid`] names the first impossible value.
    pub fn check(&self) -> Result<()> {
        self.encoder.check()?;
        require(
            in_range(self.out_channels),
            "out_channels",
            "must be from 1 to 65536",
        )?;
        for stage in &self.up_stages {
            self.encoder.check_stage(stage)?;
        }
        let skips = self.encoder.skip_channels().len();
        let used: usize = self.up_stages.iter().map(|stage| stage.layers).sum();
        if used != skips {
            let why = format!("use {used} skip connections, but the way down makes {skips}");
            return Err(Error::invalid("up_block_types", why));
        }
        Ok(())
    }
}

fn in_range(size: usize) -> bool {
    (1..=MAX_CHANNELS).contains(&size)
}

fn require(holds: bool, what: &str, why: &str) -> Result<()> {
    if holds {
        Ok(())
    } else {
        Err(Error::invalid(what, why))
    }
}

//! Learned latents that read a picture's or a face's tokens: IP-Adapter-Plus, InstantID, and the part
//! encoder of ConsistentID.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use super::{FaceScale, FeatureNeeds};
use crate::nn::{Perceiver, PerceiverConfig, cast_to, zeros};

/// What a [`Resampler`] reads. The networks are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResamplerInput {
    /// CLIP's hidden states of a picture.
    Picture,
    /// A face embedding that was not scaled, as a single token (InstantID).
    Face,
}

/// Sizes of a [`Resampler`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResamplerConfig {
    /// Number of learned latents: the tokens that come out.
    pub tokens: usize,
    /// The layers.
    pub perceiver: PerceiverConfig,
    /// What it reads.
    pub input: ResamplerInput,
}

/// A perceiver with latents of its own.
#[derive(Module, Debug)]
pub struct Resampler {
    /// `[1, tokens, width]`
    pub latents: Param<Tensor<3>>,
    /// The layers; checkpoints have its fields beside `latents`.
    pub perceiver: Perceiver,
    #[module(skip)]
    config: ResamplerConfig,
}

impl ResamplerConfig {
    /// Zero until weights are loaded.
    pub fn init(&self, device: &Device) -> Resampler {
        Resampler {
            latents: zeros([1, self.tokens, self.perceiver.width], device),
            perceiver: self.perceiver.init(device),
            config: *self,
        }
    }
}

impl Resampler {
    /// The sizes that it was built with.
    pub fn config(&self) -> &ResamplerConfig {
        &self.config
    }

    /// # Shapes
    /// - `context`: `[b, t, context_width]`
    /// - returns `[b, tokens, output_width]`
    pub fn forward(&self, context: Tensor<3>) -> Tensor<3> {
        let [batch, ..] = context.dims();
        let latents = cast_to(self.latents.val(), context.dtype());
        let latents = latents.repeat_dim(0, batch);
        self.perceiver.forward(latents, context)
    }

    pub(super) fn needs(&self) -> FeatureNeeds {
        let width = self.config.perceiver.context_width;
        match self.config.input {
            ResamplerInput::Picture => FeatureNeeds {
                picture_tokens: Some(width),
                ..FeatureNeeds::default()
            },
            ResamplerInput::Face => FeatureNeeds {
                face: Some((width, FaceScale::Raw)),
                ..FeatureNeeds::default()
            },
        }
    }
}

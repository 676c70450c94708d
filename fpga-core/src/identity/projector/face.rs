//! From a face embedding to identity tokens: IP-Adapter-FaceID, and with a look at the picture
//! FaceID-Plus and ConsistentID (Huang et al. 2024), which share one network.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::nn::{LayerNorm, Linear, Perceiver, PerceiverConfig, gelu};

/// Sizes of a [`FaceProjection`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaceProjectionConfig {
    /// Width of the face embedding.
    pub input_width: usize,
    /// Width between the two layers.
    pub inner_width: usize,
    /// Number of identity tokens.
    pub tokens: usize,
    /// Width of an identity token.
    pub token_width: usize,
}

/// Two linear layers to all tokens, each normed.
#[derive(Module, Debug)]
pub struct FaceProjection {
    /// To all tokens at once.
    pub proj: FaceMlp,
    /// Of a token.
    pub norm: LayerNorm,
    #[module(skip)]
    config: FaceProjectionConfig,
}

/// Two linear layers with GELU between.
#[derive(Module, Debug)]
pub struct FaceMlp {
    /// Checkpoint: `0`.
    pub inner: Linear,
    /// Checkpoint: `2`.
    pub out: Linear,
}

/// What becomes of the face's own tokens once they have read the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Shortcut {
    /// They are replaced (FaceID-Plus, ConsistentID for SD 1.5).
    #[default]
    Off,
    /// What was read is multiplied by this number and added to them (FaceID-Plus v2, ConsistentID for
    /// SDXL; 1 as trained, more for more of the picture).
    Scaled(f64),
}

/// Sizes of a [`FacePerceiver`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FacePerceiverConfig {
    /// From the embedding to the first tokens.
    pub face: FaceProjectionConfig,
    /// What lets them read the picture.
    pub perceiver: PerceiverConfig,
}

/// A face's tokens that read the picture.
#[derive(Module, Debug)]
pub struct FacePerceiver {
    /// The fields of its [`FaceProjection`] lie beside the perceiver in checkpoints.
    pub face: FaceProjection,
    /// Reads CLIP's hidden states.
    pub perceiver_resampler: Perceiver,
    #[module(skip)]
    shortcut: Shortcut,
}

impl FaceProjectionConfig {
    /// Number and width of the tokens.
    pub fn token_shape(&self) -> [usize; 2] {
        [self.tokens, self.token_width]
    }

    /// Zero until weights are loaded.
    pub fn init(&self, device: &Device) -> FaceProjection {
        let outputs = self.tokens * self.token_width;
        FaceProjection {
            proj: FaceMlp {
                inner: Linear::new(self.input_width, self.inner_width, device),
                out: Linear::new(self.inner_width, outputs, device),
            },
            norm: LayerNorm::new(self.token_width, 1e-5, device),
            config: *self,
        }
    }
}

impl FaceProjection {
    /// The sizes that it was built with.
    pub fn config(&self) -> &FaceProjectionConfig {
        &self.config
    }

    /// # Shapes
    /// - `face`: `[b, input_width]`
    /// - returns `[b, tokens, token_width]`
    pub fn forward(&self, face: Tensor<2>) -> Tensor<3> {
        let [batch, _] = face.dims();
        let [tokens, width] = self.config.token_shape();
        let projected = self.proj.out.forward(gelu(self.proj.inner.forward(face)));
        self.norm.forward(projected.reshape([batch, tokens, width]))
    }
}

impl FacePerceiverConfig {
    /// Zero until weights are loaded; without shortcut.
    pub fn init(&self, device: &Device) -> FacePerceiver {
        FacePerceiver {
            face: self.face.init(device),
            perceiver_resampler: self.perceiver.init(device),
            shortcut: Shortcut::default(),
        }
    }
}

impl FacePerceiver {
    /// The sizes that it was built with.
    pub fn config(&self) -> FacePerceiverConfig {
        FacePerceiverConfig {
            face: self.face.config,
            perceiver: self.perceiver_resampler.config(),
        }
    }

    /// The file does not say which way it was trained.
    #[must_use]
    pub fn with_shortcut(self, shortcut: Shortcut) -> Self {
        Self { shortcut, ..self }
    }

    /// # Shapes
    /// - `face`: `[b, input_width]`; `picture`: `[b, t, context_width]`
    /// - returns `[b, tokens, token_width]`
    pub fn forward(&self, face: Tensor<2>, picture: Tensor<3>) -> Tensor<3> {
        let face = self.face.forward(face);
        let read = self.perceiver_resampler.forward(face.clone(), picture);
        match self.shortcut {
            Shortcut::Off => read,
            Shortcut::Scaled(scale) => face + read * scale,
        }
    }
}

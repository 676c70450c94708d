//! The transformer that CLIP's text and vision towers share (Radford et al. 2021, section 2.4).
//!
//! A layer is `x ← x + attn(norm₁(x))`, then `x ← x + W₂ act(W₁ norm₂(x))`. The text tower looks
//! backwards only, the vision tower everywhere. Letters: `b` batch, `n` tokens.
//!
//! Hidden state 0 is the input of the first layer and hidden state `i` the output of layer `i`,
//! all before the tower's closing norm, so that "the last but one" means what it means in
//! published checkpoints.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::activation::{gelu, quick_gelu};
use super::attention::{Reach, attend};
use super::fields::Fields;
use super::linear::Linear;
use super::norm::LayerNorm;
use crate::error::Result;

/// What bends the inner layer of the feed-forward part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClipActivation {
    /// `x Φ(x)`, exact.
    Gelu,
    /// `x σ(1.702 x)`, which OpenAI's checkpoints were trained with.
    QuickGelu,
}

/// Sizes of a [`ClipEncoder`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClipEncoderConfig {
    /// Width of a token.
    pub width: usize,
    /// Width inside the feed-forward part.
    pub inner_width: usize,
    /// Number of heads; divides `width`.
    pub heads: usize,
    /// Number of layers.
    pub layers: usize,
    /// Epsilon of all norms.
    pub norm_epsilon: f64,
    /// Of the feed-forward part.
    pub activation: ClipActivation,
    /// Backwards only for text, everywhere for pictures.
    pub reach: Reach,
}

/// The layers, without the norms around them.
#[derive(Module, Debug)]
pub struct ClipEncoder {
    /// Equal in size.
    pub layers: Vec<ClipLayer>,
}

/// Attention, then feed-forward, each with its norm and its shortcut.
#[derive(Module, Debug)]
pub struct ClipLayer {
    /// Opens the attention.
    pub layer_norm1: LayerNorm,
    /// Mixes the tokens.
    pub self_attn: ClipAttention,
    /// Opens the feed-forward part.
    pub layer_norm2: LayerNorm,
    /// Changes each token by itself.
    pub mlp: ClipFeedForward,
}

/// Self-attention in CLIP's spelling; all four projections have biases.
#[derive(Module, Debug)]
pub struct ClipAttention {
    /// `[width, width]`
    pub q_proj: Linear,
    /// `[width, width]`
    pub k_proj: Linear,
    /// `[width, width]`
    pub v_proj: Linear,
    /// `[width, width]`
    pub out_proj: Linear,
    #[module(skip)]
    heads: usize,
    #[module(skip)]
    reach: Reach,
}

/// Two linear layers with the activation between.
#[derive(Module, Debug)]
pub struct ClipFeedForward {
    /// `[inner_width, width]`
    pub fc1: Linear,
    /// `[width, inner_width]`
    pub fc2: Linear,
    #[module(skip)]
    activation: ClipActivation,
}

impl ClipActivation {
    /// As `hidden_act` names them; the first is the default.
    pub(crate) const NAMES: [(&'static str, Self); 2] =
        [("quick_gelu", Self::QuickGelu), ("gelu", Self::Gelu)];
}

impl ClipEncoderConfig {
    /// What a single number cannot show: the heads must divide the width.
    pub(crate) fn check(&self, fields: Fields<'_>) -> Result<()> {
        let &Self { width, heads, .. } = self;
        if !width.is_multiple_of(heads) {
            let why = format!("{heads} heads do not divide the width {width}");
            return Err(fields.invalid("num_attention_heads", why));
        }
        if self.norm_epsilon <= 0.0 {
            let why = format!("must be positive, found {}", self.norm_epsilon);
            return Err(fields.invalid("layer_norm_eps", why));
        }
        Ok(())
    }

    /// Zero until weights are loaded.
    pub fn init(&self, device: &Device) -> ClipEncoder {
        ClipEncoder {
            layers: (0..self.layers).map(|_| self.init_layer(device)).collect(),
        }
    }

    fn init_layer(&self, device: &Device) -> ClipLayer {
        let &Self {
            width, inner_width, ..
        } = self;
        ClipLayer {
            layer_norm1: LayerNorm::new(width, self.norm_epsilon, device),
            self_attn: ClipAttention {
                q_proj: Linear::new(width, width, device),
                k_proj: Linear::new(width, width, device),
                v_proj: Linear::new(width, width, device),
                out_proj: Linear::new(width, width, device),
                heads: self.heads,
                reach: self.reach,
            },
            layer_norm2: LayerNorm::new(width, self.norm_epsilon, device),
            mlp: ClipFeedForward {
                fc1: Linear::new(width, inner_width, device),
                fc2: Linear::new(inner_width, width, device),
                activation: self.activation,
            },
        }
    }
}

impl ClipEncoder {
    /// All hidden states: the input, then the output of every layer.
    ///
    /// # Shapes
    /// - `tokens`: `[b, n, width]`
    /// - returns one more `[b, n, width]` than there are layers
    pub fn forward(&self, tokens: Tensor<3>) -> Vec<Tensor<3>> {
        let mut states = Vec::with_capacity(self.layers.len() + 1);
        let mut state = tokens;
        for layer in &self.layers {
            let next = layer.forward(state.clone());
            states.push(std::mem::replace(&mut state, next));
        }
        states.push(state);
        states
    }
}

impl ClipLayer {
    /// # Shapes
    /// - `tokens` and result: `[b, n, width]`
    pub fn forward(&self, tokens: Tensor<3>) -> Tensor<3> {
        let normed = self.layer_norm1.forward(tokens.clone());
        let tokens = self.self_attn.forward_added(normed, tokens);
        let normed = self.layer_norm2.forward(tokens.clone());
        self.mlp.forward_added(normed, tokens)
    }
}

impl ClipAttention {
    /// What the tokens find in each other, added to `residual`.
    ///
    /// # Shapes
    /// - `tokens`, `residual` and result: `[b, n, width]`
    pub fn forward_added(&self, tokens: Tensor<3>, residual: Tensor<3>) -> Tensor<3> {
        let query = self.q_proj.forward(tokens.clone());
        let key = self.k_proj.forward(tokens.clone());
        let value = self.v_proj.forward(tokens);
        let found = attend(query, key, value, self.heads, self.reach);
        self.out_proj.forward_added(found, residual)
    }
}

impl ClipFeedForward {
    /// The layer's result added to `residual`.
    ///
    /// # Shapes
    /// - `tokens`, `residual` and result: `[b, n, width]`
    pub fn forward_added(&self, tokens: Tensor<3>, residual: Tensor<3>) -> Tensor<3> {
        let inner = self.fc1.forward(tokens);
        let inner = match self.activation {
            ClipActivation::Gelu => gelu(inner),
            ClipActivation::QuickGelu => quick_gelu(inner),
        };
        self.fc2.forward_added(inner, residual)
    }
}

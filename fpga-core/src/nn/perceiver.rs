//! A few latent tokens that read many (Jaegle et al. 2021; as a resampler: Alayrac et al. 2022, section 2.2).
//!
//! A layer is `l ← l + attn(l, [x ‖ l])`, then `l ← l + W₂ gelu(W₁ norm(l))`: latents `l` look at the
//! tokens `x` and at themselves. Letters: `b` batch, `n` tokens that are read, `q` latents.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::activation::gelu;
use super::attention::{Reach, attend};
use super::linear::Linear;
use super::norm::LayerNorm;

/// Epsilon of all norms.
const NORM_EPSILON: f64 = 1e-5;

/// Sizes of a [`Perceiver`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerceiverConfig {
    /// Width of the tokens that are read.
    pub context_width: usize,
    /// Width of the latents.
    pub width: usize,
    /// Width of queries, keys and values together.
    pub attention_width: usize,
    /// Number of heads; divides `attention_width`.
    pub heads: usize,
    /// Width inside the feed-forward part.
    pub inner_width: usize,
    /// Number of layers.
    pub layers: usize,
    /// Width of the result.
    pub output_width: usize,
}

/// Latents through all layers, with projections at both ends and a norm at the last.
#[derive(Module, Debug)]
pub struct Perceiver {
    /// `[width, context_width]`
    pub proj_in: Linear,
    /// Equal in size.
    pub layers: Vec<PerceiverLayer>,
    /// `[output_width, width]`
    pub proj_out: Linear,
    /// Of the result.
    pub norm_out: LayerNorm,
    #[module(skip)]
    config: PerceiverConfig,
}

/// Attention, then feed-forward.
#[derive(Module, Debug)]
pub struct PerceiverLayer {
    /// Checkpoint: `0`.
    pub attention: PerceiverAttention,
    /// Checkpoint: `1`.
    pub feed_forward: PerceiverFeedForward,
}

/// Attention of latents to tokens and latents; no projection has a bias.
#[derive(Module, Debug)]
pub struct PerceiverAttention {
    /// Of the tokens.
    pub norm1: LayerNorm,
    /// Of the latents.
    pub norm2: LayerNorm,
    /// `[attention_width, width]`
    pub to_q: Linear,
    /// Keys, then values: `[2·attention_width, width]`
    pub to_kv: Linear,
    /// `[width, attention_width]`
    pub to_out: Linear,
    #[module(skip)]
    heads: usize,
}

/// Norm and two linear layers without biases.
#[derive(Module, Debug)]
pub struct PerceiverFeedForward {
    /// Checkpoint: `0`.
    pub norm: LayerNorm,
    /// `[inner_width, width]`. Checkpoint: `1`.
    pub inner: Linear,
    /// `[width, inner_width]`. Checkpoint: `3`.
    pub out: Linear,
}

impl PerceiverConfig {
    /// Zero until weights are loaded.
    pub fn init(&self, device: &Device) -> Perceiver {
        Perceiver {
            proj_in: Linear::new(self.context_width, self.width, device),
            layers: (0..self.layers).map(|_| self.init_layer(device)).collect(),
            proj_out: Linear::new(self.width, self.output_width, device),
            norm_out: LayerNorm::new(self.output_width, NORM_EPSILON, device),
            config: *self,
        }
    }

    fn init_layer(&self, device: &Device) -> PerceiverLayer {
        let &Self {
            width,
            attention_width,
            inner_width,
            heads,
            ..
        } = self;
        let norm = || LayerNorm::new(width, NORM_EPSILON, device);
        let linear = |inputs, outputs| Linear::without_bias(inputs, outputs, device);
        PerceiverLayer {
            attention: PerceiverAttention {
                norm1: norm(),
                norm2: norm(),
                to_q: linear(width, attention_width),
                to_kv: linear(width, 2 * attention_width),
                to_out: linear(attention_width, width),
                heads,
            },
            feed_forward: PerceiverFeedForward {
                norm: norm(),
                inner: linear(width, inner_width),
                out: linear(inner_width, width),
            },
        }
    }
}

impl Perceiver {
    /// # Shapes
    /// - `latents`: `[b, q, width]`; `context`: `[b, n, context_width]`
    /// - returns `[b, q, output_width]`
    pub fn forward(&self, latents: Tensor<3>, context: Tensor<3>) -> Tensor<3> {
        let context = self.proj_in.forward(context);
        let latents = self
            .layers
            .iter()
            .fold(latents, |latents, layer| layer.forward(latents, &context));
        self.norm_out.forward(self.proj_out.forward(latents))
    }

    /// The sizes that it was built with.
    pub fn config(&self) -> PerceiverConfig {
        self.config
    }
}

impl PerceiverLayer {
    /// # Shapes
    /// - `latents` and result: `[b, q, width]`; `context`: `[b, n, width]`
    pub fn forward(&self, latents: Tensor<3>, context: &Tensor<3>) -> Tensor<3> {
        let latents = self.attention.forward_added(latents, context);
        self.feed_forward.forward_added(latents)
    }
}

impl PerceiverAttention {
    /// What the latents find, added to them.
    ///
    /// # Shapes
    /// - `latents` and result: `[b, q, width]`; `context`: `[b, n, width]`
    pub fn forward_added(&self, latents: Tensor<3>, context: &Tensor<3>) -> Tensor<3> {
        let context = self.norm1.forward(context.clone());
        let normed = self.norm2.forward(latents.clone());
        let query = self.to_q.forward(normed.clone());
        let both = self.to_kv.forward(Tensor::cat(vec![context, normed], 1));
        let [key, value] = both
            .chunk(2, 2)
            .try_into()
            .expect("2·attention_width halves evenly");
        let found = attend(query, key, value, self.heads, Reach::Full);
        self.to_out.forward_added(found, latents)
    }
}

impl PerceiverFeedForward {
    /// The layer's result added to `tokens`.
    ///
    /// # Shapes
    /// - `tokens` and result: `[b, q, width]`
    pub fn forward_added(&self, tokens: Tensor<3>) -> Tensor<3> {
        let inner = self.inner.forward(self.norm.forward(tokens.clone()));
        self.out.forward_added(gelu(inner), tokens)
    }
}

//! Attention over the pixels of a feature map and over the text.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::config::TransformerConfig;
use super::prepared::Guide;
use super::watch::AttentionSite;
use crate::nn::{
    Added, Attention, AttentionConfig, Conv2d, GegluFeedForward, GroupNorm, KeyValue, LayerNorm,
};
use crate::nn::{Linear, Window, to_map, to_tokens};

/// Self-attention, attention to the text, feed-forward; each added to its input.
#[derive(Module, Debug)]
pub struct TransformerBlock {
    norm1: LayerNorm,
    attn1: Attention,
    norm2: LayerNorm,
    attn2: Attention,
    norm3: LayerNorm,
    ff: GegluFeedForward,
}

impl TransformerBlock {
    fn new(width: usize, config: TransformerConfig, device: &Device) -> Self {
        let attention = |context_width| {
            let (query_width, heads) = (width, config.heads);
            AttentionConfig {
                query_width,
                context_width,
                heads,
                input_bias: false,
            }
            .init(device)
        };
        let norm = || LayerNorm::new(width, 1e-5, device);
        Self {
            norm1: norm(),
            attn1: attention(width),
            norm2: norm(),
            attn2: attention(config.context_width),
            norm3: norm(),
            ff: GegluFeedForward::new(width, device),
        }
    }

    /// # Shapes
    /// - `tokens` and result: `[b, h·w, width]`
    /// - `grid`: `[h, w]`
    pub(super) fn forward(
        &self,
        tokens: Tensor<3>,
        grid: [usize; 2],
        guide: &mut Guide<'_>,
    ) -> Tensor<3> {
        let normed = self.norm1.forward(tokens.clone());
        let pixels = self.attn1.key_value(normed.clone());
        if let Some(watcher) = guide.watcher(AttentionSite::Pixels, grid) {
            let query = self.attn1.query(normed.clone());
            watcher.see(&self.attn1, query, pixels.key.clone());
        }
        let tokens = self.attn1.forward_added(normed, pixels, tokens);
        let normed = self.norm2.forward(tokens.clone());
        let tokens = guide
            .next_context(grid)
            .found_by(&self.attn2, normed, tokens);
        let normed = self.norm3.forward(tokens.clone());
        self.ff.forward_added(normed, tokens)
    }
}

/// The projection into and out of the transformer: the same numbers in two layouts.
#[derive(Module, Debug)]
enum Projection {
    Linear(Linear),
    Conv(Conv2d),
}

impl Projection {
    fn new(channels: usize, config: TransformerConfig, device: &Device) -> Self {
        match config.linear_projection {
            true => Self::Linear(Linear::new(channels, channels, device)),
            false => Self::Conv(Conv2d::new(channels, channels, Window::POINT, device)),
        }
    }

    /// Into the transformer.
    fn enter(&self, map: Tensor<4>) -> Tensor<3> {
        match self {
            Self::Linear(linear) => linear.forward(to_tokens(map)),
            Self::Conv(conv) => to_tokens(conv.forward(map)),
        }
    }

    /// Out of the transformer, added to `residual`.
    fn leave_onto(&self, tokens: Tensor<3>, residual: Tensor<4>) -> Tensor<4> {
        let [_, _, height, width] = residual.dims();
        let grid = [height, width];
        match self {
            Self::Linear(linear) => to_map(linear.forward_added(tokens, to_tokens(residual)), grid),
            Self::Conv(conv) => {
                let added = Added {
                    shift: None,
                    residual: Some(residual),
                };
                conv.forward_added(to_map(tokens, grid), added)
            }
        }
    }
}

/// A feature map through transformer blocks, added to itself.
#[derive(Module, Debug)]
pub struct SpatialTransformer {
    norm: GroupNorm,
    proj_in: Projection,
    transformer_blocks: Vec<TransformerBlock>,
    proj_out: Projection,
}

impl SpatialTransformer {
    /// Zero until weights are loaded.
    pub fn new(
        channels: usize,
        norm_groups: usize,
        config: TransformerConfig,
        device: &Device,
    ) -> Self {
        let block = |_| TransformerBlock::new(channels, config, device);
        Self {
            norm: GroupNorm::new(norm_groups, channels, 1e-6, device),
            proj_in: Projection::new(channels, config, device),
            transformer_blocks: (0..config.depth).map(block).collect(),
            proj_out: Projection::new(channels, config, device),
        }
    }

    /// # Shapes
    /// - `input` and result: `[b, channels, h, w]`
    pub(super) fn forward(&self, input: Tensor<4>, guide: &mut Guide<'_>) -> Tensor<4> {
        let [_, _, height, width] = input.dims();
        let tokens = self.proj_in.enter(self.norm.forward(input.clone()));
        let blocks = self.transformer_blocks.iter();
        let tokens = blocks.fold(tokens, |tokens, block| {
            block.forward(tokens, [height, width], guide)
        });
        self.proj_out.leave_onto(tokens, input)
    }

    /// Keys and values of the text, one per block, in the order of use.
    ///
    /// # Shapes
    /// - `context`: `[b, n, context_width]`
    pub(super) fn read_text(&self, context: &Tensor<3>) -> impl Iterator<Item = KeyValue> {
        self.transformer_blocks
            .iter()
            .map(|block| block.attn2.key_value(context.clone()))
    }
}

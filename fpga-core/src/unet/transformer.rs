//! Attention over the pixels of a feature map and over the text.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::config::TransformerConfig;
use crate::nn::{Attention, AttentionConfig, Conv2d, GegluFeedForward, GroupNorm, LayerNorm};
use crate::nn::{Linear, Window};

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
    /// - `tokens` and result: `[b, h·w, width]`; `context`: `[b, n, context_width]`
    pub fn forward(&self, tokens: Tensor<3>, context: &Tensor<3>) -> Tensor<3> {
        let normed = self.norm1.forward(tokens.clone());
        let tokens = tokens + self.attn1.forward(normed.clone(), normed);
        let normed = self.norm2.forward(tokens.clone());
        let tokens = tokens + self.attn2.forward(normed, context.clone());
        let normed = self.norm3.forward(tokens.clone());
        tokens + self.ff.forward(normed)
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

    fn forward(&self, tokens: Tensor<3>, [height, width]: [usize; 2]) -> Tensor<3> {
        match self {
            Self::Linear(linear) => linear.forward(tokens),
            Self::Conv(conv) => to_tokens(conv.forward(to_map(tokens, [height, width]))),
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
    /// - `input` and result: `[b, channels, h, w]`; `context`: `[b, n, context_width]`
    pub fn forward(&self, input: Tensor<4>, context: &Tensor<3>) -> Tensor<4> {
        let [_, _, height, width] = input.dims();
        let grid = [height, width];

        let tokens = self
            .proj_in
            .forward(to_tokens(self.norm.forward(input.clone())), grid);
        let tokens = self
            .transformer_blocks
            .iter()
            .fold(tokens, |tokens, block| block.forward(tokens, context));
        input + to_map(self.proj_out.forward(tokens, grid), grid)
    }
}

/// `[b, c, h, w] → [b, h·w, c]`
fn to_tokens(map: Tensor<4>) -> Tensor<3> {
    map.flatten::<3>(2, 3).swap_dims(1, 2)
}

/// `[b, h·w, c] → [b, c, h, w]`
fn to_map(tokens: Tensor<3>, [height, width]: [usize; 2]) -> Tensor<4> {
    let [batch, _, channels] = tokens.dims();
    tokens
        .swap_dims(1, 2)
        .reshape([batch, channels, height, width])
}

//! DINO's vision transformers (Caron et al. 2021): ViT-S/16, ViT-B/16 and the like.
//!
//! `[b, 3, h, w]` pixels become one class token and a token per patch; a layer is
//! `x ← x + attn(norm₁(x))`, `x ← x + mlp(norm₂(x))`. The class token after the last norm describes the
//! picture. Letters: `b` batch, `n` tokens.

mod load;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use image::RgbImage;

pub use load::dino_from_file;

use super::resize::{middle_square, normalised};
use crate::error::Result;
use crate::nn::{Conv2d, LayerNorm, Linear, Reach, Window, attend, gelu, read_values, to_tokens};

/// Of all norms.
const EPSILON: f64 = 1e-6;
/// Of ImageNet's pictures.
const MEANS: [f32; 3] = [0.485, 0.456, 0.406];
const DEVIATIONS: [f32; 3] = [0.229, 0.224, 0.225];

/// Sizes of a [`Dino`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DinoConfig {
    /// Width of a token.
    pub width: usize,
    /// Width inside the feed-forward part.
    pub inner_width: usize,
    /// Number of heads; divides `width`.
    pub heads: usize,
    /// Number of layers.
    pub layers: usize,
    /// Side of a patch in pixels.
    pub patch: usize,
    /// Patches along one side of the square picture.
    pub grid: usize,
}

/// The network.
#[derive(Module, Debug)]
pub struct Dino {
    /// `[1, 1, width]`
    pub cls_token: Param<Tensor<3>>,
    /// `[1, 1 + patches, width]`: of the class token, then of the patches row by row.
    pub pos_embed: Param<Tensor<3>>,
    /// From pixels to tokens.
    pub patch_embed: DinoPatches,
    /// Equal in size.
    pub blocks: Vec<DinoBlock>,
    /// After the last layer.
    pub norm: LayerNorm,
    #[module(skip)]
    config: DinoConfig,
}

/// One patch to one token.
#[derive(Module, Debug)]
pub struct DinoPatches {
    /// As large as its stride.
    pub proj: Conv2d,
}

/// A layer.
#[derive(Module, Debug)]
pub struct DinoBlock {
    /// Opens the attention.
    pub norm1: LayerNorm,
    /// Mixes the tokens.
    pub attn: DinoAttention,
    /// Opens the feed-forward part.
    pub norm2: LayerNorm,
    /// Changes each token by itself.
    pub mlp: DinoFeedForward,
}

/// Self-attention.
#[derive(Module, Debug)]
pub struct DinoAttention {
    /// `[width, width]`
    pub query: Linear,
    /// `[width, width]`
    pub key: Linear,
    /// `[width, width]`
    pub value: Linear,
    /// `[width, width]`
    pub proj: Linear,
    #[module(skip)]
    heads: usize,
}

/// Two linear layers with a GELU between.
#[derive(Module, Debug)]
pub struct DinoFeedForward {
    /// `[inner_width, width]`
    pub fc1: Linear,
    /// `[width, inner_width]`
    pub fc2: Linear,
}

impl DinoConfig {
    /// Zero until weights are loaded.
    pub fn init(&self, device: &Device) -> Dino {
        let &Self {
            width, patch, grid, ..
        } = self;
        let window = Window {
            kernel: patch,
            stride: patch,
            padding: [0, 0],
        };
        let tokens = |count: usize| Param::from_tensor(Tensor::zeros([1, count, width], device));
        Dino {
            cls_token: tokens(1),
            pos_embed: tokens(1 + grid * grid),
            patch_embed: DinoPatches {
                proj: Conv2d::new(3, width, window, device),
            },
            blocks: (0..self.layers).map(|_| self.init_block(device)).collect(),
            norm: LayerNorm::new(width, EPSILON, device),
            config: self.clone(),
        }
    }

    fn init_block(&self, device: &Device) -> DinoBlock {
        let &Self {
            width,
            inner_width,
            heads,
            ..
        } = self;
        let square = || Linear::new(width, width, device);
        DinoBlock {
            norm1: LayerNorm::new(width, EPSILON, device),
            attn: DinoAttention {
                query: square(),
                key: square(),
                value: square(),
                proj: square(),
                heads,
            },
            norm2: LayerNorm::new(width, EPSILON, device),
            mlp: DinoFeedForward {
                fc1: Linear::new(width, inner_width, device),
                fc2: Linear::new(inner_width, width, device),
            },
        }
    }
}

impl Dino {
    /// The sizes that it was built with.
    pub fn config(&self) -> &DinoConfig {
        &self.config
    }

    /// # Shapes
    /// - `pixels`: `[b, 3, side, side]` with `side` = grid · patch, from [`dino_pixels`]
    /// - returns `[b, width]`
    pub fn forward(&self, pixels: Tensor<4>) -> Tensor<2> {
        let patches = to_tokens(self.patch_embed.proj.forward(pixels));
        let [batch, _, width] = patches.dims();
        let class = self.cls_token.val().expand([batch, 1, width]);
        let tokens = Tensor::cat(vec![class, patches], 1) + self.pos_embed.val();
        let tokens = self
            .blocks
            .iter()
            .fold(tokens, |tokens, block| block.forward(tokens));
        self.norm
            .forward(tokens.narrow(1, 0, 1))
            .reshape([batch, width])
    }

    /// The vector of one picture.
    ///
    /// # Errors
    /// What [`dino_pixels`] refuses, or values that cannot be read back.
    pub fn describe(&self, picture: &RgbImage, device: &Device) -> Result<Vec<f32>> {
        read_values(self.forward(dino_pixels(picture, &self.config, device)?))
    }
}

impl DinoBlock {
    /// # Shapes
    /// - `tokens` and result: `[b, n, width]`
    pub fn forward(&self, tokens: Tensor<3>) -> Tensor<3> {
        let tokens = self
            .attn
            .forward_added(self.norm1.forward(tokens.clone()), tokens);
        let inner = gelu(self.mlp.fc1.forward(self.norm2.forward(tokens.clone())));
        self.mlp.fc2.forward_added(inner, tokens)
    }
}

impl DinoAttention {
    /// What the tokens find in each other, added to `residual`.
    ///
    /// # Shapes
    /// - all `[b, n, width]`
    pub fn forward_added(&self, tokens: Tensor<3>, residual: Tensor<3>) -> Tensor<3> {
        let [query, key] = [&self.query, &self.key].map(|layer| layer.forward(tokens.clone()));
        let found = attend(
            query,
            key,
            self.value.forward(tokens),
            self.heads,
            Reach::Full,
        );
        self.proj.forward_added(found, residual)
    }
}

/// The middle of a picture at the network's size: the shorter side becomes 8/7 of it (bicubic), then
/// the middle is cut out, as it is usual for this measure.
///
/// # Shapes
/// - returns `[1, 3, side, side]`
///
/// # Errors
/// An empty picture, or one whose sides differ by more than 64 times.
pub fn dino_pixels(picture: &RgbImage, config: &DinoConfig, device: &Device) -> Result<Tensor<4>> {
    let side = (config.grid * config.patch) as u32;
    let square = middle_square(picture, side * 8 / 7, side)?;
    Ok(normalised(&square, MEANS, DEVIATIONS, device))
}

#[cfg(test)]
mod tests;

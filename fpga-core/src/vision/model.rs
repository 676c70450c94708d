//! The vision half of CLIP (Radford et al. 2021, section 2.4; Dosovitskiy et al. 2020), in the
//! layout of transformers.
//!
//! `[b, 3, side, side]` pixels become `[b, 1 + patches, width]` hidden states; token 0 is the
//! class token, the patches follow row by row.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use super::config::ClipVisionConfig;
use crate::nn::{
    ClipEncoder, Conv2d, Embedding, LayerNorm, Linear, Window, cast_to, to_tokens, zeros,
};

/// Vision model, with a projection where the checkpoint has one.
#[derive(Module, Debug)]
pub struct ClipVision {
    /// All but the projection.
    pub vision_model: ClipVisionTower,
    /// Class token to the space that text and pictures share; no bias.
    pub visual_projection: Option<Linear>,
    #[module(skip)]
    config: ClipVisionConfig,
}

/// Embeddings, layers and the norms around them.
#[derive(Module, Debug)]
pub struct ClipVisionTower {
    /// Of patches and positions.
    pub embeddings: VisionEmbeddings,
    /// Before the first layer; the checkpoints spell it so.
    pub pre_layrnorm: LayerNorm,
    /// Every token sees every token.
    pub encoder: ClipEncoder,
    /// Of the class token only.
    pub post_layernorm: LayerNorm,
}

/// A class token and one token per patch, each plus the vector of its position.
#[derive(Module, Debug)]
pub struct VisionEmbeddings {
    /// `[width]`
    pub class_embedding: Param<Tensor<1>>,
    /// One patch to one token; no bias.
    pub patch_embedding: Conv2d,
    /// `[1 + patches, width]`
    pub position_embedding: Embedding,
}

/// What the model makes of a picture.
#[derive(Clone, Debug)]
pub struct VisionOutput {
    /// `[b, 1 + patches, width]`: the last hidden state; no norm closes it.
    pub last_hidden_state: Tensor<3>,
    /// `[b, 1 + patches, width]` each: the normed embeddings, then the output of every layer.
    pub hidden_states: Vec<Tensor<3>>,
    /// `[b, width]`: the class token after its norm.
    pub pooler_output: Tensor<2>,
    /// `[b, projection_width]`, where the model has a projection.
    pub image_embeds: Option<Tensor<2>>,
}

impl ClipVisionConfig {
    /// Zero until weights are loaded.
    pub fn init(&self, device: &Device) -> ClipVision {
        let width = self.encoder.width;
        let norm = || LayerNorm::new(width, self.encoder.norm_epsilon, device);
        let patch = Window {
            kernel: self.patch_size,
            stride: self.patch_size,
            padding: [0, 0],
        };
        ClipVision {
            vision_model: ClipVisionTower {
                embeddings: VisionEmbeddings {
                    class_embedding: zeros([width], device),
                    patch_embedding: Conv2d::without_bias(self.channels, width, patch, device),
                    position_embedding: Embedding::new(1 + self.grid().pow(2), width, device),
                },
                pre_layrnorm: norm(),
                encoder: self.encoder.init(device),
                post_layernorm: norm(),
            },
            visual_projection: self
                .projection_width
                .map(|outputs| Linear::without_bias(width, outputs, device)),
            config: self.clone(),
        }
    }
}

impl ClipVision {
    /// The sizes that it was built with.
    pub fn config(&self) -> &ClipVisionConfig {
        &self.config
    }

    /// # Shapes
    /// - `pixels`: `[b, 3, side, side]`, normalised as [`preprocess`](super::preprocess) does it
    pub fn forward(&self, pixels: Tensor<4>) -> VisionOutput {
        let tower = &self.vision_model;
        let tokens = tower.pre_layrnorm.forward(tower.embeddings.forward(pixels));
        let hidden_states = tower.encoder.forward(tokens);
        let last_hidden_state = hidden_states[hidden_states.len() - 1].clone();
        let [batch, _, width] = last_hidden_state.dims();
        let class = last_hidden_state
            .clone()
            .narrow(1, 0, 1)
            .reshape([batch, width]);
        let pooler_output = tower.post_layernorm.forward(class);
        let image_embeds = self
            .visual_projection
            .as_ref()
            .map(|projection| projection.forward(pooler_output.clone()));
        VisionOutput {
            last_hidden_state,
            hidden_states,
            pooler_output,
            image_embeds,
        }
    }
}

impl VisionEmbeddings {
    /// # Shapes
    /// - `pixels`: `[b, 3, side, side]`
    /// - returns `[b, 1 + patches, width]`
    pub fn forward(&self, pixels: Tensor<4>) -> Tensor<3> {
        let patches = self.patch_embedding.forward(pixels);
        let [batch, width, rows, columns] = patches.dims();
        let patches = to_tokens(patches);
        let class = cast_to(self.class_embedding.val(), patches.dtype())
            .reshape([1, 1, width])
            .expand([batch, 1, width]);
        let positions = self.position_embedding.first(1 + rows * columns);
        Tensor::cat(vec![class, patches], 1) + positions
    }
}

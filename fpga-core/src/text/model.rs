//! The text half of CLIP (Radford et al. 2021, section 2.4), in the layout of transformers.
//!
//! `[b, n]` token ids become `[b, n, width]` hidden states. Nothing here knows a tokenizer.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};

use super::config::{ClipTextConfig, Pooling};
use crate::nn::{ClipEncoder, Embedding, LayerNorm, Linear};

/// Text model, with a projection where the checkpoint has one.
#[derive(Module, Debug)]
pub struct ClipText {
    /// All but the projection.
    pub text_model: ClipTextTower,
    /// Pooled output to the space that text and pictures share; no bias.
    pub text_projection: Option<Linear>,
    #[module(skip)]
    config: ClipTextConfig,
}

/// Embeddings, layers and the closing norm.
#[derive(Module, Debug)]
pub struct ClipTextTower {
    /// Of tokens and positions.
    pub embeddings: TextEmbeddings,
    /// Causal.
    pub encoder: ClipEncoder,
    /// After the last layer.
    pub final_layer_norm: LayerNorm,
}

/// One vector per token id plus one per position.
#[derive(Module, Debug)]
pub struct TextEmbeddings {
    /// `[vocabulary, width]`
    pub token_embedding: Embedding,
    /// `[positions, width]`
    pub position_embedding: Embedding,
}

/// What the model makes of a text.
#[derive(Clone, Debug)]
pub struct TextOutput {
    /// `[b, n, width]`: the last hidden state after the closing norm.
    pub last_hidden_state: Tensor<3>,
    /// `[b, n, width]` each, without the closing norm: the embeddings, then the output of every
    /// layer.
    pub hidden_states: Vec<Tensor<3>>,
    /// `[b, width]`: `last_hidden_state` at the end token.
    pub pooler_output: Tensor<2>,
    /// `[b, projection_width]`, where the model has a projection.
    pub text_embeds: Option<Tensor<2>>,
}

impl ClipTextConfig {
    /// Zero until weights are loaded.
    pub fn init(&self, device: &Device) -> ClipText {
        let width = self.encoder.width;
        ClipText {
            text_model: ClipTextTower {
                embeddings: TextEmbeddings {
                    token_embedding: Embedding::new(self.vocabulary, width, device),
                    position_embedding: Embedding::new(self.positions, width, device),
                },
                encoder: self.encoder.init(device),
                final_layer_norm: LayerNorm::new(width, self.encoder.norm_epsilon, device),
            },
            text_projection: self
                .projection_width
                .map(|outputs| Linear::without_bias(width, outputs, device)),
            config: self.clone(),
        }
    }
}

impl ClipText {
    /// The sizes that it was built with.
    pub fn config(&self) -> &ClipTextConfig {
        &self.config
    }

    /// # Shapes
    /// - `ids`: `[b, n]`, each row fit for [`ClipTextConfig::check_ids`]
    pub fn forward(&self, ids: Tensor<2, Int>) -> TextOutput {
        let tower = &self.text_model;
        let hidden_states = tower.encoder.forward(tower.embeddings.forward(ids.clone()));
        let last = &hidden_states[hidden_states.len() - 1];
        let last_hidden_state = tower.final_layer_norm.forward(last.clone());
        let pooler_output = self.config.pooling.pick(last_hidden_state.clone(), ids);
        let text_embeds = self
            .text_projection
            .as_ref()
            .map(|projection| projection.forward(pooler_output.clone()));
        TextOutput {
            last_hidden_state,
            hidden_states,
            pooler_output,
            text_embeds,
        }
    }
}

impl TextEmbeddings {
    /// # Shapes
    /// - `ids`: `[b, n]`
    /// - returns `[b, n, width]`
    pub fn forward(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        let [_, length] = ids.dims();
        self.token_embedding.forward(ids) + self.position_embedding.first(length)
    }
}

impl Pooling {
    /// # Shapes
    /// - `tokens`: `[b, n, width]`; `ids`: `[b, n]`
    /// - returns `[b, width]`
    fn pick(self, tokens: Tensor<3>, ids: Tensor<2, Int>) -> Tensor<2> {
        let [batch, length, width] = tokens.dims();
        let device = ids.device();
        // Earlier positions score higher, so that the first of equals wins on every device.
        let order = Tensor::<1, Int>::arange(0..length as i64, &device).unsqueeze::<2>();
        let score = match self {
            Self::HighestId => ids * length as i64 - order,
            Self::FirstOf(id) => ids.equal_elem(id).int() * length as i64 - order,
        };
        let position = score.argmax(1).reshape([batch, 1, 1]);
        tokens
            .gather(1, position.expand([batch, 1, width]))
            .reshape([batch, width])
    }
}

//! From token windows to what the UNet attends to.
//!
//! Weights act on hidden states: each token's vector is multiplied by its weight, then the whole
//! window is multiplied by one number that restores its mean, so that emphasis moves attention
//! without moving the level that the UNet was trained on. A window whose weights are all 1 is left
//! alone. The pooled vector is never weighted.

use burn::tensor::{Int, Tensor, TensorData};

use super::model::ClipText;
use super::windows::{TokenWindow, TokenWindows};
use crate::error::{Context, Error, Result};
use crate::nn::read_number;

/// Which hidden state the UNet was trained to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HiddenLayer {
    /// Layers left out at the end ("clip skip", counted from 0).
    pub skip: usize,
    /// Whether the model's closing norm is applied.
    pub normalise: bool,
}

/// A prompt as the UNet takes it.
#[derive(Clone, Debug)]
pub struct PromptEmbedding {
    /// `[1, 77·windows, width]`
    pub context: Tensor<3>,
    /// `[1, width]`: the projected end token of the first window, or its plain state where the
    /// model has no projection.
    pub pooled: Tensor<2>,
}

impl HiddenLayer {
    /// The output of the whole model: SD 1 and SD 2.
    pub const LAST: Self = Self {
        skip: 0,
        normalise: true,
    };
    /// The last but one, raw: both text models of SDXL.
    pub const PENULTIMATE: Self = Self {
        skip: 1,
        normalise: false,
    };
}

impl ClipText {
    /// Reads a prompt, all its windows in one batch.
    ///
    /// # Errors
    /// Ids that the model does not know, windows that are too long, or more layers left out than
    /// there are.
    pub fn encode(&self, prompt: &TokenWindows, layer: HiddenLayer) -> Result<PromptEmbedding> {
        let windows = prompt.as_slice();
        let layers = self.config().encoder.layers;
        if layer.skip > layers {
            let why = format!("at most {layers} layers, found {}", layer.skip);
            return Err(Error::invalid("clip skip", why));
        }
        for window in windows {
            self.config()
                .check_ids(&window.ids)
                .context(|| "the tokenizer does not fit the text model")?;
        }
        let output = self.forward(self.ids_tensor(windows));
        let raw = output.hidden_states[layers - layer.skip].clone();
        let states = match (layer.normalise, layer.skip) {
            (true, 0) => output.last_hidden_state,
            (true, _) => self.text_model.final_layer_norm.forward(raw),
            (false, _) => raw,
        };
        let [count, length, width] = states.dims();
        let states = windows.iter().enumerate().map(|(index, window)| {
            let state = states.clone().narrow(0, index, 1);
            weigh(state, &window.weights)
        });
        let states = states.collect::<Result<_>>()?;
        let pooled = output.text_embeds.unwrap_or(output.pooler_output);
        Ok(PromptEmbedding {
            context: Tensor::cat(states, 0).reshape([1, count * length, width]),
            pooled: pooled.narrow(0, 0, 1),
        })
    }

    fn ids_tensor(&self, windows: &[TokenWindow]) -> Tensor<2, Int> {
        let device = self.text_model.final_layer_norm.weight.device();
        let ids: Vec<i64> = windows
            .iter()
            .flat_map(|window| window.ids.clone())
            .collect();
        let shape = [windows.len(), ids.len() / windows.len()];
        Tensor::from_data(TensorData::new(ids, shape), &device)
    }
}

/// # Shapes
/// - `state` and result: `[1, n, width]`; `weights`: `n` numbers
fn weigh(state: Tensor<3>, weights: &[f32]) -> Result<Tensor<3>> {
    if weights.iter().all(|weight| *weight == 1.0) {
        return Ok(state);
    }
    let length = weights.len();
    let weights = Tensor::<1>::from_floats(weights, &state.device()).reshape([1, length, 1]);
    let before = read_number(state.clone().mean())? as f32;
    let weighted = state * weights;
    let after = read_number(weighted.clone().mean())? as f32;
    let restore = before / after;
    Ok(match restore.is_finite() {
        true => weighted * restore,
        // a mean of zero cannot be restored
        false => weighted,
    })
}

//! The gated feed-forward layer of the transformer blocks (Shazeer 2020, "GLU variants", GEGLU).

use burn::module::Module;
use burn::tensor::{Device, Tensor, activation::gelu};

use super::linear::Linear;

/// `W₂ (value ⊙ gelu(gate))` with `[value, gate] = W₁ x + b₁`, four times as wide inside.
#[derive(Module, Debug)]
pub struct GegluFeedForward {
    /// Value and gate in one matrix, `[8·width, width]`. Checkpoint: `net.0.proj`.
    pub proj: Linear,
    /// `[width, 4·width]`. Checkpoint: `net.2`.
    pub out: Linear,
}

impl GegluFeedForward {
    /// Zero until weights are loaded.
    pub fn new(width: usize, device: &Device) -> Self {
        Self {
            proj: Linear::new(width, 8 * width, device),
            out: Linear::new(4 * width, width, device),
        }
    }

    /// # Shapes
    /// - `tokens` and result: `[b, n, width]`
    pub fn forward(&self, tokens: Tensor<3>) -> Tensor<3> {
        let [value, gate] = self
            .proj
            .forward(tokens)
            .chunk(2, 2)
            .try_into()
            .expect("8·width halves evenly");
        self.out.forward(value * gelu(gate))
    }
}

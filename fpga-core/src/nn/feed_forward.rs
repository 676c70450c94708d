//! The gated feed-forward layer of the transformer blocks (Shazeer 2020, "GLU variants", GEGLU).

use burn::module::Module;
use burn::tensor::{Device, Tensor};

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

    /// The layer's result added to `residual`.
    ///
    /// # Shapes
    /// - `tokens`, `residual` and result: `[b, n, width]`
    pub fn forward_added(&self, tokens: Tensor<3>, residual: Tensor<3>) -> Tensor<3> {
        let gated = self.proj.forward_gated(tokens);
        self.out.forward_added(gated, residual)
    }
}

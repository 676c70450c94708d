//! Linear layer in the checkpoint's layout.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, module};

use super::param::{weight_as, zeros};

/// `y = x Wᵀ + b` with `W` stored as PyTorch does, `[out, in]`.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[out, in]`
    pub weight: Param<Tensor<2>>,
    /// `[out]`
    pub bias: Option<Param<Tensor<1>>>,
}

impl Linear {
    /// A layer with a bias; zero until weights are loaded.
    pub fn new(inputs: usize, outputs: usize, device: &Device) -> Self {
        let bias = Some(zeros([outputs], device));
        Self {
            bias,
            ..Self::without_bias(inputs, outputs, device)
        }
    }

    /// A layer without a bias; zero until weights are loaded.
    pub fn without_bias(inputs: usize, outputs: usize, device: &Device) -> Self {
        Self {
            weight: zeros([outputs, inputs], device),
            bias: None,
        }
    }

    /// # Shapes
    /// - `input`: `[…, in]`
    /// - returns `[…, out]`
    pub fn forward<const D: usize>(&self, input: Tensor<D>) -> Tensor<D> {
        let dtype = input.dtype();
        let bias = self.bias.as_ref().map(|bias| weight_as(bias, dtype));
        module::linear(input, weight_as(&self.weight, dtype).transpose(), bias)
    }
}

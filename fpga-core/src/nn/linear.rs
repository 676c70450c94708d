//! Linear layer in the checkpoint's layout.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, module};

use super::activation::gated_gelu;
use super::param::{cast_to, zeros};
use crate::kernels::tensor::{self as kernels, LinearParts};

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
        self.apply(input, None)
    }

    /// The layer's result added to `residual`, in one pass where the device can.
    ///
    /// # Shapes
    /// - `input`: `[…, in]`; `residual` and result: `[…, out]`
    pub fn forward_added<const D: usize>(
        &self,
        input: Tensor<D>,
        residual: Tensor<D>,
    ) -> Tensor<D> {
        self.apply(input, Some(residual))
    }

    /// `value ⊙ gelu(gate)` of the layer's result, which holds both side by side; in one pass where the
    /// device can.
    ///
    /// # Shapes
    /// - `input`: `[b, n, in]`
    /// - returns `[b, n, out / 2]`
    pub fn forward_gated(&self, input: Tensor<3>) -> Tensor<3> {
        let (weight, bias) = (self.weight.val(), self.bias.as_ref().map(Param::val));
        let parts = LinearParts {
            weight: &weight,
            bias: bias.as_ref(),
        };
        kernels::multiply_gated(&input, parts).unwrap_or_else(|| gated_gelu(self.forward(input)))
    }

    fn apply<const D: usize>(&self, input: Tensor<D>, residual: Option<Tensor<D>>) -> Tensor<D> {
        let (weight, bias) = (self.weight.val(), self.bias.as_ref().map(Param::val));
        let parts = LinearParts {
            weight: &weight,
            bias: bias.as_ref(),
        };
        if let Some(output) = kernels::multiply(&input, parts, residual.as_ref()) {
            return output;
        }
        let dtype = input.dtype();
        let bias = bias.map(|bias| cast_to(bias, dtype));
        let output = module::linear(input, cast_to(weight, dtype).transpose(), bias);
        match residual {
            Some(residual) => residual + output,
            None => output,
        }
    }
}

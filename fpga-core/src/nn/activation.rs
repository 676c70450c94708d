//! Functions of one number, applied to every value.

use burn::tensor::{Tensor, activation};

use crate::kernels::{Activation, tensor as kernels};

/// `x / (1 + e⁻ˣ)`
pub fn silu<const D: usize>(input: Tensor<D>) -> Tensor<D> {
    kernels::activate(&input, Activation::Silu).unwrap_or_else(|| activation::silu(input))
}

/// `x Φ(x)`, exact.
pub fn gelu<const D: usize>(input: Tensor<D>) -> Tensor<D> {
    kernels::activate(&input, Activation::Gelu).unwrap_or_else(|| activation::gelu(input))
}

/// `x / (1 + e^(−1.702 x))`, CLIP's approximation of GELU.
pub fn quick_gelu<const D: usize>(input: Tensor<D>) -> Tensor<D> {
    kernels::activate(&input, Activation::QuickGelu)
        .unwrap_or_else(|| input.clone() * activation::sigmoid(input * 1.702))
}

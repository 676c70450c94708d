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

/// `value ⊙ gelu(gate)`, value and gate side by side in the last dimension.
///
/// # Shapes
/// - `both`: `[b, n, 2·width]`; returns `[b, n, width]`
pub fn gated_gelu(both: Tensor<3>) -> Tensor<3> {
    kernels::gated_gelu(&both).unwrap_or_else(|| {
        let [value, gate] = both.chunk(2, 2).try_into().expect("2·width halves evenly");
        value * gelu(gate)
    })
}

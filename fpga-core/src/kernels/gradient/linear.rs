//! Gradients of `Y = X Wᵀ + b`: `dX = dY W`, `dW = dYᵀ X`; that of `b` is a sum over rows.

use super::product::{Left, Matrix, product, transposed_product};
use crate::kernels::level::Level;

/// Sizes of a linear layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LinearGradient {
    /// Width of the input.
    pub(crate) inputs: usize,
    /// Width of the output.
    pub(crate) outputs: usize,
}

impl LinearGradient {
    /// # Shapes
    /// - `weights`: `[out, in]`; `gradient`: `[n, out]`; `out`: `[n, in]`
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub(crate) fn input(self, weights: &[f32], gradient: &[f32], out: &mut [f32]) {
        let Self { inputs, outputs } = self;
        assert_eq!(
            weights.len(),
            inputs * outputs,
            "linear gradient: number of weights"
        );
        let left = Left {
            values: gradient,
            rows: gradient.len() / outputs.max(1),
            depth: outputs,
            stride: outputs,
        };
        let right = Matrix {
            values: weights,
            columns: inputs,
        };
        product(Level::current(), left, &right, inputs, out);
    }

    /// # Shapes
    /// - `input`: `[n, in]`; `gradient`: `[n, out]`; `out`: `[out, in]`
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub(crate) fn weights(self, input: &[f32], gradient: &[f32], out: &mut [f32]) {
        let Self { inputs, outputs } = self;
        assert_eq!(
            input.len() * outputs,
            gradient.len() * inputs,
            "linear gradient: input length"
        );
        let right = Matrix {
            values: input,
            columns: inputs,
        };
        transposed_product(Level::current(), gradient, outputs, &right, inputs, out);
    }
}

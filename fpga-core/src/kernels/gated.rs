//! A linear layer whose result is gated at once: `value ⊙ gelu(gate)` with `[value, gate] = X Wᵀ + b`
//! (Shazeer 2020, "GLU variants", GEGLU).
//!
//! The layer is eight times as wide as its input, and half of what it finds is only needed to weigh the
//! other half: value and gate of a few rows meet in the first-level cache and never reach the memory.

use std::ops::Range;

use super::activation::{get, registers, set};
use super::factors::{Form, Left, Product, blocks, most_rows, multiply, pack_right, passes};
use super::level::Level;
use super::linear::PACKED;
use super::math::gelu;
use super::micro::Start;
use super::pack::Block;
use super::parallel::{Grid, Shared};
use super::pool::Buffer;
use super::simd::{Kernel, Simd};
use super::weights::WeightView;

/// A linear layer that holds value and gate in one matrix.
#[derive(Clone, Copy, Debug)]
pub struct GatedLinear<'a> {
    /// `[2·out, in]`: rows of the value, then those of the gate.
    pub weights: WeightView<'a>,
    /// `[2·out]`
    pub bias: Option<&'a [f32]>,
    /// Width of the input.
    pub inputs: usize,
    /// Width of the output.
    pub outputs: usize,
}

impl GatedLinear<'_> {
    /// Multiplies and gates every row of `input`, overwriting `out`.
    ///
    /// # Shapes
    /// - `input`: `[n, in]`
    /// - `out`: `[n, out]`
    ///
    /// # Panics
    /// If the lengths do not fit each other.
    pub fn run(&self, input: &[f32], out: &mut [f32]) {
        let level = Level::current().for_product(input.len().saturating_mul(2 * self.outputs));
        self.run_at(level, input, out);
    }

    fn run_at(&self, level: Level, input: &[f32], out: &mut [f32]) {
        self.check(input, out);
        let (form, out) = (Form::new(level, self.inputs), Shared::new(out));
        let (pairs, together) = (
            self.outputs.div_ceil(level.panel()),
            PACKED / (2 * form.panel()),
        );
        form.for_each_left(input, |first, left| {
            Grid::new(left.rows, form.unit(), pairs, together).for_each(|rows, pairs| {
                level.run(MultiplyGated {
                    linear: self,
                    form,
                    first,
                    left,
                    rows,
                    pairs,
                    out,
                });
            });
        });
    }

    fn check(&self, input: &[f32], out: &[f32]) {
        assert!(self.inputs > 0, "gated linear: the input has no columns");
        let rows = input.len() / self.inputs;
        assert_eq!(
            input.len(),
            rows * self.inputs,
            "gated linear: input length"
        );
        assert_eq!(
            out.len(),
            rows * self.outputs,
            "gated linear: output length"
        );
        assert_eq!(
            self.weights.len(),
            2 * self.inputs * self.outputs,
            "gated linear: number of weights"
        );
        assert!(
            self.bias.is_none_or(|bias| bias.len() == 2 * self.outputs),
            "gated linear: bias length"
        );
    }
}

/// Some rows times some pairs of panels.
struct MultiplyGated<'a> {
    linear: &'a GatedLinear<'a>,
    form: Form,
    /// First row of `left`.
    first: usize,
    left: Left<'a>,
    rows: Range<usize>,
    pairs: Range<usize>,
    out: Shared<'a>,
}

impl Kernel for MultiplyGated<'_> {
    type Output = ();
    const MULTIPLIES: bool = true;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let packed = self.packed(simd);
        let size = self.form.panel();
        let mut both = Buffer::take(2 * self.rows.len().min(most_rows::<S>()) * S::PANEL);
        for rows in blocks::<S>(self.rows.clone()) {
            for (pair, packed) in self.pairs.clone().zip(packed.chunks_exact(2 * size)) {
                let (value, gate) = both.split_at_mut(rows.len() * S::PANEL);
                let gate = &mut gate[..rows.len() * S::PANEL];
                self.multiply(simd, rows.clone(), pair, 0, &packed[..size], value);
                self.multiply(simd, rows.clone(), pair, 1, &packed[size..], gate);
                self.write(simd, rows.clone(), pair, value, gate);
            }
        }
    }
}

impl MultiplyGated<'_> {
    /// Value and gate of every pair, one behind the other.
    #[inline(always)]
    fn packed<S: Simd>(&self, simd: S) -> Buffer {
        let GatedLinear {
            weights: matrix,
            inputs,
            outputs,
            ..
        } = *self.linear;
        let size = self.form.panel();
        let mut packed = Buffer::take(2 * self.pairs.len() * size);
        let to = packed.chunks_exact_mut(size);
        for (index, to) in to.enumerate() {
            let column = (self.pairs.start + index / 2) * S::PANEL;
            let block = Block {
                matrix,
                stride: inputs,
                first_row: index % 2 * outputs + column,
                rows: S::PANEL.min(outputs - column),
                first_column: 0,
                columns: inputs,
            };
            pack_right(simd, block, to);
        }
        packed
    }

    /// One panel of the value (`half` 0) or of the gate (1): `to` becomes `[rows][panel]`.
    #[inline(always)]
    fn multiply<S: Simd>(
        &self,
        simd: S,
        rows: Range<usize>,
        pair: usize,
        half: usize,
        packed: &[f32],
        to: &mut [f32],
    ) {
        let GatedLinear {
            inputs,
            outputs,
            bias,
            ..
        } = *self.linear;
        let column = pair * S::PANEL;
        assert_eq!(to.len(), rows.len() * S::PANEL);
        for pass in passes::<S>(inputs) {
            let start = match (pass.start, bias) {
                (0, None) => Start::Zero,
                (0, Some(bias)) => Start::Given {
                    bias: bias[half * outputs + column..].as_ptr(),
                    residual: std::ptr::null(),
                    residual_stride: 0,
                },
                _ => Start::Sum,
            };
            let product = Product {
                left: self.left,
                rows: rows.clone(),
                pass,
                right: packed,
                columns: S::PANEL.min(outputs - column),
                c: to.as_mut_ptr(),
                c_stride: S::PANEL,
                start,
            };
            // SAFETY: every row has `inputs` values, `to` a panel for each; the bias has `columns` values left.
            unsafe { multiply(simd, product) };
        }
    }

    /// Gates the values of a block of rows.
    #[inline(always)]
    fn write<S: Simd>(
        &self,
        simd: S,
        rows: Range<usize>,
        pair: usize,
        value: &[f32],
        gate: &[f32],
    ) {
        let outputs = self.linear.outputs;
        let column = pair * S::PANEL;
        let columns = S::PANEL.min(outputs - column);
        let halves = value
            .chunks_exact(S::PANEL)
            .zip(gate.chunks_exact(S::PANEL));
        for (row, (value, gate)) in rows.zip(halves) {
            let place = (self.first + row) * outputs + column;
            // SAFETY: only this task writes these rows and panels.
            let out = unsafe { self.out.part(place..place + columns) };
            for (start, count) in registers::<S>(columns) {
                let gate = gelu(simd, get(simd, gate, start, count));
                let value = get(simd, value, start, count);
                set(simd, out, start, count, simd.mul(value, gate));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernels::activation::geglu;
    use crate::kernels::oracle::{self, Numbers, check, in_all_types};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn equals_the_naive_product_gated(
            rows in 0usize..40, inputs in 1usize..150, outputs in 1usize..100, seed: u64, bias: bool,
        ) {
            compare([rows, inputs, outputs], seed, bias);
        }
    }

    #[test]
    fn large_enough_for_every_kind_of_block() {
        compare([230, 1300, 70], 1, true);
        compare([120, 515, 2100], 2, false);
        compare([4200, 33, 70], 3, true);
    }

    fn compare([rows, inputs, outputs]: [usize; 3], seed: u64, bias: bool) {
        let mut numbers = Numbers::new(seed);
        let x = numbers.take(rows * inputs);
        // Gates of about one: larger ones are all or nothing.
        let scale = (inputs as f32).sqrt().recip();
        let w: Vec<f32> = numbers.take(2 * inputs * outputs);
        let w: Vec<f32> = w.iter().map(|w| w * scale).collect();
        let b = numbers.take(2 * outputs);
        let b = bias.then_some(&b[..]);
        in_all_types(&w, |weights, values| {
            let both = oracle::linear(&x, values, b, None, [rows, inputs, 2 * outputs]);
            let both: Vec<f32> = both.iter().map(|&value| value as f32).collect();
            let mut expected = vec![0.0; rows * outputs];
            geglu(&both, outputs, &mut expected);
            let expected: Vec<f64> = expected.into_iter().map(f64::from).collect();
            for level in Level::available() {
                let mut out = vec![f32::NAN; rows * outputs];
                let linear = GatedLinear {
                    weights,
                    bias: b,
                    inputs,
                    outputs,
                };
                linear.run_at(level, &x, &mut out);
                check(level.name(), &out, &expected, 5e-6);
            }
        });
    }
}

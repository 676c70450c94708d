//! Linear layers and 1×1 convolutions: `Y = X Wᵀ + b (+ R)` with `W` as PyTorch stores it, `[out, in]`.
//!
//! Every task packs a few panels of `W`, then blocks of rows of `X` meet each of them: both stay in the
//! second-level cache. With only a handful of rows packing would cost more than the product: those take dot products.

use std::ops::Range;

use super::factors::{Form, Left, Product, blocks, multiply, pack_right, passes};
use super::level::Level;
use super::micro::Start;
use super::pack::Block;
use super::parallel::{Grid, Shared, for_each_range};
use super::pool::Buffer;
use super::simd::{Kernel, Simd};
use super::weights::WeightView;

/// Values of packed weights that a task has, half of a usual second-level cache; one panel may be more.
pub(super) const PACKED: usize = 128 << 10;
/// Up to this many rows, dot products with the unpacked weights are faster.
const FEW_ROWS: usize = 4;

/// A linear layer and what is added to its result.
#[derive(Clone, Copy, Debug)]
pub struct Linear<'a> {
    /// `[out, in]`
    pub weights: WeightView<'a>,
    /// `[out]`
    pub bias: Option<&'a [f32]>,
    /// Shaped like the output.
    pub residual: Option<&'a [f32]>,
    /// Width of the input.
    pub inputs: usize,
    /// Width of the output.
    pub outputs: usize,
}

impl<'a> Linear<'a> {
    /// A layer without a bias; set the other fields as needed.
    pub fn new(weights: WeightView<'a>, inputs: usize, outputs: usize) -> Self {
        Self {
            weights,
            bias: None,
            residual: None,
            inputs,
            outputs,
        }
    }

    /// Multiplies every row of `input`, overwriting `out`.
    ///
    /// # Shapes
    /// - `input`: `[n, in]`
    /// - `out`: `[n, out]`
    ///
    /// # Panics
    /// If the lengths do not fit each other.
    pub fn run(&self, input: &[f32], out: &mut [f32]) {
        let level = Level::current().for_product(input.len().saturating_mul(self.outputs));
        self.run_at(level, input, out);
    }

    pub(super) fn run_at(&self, level: Level, input: &[f32], out: &mut [f32]) {
        let rows = self.check(input, out);
        if rows == 0 || self.outputs == 0 {
        } else if rows <= FEW_ROWS {
            self.dot_products(level, input, Shared::new(out));
        } else {
            self.blocked(level, input, Shared::new(out));
        }
    }

    fn check(&self, input: &[f32], out: &[f32]) -> usize {
        assert!(self.inputs > 0, "linear: the input has no columns");
        let rows = input.len() / self.inputs;
        assert_eq!(input.len(), rows * self.inputs, "linear: input length");
        assert_eq!(out.len(), rows * self.outputs, "linear: output length");
        assert_eq!(
            self.weights.len(),
            self.inputs * self.outputs,
            "linear: number of weights"
        );
        assert!(
            self.bias.is_none_or(|bias| bias.len() == self.outputs),
            "linear: bias length"
        );
        let residual = self
            .residual
            .is_none_or(|residual| residual.len() == out.len());
        assert!(residual, "linear: residual length");
        rows
    }

    fn blocked(&self, level: Level, input: &[f32], out: Shared<'_>) {
        let form = Form::new(level, self.inputs);
        let (panels, together) = (self.outputs.div_ceil(level.panel()), PACKED / form.panel());
        form.for_each_left(input, |first, left| {
            Grid::new(left.rows, form.unit(), panels, together).for_each(|rows, panels| {
                level.run(MultiplyRows {
                    linear: self,
                    form,
                    first,
                    left,
                    rows,
                    panels,
                    out,
                });
            });
        });
    }

    fn dot_products(&self, level: Level, input: &[f32], out: Shared<'_>) {
        for_each_range(self.outputs, 8, |outputs| {
            level.run(DotProducts {
                linear: self,
                input,
                outputs,
                out,
            });
        });
    }
}

/// Some rows times some panels.
struct MultiplyRows<'a> {
    linear: &'a Linear<'a>,
    form: Form,
    /// First row of `left`.
    first: usize,
    left: Left<'a>,
    rows: Range<usize>,
    panels: Range<usize>,
    out: Shared<'a>,
}

impl Kernel for MultiplyRows<'_> {
    type Output = ();
    const MULTIPLIES: bool = true;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Linear {
            weights: matrix,
            inputs,
            outputs,
            ..
        } = *self.linear;
        let size = self.form.panel();
        let mut packed = Buffer::take(self.panels.len() * size);
        for (panel, to) in self.panels.clone().zip(packed.chunks_exact_mut(size)) {
            let first_row = panel * S::PANEL;
            let block = Block {
                matrix,
                stride: inputs,
                first_row,
                rows: S::PANEL.min(outputs - first_row),
                first_column: 0,
                columns: inputs,
            };
            pack_right(simd, block, to);
        }
        for rows in blocks::<S>(self.rows.clone()) {
            self.multiply(simd, rows, &packed);
        }
    }
}

impl MultiplyRows<'_> {
    /// Rows that stay in the cache, times all panels of this task.
    #[inline(always)]
    fn multiply<S: Simd>(&self, simd: S, rows: Range<usize>, packed: &[f32]) {
        let Linear {
            inputs,
            outputs,
            bias,
            residual,
            ..
        } = *self.linear;
        for pass in passes::<S>(inputs) {
            let panels = packed.chunks_exact(self.form.panel());
            for (panel, right) in self.panels.clone().zip(panels) {
                let column = panel * S::PANEL;
                let place = (self.first + rows.start) * outputs + column;
                let given = Start::Given {
                    bias: bias.map_or(std::ptr::null(), |bias| bias[column..].as_ptr()),
                    residual: residual.map_or(std::ptr::null(), |values| values[place..].as_ptr()),
                    residual_stride: outputs,
                };
                let product = Product {
                    left: self.left,
                    rows: rows.clone(),
                    pass: pass.clone(),
                    right,
                    columns: S::PANEL.min(outputs - column),
                    c: self.out.at(place),
                    c_stride: outputs,
                    start: if pass.start == 0 { given } else { Start::Sum },
                };
                // SAFETY: lengths were checked on entry: all rows have `inputs` and `outputs` values;
                // only this task writes these rows and panels.
                unsafe { multiply(simd, product) };
            }
        }
    }
}

/// Some outputs of all (few) rows.
struct DotProducts<'a> {
    linear: &'a Linear<'a>,
    input: &'a [f32],
    outputs: Range<usize>,
    out: Shared<'a>,
}

impl Kernel for DotProducts<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let linear = self.linear;
        let mut copy = Buffer::take(linear.inputs);
        for output in self.outputs {
            let start = output * linear.inputs;
            let weights = match linear.weights {
                WeightView::F32(values) => &values[start..start + linear.inputs],
                half => {
                    half.read(start, &mut copy);
                    &copy[..]
                }
            };
            let bias = linear.bias.map_or(0.0, |bias| bias[output]);
            for (row, input) in self.input.chunks_exact(linear.inputs).enumerate() {
                let place = row * linear.outputs + output;
                let residual = linear.residual.map_or(0.0, |residual| residual[place]);
                let value = dot(simd, input, weights) + bias + residual;
                // SAFETY: each output column belongs to one task.
                unsafe { *self.out.at(place) = value };
            }
        }
    }
}

/// `Σ aᵢ bᵢ` of slices of equal length.
#[inline(always)]
fn dot<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let mut sums = [simd.splat(0.0); 4];
    let whole = a.len() - a.len() % (4 * S::LANES);
    for start in (0..whole).step_by(4 * S::LANES) {
        for (i, sum) in sums.iter_mut().enumerate() {
            let at = start + i * S::LANES;
            // SAFETY: `at + LANES ≤ whole ≤ len` of both slices.
            unsafe {
                let (a, b) = (simd.load(a.as_ptr().add(at)), simd.load(b.as_ptr().add(at)));
                *sum = simd.mul_add(a, b, *sum);
            }
        }
    }
    let rest: f32 = a[whole..].iter().zip(&b[whole..]).map(|(a, b)| a * b).sum();
    let [a, b, c, d] = sums;
    simd.sum(simd.add(simd.add(a, b), simd.add(c, d))) + rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernels::oracle::{self, Numbers, check, in_all_types};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn equals_the_naive_product(
            rows in 1usize..40, inputs in 1usize..150, outputs in 1usize..150, seed: u64,
            bias: bool, residual: bool,
        ) {
            compare([rows, inputs, outputs], seed, bias, residual);
        }
    }

    #[test]
    fn large_enough_for_every_kind_of_block() {
        compare([300, 1300, 70], 1, true, true);
        compare([230, 515, 4200], 2, true, false);
        compare([4200, 33, 70], 3, false, true);
    }

    fn compare([rows, inputs, outputs]: [usize; 3], seed: u64, bias: bool, residual: bool) {
        let mut numbers = Numbers::new(seed);
        let (x, w) = (numbers.take(rows * inputs), numbers.take(inputs * outputs));
        let (b, r) = (numbers.take(outputs), numbers.take(rows * outputs));
        let (b, r) = (bias.then_some(&b[..]), residual.then_some(&r[..]));
        in_all_types(&w, |weights, values| {
            let expected = oracle::linear(&x, values, b, r, [rows, inputs, outputs]);
            // Few sums may cancel out; they are as exact as their terms, not as themselves.
            let length = expected.iter().map(|sum| sum * sum).sum::<f64>().sqrt();
            let usual = (inputs as f64 * expected.len() as f64).sqrt();
            let allowed = 1e-6 * (usual / length.max(1e-30)).max(1.0);
            for level in Level::available() {
                let mut out = vec![f32::NAN; rows * outputs];
                let linear = Linear {
                    weights,
                    bias: b,
                    residual: r,
                    inputs,
                    outputs,
                };
                linear.run_at(level, &x, &mut out);
                check(level.name(), &out, &expected, allowed);
            }
        });
    }
}

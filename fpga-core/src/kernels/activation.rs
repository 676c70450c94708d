//! Element-by-element functions: activations, the gated GELU, sums, and softmax over rows.

use std::ops::Range;

use super::level::Level;
use super::math;
use super::parallel::{Shared, for_each_range};
use super::simd::{Kernel, Simd};

/// Values that are worth a task of their own.
const SMALLEST: usize = 16 << 10;

/// A function of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x / (1 + e⁻ˣ)`
    Silu,
    /// `x Φ(x)`, exact.
    Gelu,
    /// `x / (1 + e^(−1.702 x))`, CLIP's approximation of GELU.
    QuickGelu,
}

impl Activation {
    /// Applies the function to every value of `input`.
    ///
    /// # Panics
    /// If the slices have different lengths.
    pub fn run(self, input: &[f32], out: &mut [f32]) {
        self.run_at(Level::current(), input, out);
    }

    pub(super) fn run_at(self, level: Level, input: &[f32], out: &mut [f32]) {
        assert_eq!(input.len(), out.len(), "activation: output length");
        let out = Shared::new(out);
        for_each_range(input.len(), SMALLEST, |range| {
            // SAFETY: ranges do not overlap.
            let out = unsafe { out.part(range.clone()) };
            level.run(Map {
                function: self,
                input: &input[range],
                out,
            });
        });
    }

    #[inline(always)]
    pub(super) fn apply<S: Simd>(self, simd: S, x: S::V) -> S::V {
        match self {
            Self::Silu => math::swish(simd, x, 1.0),
            Self::Gelu => math::gelu(simd, x),
            Self::QuickGelu => math::swish(simd, x, 1.702),
        }
    }
}

/// `value ⊙ gelu(gate)` where each row of `input` holds value and gate side by side.
///
/// # Shapes
/// - `input`: `[n, 2·width]`
/// - `out`: `[n, width]`
///
/// # Panics
/// If the lengths do not fit.
pub fn geglu(input: &[f32], width: usize, out: &mut [f32]) {
    geglu_at(Level::current(), input, width, out);
}

fn geglu_at(level: Level, input: &[f32], width: usize, out: &mut [f32]) {
    assert_eq!(input.len(), 2 * out.len(), "gated GELU: output length");
    assert!(
        width > 0 && out.len().is_multiple_of(width),
        "gated GELU: width"
    );
    let rows = out.len() / width;
    let out = Shared::new(out);
    for_each_range(rows, SMALLEST / width, |rows| {
        level.run(Geglu {
            input,
            width,
            rows,
            out,
        });
    });
}

/// `a + b`
///
/// # Panics
/// If the slices have different lengths.
pub fn add(a: &[f32], b: &[f32], out: &mut [f32]) {
    assert!(
        a.len() == b.len() && a.len() == out.len(),
        "sum: the lengths differ"
    );
    let out = Shared::new(out);
    // Baseline instructions already outrun the memory.
    for_each_range(a.len(), SMALLEST, |range| {
        // SAFETY: ranges do not overlap.
        let out = unsafe { out.part(range.clone()) };
        let pairs = a[range.clone()].iter().zip(&b[range]);
        out.iter_mut()
            .zip(pairs)
            .for_each(|(out, (a, b))| *out = a + b);
    });
}

/// `exp(x) / Σ exp(x)` of every row, without overflow.
///
/// # Shapes
/// - `input` and `out`: `[n, width]`
///
/// # Panics
/// If the lengths do not fit.
pub fn softmax(input: &[f32], width: usize, out: &mut [f32]) {
    softmax_at(Level::current(), input, width, out);
}

fn softmax_at(level: Level, input: &[f32], width: usize, out: &mut [f32]) {
    assert_eq!(input.len(), out.len(), "softmax: output length");
    assert!(
        width > 0 && out.len().is_multiple_of(width),
        "softmax: width"
    );
    let rows = out.len() / width;
    let out = Shared::new(out);
    for_each_range(rows, SMALLEST / width, |rows| {
        level.run(Softmax {
            input,
            width,
            rows,
            out,
        });
    });
}

/// `(start, count)` of each register's worth of `0..length`.
#[inline(always)]
pub(super) fn registers<S: Simd>(length: usize) -> Registers {
    Registers {
        next: 0,
        length,
        lanes: S::LANES,
    }
}

/// See [`registers`]; an iterator instead of a function that takes a closure, because closures are
/// compiled without the instruction set of the kernel around them.
pub(super) struct Registers {
    next: usize,
    length: usize,
    lanes: usize,
}

impl Iterator for Registers {
    type Item = (usize, usize);

    #[inline(always)]
    fn next(&mut self) -> Option<(usize, usize)> {
        let start = self.next;
        if start >= self.length {
            return None;
        }
        self.next = start + self.lanes;
        Some((start, self.lanes.min(self.length - start)))
    }
}

/// Up to a register of values; zeros behind them.
#[inline(always)]
pub(super) fn get<S: Simd>(simd: S, from: &[f32], start: usize, count: usize) -> S::V {
    debug_assert!(start + count <= from.len());
    // SAFETY: all callers walk the slice with `registers` of its own length.
    unsafe { super::micro::read(simd, from.as_ptr().add(start), count, 0) }
}

/// Writes up to a register of values.
#[inline(always)]
pub(super) fn set<S: Simd>(simd: S, to: &mut [f32], start: usize, count: usize, v: S::V) {
    debug_assert!(start + count <= to.len());
    // SAFETY: all callers walk the slice with `registers` of its own length.
    unsafe { super::micro::write(simd, to.as_mut_ptr().add(start), v, count, 0) }
}

struct Map<'a> {
    function: Activation,
    input: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Map<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for (start, count) in registers::<S>(self.input.len()) {
            let x = get(simd, self.input, start, count);
            set(simd, self.out, start, count, self.function.apply(simd, x));
        }
    }
}

struct Geglu<'a> {
    input: &'a [f32],
    width: usize,
    rows: Range<usize>,
    out: Shared<'a>,
}

impl Kernel for Geglu<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let width = self.width;
        for row in self.rows {
            let (value, gate) = self.input[2 * row * width..][..2 * width].split_at(width);
            // SAFETY: each row belongs to one task.
            let out = unsafe { self.out.part(row * width..(row + 1) * width) };
            for (start, count) in registers::<S>(width) {
                let gate = math::gelu(simd, get(simd, gate, start, count));
                let value = get(simd, value, start, count);
                set(simd, out, start, count, simd.mul(value, gate));
            }
        }
    }
}

struct Softmax<'a> {
    input: &'a [f32],
    width: usize,
    rows: Range<usize>,
    out: Shared<'a>,
}

impl Kernel for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let width = self.width;
        for row in self.rows {
            let input = &self.input[row * width..(row + 1) * width];
            // SAFETY: each row belongs to one task.
            let out = unsafe { self.out.part(row * width..(row + 1) * width) };
            let largest = simd.splat(largest(simd, input));
            let mut sums = simd.splat(0.0);
            let mut rest = 0.0;
            for (start, count) in registers::<S>(width) {
                let x = simd.sub(get(simd, input, start, count), largest);
                let e = math::exp(simd, x);
                set(simd, out, start, count, e);
                if count == S::LANES {
                    sums = simd.add(sums, e);
                } else {
                    rest = out[start..].iter().sum();
                }
            }
            let scale = simd.splat(1.0 / (simd.sum(sums) + rest));
            for (start, count) in registers::<S>(width) {
                let e = get(simd, out, start, count);
                set(simd, out, start, count, simd.mul(e, scale));
            }
        }
    }
}

#[inline(always)]
fn largest<S: Simd>(simd: S, values: &[f32]) -> f32 {
    let whole = values.len() - values.len() % S::LANES;
    let mut lanes = simd.splat(f32::NEG_INFINITY);
    for (start, count) in registers::<S>(whole) {
        lanes = simd.max(lanes, get(simd, values, start, count));
    }
    values[whole..]
        .iter()
        .fold(simd.largest(lanes), |a, &b| a.max(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::oracle::{Numbers, check};

    /// `erf` by its series, which converges everywhere; f64 carries it to |x| ≈ 5.
    fn erf(x: f64) -> f64 {
        let mut term = x;
        let mut sum = x;
        for n in 1..200 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * std::f64::consts::FRAC_2_SQRT_PI
    }

    fn exact(function: Activation, x: f32) -> f64 {
        let x = f64::from(x);
        match function {
            Activation::Silu => x / (1.0 + (-x).exp()),
            Activation::Gelu => x * 0.5 * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2)),
            Activation::QuickGelu => x / (1.0 + (-1.702 * x).exp()),
        }
    }

    #[test]
    fn activations_are_exact_to_a_millionth() {
        let inputs: Vec<f32> = (-6001..=6001).map(|i| i as f32 * 1e-3).collect();
        for level in Level::available() {
            for function in [Activation::Silu, Activation::Gelu, Activation::QuickGelu] {
                let mut out = vec![f32::NAN; inputs.len()];
                function.run_at(level, &inputs, &mut out);
                for (&x, &found) in inputs.iter().zip(&out) {
                    let difference = (f64::from(found) - exact(function, x)).abs();
                    let allowed = 5e-7 * f64::from(x.abs()).max(1.0);
                    assert!(
                        difference <= allowed,
                        "{} {function:?}({x}) = {found}",
                        level.name()
                    );
                }
            }
        }
    }

    #[test]
    fn extremes_stay_finite_and_wrong_numbers_stay_wrong() {
        for level in Level::available() {
            for function in [Activation::Silu, Activation::Gelu, Activation::QuickGelu] {
                let mut out = [0.0; 3];
                function.run_at(level, &[-1e4, 1e4, f32::NAN], &mut out);
                assert!(
                    out[0].abs() < 1e-30,
                    "{} {function:?} {out:?}",
                    level.name()
                );
                assert_eq!(out[1], 1e4);
                assert!(out[2].is_nan());
            }
        }
    }

    #[test]
    fn gate_is_the_second_half() {
        let (rows, width) = (5, 37);
        let input = Numbers::new(3).take(rows * 2 * width);
        let expected = |i: usize| {
            let (row, column) = (i / width, i % width);
            let gate = input[(2 * row + 1) * width + column];
            f64::from(input[2 * row * width + column]) * exact(Activation::Gelu, gate)
        };
        let expected: Vec<f64> = (0..rows * width).map(expected).collect();
        for level in Level::available() {
            let mut out = vec![f32::NAN; rows * width];
            geglu_at(level, &input, width, &mut out);
            check(level.name(), &out, &expected, 1e-6);
        }
    }

    #[test]
    fn softmax_of_large_values_sums_to_one() {
        for width in [1, 7, 16, 77, 300] {
            let rows = 3;
            let input: Vec<f32> = Numbers::new(width as u64)
                .take(rows * width)
                .iter()
                .map(|x| x * 40.0 + 500.0)
                .collect();
            let mut expected = Vec::new();
            for row in input.chunks(width) {
                let top = row.iter().fold(f32::MIN, |a, &b| a.max(b));
                let e: Vec<f64> = row.iter().map(|&x| f64::from(x - top).exp()).collect();
                let sum: f64 = e.iter().sum();
                expected.extend(e.iter().map(|e| e / sum));
            }
            for level in Level::available() {
                let mut out = vec![f32::NAN; rows * width];
                softmax_at(level, &input, width, &mut out);
                check(level.name(), &out, &expected, 1e-6);
            }
        }
    }

    #[test]
    fn sums_every_pair() {
        let (a, b) = (Numbers::new(1).take(70_001), Numbers::new(2).take(70_001));
        let mut out = vec![f32::NAN; a.len()];
        add(&a, &b, &mut out);
        assert!(
            out.iter()
                .zip(a.iter().zip(&b))
                .all(|(out, (a, b))| *out == a + b)
        );
    }
}

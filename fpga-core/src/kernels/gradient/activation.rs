//! Gradients of the element-by-element functions.

use std::ops::Range;

use crate::kernels::activation::{Activation, get, registers, set};
use crate::kernels::level::Level;
use crate::kernels::math;
use crate::kernels::parallel::{Shared, for_each_range};
use crate::kernels::simd::{Kernel, Simd};

/// Values that are worth a task of their own.
const SMALLEST: usize = 16 << 10;

/// `out = gradient ⊙ f′(input)`
///
/// # Panics
/// If the slices have different lengths.
pub(crate) fn activation(function: Activation, input: &[f32], gradient: &[f32], out: &mut [f32]) {
    assert!(
        input.len() == out.len() && gradient.len() == out.len(),
        "activation gradient: the lengths differ"
    );
    let level = Level::current();
    let out = Shared::new(out);
    for_each_range(input.len(), SMALLEST, |range| {
        // SAFETY: ranges do not overlap.
        let out = unsafe { out.part(range.clone()) };
        level.run(Map {
            function,
            input: &input[range.clone()],
            gradient: &gradient[range],
            out,
        });
    });
}

/// Gradient of `value ⊙ gelu(gate)`, where each row of `input` holds value and gate side by side.
///
/// # Shapes
/// - `input` and `out`: `[n, 2·width]`; `gradient`: `[n, width]`
///
/// # Panics
/// If the lengths do not fit.
pub(crate) fn geglu(input: &[f32], gradient: &[f32], width: usize, out: &mut [f32]) {
    assert!(
        input.len() == 2 * gradient.len() && input.len() == out.len(),
        "gated GELU gradient: the lengths differ"
    );
    assert!(
        width > 0 && gradient.len().is_multiple_of(width),
        "gated GELU gradient: width"
    );
    let level = Level::current();
    let out = Shared::new(out);
    for_each_range(gradient.len() / width, SMALLEST / width, |rows| {
        level.run(Geglu {
            input,
            gradient,
            width,
            rows,
            out,
        });
    });
}

/// The function's slope at `x`.
#[inline(always)]
pub(super) fn slope<S: Simd>(function: Activation, simd: S, x: S::V) -> S::V {
    match function {
        Activation::Silu => swish_slope(simd, x, 1.0),
        Activation::Gelu => gelu_and_slope(simd, x).1,
        Activation::QuickGelu => swish_slope(simd, x, 1.702),
    }
}

/// With `s = 1 / (1 + e⁻ᵏˣ)`: `s (1 + k x (1 − s))`.
#[inline(always)]
fn swish_slope<S: Simd>(simd: S, x: S::V, k: f32) -> S::V {
    let one = simd.splat(1.0);
    let scaled = simd.mul(x, simd.splat(k));
    let e = math::exp(simd, simd.sub(simd.splat(0.0), scaled));
    let s = simd.div(one, simd.add(one, e));
    let rest = simd.mul(scaled, simd.sub(one, s));
    simd.mul_add(s, rest, s)
}

/// `x Φ(x)` and `Φ(x) + x φ(x)`.
#[inline(always)]
fn gelu_and_slope<S: Simd>(simd: S, x: S::V) -> (S::V, S::V) {
    const DENSITY: f32 = 0.398_942_3;
    let (tail, bell) = math::normal(simd, x);
    let share = simd.where_negative(x, tail, simd.sub(simd.splat(1.0), tail));
    let density = simd.mul(bell, simd.splat(DENSITY));
    (simd.mul(x, share), simd.mul_add(x, density, share))
}

struct Map<'a> {
    function: Activation,
    input: &'a [f32],
    gradient: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Map<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for (start, count) in registers::<S>(self.input.len()) {
            let slope = slope(self.function, simd, get(simd, self.input, start, count));
            let gradient = get(simd, self.gradient, start, count);
            set(simd, self.out, start, count, simd.mul(gradient, slope));
        }
    }
}

struct Geglu<'a> {
    input: &'a [f32],
    gradient: &'a [f32],
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
            let gradient = &self.gradient[row * width..(row + 1) * width];
            // SAFETY: each row belongs to one task.
            let out = unsafe { self.out.part(2 * row * width..2 * (row + 1) * width) };
            let (to_value, to_gate) = out.split_at_mut(width);
            for (start, count) in registers::<S>(width) {
                let (gelu, slope) = gelu_and_slope(simd, get(simd, gate, start, count));
                let gradient = get(simd, gradient, start, count);
                let value = simd.mul(gradient, get(simd, value, start, count));
                set(simd, to_value, start, count, simd.mul(gradient, gelu));
                set(simd, to_gate, start, count, simd.mul(value, slope));
            }
        }
    }
}

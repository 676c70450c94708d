//! Softmax down the rows of scores: `[keys][panel]`, every lane for itself.

use super::super::activation::{get, set};
use super::super::math::exp2;
use super::super::simd::Simd;

/// Rows that are worked on side by side, because each step waits for the one before it.
const TOGETHER: usize = 4;

/// The largest score of each lane of register `index`, or `before` where that is larger.
#[inline(always)]
pub(super) fn largest<S: Simd>(simd: S, scores: &[f32], index: usize, before: S::V) -> S::V {
    let lane = index * S::LANES;
    let mut tops = [before; TOGETHER];
    let mut blocks = scores.chunks_exact(TOGETHER * S::PANEL);
    for rows in &mut blocks {
        for (i, top) in tops.iter_mut().enumerate() {
            *top = simd.max(*top, get(simd, rows, i * S::PANEL + lane, S::LANES));
        }
    }
    for row in blocks.remainder().chunks_exact(S::PANEL) {
        tops[0] = simd.max(tops[0], get(simd, row, lane, S::LANES));
    }
    let [a, b, c, d] = tops;
    simd.max(simd.max(a, b), simd.max(c, d))
}

/// Turns the scores of register `index` into powers of two relative to `top`, and gives their sums.
#[inline(always)]
pub(super) fn weights<S: Simd>(simd: S, scores: &mut [f32], index: usize, top: S::V) -> S::V {
    let lane = index * S::LANES;
    let mut sums = [simd.splat(0.0); TOGETHER];
    let mut blocks = scores.chunks_exact_mut(TOGETHER * S::PANEL);
    for rows in &mut blocks {
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum = simd.add(*sum, weight(simd, rows, i * S::PANEL + lane, top));
        }
    }
    for row in blocks.into_remainder().chunks_exact_mut(S::PANEL) {
        sums[0] = simd.add(sums[0], weight(simd, row, lane, top));
    }
    let [a, b, c, d] = sums;
    simd.add(simd.add(a, b), simd.add(c, d))
}

#[inline(always)]
fn weight<S: Simd>(simd: S, scores: &mut [f32], at: usize, top: S::V) -> S::V {
    let weight = exp2(simd, simd.sub(get(simd, scores, at, S::LANES), top));
    set(simd, scores, at, S::LANES, weight);
    weight
}

//! Gradients of attention, block by block (Dao et al. 2022, algorithm 4, over whole rows of keys).
//!
//! With `P = softmax(Q Kᵀ / √d)`: `dV = Pᵀ dO`, `dP = dO Vᵀ`, `dS = P ⊙ (dP − rowsum(P ⊙ dP)) / √d`,
//! `dQ = dS K`, `dK = dSᵀ Q`. A task is one head of one picture: it computes `P` again for one block of
//! queries after the other, so no more than a few rows of `P` exist at once.

use super::product::transpose;
use crate::kernels::Attention;
use crate::kernels::activation::{get, registers, set};
use crate::kernels::level::Level;
use crate::kernels::math::exp;
use crate::kernels::micro::{Product, Start, multiply};
use crate::kernels::pack::{Block, pack_panel};
use crate::kernels::parallel::{Shared, for_each};
use crate::kernels::pool::Buffer;
use crate::kernels::simd::{Kernel, Simd};
use crate::kernels::weights::WeightView;

/// Queries per block: a multiple of every register.
const QUERIES: usize = 64;
/// Values between two rows beyond their length, off powers of two.
const SKEW: usize = 16;

/// Adds to the gradients of query, key and value, which start as zeros.
///
/// # Shapes
/// - query, gradient and the first result: `[b, n, heads·d]`
/// - key, value and the other results: `[b, m, heads·d]`
///
/// # Panics
/// If the lengths do not fit.
pub(crate) fn attention(
    attention: &Attention,
    inputs: [&[f32]; 4],
    [to_query, to_key, to_value]: [&mut [f32]; 3],
) {
    let all = attention.heads * attention.width;
    let (long, short) = (
        attention.batch * attention.queries * all,
        attention.batch * attention.keys * all,
    );
    assert_eq!(
        inputs.map(<[f32]>::len),
        [long, short, short, long],
        "attention gradient: input lengths"
    );
    assert_eq!(
        [to_query.len(), to_key.len(), to_value.len()],
        [long, short, short],
        "attention gradient: output lengths"
    );
    if long == 0 || short == 0 {
        return;
    }
    let level = Level::current();
    let outputs = [
        Shared::new(to_query),
        Shared::new(to_key),
        Shared::new(to_value),
    ];
    for_each(attention.batch * attention.heads, |head| {
        level.run(Head {
            attention,
            inputs,
            outputs,
            head,
        });
    });
}

/// One head of one picture.
struct Head<'a> {
    attention: &'a Attention,
    /// Query, key, value and the gradient of the result.
    inputs: [&'a [f32]; 4],
    outputs: [Shared<'a>; 3],
    head: usize,
}

/// A matrix in panels: `[count][rows][panel]`.
struct Panels {
    values: Buffer,
    rows: usize,
}

/// Scores or weights of one block of queries, `[QUERIES][stride]`.
struct Scores {
    values: Buffer,
    stride: usize,
}

/// Rows in memory that a product starts from or ends in.
#[derive(Clone, Copy)]
struct Left {
    start: *const f32,
    stride: usize,
    rows: usize,
    depth: usize,
}

impl Kernel for Head<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Attention {
            queries,
            keys,
            width,
            causal,
            ..
        } = *self.attention;
        let all = self.attention.heads * width;
        let [query, key, value, gradient] = self.inputs;
        let key_columns = self.columns(simd, key);
        let value_columns = self.columns(simd, value);
        let key_rows = self.rows(simd, &key[self.place(keys, 0)..], keys);
        let stride = keys.next_multiple_of(S::PANEL) + SKEW;
        let scores = || Scores {
            values: Buffer::take(QUERIES * stride),
            stride,
        };
        let (mut weights, mut slopes) = (scores(), scores());
        let mut turned = Buffer::take(keys * (QUERIES + SKEW));
        for first in (0..queries).step_by(QUERIES) {
            let count = QUERIES.min(queries - first);
            let seen = if causal {
                keys.min(first + count)
            } else {
                keys
            };
            let columns = seen.next_multiple_of(S::PANEL);
            let place = self.place(queries, first);
            let tokens = |from: &[f32]| Left {
                start: from[place..].as_ptr(),
                stride: all,
                rows: count,
                depth: width,
            };
            // SAFETY: `count` queries of `width` values lie `all` apart from `place` on, in inputs and
            // outputs, and `keys` keys likewise; scores have room for whole panels of keys. Only this task
            // writes this head.
            unsafe {
                let to = weights.values.as_mut_ptr();
                times(
                    simd,
                    tokens(query),
                    &key_columns,
                    columns,
                    to,
                    stride,
                    Start::Zero,
                );
                let to = slopes.values.as_mut_ptr();
                times(
                    simd,
                    tokens(gradient),
                    &value_columns,
                    columns,
                    to,
                    stride,
                    Start::Zero,
                );
                for row in 0..count {
                    let visible = if causal {
                        seen.min(first + row + 1)
                    } else {
                        seen
                    };
                    let range = row * stride..row * stride + columns;
                    let weights = &mut weights.values[range.clone()];
                    self.softmax_back(simd, weights, &mut slopes.values[range], visible);
                }
                let from = Left {
                    start: slopes.values.as_ptr(),
                    stride,
                    rows: count,
                    depth: seen,
                };
                let to = self.outputs[0].at(place);
                times(simd, from, &key_rows, width, to, all, Start::Zero);

                let to = self.place(keys, 0);
                for (scores, tokens, to) in [
                    (&slopes, query, self.outputs[1].at(to)),
                    (&weights, gradient, self.outputs[2].at(to)),
                ] {
                    let rows = self.rows(simd, &tokens[place..], count);
                    let from = scores.values.as_ptr();
                    let stride = QUERIES + SKEW;
                    transpose(
                        simd,
                        from,
                        scores.stride,
                        [count, seen],
                        turned.as_mut_ptr(),
                        stride,
                    );
                    let from = Left {
                        start: turned.as_ptr(),
                        stride,
                        rows: seen,
                        depth: count,
                    };
                    times(simd, from, &rows, width, to, all, Start::Sum);
                }
            }
        }
    }
}

impl Head<'_> {
    /// Where token `token` of this head starts, in a sequence of `length`.
    #[inline(always)]
    fn place(&self, length: usize, token: usize) -> usize {
        let heads = self.attention.heads;
        let (picture, head) = (self.head / heads, self.head % heads);
        ((picture * length + token) * heads + head) * self.attention.width
    }

    /// Keys or values as the columns of a matrix: `[width][panel]` for each panel of them.
    #[inline(always)]
    fn columns<S: Simd>(&self, simd: S, from: &[f32]) -> Panels {
        let Attention {
            keys, width, heads, ..
        } = *self.attention;
        let mut values = Buffer::take(keys.next_multiple_of(S::PANEL) * width);
        for (index, to) in values.chunks_exact_mut(S::PANEL * width).enumerate() {
            let first = index * S::PANEL;
            let block = Block {
                matrix: WeightView::F32(&from[self.place(keys, first)..]),
                stride: heads * width,
                first_row: 0,
                rows: S::PANEL.min(keys - first),
                first_column: 0,
                columns: width,
            };
            pack_panel(simd, block, to);
        }
        Panels {
            values,
            rows: width,
        }
    }

    /// Tokens as the rows of a matrix, `[count][panel]` for each panel of their width.
    #[inline(always)]
    fn rows<S: Simd>(&self, simd: S, from: &[f32], count: usize) -> Panels {
        let Attention { width, heads, .. } = *self.attention;
        let mut values = Buffer::take(width.next_multiple_of(S::PANEL) * count);
        for (index, to) in values.chunks_exact_mut(S::PANEL * count).enumerate() {
            let first = index * S::PANEL;
            let length = S::PANEL.min(width - first);
            for (token, to) in to.chunks_exact_mut(S::PANEL).enumerate() {
                let from = &from[token * heads * width + first..][..length];
                for (start, count) in registers::<S>(length) {
                    let value = get(simd, from, start, count);
                    set(simd, to, start, S::LANES, value);
                }
            }
        }
        Panels {
            values,
            rows: count,
        }
    }

    /// Scores become weights, and gradients of weights those of scores; both zero beyond `visible`.
    #[inline(always)]
    fn softmax_back<S: Simd>(
        &self,
        simd: S,
        weights: &mut [f32],
        slopes: &mut [f32],
        visible: usize,
    ) {
        let scale = simd.splat(1.0 / (self.attention.width as f32).sqrt());
        let padded = visible.next_multiple_of(S::LANES);
        weights[visible..].fill(f32::NEG_INFINITY);
        let mut tops = simd.splat(f32::NEG_INFINITY);
        for (start, count) in registers::<S>(padded) {
            tops = simd.max(tops, get(simd, weights, start, count));
        }
        let tops = simd.splat(simd.largest(tops));
        for (start, count) in registers::<S>(padded) {
            let x = simd.sub(get(simd, weights, start, count), tops);
            set(simd, weights, start, count, exp(simd, simd.mul(x, scale)));
        }
        weights[visible..].fill(0.0);
        let mut sums = simd.splat(0.0);
        let mut dots = simd.splat(0.0);
        for (start, count) in registers::<S>(padded) {
            let weight = get(simd, weights, start, count);
            sums = simd.add(sums, weight);
            dots = simd.mul_add(weight, get(simd, slopes, start, count), dots);
        }
        let total = simd.sum(sums);
        let (inverse, mean) = (simd.splat(1.0 / total), simd.splat(simd.sum(dots) / total));
        for (start, count) in registers::<S>(padded) {
            let weight = simd.mul(get(simd, weights, start, count), inverse);
            set(simd, weights, start, count, weight);
            let slope = simd.sub(get(simd, slopes, start, count), mean);
            let slope = simd.mul(simd.mul(weight, slope), scale);
            set(simd, slopes, start, count, slope);
        }
        slopes[padded..].fill(0.0);
    }
}

/// `C = start + A B` for the first `columns` columns of `B`.
///
/// # Safety
/// All rows of `A` can be read, all rows and columns of `C` written; `B` has at least `A`'s depth in rows.
#[inline(always)]
unsafe fn times<S: Simd>(
    simd: S,
    left: Left,
    right: &Panels,
    columns: usize,
    to: *mut f32,
    to_stride: usize,
    start: Start,
) {
    let size = right.rows * S::PANEL;
    for (index, panel) in right.values.chunks_exact(size).enumerate() {
        let column = index * S::PANEL;
        if column >= columns {
            break;
        }
        let product = Product {
            rows: left.rows,
            columns: S::PANEL.min(columns - column),
            k: left.depth,
            a: left.start,
            a_stride: left.stride,
            a_step: 1,
            b: panel.as_ptr(),
            c: to.wrapping_add(column),
            c_stride: to_stride,
            start,
        };
        // SAFETY: the caller's promise.
        unsafe { multiply::<S, 2>(simd, product) };
    }
}

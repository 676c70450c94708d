//! Scaled dot-product attention `softmax(Q Kᵀ / √d) V` in blocks, without the matrix of weights
//! (Milakov & Gimelshein 2018; Dao et al. 2022, algorithm 1).
//!
//! Letters: `b` batch, `n` queries, `m` keys, `heads`, `d` width of one head. Tokens stay `[b, n, heads·d]`: heads
//! are read and written in place. Keys and values of every head are packed once; tasks are blocks of
//! queries of one head, which walk over blocks of keys with a running maximum and sum.

mod grouped;
mod packing;

pub use grouped::GroupedAttention;
use packing::{Pack, Packing};

use super::activation::{get, registers, set};
use super::level::Level;
use super::math::exp2;
use super::micro::{Product, Start, multiply};
use super::parallel::{Shared, for_each, threads};
use super::pool::Buffer;
use super::simd::{Kernel, Simd};

/// Queries per task.
const QUERIES: usize = 112;
/// Keys per block; a multiple of every panel. Their scores stay in the first two cache levels.
const KEYS: usize = 256;
/// Registers of scores that are worked on side by side, because each step waits for the one before it.
const TOGETHER: usize = 4;

/// Sizes of an attention, and which keys a query sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attention {
    /// `b`
    pub batch: usize,
    /// `n`
    pub queries: usize,
    /// `m`
    pub keys: usize,
    /// Number of heads.
    pub heads: usize,
    /// `d`, width of one head.
    pub width: usize,
    /// Whether query `i` sees only keys `0…i`.
    pub causal: bool,
}

impl Attention {
    /// Attends, overwriting `out`.
    ///
    /// # Shapes
    /// - `query` and `out`: `[b, n, heads·d]`
    /// - `key` and `value`: `[b, m, heads·d]`
    ///
    /// # Panics
    /// If the lengths do not fit, or there is no key.
    pub fn run(&self, query: &[f32], key: &[f32], value: &[f32], out: &mut [f32]) {
        self.run_at(Level::current(), [query, key, value], out);
    }

    pub(super) fn run_at(&self, level: Level, [query, key, value]: [&[f32]; 3], out: &mut [f32]) {
        let all = self.heads * self.width;
        assert_eq!(
            query.len(),
            self.batch * self.queries * all,
            "attention: query length"
        );
        assert_eq!(
            key.len(),
            self.batch * self.keys * all,
            "attention: key length"
        );
        assert_eq!(value.len(), key.len(), "attention: value length");
        assert_eq!(out.len(), query.len(), "attention: output length");
        if out.is_empty() {
            return;
        }
        assert!(self.keys > 0, "attention: there are no keys");
        let packing = Packing::new(self, level);
        let heads = self.batch * self.heads;
        let mut packed = Buffer::take(heads * packing.size());
        let to = Shared::new(&mut packed);
        let blocks = self.keys.div_ceil(KEYS);
        for_each(heads * blocks, |task| {
            let (head, block) = (task / blocks, task % blocks);
            level.run(Pack {
                attention: self,
                packing,
                key,
                value,
                head,
                block,
                to,
            });
        });
        let size = self.block_of_queries();
        let (blocks, out) = (self.queries.div_ceil(size), Shared::new(out));
        for_each(heads * blocks, |task| {
            let (head, block) = (task / blocks, task % blocks);
            level.run(Attend {
                attention: self,
                packing,
                query,
                packed: &packed[head * packing.size()..(head + 1) * packing.size()],
                head,
                queries: block * size..self.queries.min((block + 1) * size),
                out,
            });
        });
    }

    /// Queries per task: all threads have work, and a block of packed keys is worth its reading.
    fn block_of_queries(&self) -> usize {
        let tasks = (3 * threads()).div_ceil(self.batch * self.heads);
        self.queries
            .div_ceil(tasks)
            .next_multiple_of(14)
            .min(QUERIES)
    }

    /// Where token `token` of head `head` (of all batches) starts, in a sequence of `length`.
    #[inline(always)]
    fn place(&self, head: usize, length: usize, token: usize) -> usize {
        let (batch, head) = (head / self.heads, head % self.heads);
        ((batch * length + token) * self.heads + head) * self.width
    }
}

/// A block of queries of one head.
struct Attend<'a> {
    attention: &'a Attention,
    packing: Packing,
    query: &'a [f32],
    packed: &'a [f32],
    head: usize,
    queries: std::ops::Range<usize>,
    out: Shared<'a>,
}

/// What a block of queries has seen so far.
struct State {
    /// Queries, scaled by log₂e / √d: `[queries][d]`.
    queries: Buffer,
    /// Scores, then weights, of one block of keys: `[queries][KEYS]`.
    scores: Buffer,
    /// Sum of weighted values: `[queries][columns]`.
    sums: Buffer,
    /// Largest score so far and sum of weights, per query.
    largest: [f32; QUERIES],
    total: [f32; QUERIES],
}

impl Kernel for Attend<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let rows = self.queries.len();
        let mut state = State {
            queries: self.scaled_queries(simd),
            scores: Buffer::take(rows * KEYS),
            sums: Buffer::take(rows * self.packing.columns()),
            largest: [f32::NEG_INFINITY; QUERIES],
            total: [0.0; QUERIES],
        };
        let seen = match self.attention.causal {
            true => self.attention.keys.min(self.queries.end),
            false => self.attention.keys,
        };
        for first in (0..seen).step_by(KEYS) {
            let count = KEYS.min(seen - first);
            self.score(simd, &mut state, first, count);
            self.weigh(simd, &mut state, first, count);
            self.collect(simd, &mut state, first, count);
        }
        self.write(simd, &state);
    }
}

impl Attend<'_> {
    #[inline(always)]
    fn scaled_queries<S: Simd>(&self, simd: S) -> Buffer {
        let width = self.attention.width;
        let scale = std::f64::consts::LOG2_E / (width as f64).sqrt();
        let scale = simd.splat(scale as f32);
        let mut scaled = Buffer::take(self.queries.len() * width);
        for (query, scaled) in self.queries.clone().zip(scaled.chunks_exact_mut(width)) {
            let place = self
                .attention
                .place(self.head, self.attention.queries, query);
            let query = &self.query[place..place + width];
            for (start, count) in registers::<S>(width) {
                let value = simd.mul(get(simd, query, start, count), scale);
                set(simd, scaled, start, count, value);
            }
        }
        scaled
    }

    /// `Q Kᵀ` for one block of keys.
    #[inline(always)]
    fn score<S: Simd>(&self, simd: S, state: &mut State, first: usize, count: usize) {
        let width = self.attention.width;
        for panel in 0..count.div_ceil(S::PANEL) {
            let at = self.packing.panel_at(first / S::PANEL + panel);
            let product = Product {
                rows: self.queries.len(),
                columns: S::PANEL,
                k: width,
                a: state.queries.as_ptr(),
                a_stride: width,
                b: self.packed[at..at + width * S::PANEL].as_ptr(),
                c: state.scores[panel * S::PANEL..].as_mut_ptr(),
                c_stride: KEYS,
                start: Start::Zero,
            };
            // SAFETY: the buffers hold `rows` rows; KEYS is a multiple of the panel.
            unsafe { multiply::<S, 2>(simd, product) };
        }
    }

    /// Turns scores into weights relative to the largest so far, and rescales what was summed before.
    #[inline(always)]
    fn weigh<S: Simd>(&self, simd: S, state: &mut State, first: usize, count: usize) {
        let rows = self.queries.len();
        let padded = count.next_multiple_of(TOGETHER * S::LANES);
        for row in 0..rows {
            let visible = match self.attention.causal {
                true => (self.queries.start + row + 1)
                    .saturating_sub(first)
                    .min(count),
                false => count,
            };
            let scores = &mut state.scores[row * KEYS..row * KEYS + padded];
            scores[visible..].fill(f32::NEG_INFINITY);
            let top = largest(simd, scores, state.largest[row]);
            let sum = weights(simd, scores, top);
            let before = std::mem::replace(&mut state.largest[row], top);
            if top > before {
                let shrink = exp2(simd, simd.splat(before - top));
                state.total[row] *= simd.largest(shrink);
                if first > 0 {
                    self.shrink(simd, state, row, shrink);
                }
            }
            state.total[row] += sum;
        }
    }

    /// Multiplies what a query has collected.
    #[inline(always)]
    fn shrink<S: Simd>(&self, simd: S, state: &mut State, row: usize, by: S::V) {
        let columns = self.packing.columns();
        let sums = &mut state.sums[row * columns..(row + 1) * columns];
        for start in (0..columns).step_by(S::LANES) {
            let sum = simd.mul(get(simd, sums, start, S::LANES), by);
            set(simd, sums, start, S::LANES, sum);
        }
    }

    /// Adds the weighted values of one block of keys.
    #[inline(always)]
    fn collect<S: Simd>(&self, simd: S, state: &mut State, first: usize, count: usize) {
        let weights = Weights {
            start: state.scores.as_ptr(),
            stride: KEYS,
            rows: self.queries.len(),
        };
        let start = if first == 0 { Start::Zero } else { Start::Sum };
        // SAFETY: the block has a weight for each of its queries and keys.
        unsafe { self.collect_values(simd, weights, first..first + count, &mut state.sums, start) };
    }

    /// `sums = start + weights · values`, for some keys: `[queries][columns]`.
    ///
    /// # Safety
    /// There is a weight for each row and key.
    #[inline(always)]
    unsafe fn collect_values<S: Simd>(
        &self,
        simd: S,
        weights: Weights,
        keys: std::ops::Range<usize>,
        sums: &mut [f32],
        start: Start,
    ) {
        let stride = self.packing.columns();
        assert_eq!(sums.len(), weights.rows * stride);
        for group in self.packing.groups() {
            let (at, columns) = (self.packing.value_at(group, keys.start), group.columns());
            let product = Product {
                rows: weights.rows,
                columns,
                k: keys.len(),
                a: weights.start,
                a_stride: weights.stride,
                b: self.packed[at..at + keys.len() * columns].as_ptr(),
                c: sums[group.column..].as_mut_ptr(),
                c_stride: stride,
                start,
            };
            // SAFETY: the caller promises the weights; values and sums were just measured.
            unsafe {
                match group.vectors {
                    1 => multiply::<S, 1>(simd, product),
                    2 => multiply::<S, 2>(simd, product),
                    _ => multiply::<S, 3>(simd, product),
                }
            }
        }
    }

    #[inline(always)]
    fn write<S: Simd>(&self, simd: S, state: &State) {
        let (columns, width) = (self.packing.columns(), self.attention.width);
        for (row, query) in self.queries.clone().enumerate() {
            let place = self
                .attention
                .place(self.head, self.attention.queries, query);
            // SAFETY: each query of each head belongs to one task.
            let out = unsafe { self.out.part(place..place + width) };
            let scale = simd.splat(1.0 / state.total[row]);
            let sums = &state.sums[row * columns..(row + 1) * columns];
            for (start, count) in registers::<S>(width) {
                let value = simd.mul(get(simd, sums, start, count), scale);
                set(simd, out, start, count, value);
            }
        }
    }
}

/// A weight per row and key, rows `stride` apart.
#[derive(Clone, Copy)]
struct Weights {
    start: *const f32,
    stride: usize,
    rows: usize,
}

/// The largest of `scores` and `before`; whole [`TOGETHER`]s of registers.
#[inline(always)]
fn largest<S: Simd>(simd: S, scores: &[f32], before: f32) -> f32 {
    let mut tops = [simd.splat(before); TOGETHER];
    for start in (0..scores.len()).step_by(TOGETHER * S::LANES) {
        for (i, top) in tops.iter_mut().enumerate() {
            let score = get(simd, scores, start + i * S::LANES, S::LANES);
            *top = simd.max(*top, score);
        }
    }
    let [a, b, c, d] = tops;
    simd.largest(simd.max(simd.max(a, b), simd.max(c, d)))
}

/// Turns scores into powers of two relative to `top`, and gives their sum.
#[inline(always)]
fn weights<S: Simd>(simd: S, scores: &mut [f32], top: f32) -> f32 {
    let top = simd.splat(top);
    let mut sums = [simd.splat(0.0); TOGETHER];
    for start in (0..scores.len()).step_by(TOGETHER * S::LANES) {
        for (i, sum) in sums.iter_mut().enumerate() {
            let at = start + i * S::LANES;
            let weight = exp2(simd, simd.sub(get(simd, scores, at, S::LANES), top));
            set(simd, scores, at, S::LANES, weight);
            *sum = simd.add(*sum, weight);
        }
    }
    let [a, b, c, d] = sums;
    simd.sum(simd.add(simd.add(a, b), simd.add(c, d)))
}

#[cfg(test)]
mod tests;

//! Scaled dot-product attention `softmax(Q Kᵀ / √d) V` in blocks, without the matrix of weights
//! (Milakov & Gimelshein 2018; Dao et al. 2022, algorithm 1).
//!
//! Letters: `b` batch, `n` queries, `m` keys, `heads`, `d` width of one head. Tokens stay `[b, n, heads·d]`; keys
//! and values of every head are brought together once. Tasks are some queries of one head, which walk
//! over blocks of keys with a running sum, and a maximum that rises only where it must.
//!
//! Everything is computed transposed, one query per lane: `K Qᵀ` is `[keys][lanes]`, its softmax needs no
//! sum across a register, it is already packed for `Vᵀ P`, and no width of a head leaves lanes empty.

mod grouped;
mod head;
mod softmax;

pub use grouped::GroupedAttention;
use head::{Head, Panel, gather};
use softmax::{largest, weights};

use super::activation::{get, set};
use super::level::Level;
use super::math::exp2;
use super::micro::Start;
use super::parallel::{Shared, for_each, threads};
use super::pool::Buffer;
use super::simd::{Kernel, Simd};

/// Queries per task: what is read of a block of keys serves all of them.
const QUERIES: usize = 256;
/// Keys per block: their scores and values stay in the first-level cache.
const KEYS: usize = 128;
/// How large the weights of a block may become together before they are related to a larger score.
const RISE: f32 = (1u32 << 30) as f32;
/// Lanes of the widest panel.
const LANES: usize = 32;

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
        let (keys, values) = (gather(self, key), gather(self, value));
        let out = Shared::new(out);
        self.for_each_block(level, |head, queries| {
            level.run(Attend {
                head: Head::new(self, head, query, [&keys, &values]),
                queries,
                out,
            });
        });
    }

    /// Runs `task` for some queries of every head (of all batches): all threads have work.
    fn for_each_block(
        &self,
        level: Level,
        task: impl Fn(usize, std::ops::Range<usize>) + Send + Sync,
    ) {
        let heads = self.batch * self.heads;
        let size = self
            .queries
            .div_ceil((3 * threads()).div_ceil(heads))
            .next_multiple_of(level.panel())
            .min(QUERIES);
        let blocks = self.queries.div_ceil(size);
        for_each(heads * blocks, |index| {
            let (head, block) = (index / blocks, index % blocks);
            task(head, block * size..self.queries.min((block + 1) * size));
        });
    }

    /// Where token `token` of head `head` (of all batches) starts, in a sequence of `length`.
    #[inline(always)]
    fn place(&self, head: usize, length: usize, token: usize) -> usize {
        let (batch, head) = (head / self.heads, head % self.heads);
        ((batch * length + token) * self.heads + head) * self.width
    }
}

/// Some queries of one head.
struct Attend<'a> {
    head: Head<'a>,
    queries: std::ops::Range<usize>,
    out: Shared<'a>,
}

/// What the queries of one panel have seen so far; per lane where nothing else is said.
struct Seen {
    panel: Panel,
    /// Sum of weighted values, `[d][panel]`.
    sums: Buffer,
    /// Largest score.
    largest: [f32; LANES],
    /// Sum of weights.
    total: [f32; LANES],
}

impl Kernel for Attend<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        const { assert!(S::PANEL <= LANES) };
        let sizes = self.head.attention;
        let mut panels = Vec::with_capacity(self.queries.len().div_ceil(S::PANEL));
        for first in self.queries.clone().step_by(S::PANEL) {
            let queries = first..self.queries.end.min(first + S::PANEL);
            panels.push(Seen {
                panel: self.head.scaled_queries(simd, queries),
                sums: Buffer::take(sizes.width * S::PANEL),
                largest: [f32::NEG_INFINITY; LANES],
                total: [0.0; LANES],
            });
        }
        let mut scores = Buffer::take(KEYS * S::PANEL);
        for first in (0..sizes.keys).step_by(KEYS) {
            let keys = first..sizes.keys.min(first + KEYS);
            let scores = &mut scores[..keys.len() * S::PANEL];
            for seen in &mut panels {
                if sizes.causal && seen.panel.queries.end <= first {
                    continue;
                }
                self.score(simd, &seen.panel, keys.clone(), scores);
                if first == 0 {
                    seen.weigh(simd, scores, false);
                } else if !seen.weigh_as_before(simd, scores) {
                    self.score(simd, &seen.panel, keys.clone(), scores);
                    seen.weigh(simd, scores, true);
                }
                let start = if first == 0 { Start::Zero } else { Start::Sum };
                self.head
                    .collect(simd, scores, keys.clone(), &mut seen.sums, start);
            }
        }
        for seen in &mut panels {
            self.write(simd, seen);
        }
    }
}

impl Attend<'_> {
    /// Scores of the keys that the queries of the panel see; those of others are −∞.
    #[inline(always)]
    fn score<S: Simd>(
        &self,
        simd: S,
        panel: &Panel,
        keys: std::ops::Range<usize>,
        scores: &mut [f32],
    ) {
        self.head.score(simd, panel, keys.clone(), scores);
        if self.head.attention.causal {
            hide_later(panel, keys, scores);
        }
    }

    /// Divides by the sum of weights and writes every query to its place.
    #[inline(always)]
    fn write<S: Simd>(&self, simd: S, seen: &mut Seen) {
        let mut scales = [simd.splat(0.0); 2];
        for (i, scale) in scales.iter_mut().enumerate() {
            let total = get(simd, &seen.total, i * S::LANES, S::LANES);
            *scale = simd.div(simd.splat(1.0), total);
        }
        scale_rows(simd, &mut seen.sums, scales);
        let found = self.head.turned(simd, &seen.sums);
        for (query, found) in seen
            .panel
            .queries
            .clone()
            .zip(found.chunks_exact(self.head.stride::<S>()))
        {
            let range = self.head.query_range(query);
            let found = &found[..range.len()];
            // SAFETY: each query of each head belongs to one task.
            unsafe { self.out.part(range) }.copy_from_slice(found);
        }
    }
}

impl Seen {
    /// Turns scores into weights relative to the largest of earlier blocks; `false` if some are so much
    /// larger that all must be weighed anew, from their scores, which are lost.
    #[inline(always)]
    fn weigh_as_before<S: Simd>(&mut self, simd: S, scores: &mut [f32]) -> bool {
        let mut sums = [simd.splat(0.0); 2];
        for (i, sum) in sums.iter_mut().enumerate() {
            let top = get(simd, &self.largest, i * S::LANES, S::LANES);
            *sum = weights(simd, scores, i, top);
        }
        if sums.iter().any(|&sum| simd.largest(sum) > RISE) {
            return false;
        }
        for (i, sum) in sums.into_iter().enumerate() {
            let lane = i * S::LANES;
            let total = simd.add(get(simd, &self.total, lane, S::LANES), sum);
            set(simd, &mut self.total, lane, S::LANES, total);
        }
        true
    }

    /// Turns scores into weights relative to the largest so far, and rescales what was summed before.
    #[inline(always)]
    fn weigh<S: Simd>(&mut self, simd: S, scores: &mut [f32], again: bool) {
        let (mut shrinks, mut risen) = ([simd.splat(1.0); 2], false);
        for (i, shrink) in shrinks.iter_mut().enumerate() {
            let lane = i * S::LANES;
            let before = get(simd, &self.largest, lane, S::LANES);
            let top = largest(simd, scores, i, before);
            let sum = weights(simd, scores, i, top);
            risen |= simd.largest(simd.sub(top, before)) > 0.0;
            *shrink = exp2(simd, simd.sub(before, top));
            let total = get(simd, &self.total, lane, S::LANES);
            set(simd, &mut self.largest, lane, S::LANES, top);
            let total = simd.mul_add(total, *shrink, sum);
            set(simd, &mut self.total, lane, S::LANES, total);
        }
        if again && risen {
            scale_rows(simd, &mut self.sums, shrinks);
        }
    }
}

/// Multiplies every row of `[n][panel]`.
#[inline(always)]
fn scale_rows<S: Simd>(simd: S, rows: &mut [f32], scales: [S::V; 2]) {
    for row in rows.chunks_exact_mut(S::PANEL) {
        for (i, &scale) in scales.iter().enumerate() {
            let value = simd.mul(get(simd, row, i * S::LANES, S::LANES), scale);
            set(simd, row, i * S::LANES, S::LANES, value);
        }
    }
}

/// Where a query comes before a key, it does not see it.
fn hide_later(panel: &Panel, keys: std::ops::Range<usize>, scores: &mut [f32]) {
    let width = scores.len() / keys.len();
    for (key, scores) in keys.zip(scores.chunks_exact_mut(width)) {
        let hidden = key.saturating_sub(panel.queries.start).min(width);
        scores[..hidden].fill(f32::NEG_INFINITY);
    }
}

#[cfg(test)]
mod tests;

//! Attention to a few groups of keys, each with its own softmax and a weight per query, added to what
//! the queries found before (Ye et al. 2023, eq. 5, for several pictures with masks).
//!
//! All groups share one product with the keys and one with the values. Blocks of queries that take
//! nothing of any group are copied, so people who cover little of a picture cost little.

use super::{Attend, Attention, KEYS, Pack, Packing, Weights};
use crate::kernels::activation::{get, registers, set};
use crate::kernels::level::Level;
use crate::kernels::math::exp2;
use crate::kernels::micro::{Product, Start, multiply};
use crate::kernels::parallel::{Shared, for_each};
use crate::kernels::pool::Buffer;
use crate::kernels::simd::{Kernel, Simd};

/// Groups of keys, and what each query takes of them.
#[derive(Clone, Copy, Debug)]
pub struct GroupedAttention<'a> {
    /// Sizes, with the keys of all groups.
    pub attention: Attention,
    /// Keys of each group.
    pub lengths: &'a [usize],
    /// `[groups][queries]` for all rows of the batch, or `[b][groups][queries]`.
    pub weights: &'a [f32],
}

impl GroupedAttention<'_> {
    /// Writes `base` plus what the queries find, overwriting `out`.
    ///
    /// # Shapes
    /// - `base`, `query` and `out`: `[b, n, heads·d]`
    /// - `key` and `value`: `[b, m, heads·d]`
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn run(&self, [base, query]: [&[f32]; 2], [key, value]: [&[f32]; 2], out: &mut [f32]) {
        self.run_at(Level::current(), [base, query, key, value], out);
    }

    pub(super) fn run_at(
        &self,
        level: Level,
        [base, query, key, value]: [&[f32]; 4],
        out: &mut [f32],
    ) {
        let Attention {
            batch,
            queries,
            keys,
            heads,
            width,
            ..
        } = self.attention;
        let tokens = batch * heads * width;
        let groups = self.lengths.len();
        assert_eq!(base.len(), tokens * queries, "grouped attention: base");
        assert_eq!(query.len(), base.len(), "grouped attention: query length");
        assert_eq!(out.len(), base.len(), "grouped attention: output length");
        assert_eq!(key.len(), tokens * keys, "grouped attention: key length");
        assert_eq!(value.len(), key.len(), "grouped attention: value length");
        let shares = self.weights.len();
        assert!(
            [1, batch].contains(&(shares / (groups * queries).max(1)))
                && shares.is_multiple_of((groups * queries).max(1)),
            "grouped attention: weights"
        );
        assert_eq!(
            self.lengths.iter().sum::<usize>(),
            keys,
            "grouped attention: groups"
        );
        if out.is_empty() {
            return;
        }
        if keys == 0 {
            out.copy_from_slice(base);
            return;
        }
        let packing = Packing::new(&self.attention, level);
        let mut packed = Buffer::take(batch * heads * packing.size());
        let to = Shared::new(&mut packed);
        let blocks = keys.div_ceil(KEYS);
        for_each(batch * heads * blocks, |task| {
            let (head, block) = (task / blocks, task % blocks);
            level.run(Pack {
                attention: &self.attention,
                packing,
                key,
                value,
                head,
                block,
                to,
            });
        });
        let size = self.attention.block_of_queries();
        let (blocks, out) = (queries.div_ceil(size), Shared::new(out));
        for_each(batch * heads * blocks, |task| {
            let (head, block) = (task / blocks, task % blocks);
            level.run(AttendGroups {
                grouped: self,
                base,
                block: Attend {
                    attention: &self.attention,
                    packing,
                    query,
                    packed: &packed[head * packing.size()..(head + 1) * packing.size()],
                    head,
                    queries: block * size..queries.min((block + 1) * size),
                    out,
                },
            });
        });
    }

    /// What a query of a row takes of each group.
    fn weights_of(&self, row: usize, query: usize) -> impl Iterator<Item = f32> {
        let size = self.lengths.len() * self.attention.queries;
        let own = match self.weights.len() == size {
            true => self.weights,
            false => &self.weights[row * size..(row + 1) * size],
        };
        own.iter()
            .skip(query)
            .step_by(self.attention.queries)
            .copied()
    }
}

/// A block of queries of one head.
struct AttendGroups<'a> {
    grouped: &'a GroupedAttention<'a>,
    base: &'a [f32],
    block: Attend<'a>,
}

impl Kernel for AttendGroups<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let block = &self.block;
        let mut queries = block.queries.clone();
        if queries.all(|query| self.is_silent(query)) {
            for query in block.queries.clone() {
                self.copy(query);
            }
            return;
        }
        let mut scores = Buffer::take(block.queries.len() * self.stride::<S>());
        self.score(simd, &mut scores);
        self.weigh(simd, &mut scores);
        let sums = self.collect(simd, &scores);
        self.write(simd, &sums);
    }
}

impl AttendGroups<'_> {
    /// What a query takes of each group.
    fn weights_of(&self, query: usize) -> impl Iterator<Item = f32> {
        let row = self.block.head / self.block.attention.heads;
        self.grouped.weights_of(row, query)
    }

    fn is_silent(&self, query: usize) -> bool {
        self.weights_of(query).all(|weight| weight == 0.0)
    }

    /// From the scores of one query to those of the next.
    #[inline(always)]
    fn stride<S: Simd>(&self) -> usize {
        self.block.attention.keys.next_multiple_of(S::PANEL)
    }

    /// `Q Kᵀ` for all groups.
    #[inline(always)]
    fn score<S: Simd>(&self, simd: S, scores: &mut Buffer) {
        let (width, stride) = (self.block.attention.width, self.stride::<S>());
        let queries = self.block.scaled_queries(simd);
        for panel in 0..stride / S::PANEL {
            let at = self.block.packing.panel_at(panel);
            let product = Product {
                rows: self.block.queries.len(),
                columns: S::PANEL,
                k: width,
                a: queries.as_ptr(),
                a_stride: width,
                b: self.block.packed[at..at + width * S::PANEL].as_ptr(),
                c: scores[panel * S::PANEL..].as_mut_ptr(),
                c_stride: stride,
                start: Start::Zero,
            };
            // SAFETY: the buffers hold a row per query; the stride is a multiple of the panel.
            unsafe { multiply::<S, 2>(simd, product) };
        }
    }

    /// Turns scores into weights: a softmax within each group, times what the query takes of it.
    #[inline(always)]
    fn weigh<S: Simd>(&self, simd: S, scores: &mut Buffer) {
        for (row, query) in self.block.queries.clone().enumerate() {
            let mut start = row * self.stride::<S>();
            let weights = self.weights_of(query);
            for (&length, weight) in self.grouped.lengths.iter().zip(weights) {
                let scores = &mut scores[start..start + length];
                match weight == 0.0 {
                    true => scores.fill(0.0),
                    false => weigh_group(simd, scores, weight),
                }
                start += length;
            }
        }
    }

    /// The weighted values of all groups: `[query][columns]`.
    #[inline(always)]
    fn collect<S: Simd>(&self, simd: S, scores: &Buffer) -> Buffer {
        let (rows, keys) = (self.block.queries.len(), self.block.attention.keys);
        let mut sums = Buffer::take(rows * self.block.packing.columns());
        let weights = Weights {
            start: scores.as_ptr(),
            stride: self.stride::<S>(),
            rows,
        };
        // SAFETY: every query has a weight for each key.
        unsafe {
            self.block
                .collect_values(simd, weights, 0..keys, &mut sums, Start::Zero);
        }
        sums
    }

    #[inline(always)]
    fn write<S: Simd>(&self, simd: S, sums: &Buffer) {
        let columns = self.block.packing.columns();
        for (row, query) in self.block.queries.clone().enumerate() {
            if self.is_silent(query) {
                self.copy(query);
                continue;
            }
            let (base, out) = self.place(query);
            let sums = &sums[row * columns..(row + 1) * columns];
            for (start, count) in registers::<S>(out.len()) {
                let found = get(simd, sums, start, count);
                let value = simd.add(get(simd, base, start, count), found);
                set(simd, out, start, count, value);
            }
        }
    }

    /// A query that takes nothing.
    #[inline(always)]
    fn copy(&self, query: usize) {
        let (base, out) = self.place(query);
        out.copy_from_slice(base);
    }

    /// What the query found before, and where to write.
    #[expect(
        clippy::mut_from_ref,
        reason = "tasks share the output, each its own part"
    )]
    #[inline(always)]
    fn place(&self, query: usize) -> (&[f32], &mut [f32]) {
        let Attend {
            attention,
            head,
            out,
            ..
        } = &self.block;
        let place = attention.place(*head, attention.queries, query);
        let range = place..place + attention.width;
        // SAFETY: each query of each head belongs to one task, which takes one at a time.
        (&self.base[range.clone()], unsafe { out.part(range) })
    }
}

/// `weight · softmax` of base-2 scores, in place.
#[inline(always)]
fn weigh_group<S: Simd>(simd: S, scores: &mut [f32], weight: f32) {
    let mut tops = simd.splat(f32::NEG_INFINITY);
    for (start, count) in registers::<S>(scores.len()) {
        tops = simd.max(tops, get_scores(simd, scores, start, count));
    }
    let top = simd.splat(simd.largest(tops));
    let mut sums = simd.splat(0.0);
    for (start, count) in registers::<S>(scores.len()) {
        let score = get_scores(simd, scores, start, count);
        let share = exp2(simd, simd.sub(score, top));
        set(simd, scores, start, count, share);
        sums = simd.add(sums, share);
    }
    let scale = simd.splat(weight / simd.sum(sums));
    for (start, count) in registers::<S>(scores.len()) {
        let share = simd.mul(get(simd, scores, start, count), scale);
        set(simd, scores, start, count, share);
    }
}

/// Up to a register of scores; what lies behind the last one neither wins nor counts.
#[inline(always)]
fn get_scores<S: Simd>(simd: S, scores: &[f32], start: usize, count: usize) -> S::V {
    if count == S::LANES {
        return get(simd, scores, start, count);
    }
    let mut lanes = [f32::NEG_INFINITY; 16];
    lanes[..count].copy_from_slice(&scores[start..start + count]);
    get(simd, &lanes, 0, S::LANES)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernels::attention::tests::naive;
    use crate::kernels::oracle::{Numbers, check};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn equals_one_naive_sum_per_group(
            batch in 1usize..3, heads in 1usize..4, queries in 1usize..140, width in 1usize..90,
            lengths in prop::collection::vec(1usize..40, 1..6), shared: bool, seed: u64,
        ) {
            let rows = if shared { 1 } else { batch };
            compare([batch, heads, queries, width], &lengths, rows, seed);
        }
    }

    #[test]
    fn sizes_of_the_models() {
        for sizes in [[2, 8, 300, 40], [1, 20, 60, 64], [1, 8, 64, 160]] {
            compare(sizes, &[4, 4, 16], sizes[0], 3);
        }
        compare([1, 1, 20, 16], &[257, 257, 6], 1, 4);
    }

    /// `rows`: how many rows of weights.
    fn compare(
        [batch, heads, queries, width]: [usize; 4],
        lengths: &[usize],
        rows: usize,
        seed: u64,
    ) {
        let mut numbers = Numbers::new(seed);
        let keys: usize = lengths.iter().sum();
        let tokens = |length: usize| batch * length * heads * width;
        let [base, query] = [0; 2].map(|_| numbers.take(tokens(queries)));
        let [key, value] = [0; 2].map(|_| numbers.take(tokens(keys)));
        let mut weights = numbers.take(rows * lengths.len() * queries);
        // Silent groups, silent queries, and a silent block.
        for (place, weight) in weights.iter_mut().enumerate() {
            let query = place % queries;
            if place % 3 == 0 || query % 5 == 0 || query >= 70 {
                *weight = 0.0;
            }
        }
        let sizes = |keys| Attention {
            batch,
            queries,
            keys,
            heads,
            width,
            causal: false,
        };
        let mut expected: Vec<f64> = base.iter().map(|&value| f64::from(value)).collect();
        let mut start = 0;
        for (group, &length) in lengths.iter().enumerate() {
            let part = |all: &[f32]| -> Vec<f32> {
                let rows = all.chunks_exact(keys * heads * width);
                rows.flat_map(|row| &row[start * heads * width..][..length * heads * width])
                    .copied()
                    .collect()
            };
            let found = naive(&sizes(length), &query, &part(&key), &part(&value));
            for (place, (sum, found)) in expected.iter_mut().zip(found).enumerate() {
                let query = place / (heads * width) % queries;
                let row = place / (heads * width * queries) % rows;
                let at = (row * lengths.len() + group) * queries + query;
                *sum += f64::from(weights[at]) * found;
            }
            start += length;
        }
        let grouped = GroupedAttention {
            attention: sizes(keys),
            lengths,
            weights: &weights,
        };
        for level in Level::available() {
            let mut out = vec![f32::NAN; base.len()];
            grouped.run_at(level, [&base, &query, &key, &value], &mut out);
            check(level.name(), &out, &expected, 2e-6);
        }
    }
}

//! Attention to a few groups of keys, each with its own softmax and a weight per query, added to what
//! the queries found before (Ye et al. 2023, eq. 5, for several pictures with masks).
//!
//! All groups share one product with the keys and one with the values. Blocks of queries that take
//! nothing of any group are copied, so people who cover little of a picture cost little.

use std::ops::Range;

use super::head::{Head, Panel, gather};
use super::softmax::{largest, weights};
use super::{Attention, scale_rows};
use crate::kernels::activation::{get, registers, set};
use crate::kernels::level::Level;
use crate::kernels::micro::Start;
use crate::kernels::parallel::Shared;
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
        let (keys, values) = (gather(&self.attention, key), gather(&self.attention, value));
        let out = Shared::new(out);
        self.attention.for_each_block(level, |head, queries| {
            level.run(AttendGroups {
                grouped: self,
                base,
                head: Head::new(&self.attention, head, query, [&keys, &values]),
                queries,
                out,
            });
        });
    }

    /// What the queries of a row take of each group: `[groups][queries]`.
    fn weights_of(&self, row: usize) -> &[f32] {
        let size = self.lengths.len() * self.attention.queries;
        match self.weights.len() == size {
            true => self.weights,
            false => &self.weights[row * size..(row + 1) * size],
        }
    }
}

/// Some queries of one head.
struct AttendGroups<'a> {
    grouped: &'a GroupedAttention<'a>,
    base: &'a [f32],
    head: Head<'a>,
    queries: Range<usize>,
    out: Shared<'a>,
}

impl Kernel for AttendGroups<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Attention { keys, width, .. } = self.grouped.attention;
        let mut scores = Buffer::take(keys * S::PANEL);
        let mut sums = Buffer::take(width * S::PANEL);
        for first in self.queries.clone().step_by(S::PANEL) {
            let queries = first..self.queries.end.min(first + S::PANEL);
            if queries.clone().all(|query| self.is_silent(query)) {
                queries.for_each(|query| self.copy(query));
                continue;
            }
            let panel = self.head.scaled_queries(simd, queries);
            self.head.score(simd, &panel, 0..keys, &mut scores);
            self.weigh(simd, &panel, &mut scores);
            self.head
                .collect(simd, &scores, 0..keys, &mut sums, Start::Zero);
            self.write(simd, &panel, &sums);
        }
    }
}

impl AttendGroups<'_> {
    /// What each query takes of each group.
    fn weights_by_group(&self) -> impl Iterator<Item = &[f32]> {
        let weights = self.grouped.weights_of(self.head.row());
        weights.chunks_exact(self.grouped.attention.queries)
    }

    fn is_silent(&self, query: usize) -> bool {
        self.weights_by_group().all(|weights| weights[query] == 0.0)
    }

    /// Turns scores into weights: a softmax within each group, times what the query takes of it.
    #[inline(always)]
    fn weigh<S: Simd>(&self, simd: S, panel: &Panel, scores: &mut [f32]) {
        let mut rest = scores;
        for (&length, shares) in self.grouped.lengths.iter().zip(self.weights_by_group()) {
            let scores;
            (scores, rest) = rest.split_at_mut(length * S::PANEL);
            let shares = &shares[panel.queries.clone()];
            match shares.iter().all(|&share| share == 0.0) {
                true => scores.fill(0.0),
                false => weigh_group(simd, scores, shares),
            }
        }
    }

    #[inline(always)]
    fn write<S: Simd>(&self, simd: S, panel: &Panel, sums: &[f32]) {
        let found = self.head.turned(simd, sums);
        let found = found.chunks_exact(self.head.stride::<S>());
        for (query, found) in panel.queries.clone().zip(found) {
            if self.is_silent(query) {
                self.copy(query);
                continue;
            }
            let (base, out) = self.place(query);
            for (start, count) in registers::<S>(out.len()) {
                let found = get(simd, found, start, count);
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
        let range = self.head.query_range(query);
        // SAFETY: each query of each head belongs to one task, which takes one at a time.
        (&self.base[range.clone()], unsafe { self.out.part(range) })
    }
}

/// `share · softmax` of base-2 scores, in place; one share per query.
#[inline(always)]
fn weigh_group<S: Simd>(simd: S, scores: &mut [f32], shares: &[f32]) {
    let mut scales = [simd.splat(0.0); 2];
    for (i, scale) in scales.iter_mut().enumerate() {
        let top = largest(simd, scores, i, simd.splat(f32::NEG_INFINITY));
        let sum = weights(simd, scores, i, top);
        let lane = i * S::LANES;
        if lane < shares.len() {
            let shares = get(simd, shares, lane, S::LANES.min(shares.len() - lane));
            *scale = simd.div(shares, sum);
        }
    }
    scale_rows(simd, scores, scales);
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

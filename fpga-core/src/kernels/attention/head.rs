//! One head: its queries by panels, and the two products with its keys and values.

use std::ops::Range;

use super::{Attention, KEYS, scale_rows};
use crate::kernels::micro::{Product, Start, multiply};
use crate::kernels::pack::{Block, pack_panel};
use crate::kernels::parallel::{Shared, for_each};
use crate::kernels::pool::Buffer;
use crate::kernels::simd::Simd;
use crate::kernels::weights::WeightView;

/// Brings the tokens of every head together: `[b, m, heads·d] → [b, heads, m, d]`.
pub(super) fn gather(attention: &Attention, tokens: &[f32]) -> Buffer {
    let Attention { keys, width, .. } = *attention;
    let mut gathered = Buffer::take(tokens.len());
    let to = Shared::new(&mut gathered);
    let blocks = keys.div_ceil(KEYS);
    for_each(attention.batch * attention.heads * blocks, |task| {
        let (head, block) = (task / blocks, task % blocks);
        for key in block * KEYS..keys.min((block + 1) * KEYS) {
            let (at, place) = (
                attention.place(head, keys, key),
                (head * keys + key) * width,
            );
            // SAFETY: each key of each head belongs to one task.
            unsafe { to.part(place..place + width) }.copy_from_slice(&tokens[at..at + width]);
        }
    });
    gathered
}

/// One head (of all batches).
pub(super) struct Head<'a> {
    pub(super) attention: &'a Attention,
    head: usize,
    /// `[b, n, heads·d]`, of all heads.
    query: &'a [f32],
    /// `[m][d]`
    keys: &'a [f32],
    /// `[m][d]`
    values: &'a [f32],
}

/// Queries that are worked on together, one per lane.
pub(super) struct Panel {
    pub(super) queries: Range<usize>,
    /// Scaled by log₂e / √d: `[d][panel]`, zero where there is no query.
    values: Buffer,
}

impl<'a> Head<'a> {
    /// `gathered`: keys and values of all heads.
    pub(super) fn new(
        attention: &'a Attention,
        head: usize,
        query: &'a [f32],
        gathered: [&'a Buffer; 2],
    ) -> Self {
        let size = attention.keys * attention.width;
        let [keys, values] = gathered.map(|all| &all[head * size..(head + 1) * size]);
        Self {
            attention,
            head,
            query,
            keys,
            values,
        }
    }

    /// Batch row of this head.
    pub(super) fn row(&self) -> usize {
        self.head / self.attention.heads
    }

    /// Where a query of this head lies among the queries and results of all.
    #[inline(always)]
    pub(super) fn query_range(&self, query: usize) -> Range<usize> {
        let place = self
            .attention
            .place(self.head, self.attention.queries, query);
        place..place + self.attention.width
    }

    #[inline(always)]
    pub(super) fn scaled_queries<S: Simd>(&self, simd: S, queries: Range<usize>) -> Panel {
        let Attention { width, heads, .. } = *self.attention;
        let mut values = Buffer::take(width * S::PANEL);
        let block = Block {
            matrix: WeightView::F32(&self.query[self.query_range(queries.start).start..]),
            stride: heads * width,
            first_row: 0,
            rows: queries.len(),
            first_column: 0,
            columns: width,
        };
        pack_panel(simd, block, &mut values);
        let scale = std::f64::consts::LOG2_E / (width as f64).sqrt();
        scale_rows(simd, &mut values, [simd.splat(scale as f32); 2]);
        Panel { queries, values }
    }

    /// `K Qᵀ` for some keys, in base 2: `[keys][panel]`.
    #[inline(always)]
    pub(super) fn score<S: Simd>(
        &self,
        simd: S,
        panel: &Panel,
        keys: Range<usize>,
        scores: &mut [f32],
    ) {
        let width = self.attention.width;
        assert_eq!(scores.len(), keys.len() * S::PANEL);
        let product = Product {
            rows: keys.len(),
            columns: S::PANEL,
            k: width,
            a: self.keys[keys.start * width..keys.end * width].as_ptr(),
            a_stride: width,
            a_step: 1,
            b: panel.values[..width * S::PANEL].as_ptr(),
            c: scores.as_mut_ptr(),
            c_stride: S::PANEL,
            start: Start::Zero,
        };
        // SAFETY: keys and scores were just measured; the panel holds `width` rows.
        unsafe { multiply::<S, 2>(simd, product) };
    }

    /// `sums = start + Vᵀ · weights`, for some keys: `[d][panel]`.
    #[inline(always)]
    pub(super) fn collect<S: Simd>(
        &self,
        simd: S,
        weights: &[f32],
        keys: Range<usize>,
        sums: &mut [f32],
        start: Start,
    ) {
        let width = self.attention.width;
        assert_eq!(weights.len(), keys.len() * S::PANEL);
        assert_eq!(sums.len(), width * S::PANEL);
        let product = Product {
            rows: width,
            columns: S::PANEL,
            k: keys.len(),
            a: self.values[keys.start * width..keys.end * width].as_ptr(),
            a_stride: 1,
            a_step: width,
            b: weights.as_ptr(),
            c: sums.as_mut_ptr(),
            c_stride: S::PANEL,
            start,
        };
        // SAFETY: a weight for each key and lane, a sum for each column and lane, just measured.
        unsafe { multiply::<S, 2>(simd, product) };
    }

    /// From one query to the next in what [`turned`](Self::turned) gives.
    #[inline(always)]
    pub(super) fn stride<S: Simd>(&self) -> usize {
        self.attention.width.next_multiple_of(S::LANES)
    }

    /// Sums by query: `[d][panel] → [panel][stride]`.
    #[inline(always)]
    pub(super) fn turned<S: Simd>(&self, simd: S, sums: &[f32]) -> Buffer {
        let (width, stride) = (self.attention.width, self.stride::<S>());
        let mut turned = Buffer::take(S::PANEL * stride);
        assert_eq!(sums.len(), width * S::PANEL);
        let whole = width - width % S::LANES;
        for column in (0..whole).step_by(S::LANES) {
            for lane in (0..S::PANEL).step_by(S::LANES) {
                // SAFETY: LANES columns from `column` and LANES lanes from `lane` lie inside both.
                unsafe {
                    let from = sums.as_ptr().add(column * S::PANEL + lane);
                    let to = turned.as_mut_ptr().add(lane * stride + column);
                    simd.transpose(from, S::PANEL, to, stride);
                }
            }
        }
        for column in whole..width {
            for lane in 0..S::PANEL {
                turned[lane * stride + column] = sums[column * S::PANEL + lane];
            }
        }
        turned
    }
}

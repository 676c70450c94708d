//! Keys and values of every head in the order in which the microkernel reads them.
//!
//! Keys become panels `[d][panel]`; values become groups of a few registers of columns, `[m][group]`,
//! so narrow that a tile of several queries keeps its sums in registers.

use super::{Attention, KEYS};
use crate::kernels::level::Level;
use crate::kernels::micro::tile_rows;
use crate::kernels::pack::{Block, pack_panel};
use crate::kernels::parallel::Shared;
use crate::kernels::simd::{Kernel, Simd};
use crate::kernels::weights::WeightView;

/// How keys and values of one head lie in packed memory: panels of keys `[d][panel]`, then groups of
/// value columns, `[m][group]` each.
#[derive(Clone, Copy)]
pub(super) struct Packing {
    panel: usize,
    keys: usize,
    width: usize,
    /// Registers per group of value columns.
    pub(super) vectors: usize,
    lanes: usize,
    pub(super) groups: usize,
}

impl Packing {
    pub(super) fn new(attention: &Attention, level: Level) -> Self {
        let lanes = level.panel() / 2;
        let all = attention.width.div_ceil(lanes);
        let vectors = level.run(Group { all });
        Self {
            panel: level.panel(),
            keys: attention.keys.next_multiple_of(level.panel()),
            width: attention.width,
            vectors,
            lanes,
            groups: all.div_ceil(vectors),
        }
    }

    /// Columns of one group of values.
    pub(super) fn columns(&self) -> usize {
        self.vectors * self.lanes
    }

    /// Values that one head takes.
    pub(super) fn size(&self) -> usize {
        self.keys * (self.width + self.groups * self.columns())
    }

    /// Where key panel number `index` starts.
    pub(super) fn panel_at(&self, index: usize) -> usize {
        index * self.panel * self.width
    }

    /// Where key `key` of value group `group` starts.
    pub(super) fn value_at(&self, group: usize, key: usize) -> usize {
        self.keys * self.width + (group * self.keys + key) * self.columns()
    }
}

/// Registers per group of value columns, out of `all` that a head has: as few as possible beyond its
/// width, then as many sums as a tile can hold.
struct Group {
    all: usize,
}

impl Kernel for Group {
    type Output = usize;

    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> usize {
        // One register alone would meet more loads than products.
        let least = self.all.min(2);
        let cost = |&vectors: &usize| {
            let sums = vectors * tile_rows(S::REGISTERS, vectors);
            (self.all.next_multiple_of(vectors), usize::MAX - sums)
        };
        (least..=5).min_by_key(cost).unwrap_or(1)
    }
}

/// Packs one block of keys and values of one head.
pub(super) struct Pack<'a> {
    pub(super) attention: &'a Attention,
    pub(super) packing: Packing,
    pub(super) key: &'a [f32],
    pub(super) value: &'a [f32],
    pub(super) head: usize,
    pub(super) block: usize,
    pub(super) to: Shared<'a>,
}

impl Kernel for Pack<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self {
            attention,
            packing,
            head,
            ..
        } = self;
        let (first, end) = (
            self.block * KEYS,
            attention.keys.min((self.block + 1) * KEYS),
        );
        let stride = attention.heads * attention.width;
        let start = head * packing.size();
        for key in (first..end).step_by(S::PANEL) {
            let rows = S::PANEL.min(end - key);
            let block = Block {
                matrix: WeightView::F32(&self.key[attention.place(head, attention.keys, key)..]),
                stride,
                first_row: 0,
                rows,
                first_column: 0,
                columns: attention.width,
            };
            let at = start + packing.panel_at(key / S::PANEL);
            // SAFETY: panels do not overlap, and each block of each head runs once.
            let to = unsafe { self.to.part(at..at + S::PANEL * attention.width) };
            pack_panel(simd, block, to);
        }
        let columns = packing.columns();
        for key in first..end {
            let values =
                &self.value[attention.place(head, attention.keys, key)..][..attention.width];
            for (group, values) in values.chunks(columns).enumerate() {
                let at = start + packing.value_at(group, key);
                // SAFETY: as above.
                let to = unsafe { self.to.part(at..at + columns) };
                to[..values.len()].copy_from_slice(values);
                to[values.len()..].fill(0.0);
            }
        }
    }
}

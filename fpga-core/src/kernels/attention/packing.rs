//! Keys and values of every head in the order in which the microkernel reads them.
//!
//! Keys become panels `[d][panel]`; values become groups of a few registers of columns, `[m][group]`,
//! so narrow that a tile of several queries keeps its sums in registers.

use super::{Attention, KEYS};
use crate::kernels::level::Level;
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
    lanes: usize,
    /// Registers that hold the values of one key.
    vectors: usize,
}

impl Packing {
    pub(super) fn new(attention: &Attention, level: Level) -> Self {
        let lanes = level.panel() / 2;
        Self {
            panel: level.panel(),
            keys: attention.keys.next_multiple_of(level.panel()),
            width: attention.width,
            lanes,
            vectors: attention.width.div_ceil(lanes),
        }
    }

    /// Columns of all values, padded to whole registers.
    pub(super) fn columns(&self) -> usize {
        self.vectors * self.lanes
    }

    /// Groups of value columns: two registers each, so that a block of keys stays in the first-level
    /// cache while tiles of many queries pass; of an odd number the last group takes three.
    pub(super) fn groups(&self) -> impl Iterator<Item = Group> + use<> {
        let (lanes, vectors, count) = (self.lanes, self.vectors, (self.vectors / 2).max(1));
        (0..count).map(move |group| Group {
            column: 2 * group * lanes,
            vectors: if group + 1 < count {
                2
            } else {
                vectors - 2 * group
            },
            lanes,
        })
    }

    /// Values that one head takes.
    pub(super) fn size(&self) -> usize {
        self.keys * (self.width + self.columns())
    }

    /// Where key panel number `index` starts.
    pub(super) fn panel_at(&self, index: usize) -> usize {
        index * self.panel * self.width
    }

    /// Where key `key` of a group of values starts.
    pub(super) fn value_at(&self, group: Group, key: usize) -> usize {
        self.keys * (self.width + group.column) + key * group.columns()
    }
}

/// Value columns that are collected together.
#[derive(Clone, Copy)]
pub(super) struct Group {
    /// The first one.
    pub(super) column: usize,
    /// Registers, one to three.
    pub(super) vectors: usize,
    lanes: usize,
}

impl Group {
    pub(super) fn columns(&self) -> usize {
        self.vectors * self.lanes
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
        for key in first..end {
            let values =
                &self.value[attention.place(head, attention.keys, key)..][..attention.width];
            for group in packing.groups() {
                let (at, columns) = (start + packing.value_at(group, key), group.columns());
                let values = &values[group.column..attention.width.min(group.column + columns)];
                // SAFETY: as above.
                let to = unsafe { self.to.part(at..at + columns) };
                to[..values.len()].copy_from_slice(values);
                to[values.len()..].fill(0.0);
            }
        }
    }
}

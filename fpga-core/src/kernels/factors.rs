//! The two factors of a matrix product `A Bᵀ` in the form that the processor multiplies, and their product.
//!
//! Most processors take rows of `A` as they are, and panels of `B` that were turned while they were packed.
//! Those with [`tiles`] take both split in two. Layers need not know which.

use std::ops::Range;

use super::level::Level;
use super::micro::{self, Start};
use super::pack::{Block, pack_panel};
use super::parallel::{Shared, for_each_range, share};
use super::pool::Buffer;
use super::simd::{Kernel, Simd};
use super::tiles;

/// Columns of `A` per pass: sums meet the caches once per pass, and a block of rows and a panel of this depth
/// stay in the second-level one.
const DEPTH: usize = 1280;
/// The same for tiles, which read panels so fast that they should stay in the first-level one.
const TILE_DEPTH: usize = 256;
/// Rows that meet a panel one after the other: they stay in the second-level cache beside the panels.
const ROWS: usize = 56;
/// The same for tiles.
const TILE_ROWS: usize = 128;
/// Values of `A` that are split at once, at most.
const SPLIT: usize = 8 << 20;

/// How a processor takes its factors.
#[derive(Clone, Copy)]
pub(super) struct Form {
    level: Level,
    /// Columns of `A`, rows of a panel.
    k: usize,
}

impl Form {
    pub(super) fn new(level: Level, k: usize) -> Self {
        Self { level, k }
    }

    /// Values of a packed panel.
    pub(super) fn panel(self) -> usize {
        match self.level.has_tiles() {
            true => tiles::panel_len(self.k),
            false => self.k * self.level.panel(),
        }
    }

    /// Rows of `A` that belong together.
    pub(super) fn unit(self) -> usize {
        if self.level.has_tiles() {
            tiles::ROWS
        } else {
            1
        }
    }

    /// Runs `task` for all rows of `values`, `[n][k]`: with the first of some rows, and these.
    pub(super) fn for_each_left(self, values: &[f32], mut task: impl FnMut(usize, Left<'_>)) {
        let Self { level, k } = self;
        if !level.has_tiles() {
            let (rows, factor) = (values.len() / k, Factor::Rows(values));
            return task(0, Left { rows, k, factor });
        }
        let batch = (SPLIT / k).max(1).next_multiple_of(tiles::ROWS);
        for (index, values) in values.chunks(batch * k).enumerate() {
            let rows = values.len() / k;
            let split = self.split(values, rows);
            let factor = Factor::Tiles(&split);
            task(index * batch, Left { rows, k, factor });
        }
    }

    fn split(self, values: &[f32], rows: usize) -> Buffer {
        let Self { level, k } = self;
        let pair = tiles::left_len(tiles::ROWS, k);
        let mut left = Buffer::take(tiles::left_len(rows, k));
        let to = Shared::new(&mut left);
        for_each_range(rows.div_ceil(tiles::ROWS), 1, |pairs| {
            let rows = pairs.start * tiles::ROWS..rows.min(pairs.end * tiles::ROWS);
            level.run(Split {
                values: &values[rows.start * k..rows.end * k],
                k,
                // SAFETY: ranges do not overlap.
                to: unsafe { to.part(pairs.start * pair..pairs.end * pair) },
            });
        });
        left
    }
}

struct Split<'a> {
    values: &'a [f32],
    k: usize,
    to: &'a mut [f32],
}

impl Kernel for Split<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        tiles::split_rows(simd, self.values, self.k, self.to);
    }
}

/// Some rows of `A`.
#[derive(Clone, Copy)]
pub(super) struct Left<'a> {
    pub(super) rows: usize,
    k: usize,
    factor: Factor<'a>,
}

#[derive(Clone, Copy)]
enum Factor<'a> {
    Rows(&'a [f32]),
    Tiles(&'a [f32]),
}

/// Packs a panel of `B`.
#[inline(always)]
pub(super) fn pack_right<S: Simd>(simd: S, block: Block<'_>, to: &mut [f32]) {
    match S::TILES {
        true => tiles::pack_panel(simd, block, to),
        false => pack_panel(simd, block, to),
    }
}

/// Rows of a block, at most.
pub(super) const fn most_rows<S: Simd>() -> usize {
    if S::TILES { TILE_ROWS } else { ROWS }
}

/// Blocks of about equal size, of rows that meet a panel one after the other.
#[inline(always)]
pub(super) fn blocks<S: Simd>(rows: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let unit = if S::TILES { tiles::ROWS } else { 1 };
    let (units, count) = (
        rows.len().div_ceil(unit),
        rows.len().div_ceil(most_rows::<S>()),
    );
    (0..count).map(move |block| {
        let units = share(0..units, count, block);
        rows.start + units.start * unit..rows.end.min(rows.start + units.end * unit)
    })
}

/// Passes over `k` columns, in about equal shares.
#[inline(always)]
pub(super) fn passes<S: Simd>(k: usize) -> impl Iterator<Item = Range<usize>> {
    let depth = match S::TILES {
        true => k
            .div_ceil(k.div_ceil(TILE_DEPTH))
            .next_multiple_of(tiles::STEP),
        false => k.div_ceil(k.div_ceil(DEPTH)),
    };
    (0..k)
        .step_by(depth)
        .map(move |from| from..k.min(from + depth))
}

/// Some rows and columns of `A` times a panel; strides are counted in values.
pub(super) struct Product<'a> {
    pub left: Left<'a>,
    pub rows: Range<usize>,
    /// Columns of `A`: one of its [`passes`].
    pub pass: Range<usize>,
    /// The packed panel.
    pub right: &'a [f32],
    /// Columns of `C` that exist, at most a panel.
    pub columns: usize,
    pub c: *mut f32,
    pub c_stride: usize,
    pub start: Start,
}

/// # Safety
/// All rows and columns that `product` names can be read (`start`) and written (`c`).
#[inline(always)]
pub(super) unsafe fn multiply<S: Simd>(simd: S, product: Product<'_>) {
    let Product {
        left: Left { k, factor, .. },
        rows,
        pass,
        right,
        columns,
        c,
        c_stride,
        start,
    } = product;
    match factor {
        Factor::Rows(values) => {
            let product = micro::Product {
                rows: rows.len(),
                columns,
                k: pass.len(),
                a: values[rows.start * k..rows.end * k][pass.start..].as_ptr(),
                a_stride: k,
                a_step: 1,
                b: right[pass.start * S::PANEL..pass.end * S::PANEL].as_ptr(),
                c,
                c_stride,
                start,
            };
            // SAFETY: every row has `k` values; the caller promises the rest.
            unsafe { micro::multiply::<S, 2>(simd, product) };
        }
        Factor::Tiles(values) => {
            let product = tiles::Product {
                left: &values[tiles::left_len(rows.start, k)..],
                rows: rows.len(),
                k,
                part: pass,
                right,
                columns,
                c,
                c_stride,
                start,
            };
            // SAFETY: the caller's promise.
            unsafe { tiles::multiply(simd, product) };
        }
    }
}

//! Products of matrices on tiles of bf16, which some processors multiply sixteen times as fast as f32.
//!
//! Both factors are split, `x ≈ high + low`, eight bits each, and three of the four products are summed in f32
//! (Henry et al. 2019, "Leveraging the bfloat16 Artificial Intelligence Datatype For Higher-Precision
//! Computations"). What is left out is below 2⁻¹⁶ of each product: sums have a relative error of a few
//! millionths where those in f32 have less than one.
//!
//! A step is 32 columns of the left factor and as many rows of the right one, which tiles hold in pairs: columns
//! `i` and `i + 16`. The left factor is `[n / 16][step][high, low]` tiles; a panel of the right one, 32 columns wide,
//! is `[step][high, low][2]` tiles. What is missing to whole steps and tiles is zero.

use std::ops::Range;

use super::micro::{Start, read, write};
use super::pack::Block;
use super::pool::Buffer;
use super::simd::{Simd, TileProduct};
use super::weights::WeightView;

/// Columns of the left factor that are multiplied at once.
pub(super) const STEP: usize = 2 * SIDE;
/// Rows of the left factor that are multiplied at once.
pub(super) const ROWS: usize = 2 * SIDE;
/// Rows of a tile, and f32 values in each.
const SIDE: usize = 16;
/// f32 values in a tile.
const TILE: usize = SIDE * SIDE;

/// Values that a left factor takes.
pub(super) const fn left_len(rows: usize, k: usize) -> usize {
    rows.div_ceil(ROWS) * 2 * rows_len(k)
}

/// Values that sixteen rows of a left factor take.
const fn rows_len(k: usize) -> usize {
    k.div_ceil(STEP) * 2 * TILE
}

/// Values that a panel of the right factor takes.
pub(super) const fn panel_len(k: usize) -> usize {
    k.div_ceil(STEP) * 4 * TILE
}

/// Splits rows of `k` values into a left factor.
#[inline(always)]
pub(super) fn split_rows<S: Simd>(simd: S, rows: &[f32], k: usize, to: &mut [f32]) {
    let mut rows = rows.chunks(SIDE * k);
    for to in to.chunks_exact_mut(rows_len(k)) {
        let rows = rows.next().unwrap_or_default();
        split_sixteen(simd, rows, rows.len() / k, k, k, to);
    }
}

/// Splits up to sixteen rows of `k` values, `stride` apart; zeros take the places of others.
#[inline(always)]
fn split_sixteen<S: Simd>(
    simd: S,
    rows: &[f32],
    count: usize,
    stride: usize,
    k: usize,
    to: &mut [f32],
) {
    assert!(
        count <= SIDE
            && to.len() == rows_len(k)
            && (count == 0 || rows.len() >= (count - 1) * stride + k)
    );
    for (step, to) in to.chunks_exact_mut(2 * TILE).enumerate() {
        let column = step * STEP;
        for row in 0..SIDE {
            let left = if row < count { k - column } else { 0 };
            let from = rows.as_ptr().wrapping_add(row * stride + column);
            // SAFETY: a row that exists has `left` values left; `to` is two tiles of sixteen rows.
            unsafe {
                let first = read(simd, from, left, 0);
                let second = read(simd, from.wrapping_add(SIDE), left, 1);
                let [high, low] = simd.split(first, second);
                simd.store(to.as_mut_ptr().add(row * SIDE), high);
                simd.store(to.as_mut_ptr().add(TILE + row * SIDE), low);
            }
        }
    }
}

/// Splits and turns rows of a matrix into a panel of a right factor.
#[inline(always)]
pub(super) fn pack_panel<S: Simd>(simd: S, block: Block<'_>, to: &mut [f32]) {
    let Block {
        matrix,
        stride,
        first_row,
        rows,
        first_column,
        columns,
    } = block;
    let mut split = Buffer::take(rows_len(columns));
    for half in 0..2 {
        let count = rows.saturating_sub(half * SIDE).min(SIDE);
        let start = (first_row + half * SIDE) * stride + first_column;
        match matrix {
            WeightView::F32(values) => {
                let values = &values[values.len().min(start)..];
                split_sixteen(simd, values, count, stride, columns, &mut split);
            }
            _ => {
                let mut copy = Buffer::take(SIDE * columns);
                for (row, copy) in copy.chunks_exact_mut(columns).enumerate().take(count) {
                    matrix.read(start + row * stride, copy);
                }
                split_sixteen(simd, &copy, count, columns, columns, &mut split);
            }
        }
        let steps = split.chunks_exact(2 * TILE);
        for (from, to) in steps.zip(to.chunks_exact_mut(4 * TILE)) {
            for part in 0..2 {
                // SAFETY: both are tiles of sixteen rows of sixteen values.
                unsafe {
                    let from = from[part * TILE..][..TILE].as_ptr();
                    let to = to[(2 * part + half) * TILE..][..TILE].as_mut_ptr();
                    simd.transpose(from, SIDE, to, SIDE);
                }
            }
        }
    }
}

/// One product; strides are counted in values.
pub(super) struct Product<'a> {
    /// Rows of the left factor from a multiple of [`ROWS`] on.
    pub left: &'a [f32],
    pub rows: usize,
    /// Columns of the left factor in all; those of this product begin at a multiple of [`STEP`].
    pub k: usize,
    pub part: Range<usize>,
    /// Panel of the right factor.
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
    const { assert!(!S::TILES || S::LANES == SIDE) };
    let Product {
        left,
        rows,
        k,
        part,
        right,
        columns,
        c,
        c_stride,
        start,
    } = product;
    assert!(
        !part.is_empty() && left.len() >= left_len(rows, k) && right.len() >= panel_len(part.end)
    );
    let mut whole = [0.0; ROWS * 2 * SIDE];
    for row in (0..rows).step_by(ROWS) {
        let exist = Exist {
            rows: ROWS.min(rows - row),
            columns,
        };
        let full = exist.rows == ROWS && columns == 2 * SIDE;
        // SAFETY: factors were just measured; the caller promises the rest for these rows and columns.
        unsafe {
            let c = c.wrapping_add(row * c_stride);
            let (sums, stride) = match full {
                true => (c, c_stride),
                false => (whole.as_mut_ptr(), 2 * SIDE),
            };
            let start = match start {
                Start::Sum if !full => Start::Given {
                    bias: std::ptr::null(),
                    residual: c,
                    residual_stride: c_stride,
                },
                other => other.below(row),
            };
            simd.multiply_tiles(TileProduct {
                steps: part.len().div_ceil(STEP),
                a: left[left_len(row, k) + rows_len(part.start)..].as_ptr(),
                a_stride: rows_len(k),
                b: right[panel_len(part.start)..].as_ptr(),
                c: sums,
                c_stride: stride,
                sum: begin(simd, start, exist, sums, stride),
            });
            if !full {
                add_up(
                    simd,
                    whole.as_ptr(),
                    2 * SIDE,
                    std::ptr::null(),
                    exist,
                    c,
                    c_stride,
                );
            }
        }
    }
}

/// Rows and columns of four tiles that exist.
#[derive(Clone, Copy)]
struct Exist {
    rows: usize,
    columns: usize,
}

/// Writes what is there before the product into `to`; whether there is anything.
#[inline(always)]
unsafe fn begin<S: Simd>(simd: S, start: Start, exist: Exist, to: *mut f32, stride: usize) -> bool {
    match start {
        Start::Zero => false,
        Start::Sum => true,
        Start::Given { bias, residual, .. } if bias.is_null() && residual.is_null() => false,
        Start::Given {
            bias,
            residual,
            residual_stride,
        } => {
            // SAFETY: the caller of `multiply` promises bias and residual.
            unsafe { add_up(simd, residual, residual_stride, bias, exist, to, stride) };
            true
        }
    }
}

/// `to = matrix + row`; null for none.
#[inline(always)]
unsafe fn add_up<S: Simd>(
    simd: S,
    matrix: *const f32,
    matrix_stride: usize,
    row: *const f32,
    exist: Exist,
    to: *mut f32,
    stride: usize,
) {
    let Exist { rows, columns } = exist;
    for half in 0..2 {
        let column = half * SIDE;
        // SAFETY: rows and columns that exist can be read and written, the caller promises.
        unsafe {
            let mut added = simd.splat(0.0);
            if !row.is_null() {
                added = read(simd, row.wrapping_add(column), columns, half);
            }
            for row in 0..rows {
                let mut value = added;
                if !matrix.is_null() {
                    let from = matrix.wrapping_add(row * matrix_stride + column);
                    value = simd.add(value, read(simd, from, columns, half));
                }
                let to = to.wrapping_add(row * stride + column);
                write(simd, to, value, columns, half);
            }
        }
    }
}

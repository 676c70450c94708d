//! Packing rows of a matrix into panels for the microkernel: `[rows][k] → [k][panel]`.
//!
//! Weights stay in memory as modules store them; they are converted to f32 and transposed here, block
//! by block, each time they are used. That costs a few per cent of the product and no resident copy.

use super::pool::Buffer;
use super::simd::Simd;
use super::weights::WeightView;

/// Columns by which rows are fetched early: many rows are read side by side, a line of each at a time.
const AHEAD: usize = 64;

/// A block of a row-major matrix to be packed.
#[derive(Clone, Copy)]
pub(super) struct Block<'a> {
    pub matrix: WeightView<'a>,
    /// Values from one row to the next.
    pub stride: usize,
    pub first_row: usize,
    /// Rows that exist, at most the panel's width; the panel's other columns become zero.
    pub rows: usize,
    pub first_column: usize,
    pub columns: usize,
}

/// Packs one block into `to`, which is `[block.columns][panel]`.
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
    assert!(
        rows <= S::PANEL && to.len() >= columns * S::PANEL,
        "panel too small"
    );
    let start = first_row * stride + first_column;
    if let (WeightView::F32(values), true) = (matrix, rows == S::PANEL) {
        let values = &values[start..start + (rows - 1) * stride + columns];
        transpose_rows(simd, values, stride, columns, to);
        return;
    }
    let mut copy = Buffer::take(S::PANEL * columns);
    for (row, copy) in copy.chunks_exact_mut(columns.max(1)).enumerate() {
        if row < rows {
            matrix.read(start + row * stride, copy);
        } else {
            copy.fill(0.0);
        }
    }
    transpose_rows(simd, &copy, columns, columns, to);
}

#[inline(always)]
fn transpose_rows<S: Simd>(simd: S, rows: &[f32], stride: usize, columns: usize, to: &mut [f32]) {
    let whole = columns - columns % S::LANES;
    assert!(
        columns == 0 || rows.len() >= (S::PANEL - 1) * stride + columns,
        "rows too short"
    );
    for column in (0..whole).step_by(S::LANES) {
        for row in 0..S::PANEL {
            simd.prefetch(rows.as_ptr().wrapping_add(row * stride + column + AHEAD));
        }
        for row in (0..S::PANEL).step_by(S::LANES) {
            // SAFETY: LANES rows from `row` and LANES columns from `column` lie inside both slices:
            // `rows` was just measured, `to` by the caller.
            unsafe {
                let from = rows.as_ptr().add(row * stride + column);
                let to = to.as_mut_ptr().add(column * S::PANEL + row);
                simd.transpose(from, stride, to, S::PANEL);
            }
        }
    }
    for column in whole..columns {
        for row in 0..S::PANEL {
            to[column * S::PANEL + row] = rows[row * stride + column];
        }
    }
}

//! `C = A B` of row-major matrices, and `C = Aᵀ B` by transposing `A` first.
//!
//! `B` is packed into panels a few hundred rows at a time, by all threads; blocks of rows of `A` then meet
//! every panel. The rows of `B` need not exist in memory: a [`Source`] hands them over one by one.

use crate::kernels::activation::{get, registers, set};
use crate::kernels::level::Level;
use crate::kernels::micro::{Product, Start, multiply};
use crate::kernels::parallel::{Shared, for_each, for_each_range, threads};
use crate::kernels::pool::Buffer;
use crate::kernels::simd::{Kernel, Simd};

/// Values of `B` that are packed at once.
const PACKED: usize = 1 << 20;
/// Most rows of `B` that are packed at once, so that a block of `A` stays in the second-level cache.
const DEPTH: usize = 512;
/// Fewest, so that reading and writing `C` for each pass does not count.
const SHALLOWEST: usize = 128;
/// Rows of `A` per task.
const ROWS: usize = 112;
/// Values between two rows of a transposed matrix beyond their length: keeps them off powers of two,
/// which would all fall into one set of the first-level cache.
const SKEW: usize = 16;

/// The left matrix.
#[derive(Clone, Copy)]
pub(super) struct Left<'a> {
    pub values: &'a [f32],
    pub rows: usize,
    pub depth: usize,
    /// Values from one row to the next.
    pub stride: usize,
}

/// The right matrix, one row for each column of the left one.
pub(super) trait Source: Sync {
    /// Row `row`, in `buffer` if it does not lie in memory already.
    fn row<'a>(&'a self, row: usize, buffer: &'a mut [f32]) -> &'a [f32];
}

/// A matrix in memory.
pub(super) struct Matrix<'a> {
    pub values: &'a [f32],
    pub columns: usize,
}

impl Source for Matrix<'_> {
    #[inline(always)]
    fn row<'a>(&'a self, row: usize, _: &'a mut [f32]) -> &'a [f32] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }
}

/// `out = left · right`, `[left.rows, columns]`.
pub(super) fn product(
    level: Level,
    left: Left<'_>,
    right: &impl Source,
    columns: usize,
    out: &mut [f32],
) {
    assert_eq!(out.len(), left.rows * columns, "product: output length");
    let last = left.rows.saturating_sub(1) * left.stride;
    assert!(
        left.depth <= left.stride && last + left.depth <= left.values.len(),
        "product: length of the left matrix"
    );
    if out.is_empty() {
        return;
    }
    if left.depth == 0 {
        out.fill(0.0);
        return;
    }
    let width = level.panel();
    let panels = columns.div_ceil(width);
    let most = (PACKED / (panels * width)).clamp(SHALLOWEST, DEPTH);
    let depth = left.depth.div_ceil(left.depth.div_ceil(most));
    let mut packed = Buffer::take(panels * width * depth);
    let out = Shared::new(out);
    for from in (0..left.depth).step_by(depth) {
        let count = depth.min(left.depth - from);
        let to = Shared::new(&mut packed);
        for_each_range(count, 16, |rows| {
            level.run(PackRows {
                right,
                columns,
                from,
                rows,
                count,
                to,
            });
        });
        let blocks = left.rows.div_ceil(ROWS);
        let groups = (3 * threads()).div_ceil(blocks).min(panels);
        for_each(blocks * groups, |task| {
            let (block, group) = (task / groups, task % groups);
            level.run(Multiply {
                left,
                packed: &packed,
                columns,
                from,
                count,
                rows: block * ROWS..left.rows.min((block + 1) * ROWS),
                panels: panels * group / groups..panels * (group + 1) / groups,
                out,
            });
        });
    }
}

/// `out = leftᵀ · right` with `left` `[n, rows]` in memory.
pub(super) fn transposed_product(
    level: Level,
    left: &[f32],
    rows: usize,
    right: &impl Source,
    columns: usize,
    out: &mut [f32],
) {
    let depth = left.len() / rows.max(1);
    assert_eq!(
        left.len(),
        depth * rows,
        "product: length of the left matrix"
    );
    let stride = depth.next_multiple_of(16) + SKEW;
    let mut turned = Buffer::take(rows * stride);
    let to = Shared::new(&mut turned);
    for_each_range(depth.div_ceil(16), 4, |parts| {
        level.run(Transpose {
            from: left,
            width: rows,
            rows: parts.start * 16..depth.min(parts.end * 16),
            to,
            stride,
        });
    });
    let left = Left {
        values: &turned,
        rows,
        depth,
        stride,
    };
    product(level, left, right, columns, out);
}

/// Packs rows `rows` of the pass that starts at row `from` into all panels, `[count][panel]` each.
struct PackRows<'a, B> {
    right: &'a B,
    columns: usize,
    from: usize,
    rows: std::ops::Range<usize>,
    count: usize,
    to: Shared<'a>,
}

impl<B: Source> Kernel for PackRows<'_, B> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let mut buffer = Buffer::take(self.columns);
        for row in self.rows {
            let values = self.right.row(self.from + row, &mut buffer);
            for first in (0..self.columns).step_by(S::PANEL) {
                let place = (first / S::PANEL * self.count + row) * S::PANEL;
                // SAFETY: rows belong to one task each, and panels do not overlap.
                let to = unsafe { self.to.part(place..place + S::PANEL) };
                let values = &values[first..self.columns.min(first + S::PANEL)];
                for (start, count) in registers::<S>(values.len()) {
                    let value = get(simd, values, start, count);
                    // Zeros behind the row's end.
                    set(simd, to, start, S::LANES, value);
                }
            }
        }
    }
}

/// Some rows of `A` times some panels, over one pass.
struct Multiply<'a> {
    left: Left<'a>,
    packed: &'a [f32],
    columns: usize,
    from: usize,
    count: usize,
    rows: std::ops::Range<usize>,
    panels: std::ops::Range<usize>,
    out: Shared<'a>,
}

impl Kernel for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let size = self.count * S::PANEL;
        for panel in self.panels.clone() {
            let column = panel * S::PANEL;
            let product = Product {
                rows: self.rows.len(),
                columns: S::PANEL.min(self.columns - column),
                k: self.count,
                a: self.left.values[self.rows.start * self.left.stride + self.from..].as_ptr(),
                a_stride: self.left.stride,
                a_step: 1,
                b: self.packed[panel * size..(panel + 1) * size].as_ptr(),
                c: self.out.at(self.rows.start * self.columns + column),
                c_stride: self.columns,
                start: match self.from {
                    0 => Start::Zero,
                    _ => Start::Sum,
                },
            };
            // SAFETY: lengths were checked on entry; only this task writes these rows and panels.
            unsafe { multiply::<S, 2>(simd, product) };
        }
    }
}

/// Rows `rows` of a matrix of `width` columns become columns.
struct Transpose<'a> {
    from: &'a [f32],
    width: usize,
    rows: std::ops::Range<usize>,
    to: Shared<'a>,
    stride: usize,
}

impl Kernel for Transpose<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self {
            from,
            width,
            rows,
            to,
            stride,
        } = self;
        let from = &from[rows.start * width..rows.end * width];
        let count = rows.len();
        // SAFETY: `from` holds `count` rows; columns from `rows.start` on of all `width` rows of `to`
        // belong to this task.
        unsafe {
            transpose(
                simd,
                from.as_ptr(),
                width,
                [count, width],
                to.at(rows.start),
                stride,
            );
        }
    }
}

/// `to[column][row] = from[row][column]`
///
/// # Safety
/// All rows and columns can be read and written.
#[inline(always)]
pub(super) unsafe fn transpose<S: Simd>(
    simd: S,
    from: *const f32,
    from_stride: usize,
    [rows, columns]: [usize; 2],
    to: *mut f32,
    to_stride: usize,
) {
    for row in (0..rows).step_by(S::LANES) {
        for column in (0..columns).step_by(S::LANES) {
            // SAFETY: all indices are below `rows` and `columns`.
            unsafe {
                let from = from.add(row * from_stride + column);
                let to = to.add(column * to_stride + row);
                if row + S::LANES <= rows && column + S::LANES <= columns {
                    simd.transpose(from, from_stride, to, to_stride);
                } else {
                    for i in 0..S::LANES.min(rows - row) {
                        for j in 0..S::LANES.min(columns - column) {
                            *to.add(j * to_stride + i) = *from.add(i * from_stride + j);
                        }
                    }
                }
            }
        }
    }
}

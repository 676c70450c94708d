//! Sums over rows: the gradient of whatever was added to every row.

use std::ops::Range;

use crate::kernels::activation::{get, registers, set};
use crate::kernels::level::Level;
use crate::kernels::parallel::{Shared, for_each, threads};
use crate::kernels::pool::Buffer;
use crate::kernels::simd::{Kernel, Simd};

/// Rows whose f32 sums are trusted.
const ROWS: usize = 1024;

/// Sums the rows of each of `groups` equally long groups.
///
/// # Shapes
/// - `values`: `[groups, n, width]`; `out`: `[groups, width]`
///
/// # Panics
/// If the lengths do not fit.
pub(crate) fn column_sums(values: &[f32], groups: usize, out: &mut [f32]) {
    if out.is_empty() {
        return;
    }
    let level = Level::current();
    let width = out.len() / groups;
    let rows = values.len() / out.len();
    assert_eq!(out.len(), groups * width, "sums: output length");
    assert_eq!(values.len(), groups * rows * width, "sums: input length");
    let parts = parts(rows, groups);
    let mut sums = Buffer::take(groups * parts * width);
    let shared = Shared::new(&mut sums);
    for_each(groups * parts, |task| {
        let rows = part(rows, parts, task);
        // SAFETY: each task has its own sums.
        let sums = unsafe { shared.part(task * width..(task + 1) * width) };
        let values = &values[rows.start * width..rows.end * width];
        level.run(AddRows { values, sums });
    });
    for (out, sums) in out
        .chunks_exact_mut(width)
        .zip(sums.chunks_exact(parts * width))
    {
        join(sums, out);
    }
}

/// Into how many parts the rows of each group are split.
pub(super) fn parts(rows: usize, groups: usize) -> usize {
    let wanted = (4 * threads()).div_ceil(groups).max(rows.div_ceil(ROWS));
    wanted.min(rows).max(1)
}

/// Rows, counted over all groups, of one part.
pub(super) fn part(rows: usize, parts: usize, task: usize) -> Range<usize> {
    let (group, part) = (task / parts, task % parts);
    group * rows + rows * part / parts..group * rows + rows * (part + 1) / parts
}

/// Adds the sums of all parts.
pub(super) fn join(sums: &[f32], out: &mut [f32]) {
    let width = out.len();
    for (column, out) in out.iter_mut().enumerate() {
        let parts = sums.chunks_exact(width);
        *out = parts.map(|part| f64::from(part[column])).sum::<f64>() as f32;
    }
}

struct AddRows<'a> {
    values: &'a [f32],
    sums: &'a mut [f32],
}

impl Kernel for AddRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        self.sums.fill(0.0);
        for row in self.values.chunks_exact(self.sums.len()) {
            for (start, count) in registers::<S>(row.len()) {
                let sum = get(simd, self.sums, start, count);
                let sum = simd.add(sum, get(simd, row, start, count));
                set(simd, self.sums, start, count, sum);
            }
        }
    }
}

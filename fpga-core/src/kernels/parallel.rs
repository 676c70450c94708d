//! Splitting work over the threads of the current rayon pool.

use std::marker::PhantomData;
use std::ops::Range;

use rayon::prelude::*;

/// Runs `task(0) … task(count − 1)`, neighbours on the same thread where possible.
pub(super) fn for_each(count: usize, task: impl Fn(usize) + Send + Sync) {
    if count <= 1 || threads() == 1 {
        (0..count).for_each(task);
    } else {
        (0..count).into_par_iter().with_max_len(1).for_each(task);
    }
}

/// Threads of the current pool.
pub(super) fn threads() -> usize {
    rayon::current_num_threads()
}

/// Splits `0..length` into parts of at least `smallest`, a few per thread.
pub(super) fn for_each_range(
    length: usize,
    smallest: usize,
    task: impl Fn(Range<usize>) + Send + Sync,
) {
    let parts = (4 * threads()).min(length / smallest.max(1)).max(1);
    for_each(parts, |part| {
        task(length * part / parts..length * (part + 1) / parts)
    });
}

/// Rows of a matrix per task, at most.
const ROWS: usize = 112;

/// A matrix product cut into tasks: blocks of rows times groups of panels.
pub(super) struct Grid {
    rows: usize,
    blocks: usize,
    panels: usize,
    groups: usize,
}

impl Grid {
    /// Blocks of equal size, and groups enough that no thread waits long for the last one.
    pub(super) fn new(rows: usize, panels: usize) -> Self {
        let blocks = rows.div_ceil(ROWS);
        let groups = (8 * threads()).div_ceil(blocks.max(1)).min(panels);
        Self {
            rows,
            blocks,
            panels,
            groups,
        }
    }

    /// Runs `task(rows, panels)` for every block and group; groups of one block are neighbours.
    pub(super) fn for_each(&self, task: impl Fn(Range<usize>, Range<usize>) + Send + Sync) {
        let share = |count, parts, part| count * part / parts..count * (part + 1) / parts;
        for_each(self.blocks * self.groups, |index| {
            let (block, group) = (index / self.groups, index % self.groups);
            task(
                share(self.rows, self.blocks, block),
                share(self.panels, self.groups, group),
            );
        });
    }
}

/// A mutable slice that tasks write disjoint parts of.
#[derive(Clone, Copy)]
pub(super) struct Shared<'a> {
    start: *mut f32,
    length: usize,
    slice: PhantomData<&'a mut [f32]>,
}

// SAFETY: access goes through `unsafe` methods whose callers keep the parts disjoint.
unsafe impl Send for Shared<'_> {}
// SAFETY: as above.
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    pub(super) fn new(slice: &'a mut [f32]) -> Self {
        Self {
            start: slice.as_mut_ptr(),
            length: slice.len(),
            slice: PhantomData,
        }
    }

    /// Pointer to value `index`; whoever writes through it keeps to values that no other task touches.
    pub(super) fn at(self, index: usize) -> *mut f32 {
        debug_assert!(index <= self.length);
        self.start.wrapping_add(index)
    }

    /// # Safety
    /// No other task touches this range while the slice lives.
    pub(super) unsafe fn part(self, range: Range<usize>) -> &'a mut [f32] {
        assert!(range.start <= range.end && range.end <= self.length);
        // SAFETY: inside the slice; the caller keeps it disjoint from other parts.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }
}

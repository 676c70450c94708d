//! Splitting work over the threads of the current rayon pool.

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Looks at a counter before a thread goes to sleep, some tens of microseconds.
const MOMENT: usize = 2000;

/// Runs `task(0) … task(count − 1)`, neighbours on the same thread where possible.
///
/// The calling thread works as well and does not wait for others to wake up: a step of a large model
/// has hundreds of calls, and waking a thread takes as long as a small product.
pub(super) fn for_each(count: usize, task: impl Fn(usize) + Send + Sync) {
    let parts = threads().min(count);
    if parts <= 1 {
        return (0..count).for_each(task);
    }
    let shares = &Shares::new(count, parts);
    let work = &|own| {
        while let Some(index) = shares.next(own) {
            task(index);
        }
        shares.leave();
    };
    rayon::in_place_scope(|scope| {
        for own in 1..parts {
            scope.spawn(move |_| work(own));
        }
        work(0);
        shares.wait();
    });
}

/// Which tasks are left: a range for each thread, which takes them from its front; who has none left
/// takes from the back of the longest.
struct Shares {
    /// Start in the upper half, end in the lower one.
    ranges: Vec<AtomicU64>,
    at_work: AtomicUsize,
}

impl Shares {
    fn new(count: usize, parts: usize) -> Self {
        let count = u32::try_from(count).expect("fewer tasks than a work has values") as usize;
        let range = |part| pack(count * part / parts, count * (part + 1) / parts);
        Self {
            ranges: (0..parts).map(|part| AtomicU64::new(range(part))).collect(),
            at_work: AtomicUsize::new(parts),
        }
    }

    fn next(&self, own: usize) -> Option<usize> {
        let front = |range| {
            let (start, end) = unpack(range);
            (start < end).then(|| pack(start + 1, end))
        };
        let back = |range| {
            let (start, end) = unpack(range);
            (start < end).then(|| pack(start, end - 1))
        };
        if let Ok(range) = self.ranges[own].fetch_update(Relaxed, Relaxed, front) {
            return Some(unpack(range).0);
        }
        loop {
            let left = |range: &AtomicU64| {
                let (start, end) = unpack(range.load(Relaxed));
                end.saturating_sub(start)
            };
            let longest = self.ranges.iter().max_by_key(|range| left(range))?;
            if left(longest) == 0 {
                return None;
            }
            if let Ok(range) = longest.fetch_update(Relaxed, Relaxed, back) {
                return Some(unpack(range).1 - 1);
            }
        }
    }

    fn leave(&self) {
        self.at_work.fetch_sub(1, Relaxed);
    }

    /// Waits a moment for the others, which is shorter than to fall asleep and be woken.
    fn wait(&self) {
        for _ in 0..MOMENT {
            if self.at_work.load(Relaxed) == 0 {
                break;
            }
            std::hint::spin_loop();
        }
    }
}

fn pack(start: usize, end: usize) -> u64 {
    (start as u64) << 32 | end as u64
}

fn unpack(range: u64) -> (usize, usize) {
    ((range >> 32) as usize, (range & 0xffff_ffff) as usize)
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
    for_each(parts, |part| task(share(0..length, parts, part)));
}

/// Tasks per thread, so that no thread waits long for the last one.
const TASKS: usize = 4;
/// Rows of the input that are read in the time in which one panel is packed, about.
const PACKING: usize = 64;
/// A matrix product cut into tasks: chunks of rows times groups of panels.
///
/// Every task packs its panels itself, so that they come out of the cache of the core that packed them.
pub(super) struct Grid {
    rows: usize,
    unit: usize,
    chunks: usize,
    panels: usize,
    groups: usize,
}

impl Grid {
    /// Chunks of whole units of `unit` rows, groups of at most `together` panels.
    pub(super) fn new(rows: usize, unit: usize, panels: usize, together: usize) -> Self {
        let least = panels.div_ceil(together.max(1));
        let wanted = TASKS * threads();
        let cut = |chunks: usize| (chunks, wanted.div_ceil(chunks).clamp(least, panels));
        // Every chunk packs all weights, every group reads the whole input.
        let cost = |&(chunks, groups): &(usize, usize)| chunks * panels * PACKING + groups * rows;
        let cuts = (1..=wanted.min(rows.div_ceil(unit).max(1))).map(cut);
        let (chunks, groups) = cuts.min_by_key(cost).expect("at least one thread");
        Self {
            rows,
            unit,
            chunks,
            panels,
            groups,
        }
    }

    /// Runs `task(rows, panels)` for every chunk and group; groups of one chunk are neighbours.
    pub(super) fn for_each(&self, task: impl Fn(Range<usize>, Range<usize>) + Send + Sync) {
        for_each(self.chunks * self.groups, |index| {
            let (chunk, group) = (index / self.groups, index % self.groups);
            let units = share(0..self.rows.div_ceil(self.unit), self.chunks, chunk);
            task(
                units.start * self.unit..self.rows.min(units.end * self.unit),
                share(0..self.panels, self.groups, group),
            );
        });
    }
}

/// Part `part` of `parts` of about equal size.
pub(super) fn share(range: Range<usize>, parts: usize, part: usize) -> Range<usize> {
    let at = |part| range.start + range.len() * part / parts;
    at(part)..at(part + 1)
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

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::time::Duration;

    use rayon::ThreadPoolBuilder;

    use super::*;

    #[test]
    fn every_task_runs_once() {
        for threads in [1, 2, 3, 8] {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build();
            pool.unwrap().install(|| {
                for count in [0, 1, 2, 7, 100] {
                    let runs: Vec<_> = (0..count).map(|_| AtomicUsize::new(0)).collect();
                    for_each(count, |index| {
                        runs[index].fetch_add(1, Relaxed);
                    });
                    assert!(
                        runs.iter().all(|runs| runs.load(Relaxed) == 1),
                        "{count} on {threads}"
                    );
                }
            });
        }
    }

    #[test]
    fn who_has_nothing_left_helps_the_others() {
        let (shares, mut seen) = (Shares::new(10, 2), Vec::new());
        while let Some(index) = shares.next(1) {
            seen.push(index);
        }
        assert_eq!(seen, [5, 6, 7, 8, 9, 4, 3, 2, 1, 0]);
        assert_eq!(shares.next(0), None);
    }

    #[test]
    fn a_panic_reaches_the_caller_whichever_thread_it_is_on() {
        for index in [0, 9] {
            let work = || {
                for_each(10, |task| {
                    std::thread::sleep(Duration::from_millis(1));
                    assert_ne!(task, index, "stopped");
                });
            };
            assert!(catch_unwind(AssertUnwindSafe(work)).is_err());
        }
    }

    #[test]
    fn a_grid_covers_the_product_once() {
        for (rows, unit, panels, together) in [
            (1, 1, 1, 1),
            (5000, 1, 10, 12),
            (9000, 32, 3, 2),
            (100, 32, 40, 0),
            (3, 1, 0, 4),
        ] {
            let grid = Grid::new(rows, unit, panels, together);
            let seen: Vec<_> = (0..rows * panels).map(|_| AtomicUsize::new(0)).collect();
            grid.for_each(|rows, group| {
                assert!(group.len() <= together.max(1) && rows.start % unit == 0);
                for row in rows {
                    for panel in group.clone() {
                        seen[row * panels + panel].fetch_add(1, Relaxed);
                    }
                }
            });
            assert!(
                seen.iter().all(|seen| seen.load(Relaxed) == 1),
                "{rows} × {panels}"
            );
        }
    }
}

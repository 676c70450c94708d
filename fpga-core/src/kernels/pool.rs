//! Memory that is kept between calls, so that a loop of fifty steps neither grows nor pays for fresh pages.
//!
//! The first touch of a page costs more than most kernels do to what lies in it: buffers that are given back
//! wait for the next one of about their size, and large ones are made of huge pages where the system has
//! them. What waits never exceeds [`KEPT`], nor what a freshly made buffer leaves of it: where the
//! largest maps of a job are made, which is where its memory peaks, nothing waits.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

use memmap2::{MmapMut, MmapOptions};

/// Bytes that may wait for reuse.
pub(super) const KEPT: usize = 128 << 20;
/// Buffers that may wait: all of them are looked at whenever one is taken.
const COUNT: usize = 64;
/// Bytes of a cache line, where every buffer starts.
const ALIGNMENT: usize = 64;
/// Bytes of a huge page on the processors that have them; from here on a buffer is mapped.
const HUGE: usize = 2 << 20;

static POOL: Mutex<Pool> = Mutex::new(Pool {
    waiting: Vec::new(),
    bytes: 0,
});

/// At least `length` values that hold what their last user left, and at most `waste` more.
pub(super) fn take(length: usize, waste: usize) -> Buffer {
    let capacity = length.next_multiple_of(1024).max(1024);
    let (found, _evicted) = {
        let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
        match pool.best(length, capacity + waste) {
            Some(buffer) => (Some(buffer), Vec::new()),
            None => (None, pool.keep(KEPT.saturating_sub(4 * capacity))),
        }
    };
    let buffer = found.unwrap_or_else(|| Buffer::new(capacity));
    // A kernel that does not write every value shows itself in its tests.
    #[cfg(test)]
    let buffer = poisoned(buffer);
    buffer
}

/// Keeps a buffer for the next user.
pub(super) fn give_back(buffer: Buffer) {
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    pool.bytes += buffer.bytes();
    pool.waiting.push(buffer);
    let evicted = pool.keep(KEPT);
    drop(pool);
    // Its pages go back to the system while nobody waits for the lock.
    drop(evicted);
}

#[cfg(test)]
fn poisoned(mut buffer: Buffer) -> Buffer {
    buffer.fill(f32::NAN);
    buffer
}

/// What waits, the longest waiting first.
struct Pool {
    waiting: Vec<Buffer>,
    bytes: usize,
}

impl Pool {
    /// The smallest of at least `length` and at most `most` values.
    fn best(&mut self, length: usize, most: usize) -> Option<Buffer> {
        let all = self.waiting.iter().enumerate();
        let fitting = all.filter(|(_, buffer)| (length..=most).contains(&buffer.capacity));
        let (index, _) = fitting.min_by_key(|(_, buffer)| buffer.capacity)?;
        let buffer = self.waiting.remove(index);
        self.bytes -= buffer.bytes();
        Some(buffer)
    }

    /// Lets go of the longest waiting until at most `bytes` are left.
    fn keep(&mut self, bytes: usize) -> Vec<Buffer> {
        let mut evicted = Vec::new();
        while self.bytes > bytes || self.waiting.len() > COUNT {
            let buffer = self.waiting.remove(0);
            self.bytes -= buffer.bytes();
            evicted.push(buffer);
        }
        evicted
    }
}

/// Owned f32 values, zero at birth.
pub(super) struct Buffer {
    start: NonNull<f32>,
    capacity: usize,
    /// Pages of its own, where it is large.
    pages: Option<MmapMut>,
}

// SAFETY: a buffer owns plain memory.
unsafe impl Send for Buffer {}
// SAFETY: shared access only reads.
unsafe impl Sync for Buffer {}

impl Buffer {
    fn new(capacity: usize) -> Self {
        let bytes = capacity * size_of::<f32>();
        let pages = (bytes >= HUGE).then(|| map(bytes)).flatten();
        match pages {
            Some(mut pages) => Self {
                start: NonNull::from(&mut pages[..]).cast(),
                capacity,
                pages: Some(pages),
            },
            None => Self {
                start: allocate(capacity),
                capacity,
                pages: None,
            },
        }
    }

    fn bytes(&self) -> usize {
        self.capacity * size_of::<f32>()
    }
}

/// Fresh pages, huge where all of a huge page is used: the rest of the last one would be paid for as well.
/// `None` where the system gives none.
fn map(bytes: usize) -> Option<MmapMut> {
    // Maps of whole huge pages are the ones that start at a huge page.
    let pages = MmapOptions::new()
        .len(bytes.next_multiple_of(HUGE))
        .map_anon()
        .ok()?;
    // A system that refuses serves ordinary pages, which hold the same.
    #[cfg(target_os = "linux")]
    let _ = pages.advise_range(memmap2::Advice::HugePage, 0, bytes / HUGE * HUGE);
    Some(pages)
}

fn allocate(capacity: usize) -> NonNull<f32> {
    let layout = layout(capacity);
    // SAFETY: the size is not zero: `take` asks for at least 1024 values.
    let start = unsafe { alloc_zeroed(layout) };
    NonNull::new(start.cast()).unwrap_or_else(|| handle_alloc_error(layout))
}

fn layout(capacity: usize) -> Layout {
    Layout::array::<f32>(capacity)
        .and_then(|layout| layout.align_to(ALIGNMENT))
        .expect("buffers are far below the address space")
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.pages.is_none() {
            // SAFETY: allocated by `allocate` with the same layout.
            unsafe { dealloc(self.start.as_ptr().cast(), layout(self.capacity)) }
        }
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: `capacity` values were zeroed at birth and are owned until drop.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.capacity) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `deref`, and `&mut self` makes the access unique.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.capacity) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting() -> (usize, usize) {
        let pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = pool.waiting.iter().map(Buffer::bytes).sum::<usize>();
        assert_eq!(pool.bytes, counted);
        (counted, pool.waiting.len())
    }

    #[test]
    fn what_waits_is_bounded_however_much_is_given_back() {
        let sizes = [3_000_000, 70_000, 12_000_000, 500, 40_000_000];
        for round in 0..40 {
            let taken: Vec<_> = sizes
                .iter()
                .map(|&size| take(size + 4096 * round, 0))
                .collect();
            taken.into_iter().for_each(give_back);
            let (bytes, count) = waiting();
            assert!(
                bytes <= KEPT && count <= COUNT,
                "{bytes} bytes in {count} buffers wait"
            );
        }
    }

    #[test]
    fn a_buffer_is_aligned_large_enough_and_zero_at_birth() {
        for capacity in [1024, 2 << 20, (2 << 20) + 1024] {
            let buffer = Buffer::new(capacity);
            assert_eq!(buffer.as_ptr().align_offset(ALIGNMENT), 0);
            assert_eq!(buffer.len(), capacity);
            assert!(buffer.iter().all(|&value| value == 0.0));
        }
    }

    #[test]
    fn no_two_threads_hold_the_same_buffer() {
        std::thread::scope(|scope| {
            for thread in 0..4u8 {
                scope.spawn(move || {
                    for round in 0..200 {
                        let mark = f32::from(thread);
                        let mut buffer = take(2000 + 700 * (round % 5), 4096);
                        buffer.fill(mark);
                        std::thread::yield_now();
                        assert!(buffer.iter().all(|&value| value == mark));
                        give_back(buffer);
                    }
                });
            }
        });
    }

    #[test]
    fn values_of_the_last_user_do_not_pass_for_results() {
        let mut first = take(1 << 20, 0);
        first.fill(7.0);
        give_back(first);
        assert!(take(1 << 20, 0).iter().all(|value| value.is_nan()));
    }
}

//! Working memory that is kept between calls, so that a loop of fifty steps neither grows nor pays
//! for fresh pages.
//!
//! Buffers are aligned to cache lines and hold what their last user left. At most [`KEPT`] wait in the pool.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

/// Buffers that wait for reuse; the smallest are let go first.
const KEPT: usize = 64;
const ALIGNMENT: usize = 64;
static POOL: Mutex<Vec<Buffer>> = Mutex::new(Vec::new());

/// A borrowed buffer of f32 values with unspecified content; returns to the pool when dropped.
pub(super) struct Scratch {
    buffer: Option<Buffer>,
    length: usize,
}

impl Scratch {
    /// A buffer of `length` values.
    pub(super) fn take(length: usize) -> Self {
        let buffer = reuse(length).unwrap_or_else(|| Buffer::new(length.next_multiple_of(1024)));
        Self {
            buffer: Some(buffer),
            length,
        }
    }
}

/// The smallest waiting buffer that fits and is not wastefully large.
fn reuse(length: usize) -> Option<Buffer> {
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    let fits = |buffer: &Buffer| (length..=4 * length + 65_536).contains(&buffer.capacity);
    let candidates = pool.iter().enumerate().filter(|(_, buffer)| fits(buffer));
    let best = candidates
        .min_by_key(|(_, buffer)| buffer.capacity)
        .map(|(index, _)| index)?;
    Some(pool.swap_remove(best))
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let Some(buffer) = self.buffer.take() else {
            return;
        };
        let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
        pool.push(buffer);
        if pool.len() > KEPT {
            let smallest = (0..pool.len()).min_by_key(|&index| pool[index].capacity);
            smallest.map(|index| pool.swap_remove(index));
        }
    }
}

impl Deref for Scratch {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        let start = self
            .buffer
            .as_ref()
            .map_or(NonNull::dangling(), |buffer| buffer.start);
        // SAFETY: `take` made the buffer at least `length` long; it was zeroed at birth and is owned
        // until drop.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), self.length) }
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        let start = self
            .buffer
            .as_ref()
            .map_or(NonNull::dangling(), |buffer| buffer.start);
        // SAFETY: as in `deref`, and `&mut self` makes the access unique.
        unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), self.length) }
    }
}

struct Buffer {
    start: NonNull<f32>,
    capacity: usize,
}

// SAFETY: a buffer owns plain memory.
unsafe impl Send for Buffer {}
// SAFETY: shared access only reads.
unsafe impl Sync for Buffer {}

impl Buffer {
    fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1024);
        let layout = Self::layout(capacity);
        // SAFETY: the size is not zero.
        let start = unsafe { alloc_zeroed(layout) };
        let Some(start) = NonNull::new(start.cast::<f32>()) else {
            handle_alloc_error(layout)
        };
        Self { start, capacity }
    }

    fn layout(capacity: usize) -> Layout {
        Layout::array::<f32>(capacity)
            .and_then(|layout| layout.align_to(ALIGNMENT))
            .expect("scratch buffers are far below the address space")
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with the same layout.
        unsafe { dealloc(self.start.as_ptr().cast(), Self::layout(self.capacity)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_returned_buffer_is_used_again() {
        let length = 7_654_321;
        let first = Scratch::take(length).as_ptr();
        let second = Scratch::take(length - 1000).as_ptr();
        assert_eq!(first, second);
        assert_eq!(first.align_offset(ALIGNMENT), 0);
    }
}

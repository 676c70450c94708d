//! Memory that is kept between calls, so that a loop of fifty steps neither grows nor pays for fresh pages.
//!
//! The first touch of a page costs more than most kernels do to what lies in it. Buffers are therefore cut from
//! large regions, and what is given back becomes a hole that joins its neighbours: the small buffers of
//! one level of a UNet lie where the large ones of another lay. A region that nobody uses goes back to the system
//! when more than [`KEPT`] waits, or when a larger one takes its place.

mod region;

use std::alloc::{Layout, handle_alloc_error};
use std::collections::BTreeMap;
use std::num::NonZero;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

use region::Region;

/// Bytes that may wait in regions of which nothing is in use.
const KEPT: usize = 512 << 20;
/// Values of the smallest region.
const SMALLEST: usize = 16 << 20;
/// Buffers are multiples of this many values: a page.
const GRAIN: usize = 1024;

static POOL: Mutex<Pool> = Mutex::new(Pool::new());

fn pool() -> MutexGuard<'static, Pool> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Regions by the address where they start.
struct Pool(BTreeMap<NonZero<usize>, Region>);

impl Pool {
    const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// A block where it fits best.
    fn cut(&mut self, length: usize) -> Option<NonNull<f32>> {
        let regions = self.0.values_mut();
        let fits = regions.filter_map(|region| Some((region.fit(length)?, region)));
        let (fit, region) = fits.min_by_key(|(fit, _)| *fit)?;
        Some(region.cut(fit, length))
    }

    /// A block of a fresh region, larger than all others together, and the regions whose place it takes.
    fn grow(&mut self, length: usize) -> (Option<NonNull<f32>>, Vec<Region>) {
        let all: usize = self.0.values().map(Region::length).sum();
        let idle = self.0.extract_if(.., |_, region| region.is_idle());
        let idle = idle.map(|(_, region)| region).collect();
        let fresh = Region::map(length.max(all).max(SMALLEST)).or_else(|| Region::map(length));
        if let Some(region) = fresh {
            self.0.insert(region.start().addr(), region);
        }
        (self.cut(length), idle)
    }

    /// Takes a block back, and lets go of regions that nobody needs.
    fn join(&mut self, block: NonNull<f32>, length: usize) -> Vec<Region> {
        let region = self.0.range_mut(..=block.addr()).next_back();
        let (_, region) = region.expect("blocks lie in regions");
        region.join(block, length);
        let mut waiting: usize = self.0.values().map(Region::waiting).sum();
        let idle = self.0.extract_if(.., |_, region| {
            let goes = region.is_idle() && waiting > KEPT / size_of::<f32>();
            waiting -= if goes { region.waiting() } else { 0 };
            goes
        });
        idle.map(|(_, region)| region).collect()
    }
}

/// Owned f32 values; whoever had them before left something there. They return to the pool when dropped.
pub(super) struct Buffer {
    start: NonNull<f32>,
    length: usize,
}

// SAFETY: a buffer owns plain memory.
unsafe impl Send for Buffer {}
// SAFETY: shared access only reads.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// A buffer of `length` values that start at a page.
    pub(super) fn take(length: usize) -> Self {
        let block = block(length);
        let found = pool().cut(block);
        let start = found.or_else(|| {
            let (found, idle) = pool().grow(block);
            // Their pages go back to the system while nobody waits for the lock.
            drop(idle);
            found
        });
        let layout = Layout::array::<f32>(block).expect("buffers are far below the address space");
        let start = start.unwrap_or_else(|| handle_alloc_error(layout));
        let buffer = Self { start, length };
        // A kernel that does not write every value shows itself in its tests.
        #[cfg(test)]
        let buffer = poisoned(buffer);
        buffer
    }
}

/// Values of the block that a buffer of `length` values takes.
fn block(length: usize) -> usize {
    length.next_multiple_of(GRAIN).max(GRAIN)
}

#[cfg(test)]
fn poisoned(mut buffer: Buffer) -> Buffer {
    buffer.fill(f32::NAN);
    buffer
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let idle = pool().join(self.start, block(self.length));
        drop(idle);
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: `length` values of a mapping, zero at its birth, that are this buffer's alone until drop.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `deref`, and `&mut self` makes the access unique.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: usize = KEPT / size_of::<f32>();

    fn waiting(pool: &Pool) -> usize {
        pool.0.values().map(Region::waiting).sum()
    }

    #[test]
    fn what_nobody_uses_is_bounded() {
        let mut pool = Pool::new();
        for length in [MANY / 2, MANY + GRAIN, 3 * MANY] {
            let (block, _) = pool.grow(length);
            assert_eq!(waiting(&pool), 0);
            let idle = pool.join(block.unwrap(), length);
            assert_eq!(idle.len(), usize::from(length > MANY));
            assert!(waiting(&pool) <= MANY);
        }
    }

    #[test]
    fn a_larger_region_takes_the_place_of_idle_ones() {
        let mut pool = Pool::new();
        let (first, _) = pool.grow(GRAIN);
        pool.join(first.unwrap(), GRAIN);
        let (second, idle) = pool.grow(2 * SMALLEST);
        assert_eq!((idle.len(), pool.0.len()), (1, 1));
        // One that is in use stays, and the next is larger than all.
        let (_, idle) = pool.grow(GRAIN);
        assert_eq!((idle.len(), pool.0.len()), (0, 2));
        let all: usize = pool.0.values().map(Region::length).sum();
        assert!(all >= 4 * SMALLEST);
        pool.join(second.unwrap(), 2 * SMALLEST);
        assert!(pool.cut(2 * SMALLEST).is_some());
    }

    #[test]
    fn a_returned_buffer_is_used_again() {
        let mut pool = Pool::new();
        let (first, _) = pool.grow(7000 * GRAIN);
        pool.join(first.unwrap(), 7000 * GRAIN);
        assert_eq!(pool.cut(6000 * GRAIN), first);
        assert!(pool.cut(1000 * GRAIN) > first);
    }

    #[test]
    fn no_two_threads_hold_the_same_buffer() {
        std::thread::scope(|scope| {
            for thread in 0..4u8 {
                scope.spawn(move || {
                    for round in 0..200 {
                        let mark = f32::from(thread);
                        let mut buffer = Buffer::take(2000 + 700 * (round % 5));
                        assert_eq!(buffer.as_ptr().align_offset(4 * GRAIN), 0);
                        buffer.fill(mark);
                        std::thread::yield_now();
                        assert!(buffer.iter().all(|&value| value == mark));
                    }
                });
            }
        });
    }

    #[test]
    fn values_of_the_last_user_do_not_pass_for_results() {
        Buffer::take(1 << 20).fill(7.0);
        assert!(Buffer::take(1 << 20).iter().all(|value| value.is_nan()));
    }
}

//! One stretch of mapped memory, cut into blocks. Positions and lengths count f32 values.

use std::collections::BTreeMap;
use std::ptr::NonNull;

use memmap2::{MmapMut, MmapOptions};

/// Bytes of a huge page on the processors that have them.
pub(super) const HUGE: usize = 2 << 20;

/// Mapped memory. What lies between its blocks is holes that never touch each other.
pub(super) struct Region {
    start: NonNull<f32>,
    length: usize,
    /// Where holes begin, and their lengths.
    holes: BTreeMap<usize, usize>,
    /// Everything from here on was never part of a block: the system has given no pages for it.
    touched: usize,
    /// Values in blocks.
    used: usize,
    /// Unmapped when dropped.
    _pages: MmapMut,
}

// SAFETY: a region owns plain memory.
unsafe impl Send for Region {}

/// Where a block would lie. The smallest is the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fit {
    /// Values that were never touched.
    fresh: usize,
    /// Length of the hole that it begins in.
    hole: usize,
    start: usize,
}

impl Region {
    /// Fresh memory, in huge pages where the system has them; `None` where it gives none.
    pub(super) fn map(length: usize) -> Option<Self> {
        let bytes = length
            .checked_mul(size_of::<f32>())?
            .checked_next_multiple_of(HUGE)?;
        let mut pages = MmapOptions::new().len(bytes).map_anon().ok()?;
        // A system that refuses serves ordinary pages, which hold the same.
        #[cfg(target_os = "linux")]
        let _ = pages.advise(memmap2::Advice::HugePage);
        Some(Self {
            start: NonNull::from(&mut pages[..]).cast(),
            length: bytes / size_of::<f32>(),
            holes: BTreeMap::new(),
            touched: 0,
            used: 0,
            _pages: pages,
        })
    }

    pub(super) fn start(&self) -> NonNull<f32> {
        self.start
    }

    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Values that were part of a block and are not now.
    pub(super) fn waiting(&self) -> usize {
        self.touched - self.used
    }

    pub(super) fn is_idle(&self) -> bool {
        self.used == 0
    }

    /// The smallest hole of `length` values; where there is none, the end of what was touched.
    pub(super) fn fit(&self, length: usize) -> Option<Fit> {
        let holes = self.holes.iter().map(|(&start, &hole)| (hole, start));
        if let Some((hole, start)) = holes.filter(|(hole, _)| *hole >= length).min() {
            let fresh = 0;
            return Some(Fit { fresh, hole, start });
        }
        let last = self.holes.last_key_value();
        let (start, hole) = last
            .map(|(&start, &hole)| (start, hole))
            .filter(|(start, hole)| start + hole == self.touched)
            .unwrap_or((self.touched, 0));
        let fresh = length - hole;
        (length <= self.length - start).then_some(Fit { fresh, hole, start })
    }

    /// Cuts a block of `length` values where [`fit`](Self::fit) found room for it.
    pub(super) fn cut(&mut self, fit: Fit, length: usize) -> NonNull<f32> {
        self.holes.remove(&fit.start);
        let end = fit.start + length;
        if fit.hole > length {
            self.holes.insert(end, fit.hole - length);
        }
        self.touched = self.touched.max(end);
        self.used += length;
        // SAFETY: the block ends within the mapping.
        unsafe { self.start.add(fit.start) }
    }

    /// Takes a block back: a hole, joined with its neighbours.
    pub(super) fn join(&mut self, block: NonNull<f32>, length: usize) {
        self.used -= length;
        // SAFETY: the block was cut from this mapping.
        let mut start = unsafe { block.offset_from_unsigned(self.start) };
        let mut end = start + length;
        if let Some(next) = self.holes.remove(&end) {
            end += next;
        }
        let before = self.holes.range(..start).next_back();
        if let Some((&before, &hole)) = before
            && before + hole == start
        {
            start = before;
        }
        self.holes.insert(start, end - start);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(region: &mut Region, length: usize) -> NonNull<f32> {
        let fit = region.fit(length).expect("there is room");
        region.cut(fit, length)
    }

    #[test]
    fn a_block_takes_the_smallest_hole_and_holes_join() {
        let mut region = Region::map(1 << 20).unwrap();
        let blocks = [3000, 1000, 2000, 1000, 500].map(|length| (cut(&mut region, length), length));
        let touched = region.touched;
        for index in [0, 2] {
            region.join(blocks[index].0, blocks[index].1);
        }
        assert_eq!(cut(&mut region, 1500), blocks[2].0);
        region.join(blocks[1].0, 1000);
        // The first three lie side by side, but for what was cut again.
        assert_eq!(cut(&mut region, 4000), blocks[0].0);
        assert_eq!(region.touched, touched);
        assert_eq!(region.waiting(), 500);
    }

    #[test]
    fn the_last_hole_grows_into_what_was_never_touched() {
        let mut region = Region::map(HUGE / 4).unwrap();
        let length = region.length();
        let first = cut(&mut region, 1000);
        region.join(first, 1000);
        let fit = region.fit(length).unwrap();
        assert_eq!((fit.start, fit.fresh), (0, length - 1000));
        assert_eq!(region.fit(length + 1), None);
    }

    proptest! {
        #[test]
        fn blocks_never_overlap_and_leave_nothing_behind(
            steps in prop::collection::vec((1usize..5000, any::<prop::sample::Index>(), any::<bool>()), 1..200),
        ) {
            let mut region = Region::map(1 << 18).unwrap();
            let mut blocks: Vec<(usize, usize)> = Vec::new();
            for (length, index, gives) in steps {
                if gives && !blocks.is_empty() {
                    let (start, length) = blocks.swap_remove(index.index(blocks.len()));
                    // SAFETY: the block lies in the mapping.
                    let block = unsafe { region.start.add(start) };
                    region.join(block, length);
                } else if let Some(fit) = region.fit(length) {
                    region.cut(fit, length);
                    blocks.push((fit.start, length));
                }
                // Blocks and holes cover what was touched, once.
                let mut all: Vec<_> = region.holes.iter().map(|(&start, &length)| (start, length)).collect();
                all.extend(&blocks);
                all.sort_unstable();
                let end = all.iter().try_fold(0, |end, (start, length)| (*start == end).then_some(end + length));
                prop_assert_eq!(end, Some(region.touched));
                prop_assert_eq!(region.used, blocks.iter().map(|block| block.1).sum::<usize>());
            }
        }
    }
}

//! Where batches come from, in an order that can be taken up again at any place.

use rand_mt::Mt64;

use crate::error::{Error, Result};

/// An endless stream of batches with a place in it.
///
/// The batch at a place is always the same one: that is what makes an interrupted training go on as if
/// nothing had happened.
pub trait BatchSource {
    /// What one step learns from.
    type Batch;

    /// The batch at this place; moves on by one.
    ///
    /// # Errors
    /// Data that cannot be read.
    fn next_batch(&mut self) -> Result<Self::Batch>;

    /// How many batches were given since the beginning.
    fn position(&self) -> u64;

    /// Goes to the place where `position` batches were given.
    ///
    /// # Errors
    /// Data that cannot be read.
    fn seek(&mut self, position: u64) -> Result<()>;
}

/// Batches in memory, shuffled anew in every round.
#[derive(Clone, Debug)]
pub struct Shuffled<B> {
    batches: Vec<B>,
    seed: u64,
    position: u64,
}

impl<B: Clone> Shuffled<B> {
    /// In an order that `seed` decides.
    ///
    /// # Errors
    /// There is no batch.
    pub fn new(batches: Vec<B>, seed: u64) -> Result<Self> {
        if batches.is_empty() {
            return Err(Error::invalid("batches", "there are none"));
        }
        Ok(Self {
            batches,
            seed,
            position: 0,
        })
    }
}

impl<B: Clone> BatchSource for Shuffled<B> {
    type Batch = B;

    fn next_batch(&mut self) -> Result<B> {
        let count = self.batches.len() as u64;
        let (round, place) = (self.position / count, self.position % count);
        self.position += 1;
        let order = shuffled(self.batches.len(), self.seed.wrapping_add(round));
        Ok(self.batches[order[place as usize]].clone())
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn seek(&mut self, position: u64) -> Result<()> {
        self.position = position;
        Ok(())
    }
}

/// The numbers below `count` in an order that `seed` decides (Fisher and Yates).
fn shuffled(count: usize, seed: u64) -> Vec<usize> {
    let mut numbers = Mt64::new(seed);
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        order.swap(last, (numbers.next_u64() % (last as u64 + 1)) as usize);
    }
    order
}

/// Batches that follow from their place alone: pictures that are drawn when they are needed, for example.
#[derive(Clone, Debug)]
pub struct Computed<F> {
    batch_at: F,
    position: u64,
}

impl<F> Computed<F> {
    /// `batch_at` gives the batch of a place, the same one each time.
    pub fn new(batch_at: F) -> Self {
        Self {
            batch_at,
            position: 0,
        }
    }
}

impl<B, F: Fn(u64) -> Result<B>> BatchSource for Computed<F> {
    type Batch = B;

    fn next_batch(&mut self) -> Result<B> {
        let batch = (self.batch_at)(self.position)?;
        self.position += 1;
        Ok(batch)
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn seek(&mut self, position: u64) -> Result<()> {
        self.position = position;
        Ok(())
    }
}

/// Two streams in turns: one batch of the first, one of the second. So MMF alternates skeletons over
/// full pictures with landmarks over face crops.
#[derive(Clone, Debug)]
pub struct Alternating<A, B> {
    first: A,
    second: B,
}

impl<A: BatchSource, B: BatchSource<Batch = A::Batch>> Alternating<A, B> {
    /// `first` gives the batches of even steps.
    pub fn new(first: A, second: B) -> Self {
        Self { first, second }
    }
}

impl<A: BatchSource, B: BatchSource<Batch = A::Batch>> BatchSource for Alternating<A, B> {
    type Batch = A::Batch;

    fn next_batch(&mut self) -> Result<A::Batch> {
        match self.position().is_multiple_of(2) {
            true => self.first.next_batch(),
            false => self.second.next_batch(),
        }
    }

    fn position(&self) -> u64 {
        self.first.position() + self.second.position()
    }

    fn seek(&mut self, position: u64) -> Result<()> {
        self.first.seek(position.div_ceil(2))?;
        self.second.seek(position / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(source: &mut impl BatchSource<Batch = u32>, count: usize) -> Vec<u32> {
        (0..count).map(|_| source.next_batch().unwrap()).collect()
    }

    #[test]
    fn every_round_has_all_batches_in_another_order() {
        let mut source = Shuffled::new((0..20).collect(), 3).unwrap();
        let (first, second) = (taken(&mut source, 20), taken(&mut source, 20));
        assert_ne!(first, second);
        for mut round in [first, second] {
            round.sort_unstable();
            assert_eq!(round, (0..20).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_batch_that_fails_keeps_its_place() {
        let fails_once = std::cell::Cell::new(true);
        let mut source = Computed::new(|place| match place == 2 && fails_once.take() {
            true => Err(Error::invalid("picture", "cannot be drawn")),
            false => Ok(10 * place as u32),
        });
        assert_eq!(taken(&mut source, 2), [0, 10]);
        assert!(source.next_batch().is_err());
        assert_eq!(taken(&mut source, 2), [20, 30]);
        source.seek(1).unwrap();
        assert_eq!((source.position(), source.next_batch().unwrap()), (1, 10));
    }

    #[test]
    fn a_place_is_found_again_in_turns_too() {
        let source = |seed| Shuffled::new((0..7).collect(), seed).unwrap();
        let mut whole = Alternating::new(source(1), source(2));
        let all = taken(&mut whole, 40);
        for start in [0, 1, 6, 13, 29] {
            let mut later = Alternating::new(source(1), source(2));
            later.seek(start).unwrap();
            assert_eq!(later.position(), start);
            assert_eq!(taken(&mut later, 10), all[start as usize..][..10]);
        }
    }
}

//! Drawn people, by place in a training.

use fpga_core::Error;
use fpga_core::data::portrait::{Drawing, Framing, Person, SceneSampler};

use crate::recipe::SEED;

/// Numbers that follow from a seed: SplitMix64.
pub(crate) struct Numbers(u64);

impl Numbers {
    /// For one thing of one batch.
    pub(crate) fn new(place: u64, index: u64) -> Self {
        Self((SEED << 48) ^ (place << 8) ^ index)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, count: u64) -> u64 {
        self.next() % count
    }
}

/// One to three people, `side` pixels wide and high.
pub(crate) fn group(
    numbers: &mut Numbers,
    first: u64,
    people: u64,
    side: u32,
) -> Result<Drawing, Error> {
    let framing = [Framing::Portrait, Framing::Half, Framing::Half];
    let count = 1 + numbers.below(3);
    let sampler = SceneSampler {
        framing: framing[(count - 1) as usize],
        ..SceneSampler::new(side)
    };
    let people: Vec<_> = (0..count)
        .map(|_| Person::from_seed(first + numbers.below(people)))
        .collect();
    sampler.scene(&people, numbers.next())?.draw()
}

/// One person from near, without a hat.
pub(crate) fn portrait(numbers: &mut Numbers, person: u64, side: u32) -> Result<Drawing, Error> {
    let sampler = SceneSampler::new(side);
    sampler
        .portrait(&Person::from_seed(person), numbers.next())?
        .draw()
}

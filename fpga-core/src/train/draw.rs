//! The random numbers of one step. They follow from the training's seed and the step alone, so there is
//! no generator whose state would have to be kept.

use burn::tensor::{Device, Tensor};
use rand_mt::Mt64;

use crate::diffusion::{NoiseSource, PhiloxNoise};

/// Random numbers of one batch of one step.
#[derive(Debug)]
pub struct Draw {
    numbers: Mt64,
    noise: PhiloxNoise,
}

impl Draw {
    /// For the batch number `part` of `step`.
    pub fn new(seed: u64, step: u64, part: u64) -> Self {
        let key = mixed(mixed(mixed(seed) ^ step) ^ part);
        Self {
            numbers: Mt64::new(key),
            noise: PhiloxNoise::new(mixed(key)),
        }
    }

    /// At least 0, below 1.
    pub fn unit(&mut self) -> f64 {
        // 53 bits, the most that a double tells apart.
        (self.numbers.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number below `count`, which is not 0.
    pub fn below(&mut self, count: usize) -> usize {
        ((self.unit() * count as f64) as usize).min(count - 1)
    }

    /// True in this share of all cases.
    pub fn chance(&mut self, share: f64) -> bool {
        self.unit() < share
    }

    /// Standard normal numbers.
    pub fn normal(&mut self, shape: [usize; 4], device: &Device) -> Tensor<4> {
        self.noise.latents(shape, device)
    }
}

/// Neighbouring keys far apart (Steele et al. 2014, SplitMix).
fn mixed(key: u64) -> u64 {
    let key = key.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let key = (key ^ (key >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let key = (key ^ (key >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    key ^ (key >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_parts_draw_different_numbers_and_the_same_ones_again() {
        let numbers = |step, part| {
            let mut draw = Draw::new(7, step, part);
            (0..1000).map(|_| draw.unit()).collect::<Vec<_>>()
        };
        assert_eq!(numbers(5, 1), numbers(5, 1));
        assert_ne!(numbers(5, 1), numbers(5, 0));
        assert_ne!(numbers(5, 1), numbers(6, 1));
        let mean = numbers(5, 1).iter().sum::<f64>() / 1000.0;
        assert!((mean - 0.5).abs() < 0.05, "{mean}");
        let mut draw = Draw::new(7, 0, 0);
        let hits = (0..4000).filter(|_| draw.chance(0.05)).count();
        assert!((130..270).contains(&hits), "{hits}");
        assert!((0..100).all(|_| draw.below(3) < 3));
    }
}

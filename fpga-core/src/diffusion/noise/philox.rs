//! The numbers of torch's CUDA generator for latents (and of programs that imitate it on the CPU).
//!
//! Philox 4×32 with ten rounds (Salmon et al. 2011) and Box–Muller on the first two of its four
//! words. Number `i` of block `n` comes from the counter `(n, 0, i, 0)`. On a GPU this holds for
//! blocks of at most as many numbers as the GPU has threads; larger ones depend on the GPU's size.

use std::f64::consts::TAU;

use super::NoiseSource;

const ROUNDS: usize = 10;
const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// Golden ratio and √3 − 1, as 32-bit fractions.
const KEY_STEPS: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const UNIT: f64 = 1.0 / (1u64 << 32) as f64;

/// `torch.Generator("cuda").manual_seed(seed)`.
#[derive(Clone, Debug)]
pub struct PhiloxNoise {
    key: [u32; 2],
    /// Blocks drawn so far.
    block: u32,
}

impl PhiloxNoise {
    /// A generator at its start.
    pub fn new(seed: u64) -> Self {
        Self {
            key: [seed as u32, (seed >> 32) as u32],
            block: 0,
        }
    }
}

impl NoiseSource for PhiloxNoise {
    fn normal(&mut self, count: usize) -> Vec<f32> {
        let number = |index: usize| {
            let (low, high) = (index as u32, (index as u64 >> 32) as u32);
            let [first, second, ..] = philox([self.block, 0, low, high], self.key);
            box_muller(first, second)
        };
        let numbers = (0..count).map(number).collect();
        self.block = self.block.wrapping_add(1);
        numbers
    }
}

fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let mut words = counter;
    let mut key = key;
    for _ in 0..ROUNDS {
        let left = u64::from(words[0]) * u64::from(MULTIPLIERS[0]);
        let right = u64::from(words[2]) * u64::from(MULTIPLIERS[1]);
        words = [
            (right >> 32) as u32 ^ words[1] ^ key[0],
            right as u32,
            (left >> 32) as u32 ^ words[3] ^ key[1],
            left as u32,
        ];
        key = [
            key[0].wrapping_add(KEY_STEPS[0]),
            key[1].wrapping_add(KEY_STEPS[1]),
        ];
    }
    words
}

/// The sine half of Box–Muller; both uniforms are at the middle of their interval, so never 0.
fn box_muller(first: u32, second: u32) -> f32 {
    let radius = (-2.0 * ((f64::from(first) + 0.5) * UNIT).ln()).sqrt();
    let angle = (f64::from(second) + 0.5) * UNIT * TAU;
    (radius * angle.sin()) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_the_known_answer_tests_of_the_paper() {
        assert_eq!(
            philox([0; 4], [0; 2]),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
    }

    #[test]
    fn seed_zero_starts_as_torch_cuda_does() {
        let expected = [
            -0.924_662_6,
            -0.425_344_15,
            -2.643_845_7,
            0.145_183_88,
            -0.120_866_47,
            -0.579_725_6,
            -0.622_851_2,
            -0.328_387_1,
            -1.074_542_3,
            -0.363_144_07,
            -1.671_050_7,
            2.265_505,
        ];
        for (found, expected) in PhiloxNoise::new(0).normal(12).into_iter().zip(expected) {
            let gap: f32 = found - expected;
            assert!(gap.abs() < 1e-6, "{found} is not {expected}");
        }
    }

    #[test]
    fn blocks_differ() {
        let mut noise = PhiloxNoise::new(1);
        assert_ne!(noise.normal(4), noise.normal(4));
    }
}

//! The numbers of `torch.randn` with a CPU generator.
//!
//! A Mersenne Twister and Box–Muller, in two ways. Blocks of 16 or more numbers are filled with
//! 24-bit uniforms first and then turned into normals 16 at a time, eight radii beside eight angles;
//! if the length is no multiple of 16, the last 16 are drawn *again*. Shorter blocks draw 53-bit
//! uniforms pair by pair in f64, and keep the second number of an odd pair for the next short block.

use std::f64::consts::TAU;

use rand_mt::Mt;

use super::NoiseSource;

/// Numbers that are turned into normals together.
const GROUP: usize = 16;

/// `torch.Generator("cpu").manual_seed(seed)`.
#[derive(Clone, Debug)]
pub struct TorchCpuNoise {
    engine: Mt,
    /// Second half of the last pair that a short block drew and did not use.
    spare: Option<f64>,
}

impl TorchCpuNoise {
    /// A generator at its start; as in torch, only the low 32 bits of the seed count.
    pub fn new(seed: u64) -> Self {
        Self {
            engine: Mt::new(seed as u32),
            spare: None,
        }
    }

    fn long_block(&mut self, count: usize) -> Vec<f32> {
        let mut numbers: Vec<f32> = (0..count).map(|_| self.uniform24()).collect();
        for group in numbers.chunks_exact_mut(GROUP) {
            to_normal(group);
        }
        if !count.is_multiple_of(GROUP) {
            let last = &mut numbers[count - GROUP..];
            last.fill_with(|| self.uniform24());
            to_normal(last);
        }
        numbers
    }

    fn next_number(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let angle = TAU * self.uniform53();
        let radius = (-2.0 * (-self.uniform53()).ln_1p()).sqrt();
        self.spare = Some(radius * angle.sin());
        radius * angle.cos()
    }

    fn uniform24(&mut self) -> f32 {
        (self.engine.next_u32() & 0x00ff_ffff) as f32 / (1u32 << 24) as f32
    }

    fn uniform53(&mut self) -> f64 {
        let high = u64::from(self.engine.next_u32());
        let bits = (high << 32 | u64::from(self.engine.next_u32())) & ((1 << 53) - 1);
        bits as f64 / (1u64 << 53) as f64
    }
}

impl NoiseSource for TorchCpuNoise {
    fn normal(&mut self, count: usize) -> Vec<f32> {
        if count >= GROUP {
            return self.long_block(count);
        }
        (0..count).map(|_| self.next_number() as f32).collect()
    }
}

/// Box–Muller on one group: uniforms in, normals out.
///
/// Logarithm, sine and cosine are taken in f64 and rounded: the same on every machine, and within
/// one unit in the last place of torch's vector code.
fn to_normal(group: &mut [f32]) {
    let (radii, angles) = group.split_at_mut(GROUP / 2);
    for (first, second) in radii.iter_mut().zip(angles) {
        let log = f64::from(1.0 - *first).ln() as f32;
        let radius = (-2.0 * log).sqrt();
        let (sine, cosine) = f64::from(TAU as f32 * *second).sin_cos();
        *first = radius * cosine as f32;
        *second = radius * sine as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_zero_starts_as_torch_does() {
        // torch.randn(4, generator=torch.Generator().manual_seed(0)) and the same for 16 numbers.
        let short = TorchCpuNoise::new(0).normal(4);
        let long = TorchCpuNoise::new(0).normal(16);
        for (found, expected) in [
            (&short[..2], [1.540_996, -0.293_428_9]),
            (&long[..2], [-1.125_839_8, -1.152_360_2]),
        ] {
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
            }
        }
    }

    #[test]
    fn short_blocks_hand_the_spare_number_on() {
        let mut split = TorchCpuNoise::new(7);
        let pieces = [split.normal(3), split.normal(5)].concat();
        assert_eq!(pieces, TorchCpuNoise::new(7).normal(8));
    }
}

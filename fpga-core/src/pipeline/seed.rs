//! Seeds, and whose random numbers they start.

use std::hash::{BuildHasher, RandomState};

use crate::diffusion::{NoiseSource, PhiloxNoise, TorchCpuNoise};

/// Whose random numbers a seed starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoiseKind {
    /// PyTorch's CPU generator: pictures as diffusers makes them with a CPU generator.
    #[default]
    TorchCpu,
    /// Philox 4×32-10: PyTorch's CUDA generator.
    Philox,
}

impl NoiseKind {
    /// A fresh stream.
    pub fn source(self, seed: u64) -> Box<dyn NoiseSource> {
        match self {
            Self::TorchCpu => Box::new(TorchCpuNoise::new(seed)),
            Self::Philox => Box::new(PhiloxNoise::new(seed)),
        }
    }
}

/// The seed that is asked for, or a fresh one of 32 bits, which every tool can take.
pub(crate) fn resolve_seed(seed: Option<u64>) -> u64 {
    seed.unwrap_or_else(|| RandomState::new().hash_one(0u8) & u64::from(u32::MAX))
}

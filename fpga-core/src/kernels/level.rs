//! Which instruction set the kernels use, found once per process.
//!
//! The environment variable `FPGA_KERNELS` (`amx`, `avx512`, `avx2`, `neon`, `portable`) asks for one of the
//! sets that the processor has; a name that it lacks, or an unknown one, is ignored.

use std::sync::OnceLock;

#[cfg(target_arch = "aarch64")]
use super::simd::neon::Neon;
use super::simd::{Kernel, portable::Portable};
#[cfg(target_arch = "x86_64")]
use super::simd::{amx, avx2::Avx2, avx512::Avx512};

/// Multiplications from which on a product goes through tiles: smaller ones gain little, and stay as exact as
/// they are elsewhere.
const LARGE: usize = 1 << 25;

/// Proof that this processor has an instruction set.
#[derive(Clone, Copy)]
pub(super) enum Level {
    #[cfg(target_arch = "x86_64")]
    Amx(Avx512<true>),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512<false>),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
    Portable(Portable),
}

/// Name of the instruction set in use: `amx` (AVX-512 with tiles), `avx512`, `avx2`, `neon` or `portable`.
pub fn instruction_set() -> &'static str {
    Level::current().name()
}

impl Level {
    /// The best one, or the one that `FPGA_KERNELS` asks for.
    pub(super) fn current() -> Self {
        static CURRENT: OnceLock<Level> = OnceLock::new();
        *CURRENT.get_or_init(|| {
            let available = Self::available();
            let wanted = std::env::var("FPGA_KERNELS").ok();
            let asked = available
                .iter()
                .find(|level| wanted.as_deref() == Some(level.name()));
            *asked.unwrap_or(&available[0])
        })
    }

    /// All that this processor has, best first; never empty.
    pub(super) fn available() -> Vec<Self> {
        let mut levels = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            let avx2 = has!("avx2") && has!("fma");
            if avx2 && has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl") {
                if amx::available() {
                    // SAFETY: just detected.
                    levels.push(Self::Amx(unsafe { Avx512::assume() }));
                }
                // SAFETY: just detected.
                levels.push(Self::Avx512(unsafe { Avx512::assume() }));
            }
            if avx2 {
                // SAFETY: just detected.
                levels.push(Self::Avx2(unsafe { Avx2::assume() }));
            }
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            // SAFETY: just detected.
            levels.push(Self::Neon(unsafe { Neon::assume() }));
        }
        levels.push(Self::Portable(Portable));
        levels
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Amx(_) => "amx",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => "avx512",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "avx2",
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => "neon",
            Self::Portable(_) => "portable",
        }
    }

    /// Runs a kernel compiled for this instruction set.
    pub(super) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Amx(simd) => simd.run(kernel),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(simd) => simd.run(kernel),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(simd) => simd.run(kernel),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(simd) => simd.run(kernel),
            Self::Portable(simd) => simd.run(kernel),
        }
    }

    /// The best one for a product of so many multiplications.
    pub(super) fn for_product(self, multiplications: usize) -> Self {
        match self {
            _ if multiplications >= LARGE => self,
            #[cfg(target_arch = "x86_64")]
            Self::Amx(simd) => Self::Avx512(simd.without_tiles()),
            other => other,
        }
    }

    /// Whether a unit multiplies [`tiles`](super::tiles).
    pub(super) fn has_tiles(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return matches!(self, Self::Amx(_));
        #[cfg(not(target_arch = "x86_64"))]
        false
    }

    /// Output columns per packed panel.
    pub(super) fn panel(self) -> usize {
        struct Width;
        impl Kernel for Width {
            type Output = usize;
            #[inline(always)]
            fn run<S: super::simd::Simd>(self, _: S) -> usize {
                S::PANEL
            }
        }
        self.run(Width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_large_products_go_through_tiles() {
        for level in Level::available() {
            assert!(
                !level.for_product(LARGE - 1).has_tiles(),
                "{}",
                level.name()
            );
            let large = level.for_product(LARGE);
            assert_eq!(large.name(), level.name());
            assert_eq!(large.has_tiles(), level.name() == "amx");
        }
    }
}

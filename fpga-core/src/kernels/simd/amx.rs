//! AMX: a unit of some Intel processors that multiplies tiles of bf16 and sums in f32.
//!
//! There are eight tiles of sixteen rows of 64 bytes. Rust has no stable functions for them, hence the
//! assembler. What the numbers mean, and how exact they are, is told in [`tiles`](crate::kernels::tiles).

use std::arch::asm;
use std::arch::x86_64::*;
use std::sync::OnceLock;

use super::TileProduct;

/// Whether the processor has tiles, and the system lets this process use them.
pub(in crate::kernels) fn available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| exists() && permitted())
}

fn exists() -> bool {
    const BF16_AND_TILES: u32 = 1 << 22 | 1 << 24;
    __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx & BF16_AND_TILES == BF16_AND_TILES
}

/// Linux keeps tiles for a process only after it has asked for them.
#[cfg(target_os = "linux")]
fn permitted() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
    const XFEATURE_XTILEDATA: libc::c_long = 18;
    // SAFETY: this call takes two numbers and touches no memory.
    unsafe {
        libc::syscall(
            libc::SYS_arch_prctl,
            ARCH_REQ_XCOMP_PERM,
            XFEATURE_XTILEDATA,
        ) == 0
    }
}

#[cfg(not(target_os = "linux"))]
fn permitted() -> bool {
    false
}

/// Sizes of all tiles, as the processor reads them.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    bytes_per_row: [[u16; 8]; 2],
    rows: [[u8; 8]; 2],
}

static ALL_FULL: Configuration = Configuration {
    palette: 1,
    start_row: 0,
    reserved: [0; 14],
    bytes_per_row: [[64; 8], [0; 8]],
    rows: [[16; 8], [0; 8]],
};

/// Runs `work` with eight full tiles.
///
/// # Safety
/// Tiles are [`available`].
#[inline(always)]
pub(super) unsafe fn with_tiles<T>(work: impl FnOnce() -> T) -> T {
    // SAFETY: the caller promises the instruction, and the processor takes this configuration.
    unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const ALL_FULL, options(nostack, readonly)) };
    let result = work();
    // A thread without tiles is switched sooner.
    // SAFETY: as above.
    unsafe { asm!("tilerelease", options(nostack, nomem)) };
    result
}

/// See [`Simd::split`](super::Simd::split).
///
/// # Safety
/// The processor has AVX-512 F and BW.
#[inline(always)]
pub(super) unsafe fn split(first: __m512, second: __m512) -> [__m512; 2] {
    // SAFETY: the caller promises the instructions.
    unsafe {
        let [a, b] = [rounded(first), rounded(second)];
        let [c, d] = [rounded(rest(first, a)), rounded(rest(second, b))];
        [upper_halves(a, b), upper_halves(c, d)]
    }
}

/// Bits whose upper half is the nearest bf16.
#[inline(always)]
unsafe fn rounded(x: __m512) -> __m512i {
    // SAFETY: the caller promises the instructions.
    unsafe { _mm512_add_epi32(_mm512_castps_si512(x), _mm512_set1_epi32(0x8000)) }
}

/// `x` less the upper half of `rounded`.
#[inline(always)]
unsafe fn rest(x: __m512, rounded: __m512i) -> __m512 {
    // SAFETY: the caller promises the instructions.
    unsafe {
        let upper = _mm512_and_si512(rounded, _mm512_set1_epi32(!0xffff));
        _mm512_sub_ps(x, _mm512_castsi512_ps(upper))
    }
}

/// Those of `first` in lower halves, those of `second` in upper ones.
#[inline(always)]
unsafe fn upper_halves(first: __m512i, second: __m512i) -> __m512 {
    // SAFETY: the caller promises the instructions.
    unsafe {
        let first = _mm512_srli_epi32::<16>(first);
        _mm512_castsi512_ps(_mm512_mask_blend_epi16(0xaaaa_aaaa, first, second))
    }
}

/// A product whose four tiles of sums begin as `begin` says.
macro_rules! multiply {
    ($product:ident, $($begin:literal),+) => {
        asm!(
            $($begin,)+
            "2:",
            // High halves of both factors.
            "tileloadd tmm4, [{a} + {row}]",
            "tileloadd tmm5, [{below} + {row}]",
            "tileloadd tmm6, [{b} + {row}]",
            "tileloadd tmm7, [{b} + {row} + 1024]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            // The low half of the right one.
            "tileloadd tmm6, [{b} + {row} + 2048]",
            "tileloadd tmm7, [{b} + {row} + 3072]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            // The low half of the left one.
            "tileloadd tmm4, [{a} + {row} + 1024]",
            "tileloadd tmm5, [{below} + {row} + 1024]",
            "tileloadd tmm6, [{b} + {row}]",
            "tileloadd tmm7, [{b} + {row} + 1024]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            "add {a}, 2048",
            "add {below}, 2048",
            "add {b}, 4096",
            "dec {steps}",
            "jnz 2b",
            "tilestored [{c} + {c_row}], tmm0",
            "tilestored [{c} + {c_row} + 64], tmm1",
            "tilestored [{c_below} + {c_row}], tmm2",
            "tilestored [{c_below} + {c_row} + 64], tmm3",
            steps = inout(reg) $product.steps => _,
            a = inout(reg) $product.a => _,
            below = inout(reg) $product.a.wrapping_add($product.a_stride) => _,
            b = inout(reg) $product.b => _,
            row = in(reg) 64usize,
            c = in(reg) $product.c,
            c_below = in(reg) $product.c.wrapping_add(16 * $product.c_stride),
            c_row = in(reg) 4 * $product.c_stride,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        )
    };
}

/// See [`Simd::multiply_tiles`](super::Simd::multiply_tiles).
///
/// # Safety
/// As there, within [`with_tiles`].
#[inline(always)]
pub(super) unsafe fn multiply_tiles(product: TileProduct) {
    // SAFETY: the caller promises all that is read and written, and at least one step.
    unsafe {
        match product.sum {
            true => multiply!(
                product,
                "tileloadd tmm0, [{c} + {c_row}]",
                "tileloadd tmm1, [{c} + {c_row} + 64]",
                "tileloadd tmm2, [{c_below} + {c_row}]",
                "tileloadd tmm3, [{c_below} + {c_row} + 64]"
            ),
            false => multiply!(
                product,
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3"
            ),
        }
    }
}

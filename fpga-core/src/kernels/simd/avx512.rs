//! AVX-512 (F, BW, DQ, VL): sixteen lanes, thirty-two registers; with or without the tiles of AMX.

use std::arch::x86_64::*;

use super::{Kernel, Simd, TileProduct, amx};

/// Proof that the processor has AVX-512, and tiles if `TILES`.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Avx512<const TILES: bool>(());

impl<const TILES: bool> Avx512<TILES> {
    /// # Safety
    /// The processor has AVX-512 F, BW, DQ and VL, AVX2 and FMA; tiles are [`amx::available`] if `TILES`.
    pub(in crate::kernels) unsafe fn assume() -> Self {
        Self(())
    }

    /// The same, not using tiles.
    pub(in crate::kernels) fn without_tiles(self) -> Avx512<false> {
        Avx512(())
    }

    pub(in crate::kernels) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
        fn enter<K: Kernel, const TILES: bool>(simd: Avx512<TILES>, kernel: K) -> K::Output {
            match TILES && K::MULTIPLIES {
                // SAFETY: the token exists only where tiles do.
                true => unsafe { amx::with_tiles(|| kernel.run(simd)) },
                false => kernel.run(simd),
            }
        }
        // SAFETY: the token exists only where these instructions do.
        unsafe { enter(self, kernel) }
    }
}

/// Calls an intrinsic whose only precondition is the instruction set.
macro_rules! safe {
    ($call:expr) => {
        // SAFETY: the token exists only where these instructions do.
        unsafe { $call }
    };
}

impl<const TILES: bool> Simd for Avx512<TILES> {
    type V = __m512;
    const LANES: usize = 16;
    const REGISTERS: usize = 32;
    const TILES: bool = TILES;

    #[inline(always)]
    fn splat(self, value: f32) -> __m512 {
        safe!(_mm512_set1_ps(value))
    }
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> __m512 {
        // SAFETY: the caller promises sixteen readable values.
        unsafe { _mm512_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32, v: __m512) {
        // SAFETY: the caller promises room for sixteen values.
        unsafe { _mm512_storeu_ps(to, v) }
    }
    #[inline(always)]
    fn prefetch(self, from: *const f32) {
        safe!(_mm_prefetch::<_MM_HINT_T0>(from.cast()))
    }
    #[inline(always)]
    unsafe fn load_first(self, from: *const f32, count: usize) -> __m512 {
        // SAFETY: masked lanes are not touched; the caller promises the others.
        unsafe { _mm512_maskz_loadu_ps((1 << count) - 1, from) }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, v: __m512, count: usize) {
        // SAFETY: masked lanes are not touched; the caller promises the others.
        unsafe { _mm512_mask_storeu_ps(to, (1 << count) - 1, v) }
    }
    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        safe!(_mm512_add_ps(a, b))
    }
    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        safe!(_mm512_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        safe!(_mm512_mul_ps(a, b))
    }
    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        safe!(_mm512_div_ps(a, b))
    }
    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        safe!(_mm512_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn neg_mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        safe!(_mm512_fnmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        safe!(_mm512_max_ps(a, b))
    }
    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        safe!(_mm512_min_ps(a, b))
    }
    #[inline(always)]
    fn abs(self, a: __m512) -> __m512 {
        safe!(_mm512_abs_ps(a))
    }
    #[inline(always)]
    fn where_negative(self, sign: __m512, negative: __m512, other: __m512) -> __m512 {
        safe!({
            let mask = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(sign, _mm512_setzero_ps());
            _mm512_mask_blend_ps(mask, other, negative)
        })
    }
    #[inline(always)]
    fn round(self, a: __m512) -> __m512 {
        safe!(_mm512_roundscale_ps::<
            { _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC },
        >(a))
    }
    #[inline(always)]
    fn beyond_whole(self, a: __m512) -> __m512 {
        // One instruction where to round takes two.
        safe!(_mm512_reduce_ps::<
            { _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC },
        >(a))
    }
    #[inline(always)]
    fn below_overflow(self, a: __m512) -> __m512 {
        // What is larger becomes infinite.
        a
    }
    #[inline(always)]
    fn scale(self, v: __m512, n: __m512) -> __m512 {
        safe!(_mm512_scalef_ps(v, n))
    }
    #[inline(always)]
    fn sum(self, v: __m512) -> f32 {
        safe!(_mm512_reduce_add_ps(v))
    }
    #[inline(always)]
    fn largest(self, v: __m512) -> f32 {
        safe!(_mm512_reduce_max_ps(v))
    }

    #[inline(always)]
    fn split(self, first: __m512, second: __m512) -> [__m512; 2] {
        safe!(amx::split(first, second))
    }
    #[inline(always)]
    unsafe fn multiply_tiles(self, product: TileProduct) {
        assert!(TILES, "there are no tiles");
        // SAFETY: kernels that multiply run with tiles; the caller promises the rest.
        unsafe { amx::multiply_tiles(product) }
    }

    #[inline(always)]
    unsafe fn transpose(
        self,
        from: *const f32,
        from_stride: usize,
        to: *mut f32,
        to_stride: usize,
    ) {
        // SAFETY: the caller promises sixteen rows of sixteen values on both sides.
        unsafe {
            let mut r = [_mm512_setzero_ps(); 16];
            for (i, row) in r.iter_mut().enumerate() {
                *row = _mm512_loadu_ps(from.add(i * from_stride));
            }
            // Pairs of rows, then fours: each 128-bit lane ends up as a transposed 4×4 block.
            let mut t = r;
            for i in (0..16).step_by(2) {
                t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
                t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
            }
            for i in (0..16).step_by(4) {
                r[i] = _mm512_shuffle_ps::<0x44>(t[i], t[i + 2]);
                r[i + 1] = _mm512_shuffle_ps::<0xee>(t[i], t[i + 2]);
                r[i + 2] = _mm512_shuffle_ps::<0x44>(t[i + 1], t[i + 3]);
                r[i + 3] = _mm512_shuffle_ps::<0xee>(t[i + 1], t[i + 3]);
            }
            // Then the 4×4 arrangement of those blocks is transposed.
            for i in 0..4 {
                let a = _mm512_shuffle_f32x4::<0x88>(r[i], r[i + 4]);
                let b = _mm512_shuffle_f32x4::<0xdd>(r[i], r[i + 4]);
                let c = _mm512_shuffle_f32x4::<0x88>(r[i + 8], r[i + 12]);
                let d = _mm512_shuffle_f32x4::<0xdd>(r[i + 8], r[i + 12]);
                let columns = [
                    _mm512_shuffle_f32x4::<0x88>(a, c),
                    _mm512_shuffle_f32x4::<0x88>(b, d),
                    _mm512_shuffle_f32x4::<0xdd>(a, c),
                    _mm512_shuffle_f32x4::<0xdd>(b, d),
                ];
                for (block, column) in columns.into_iter().enumerate() {
                    _mm512_storeu_ps(to.add((4 * block + i) * to_stride), column);
                }
            }
        }
    }
}

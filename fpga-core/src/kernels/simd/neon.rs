//! NEON: four lanes, thirty-two registers. Every aarch64 processor has it.

use std::arch::aarch64::*;

use super::{Kernel, Simd};

/// Proof that the processor has NEON.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Neon(());

impl Neon {
    /// # Safety
    /// The processor has NEON.
    pub(in crate::kernels) unsafe fn assume() -> Self {
        Self(())
    }

    pub(in crate::kernels) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "neon")]
        fn enter<K: Kernel>(simd: Neon, kernel: K) -> K::Output {
            kernel.run(simd)
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

impl Simd for Neon {
    type V = float32x4_t;
    const LANES: usize = 4;
    const REGISTERS: usize = 32;

    #[inline(always)]
    fn splat(self, value: f32) -> float32x4_t {
        safe!(vdupq_n_f32(value))
    }
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> float32x4_t {
        // SAFETY: the caller promises four readable values.
        unsafe { vld1q_f32(from) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32, v: float32x4_t) {
        // SAFETY: the caller promises room for four values.
        unsafe { vst1q_f32(to, v) }
    }
    #[inline(always)]
    fn add(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        safe!(vaddq_f32(a, b))
    }
    #[inline(always)]
    fn sub(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        safe!(vsubq_f32(a, b))
    }
    #[inline(always)]
    fn mul(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        safe!(vmulq_f32(a, b))
    }
    #[inline(always)]
    fn div(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        safe!(vdivq_f32(a, b))
    }
    #[inline(always)]
    fn mul_add(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        safe!(vfmaq_f32(c, a, b))
    }
    #[inline(always)]
    fn neg_mul_add(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        safe!(vfmsq_f32(c, a, b))
    }
    #[inline(always)]
    fn max(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        safe!(vbslq_f32(vcgtq_f32(a, b), a, b))
    }
    #[inline(always)]
    fn min(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        safe!(vbslq_f32(vcltq_f32(a, b), a, b))
    }
    #[inline(always)]
    fn abs(self, a: float32x4_t) -> float32x4_t {
        safe!(vabsq_f32(a))
    }
    #[inline(always)]
    fn where_negative(
        self,
        sign: float32x4_t,
        negative: float32x4_t,
        other: float32x4_t,
    ) -> float32x4_t {
        safe!(vbslq_f32(vcltzq_f32(sign), negative, other))
    }
    #[inline(always)]
    fn round(self, a: float32x4_t) -> float32x4_t {
        safe!(vrndnq_f32(a))
    }
    #[inline(always)]
    fn scale(self, v: float32x4_t, n: float32x4_t) -> float32x4_t {
        safe!({
            let biased = vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127));
            vmulq_f32(v, vreinterpretq_f32_s32(vshlq_n_s32::<23>(biased)))
        })
    }
    #[inline(always)]
    fn sum(self, v: float32x4_t) -> f32 {
        safe!(vaddvq_f32(v))
    }
    #[inline(always)]
    fn largest(self, v: float32x4_t) -> f32 {
        safe!(vmaxvq_f32(v))
    }

    #[inline(always)]
    unsafe fn transpose(
        self,
        from: *const f32,
        from_stride: usize,
        to: *mut f32,
        to_stride: usize,
    ) {
        // SAFETY: the caller promises four rows of four values on both sides.
        unsafe {
            let mut r = [vdupq_n_f32(0.0); 4];
            for (i, row) in r.iter_mut().enumerate() {
                *row = vld1q_f32(from.add(i * from_stride));
            }
            let (a, b) = (vtrn1q_f32(r[0], r[1]), vtrn2q_f32(r[0], r[1]));
            let (c, d) = (vtrn1q_f32(r[2], r[3]), vtrn2q_f32(r[2], r[3]));
            let columns = [
                vtrn1q_f64(vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(c)),
                vtrn1q_f64(vreinterpretq_f64_f32(b), vreinterpretq_f64_f32(d)),
                vtrn2q_f64(vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(c)),
                vtrn2q_f64(vreinterpretq_f64_f32(b), vreinterpretq_f64_f32(d)),
            ];
            for (i, column) in columns.into_iter().enumerate() {
                vst1q_f32(to.add(i * to_stride), vreinterpretq_f32_f64(column));
            }
        }
    }
}

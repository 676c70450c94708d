//! The three linear maps of Winograd's F(4×4, 3×3) (Lavin & Gray 2016, section 4.3), one dimension each.
//!
//! `Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A`: a 6×6 piece of input and a 3×3 kernel give 4×4 outputs with 36
//! multiplications instead of 144.

use crate::kernels::simd::Simd;

/// `Bᵀ d`
#[inline(always)]
pub(super) fn input<S: Simd>(s: S, d: [S::V; 6]) -> [S::V; 6] {
    let (four, five, two) = (s.splat(4.0), s.splat(5.0), s.splat(2.0));
    let even = s.neg_mul_add(four, d[2], d[4]);
    let odd = s.neg_mul_add(four, d[1], d[3]);
    let outer = s.sub(d[4], d[2]);
    let twice = s.mul(two, s.sub(d[3], d[1]));
    [
        s.mul_add(four, d[0], s.neg_mul_add(five, d[2], d[4])),
        s.add(even, odd),
        s.sub(even, odd),
        s.add(outer, twice),
        s.sub(outer, twice),
        s.mul_add(four, d[1], s.neg_mul_add(five, d[3], d[5])),
    ]
}

/// `G g`
#[inline(always)]
pub(super) fn kernel<S: Simd>(s: S, g: [S::V; 3]) -> [S::V; 6] {
    let sixth = s.splat(-1.0 / 6.0);
    let ends = s.mul(sixth, s.add(g[0], g[2]));
    let middle = s.mul(sixth, g[1]);
    let far = s.mul_add(s.splat(1.0 / 24.0), g[0], s.mul(s.splat(1.0 / 6.0), g[2]));
    let far_middle = s.mul(s.splat(1.0 / 12.0), g[1]);
    [
        s.mul(s.splat(0.25), g[0]),
        s.add(ends, middle),
        s.sub(ends, middle),
        s.add(far, far_middle),
        s.sub(far, far_middle),
        g[2],
    ]
}

/// `Aᵀ m`
#[inline(always)]
pub(super) fn output<S: Simd>(s: S, m: [S::V; 6]) -> [S::V; 4] {
    let (near, near_odd) = (s.add(m[1], m[2]), s.sub(m[1], m[2]));
    let (far, far_odd) = (s.add(m[3], m[4]), s.sub(m[3], m[4]));
    [
        s.add(m[0], s.add(near, far)),
        s.mul_add(s.splat(2.0), far_odd, near_odd),
        s.mul_add(s.splat(4.0), far, near),
        s.add(m[5], s.mul_add(s.splat(8.0), far_odd, near_odd)),
    ]
}

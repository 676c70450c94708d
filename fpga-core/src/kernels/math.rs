//! Exponential, logistic and error functions on registers, to about one unit in the last f32 place.

use super::simd::Simd;

/// `2ˣ` from the whole part by exponent and the rest by a polynomial; 2⁻¹²⁶ for everything below, and at least
/// 2¹²⁷ for everything above.
#[inline(always)]
pub(super) fn exp2<S: Simd>(s: S, x: S::V) -> S::V {
    // In this order a lane that is not a number stays one.
    let x = s.max(s.splat(-126.0), s.below_overflow(x));
    let rest = s.beyond_whole(x);
    s.scale(exp2_near_zero(s, rest), s.sub(x, rest))
}

/// `eˣ`; below −87 it is 2⁻¹²⁶.
#[inline(always)]
pub(super) fn exp<S: Simd>(s: S, x: S::V) -> S::V {
    // log₂e in two parts: the second restores what a product in one f32 loses for large x.
    const HIGH: f32 = std::f32::consts::LOG2_E;
    const LOW: f32 = (std::f64::consts::LOG2_E - HIGH as f64) as f32;
    let x = s.max(s.splat(-87.0), s.min(s.splat(88.0), x));
    let whole = s.round(s.mul(x, s.splat(HIGH)));
    let rest = s.mul_add(x, s.splat(HIGH), s.sub(s.splat(0.0), whole));
    let rest = s.mul_add(x, s.splat(LOW), rest);
    s.scale(exp2_near_zero(s, rest), whole)
}

/// `2ʳ` for |r| ≤ ½: least-maximum fit of the relative error, 9·10⁻⁸ before rounding.
#[expect(
    clippy::approx_constant,
    reason = "a fitted coefficient near ln 2, not ln 2"
)]
#[inline(always)]
fn exp2_near_zero<S: Simd>(s: S, r: S::V) -> S::V {
    let mut sum = s.splat(1.326_465_3e-3);
    for c in [9.671_511e-3, 5.550_734e-2, 0.240_222_42, 0.693_147] {
        sum = s.mul_add(sum, r, s.splat(c));
    }
    s.mul_add(sum, r, s.splat(1.0))
}

/// `x / (1 + e⁻ᵏˣ)`: SiLU for k = 1, the quick approximation of GELU for k = 1.702.
#[inline(always)]
pub(super) fn swish<S: Simd>(s: S, x: S::V, k: f32) -> S::V {
    let e = exp(s, s.mul(x, s.splat(-k)));
    s.div(x, s.add(s.splat(1.0), e))
}

/// `x Φ(x)` with the normal distribution function Φ (Hendrycks & Gimpel 2016), not its tanh approximation.
#[inline(always)]
pub(super) fn gelu<S: Simd>(s: S, x: S::V) -> S::V {
    let (tail, _) = normal(s, x);
    let far = s.mul(x, tail);
    s.where_negative(x, far, s.sub(x, far))
}

/// `1 − Φ(|x|)` and `e^(−x²/2)`.
///
/// The tail is formula 7.1.26 of Abramowitz & Stegun, 1.5·10⁻⁷ from the error function everywhere.
#[inline(always)]
pub(super) fn normal<S: Simd>(s: S, x: S::V) -> (S::V, S::V) {
    const RATE: f32 = 0.327_591_1 * std::f32::consts::FRAC_1_SQRT_2;
    let t = s.div(
        s.splat(1.0),
        s.mul_add(s.abs(x), s.splat(RATE), s.splat(1.0)),
    );
    let mut tail = s.splat(1.061_405_4);
    for c in [-1.453_152, 1.421_413_8, -0.284_496_74, 0.254_829_6] {
        tail = s.mul_add(tail, t, s.splat(c));
    }
    let bell = exp(s, s.mul(s.mul(x, x), s.splat(-0.5)));
    let tail = s.mul(s.mul(tail, t), s.mul(bell, s.splat(0.5)));
    (tail, bell)
}

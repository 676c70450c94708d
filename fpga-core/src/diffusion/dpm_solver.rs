//! DPM-Solver++ steps of first and second order (Lu et al. 2022, algorithm 2).
//!
//! With `λ = ln(√ᾱ/√(1−ᾱ)) = −ln σ` and `h = λ_to − λ_from`:
//! `x' = (√(1−ᾱ')/√(1−ᾱ))·x + √ᾱ'·(1 − e^{−h})·D`, where `D` is the clean latents (first order) or
//! their extrapolation from the step before (second order, midpoint).

use burn::tensor::Tensor;

use super::schedule::{NoiseLevel, StepPair};

/// Moves latents to `pair.to` as if the clean latents stayed as predicted.
///
/// # Shapes
/// `[b, c, h, w]` in and out.
pub fn dpmpp_first_order_step(latents: Tensor<4>, clean: Tensor<4>, pair: StepPair) -> Tensor<4> {
    // e^{−h} is a ratio of ratios; written so, the step to a level without noise needs no infinity.
    let decay = pair.to.ratio() / pair.from.ratio();
    latents * (pair.to.sigma() / pair.from.sigma()) + clean * (pair.to.signal() * (1.0 - decay))
}

/// The same, with the clean latents extrapolated from those predicted at level `before`.
pub fn dpmpp_second_order_step(
    latents: Tensor<4>,
    clean: Tensor<4>,
    clean_before: Tensor<4>,
    before: NoiseLevel,
    pair: StepPair,
) -> Tensor<4> {
    let stride = (pair.from.ratio() / pair.to.ratio()).ln();
    let stride_before = (before.ratio() / pair.from.ratio()).ln();
    let change = (clean.clone() - clean_before) * (0.5 * stride / stride_before);
    dpmpp_first_order_step(latents, clean + change, pair)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn a_constant_prediction_needs_no_second_order() {
        let device = Device::flex();
        let level = |ratio| NoiseLevel::from_ratio(0.0, ratio);
        let pair = StepPair {
            from: level(2.0),
            to: level(1.0),
        };
        let (latents, clean) = (
            Tensor::<4>::ones([1, 1, 1, 1], &device) * 3.0,
            Tensor::ones([1, 1, 1, 1], &device),
        );
        let first = dpmpp_first_order_step(latents.clone(), clean.clone(), pair);
        let second = dpmpp_second_order_step(latents, clean.clone(), clean, level(4.0), pair);
        assert_eq!(first.into_scalar::<f32>(), second.into_scalar::<f32>());
    }
}

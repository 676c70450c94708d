//! What one sampler must tell [`Sampler`](super::Sampler): its steps, as data and as one formula.
//!
//! Steps are counted over the whole schedule. Fresh noise is added by the caller, after the formula;
//! what a multi-step method needs from the step before is handed to it, so methods hold no state.

use std::fmt::Debug;

use burn::tensor::Tensor;

/// Where a step led.
#[derive(Clone, Debug)]
pub struct Step {
    /// Latents after the step `[b, c, h, w]`.
    pub latents: Tensor<4>,
    /// Clean latents as the step predicted them `[b, c, h, w]`.
    pub clean: Tensor<4>,
}

/// The steps of one sampler.
pub(super) trait Method: Debug + Send + Sync {
    /// Timestep of every step, noisiest first.
    fn timesteps(&self) -> Vec<f64>;

    /// Factors of picture and noise in the latents that `step` starts from.
    fn mix(&self, step: usize) -> (f64, f64);

    /// Standard deviation of the pure noise that the first step starts from.
    fn initial_noise_scale(&self) -> f64 {
        1.0
    }

    /// What latents are divided by before the network sees them.
    fn input_divisor(&self, _step: usize) -> f64 {
        1.0
    }

    /// Standard deviation of the fresh noise that is added after `step`.
    fn noise_amount(&self, _step: usize) -> f64 {
        0.0
    }

    /// Moves `latents` along the network's `output`; `before` is the clean prediction of the
    /// previous step, if this run made it.
    fn step(
        &self,
        step: usize,
        output: Tensor<4>,
        latents: Tensor<4>,
        before: Option<Tensor<4>>,
    ) -> Step;
}

//! Sampling that must end in a given picture wherever a mask says so.
//!
//! After each step everything outside the mask is put back to the picture's latents with as much
//! noise as the next step starts from (Lugmayr et al. 2022, eq. 8, without resampling).

use burn::tensor::Tensor;

use super::{Denoiser, Observer, Sampler, check_shape, run};
use crate::diffusion::NoiseSource;
use crate::error::Result;

/// What must come back in the end.
#[derive(Clone, Debug)]
pub struct Keep {
    /// 1 where the latents may change, 0 where they stay: `[1, 1, h, w]`.
    pub mask: Tensor<4>,
    /// The picture's latents `[b, c, h, w]`.
    pub clean: Tensor<4>,
    /// The noise that is mixed into them on the way, `[b, c, h, w]`.
    pub noise: Tensor<4>,
}

/// As [`sample`](super::sample), with everything outside the mask kept.
///
/// # Errors
/// As [`sample`](super::sample), and what is kept having another shape than the latents.
pub fn sample_within(
    denoiser: &mut impl Denoiser,
    sampler: &mut Sampler,
    latents: Tensor<4>,
    keep: &Keep,
    noise: &mut dyn NoiseSource,
    observer: &mut Observer<'_>,
) -> Result<Tensor<4>> {
    check_shape("kept latents", &keep.clean, &latents)?;
    check_shape("kept noise", &keep.noise, &latents)?;
    let put_back = |sampler: &Sampler, step: usize, latents: Tensor<4>| {
        let (clean, noise) = (keep.clean.clone(), keep.noise.clone());
        let kept = sampler.noisy_before(step + 1, clean, noise);
        latents * keep.mask.clone() + kept * (1.0 - keep.mask.clone())
    };
    run(denoiser, sampler, latents, noise, observer, put_back)
}

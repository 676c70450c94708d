//! Loops over the steps of a sampler: from noise to picture, and back.
//!
//! A network is known here only as a [`Denoiser`]. [`sample`] drives one with a [`Sampler`], which
//! can also be driven by hand, step by step; [`invert_ddim`] walks a picture into noise and keeps the
//! way as a [`Trajectory`]; [`regenerate`] walks back and changes only what a mask allows.
//!
//! Latents are `[b, c, h, w]`. Randomness comes in from the caller, step by step.

mod ddim;
mod diir;
mod dpmpp_2m;
mod euler;
mod euler_ancestral;
mod inpaint;
mod inversion;
mod lcm;
mod method;
mod plan;

use std::ops::ControlFlow;

use burn::tensor::Tensor;

use crate::diffusion::NoiseSource;
use crate::error::{Context, Error, Result};

pub use diir::{Regeneration, regenerate};
pub use inpaint::{Keep, sample_within};
pub use inversion::{DdimInversion, Trajectory, invert_ddim};
pub use method::Step;
pub use plan::{Sampler, SamplerKind};

/// Whatever predicts: a network with its condition and guidance already inside.
///
/// Closures `FnMut(Tensor<4>, f64) -> Result<Tensor<4>>` qualify.
pub trait Denoiser {
    /// The guided network output for `latents` `[b, c, h, w]` at `timestep`, of the same shape.
    ///
    /// # Errors
    /// The network's own.
    fn predict(&mut self, latents: Tensor<4>, timestep: f64) -> Result<Tensor<4>>;
}

impl<F: FnMut(Tensor<4>, f64) -> Result<Tensor<4>>> Denoiser for F {
    fn predict(&mut self, latents: Tensor<4>, timestep: f64) -> Result<Tensor<4>> {
        self(latents, timestep)
    }
}

/// Where a loop stands after a step.
#[derive(Clone, Copy, Debug)]
pub struct StepReport<'a> {
    /// Index of the step that was just made.
    pub step: usize,
    /// Number of steps of this loop.
    pub count: usize,
    /// Latents after the step `[b, c, h, w]`.
    pub latents: &'a Tensor<4>,
    /// Clean latents that the step predicted, for a preview `[b, c, h, w]`.
    pub clean: &'a Tensor<4>,
}

/// Called after every step; `Break` ends the loop with a cancelled error.
pub type Observer<'a> = dyn FnMut(StepReport<'_>) -> ControlFlow<()> + 'a;

/// Runs all steps of `sampler` from `latents`, which are already noisy as its first step wants them:
/// noise times [`Sampler::initial_noise_scale`], or [`Sampler::add_noise`] of a picture.
///
/// # Errors
/// The denoiser's, a prediction of another shape than the latents, or the observer's cancel.
pub fn sample(
    denoiser: &mut impl Denoiser,
    sampler: &mut Sampler,
    latents: Tensor<4>,
    noise: &mut dyn NoiseSource,
    observer: &mut Observer<'_>,
) -> Result<Tensor<4>> {
    let leave = |_: &Sampler, _: usize, latents: Tensor<4>| latents;
    run(denoiser, sampler, latents, noise, observer, leave)
}

/// The loop; `settle` has the last word on the latents after each step.
fn run(
    denoiser: &mut impl Denoiser,
    sampler: &mut Sampler,
    mut latents: Tensor<4>,
    noise: &mut dyn NoiseSource,
    observer: &mut Observer<'_>,
    settle: impl Fn(&Sampler, usize, Tensor<4>) -> Tensor<4>,
) -> Result<Tensor<4>> {
    let timesteps = sampler.timesteps().to_vec();
    let (shape, device) = (latents.dims(), latents.device());
    for (step, &timestep) in timesteps.iter().enumerate() {
        let input = sampler.scale_input(latents.clone(), step);
        let output = denoiser
            .predict(input, timestep)
            .context(|| in_step(step))?;
        let fresh = sampler
            .needs_noise(step)
            .then(|| noise.latents(shape, &device));
        let moved = sampler
            .step(step, output, latents, fresh)
            .context(|| in_step(step))?;
        latents = settle(sampler, step, moved.latents);
        report(observer, step, timesteps.len(), &latents, &moved.clean)?;
    }
    Ok(latents)
}

fn report(
    observer: &mut Observer<'_>,
    step: usize,
    count: usize,
    latents: &Tensor<4>,
    clean: &Tensor<4>,
) -> Result<()> {
    match observer(StepReport {
        step,
        count,
        latents,
        clean,
    }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::cancelled()),
    }
}

/// Fails unless `found` has the shape of `latents`.
fn check_shape(what: &str, found: &Tensor<4>, latents: &Tensor<4>) -> Result<()> {
    if found.dims() == latents.dims() {
        return Ok(());
    }
    let expected = format!("{:?}, as the latents", latents.dims());
    Err(Error::shape(what, expected, found.dims()))
}

fn in_step(step: usize) -> String {
    format!("step {step}")
}

//! DDIM inversion: from a picture to the noise that DDIM would make it from.
//!
//! The steps are those of sampling, backwards, and the network is asked the same timesteps: for the
//! step from level `s` up to `t` it is called with `t` while the latents are still at `s`. That is the
//! only error of the round trip. Fixed-point refinement removes it: ask again at the latents that the
//! step led to, until sampling from there would lead back (Pan et al. 2023).

use burn::tensor::Tensor;

use super::method::Step;
use super::{Denoiser, Observer, check_shape, in_step, report};
use crate::diffusion::{DdimPlan, Prediction, ScheduleConfig, StepPair, ddim_invert_step};
use crate::error::{Context, Error, Result};

/// The steps of an inversion, cleanest first.
#[derive(Clone, Debug)]
pub struct DdimInversion {
    plan: DdimPlan,
    timesteps: Vec<f64>,
    /// Extra network calls per step that refine it; 0 is plain DDIM inversion.
    pub fixed_point_iterations: usize,
}

impl DdimInversion {
    /// Inversion of latents over all `num_inference_steps` steps, without refinement.
    ///
    /// Predicted clean latents are clipped only if the config says so.
    ///
    /// # Errors
    /// The steps do not fit the schedule, the config asks for what is not built, or the network
    /// predicts clean latents while the schedule's clean end has no noise to tell them from.
    pub fn new(config: &ScheduleConfig, num_inference_steps: usize) -> Result<Self> {
        Self::over(DdimPlan::for_latents(config, num_inference_steps)?)
    }

    /// The same with the defaults of the diffusers class, which clips where the config is silent.
    ///
    /// # Errors
    /// As [`DdimInversion::new`].
    pub fn with_class_defaults(
        config: &ScheduleConfig,
        num_inference_steps: usize,
    ) -> Result<Self> {
        Self::over(DdimPlan::new(config, num_inference_steps)?)
    }

    fn over(plan: DdimPlan) -> Result<Self> {
        let undefined = plan.pairs.iter().any(|pair| pair.to.alpha_bar == 1.0);
        if plan.prediction == Prediction::Sample && undefined {
            let why = "inverting a network that predicts clean latents needs it to be false";
            return Err(Error::unsupported(
                "scheduler config key `set_alpha_to_one`",
                why,
            ));
        }
        let timesteps = plan
            .pairs
            .iter()
            .rev()
            .map(|pair| pair.from.timestep)
            .collect();
        Ok(Self {
            plan,
            timesteps,
            fixed_point_iterations: 0,
        })
    }

    /// Number of steps of the whole way.
    pub fn num_inference_steps(&self) -> usize {
        self.timesteps.len()
    }

    /// Number of steps up to `depth` (0: none, 1: all), rounded.
    ///
    /// # Errors
    /// `depth` is outside `[0, 1]`.
    pub fn steps_to(&self, depth: f64) -> Result<usize> {
        if !(0.0..=1.0).contains(&depth) {
            return Err(Error::invalid(
                "depth",
                format!("needed 0 to 1, found {depth}"),
            ));
        }
        Ok((depth * self.num_inference_steps() as f64).round() as usize)
    }

    /// The timestep that the network is asked at every step, cleanest first.
    pub fn timesteps(&self) -> &[f64] {
        &self.timesteps
    }

    /// Makes `step` with the network's `output`; all `[b, c, h, w]`.
    ///
    /// # Errors
    /// `step` does not exist, or the output has another shape than the latents.
    pub fn step(&self, step: usize, output: Tensor<4>, latents: Tensor<4>) -> Result<Step> {
        if step >= self.timesteps.len() {
            let why = format!("needed less than {}, found {step}", self.timesteps.len());
            return Err(Error::invalid("step", why));
        }
        check_shape("model output", &output, &latents)?;
        let pair = self.pair(step);
        let split = self.plan.split_for_inversion(output, latents, pair);
        let clean = split.clean.clone();
        Ok(Step {
            latents: ddim_invert_step(split, pair),
            clean,
        })
    }

    /// Makes `step` again, with an output for the `noisy` latents that it led to.
    fn refine(&self, step: usize, output: Tensor<4>, latents: Tensor<4>, noisy: Tensor<4>) -> Step {
        let pair = self.pair(step);
        let noise = self.plan.prediction.split(output, noisy, pair.from).noise;
        let split = Prediction::Epsilon.split(noise, latents, pair.to);
        let clean = split.clean.clone();
        Step {
            latents: ddim_invert_step(split, pair),
            clean,
        }
    }

    /// The pair of `step`, in the sampling direction.
    pub(super) fn pair(&self, step: usize) -> StepPair {
        self.plan.pairs[self.plan.pairs.len() - 1 - step]
    }

    pub(super) fn plan(&self) -> &DdimPlan {
        &self.plan
    }
}

/// The latents of an inversion at every level, from the picture to the deepest level reached.
#[derive(Clone, Debug)]
pub struct Trajectory {
    inversion: DdimInversion,
    latents: Vec<Tensor<4>>,
}

impl Trajectory {
    /// Number of steps away from the picture.
    pub fn depth(&self) -> usize {
        self.latents.len() - 1
    }

    /// Latents after `steps` steps `[b, c, h, w]`; 0 is the picture itself.
    pub fn after(&self, steps: usize) -> Option<&Tensor<4>> {
        self.latents.get(steps)
    }

    /// Latents at the level of `timestep` `[b, c, h, w]`, if the way leads through it.
    pub fn at_timestep(&self, timestep: f64) -> Option<&Tensor<4>> {
        let step = self
            .inversion
            .timesteps
            .iter()
            .position(|&at| at == timestep)?;
        self.after(step + 1)
    }

    /// The picture that was inverted `[b, c, h, w]`.
    pub fn clean(&self) -> &Tensor<4> {
        &self.latents[0]
    }

    /// The noisiest latents `[b, c, h, w]`.
    pub fn noisiest(&self) -> &Tensor<4> {
        &self.latents[self.depth()]
    }

    /// The same way from another start: `amount` (0 to 1) of the noise in the noisiest latents is
    /// `fresh`, standard normal `[b, c, h, w]`; what they hold of the picture stays.
    ///
    /// # Errors
    /// `amount` is outside `[0, 1]`, or `fresh` has another shape than the latents.
    pub fn with_fresh_noise(mut self, fresh: Tensor<4>, amount: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&amount) {
            let why = format!("needed 0 to 1, found {amount}");
            return Err(Error::invalid("amount of fresh noise", why));
        }
        let last = self.depth();
        check_shape("fresh noise", &fresh, &self.latents[last])?;
        if last > 0 {
            let level = self.inversion.pair(last - 1).from;
            let picture = self.latents[0].clone() * level.signal();
            let noise = self.latents[last].clone() - picture.clone();
            let kept = (1.0 - amount * amount).sqrt();
            self.latents[last] = picture + noise * kept + fresh * (amount * level.sigma());
        }
        Ok(self)
    }

    /// The steps that were made.
    pub fn inversion(&self) -> &DdimInversion {
        &self.inversion
    }
}

/// Walks `clean` latents `[b, c, h, w]` into noise, to `depth` (0: not at all, 1: all steps), and
/// keeps every level.
///
/// # Errors
/// The denoiser's, a prediction of another shape than the latents, or the observer's cancel.
pub fn invert_ddim(
    denoiser: &mut impl Denoiser,
    clean: Tensor<4>,
    inversion: &DdimInversion,
    depth: f64,
    observer: &mut Observer<'_>,
) -> Result<Trajectory> {
    let count = inversion.steps_to(depth)?;
    let mut latents = Vec::with_capacity(count + 1);
    let mut current = clean;
    for (step, &timestep) in inversion.timesteps[..count].iter().enumerate() {
        let output = denoiser
            .predict(current.clone(), timestep)
            .context(|| in_step(step))?;
        let mut moved = inversion
            .step(step, output, current.clone())
            .context(|| in_step(step))?;
        for _ in 0..inversion.fixed_point_iterations {
            let noisy = moved.latents;
            let output = denoiser
                .predict(noisy.clone(), timestep)
                .context(|| in_step(step))?;
            moved = inversion.refine(step, output, current.clone(), noisy);
        }
        report(observer, step, count, &moved.latents, &moved.clean)?;
        latents.push(std::mem::replace(&mut current, moved.latents));
    }
    latents.push(current);
    Ok(Trajectory {
        inversion: inversion.clone(),
        latents,
    })
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use burn::tensor::Device;

    use super::*;
    use crate::diffusion::{NoiseSchedule, TorchCpuNoise};
    use crate::sampler::{Sampler, SamplerKind, StepReport, sample};

    /// The exact prediction for pictures that are normal with variance ¼.
    fn toy(config: &ScheduleConfig) -> impl FnMut(Tensor<4>, f64) -> Result<Tensor<4>> + use<> {
        let schedule = NoiseSchedule::from_config(config).unwrap();
        let prediction = config.prediction_type;
        move |latents, timestep| {
            let level = schedule.level(timestep as i64)?;
            let variance = 0.25 * level.alpha_bar + 1.0 - level.alpha_bar;
            let noise = latents.clone() * (level.sigma() / variance);
            let split = Prediction::Epsilon.split(noise, latents, level);
            Ok(prediction.target(split.clean, split.noise, &[level]))
        }
    }

    fn onward(_: StepReport<'_>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// The noise that a picture of ones is inverted to, and the picture sampled from it.
    fn round_trip(config: &ScheduleConfig, steps: usize, iterations: usize) -> (f32, f32) {
        let mut inversion = DdimInversion::new(config, steps).unwrap();
        inversion.fixed_point_iterations = iterations;
        let clean = Tensor::<4>::ones([1, 1, 1, 1], &Device::flex());
        let way = invert_ddim(&mut toy(config), clean, &inversion, 1.0, &mut onward).unwrap();
        let mut sampler = Sampler::new(SamplerKind::Ddim { eta: 0.0 }, config, steps).unwrap();
        let noise = &mut TorchCpuNoise::new(0);
        let start = way.noisiest().clone();
        let back = sample(&mut toy(config), &mut sampler, start, noise, &mut onward).unwrap();
        (way.noisiest().clone().into_scalar(), back.into_scalar())
    }

    #[test]
    fn round_trips_end_where_they_were_calculated_to() {
        for (steps, noisy, back) in [
            (10, 1.974192, 0.802662),
            (20, 2.013102, 0.903804),
            (50, 2.012221, 0.962995),
            (100, 2.005537, 0.981822),
            (200, 2.000625, 0.990995),
        ] {
            let found = round_trip(&ScheduleConfig::stable_diffusion(), steps, 0);
            let gap = (found.0 - noisy).abs().max((found.1 - back).abs());
            assert!(gap < 2e-5, "{steps} steps: {found:?}");
        }
    }

    #[test]
    fn fixed_point_refinement_closes_the_round_trip() {
        for prediction_type in [Prediction::Epsilon, Prediction::V, Prediction::Sample] {
            let config = ScheduleConfig {
                prediction_type,
                ..ScheduleConfig::stable_diffusion()
            };
            let (_, plain) = round_trip(&config, 20, 0);
            let (_, refined) = round_trip(&config, 20, 12);
            assert!((plain - 1.0).abs() > 0.05, "{prediction_type:?}: {plain}");
            assert!(
                (refined - 1.0).abs() < 1e-4,
                "{prediction_type:?}: {refined}"
            );
        }
    }

    #[test]
    fn fresh_noise_replaces_noise_and_leaves_the_picture() {
        let config = ScheduleConfig::stable_diffusion();
        let inversion = DdimInversion::new(&config, 10).unwrap();
        let clean = Tensor::<4>::ones([1, 1, 1, 1], &Device::flex()) * 3.0;
        let way = invert_ddim(&mut toy(&config), clean, &inversion, 0.6, &mut onward).unwrap();
        let start = |amount: f64| {
            let fresh = Tensor::ones([1, 1, 1, 1], &Device::flex()) * 2.0;
            let way = way.clone().with_fresh_noise(fresh, amount)?;
            Ok::<f32, Error>(way.noisiest().clone().into_scalar())
        };
        let own = way.noisiest().clone().into_scalar::<f32>();
        assert!((start(0.0).unwrap() - own).abs() < 1e-6);
        // ᾱ[501] = 0.274999067.
        let (signal, sigma) = (0.274_999_07_f32.sqrt(), 0.725_000_9_f32.sqrt());
        assert!((start(1.0).unwrap() - (3.0 * signal + 2.0 * sigma)).abs() < 1e-5);
        let half = 3.0 * signal + 0.8 * (own - 3.0 * signal) + 0.6 * 2.0 * sigma;
        assert!((start(0.6).unwrap() - half).abs() < 1e-5);
        assert!(start(1.1).is_err());
        let misfit = Tensor::ones([1, 1, 1, 2], &Device::flex());
        assert!(way.with_fresh_noise(misfit, 0.5).is_err());
    }

    #[test]
    fn the_way_is_kept_to_the_depth_asked_for() {
        let config = ScheduleConfig::stable_diffusion();
        let inversion = DdimInversion::new(&config, 10).unwrap();
        let clean = Tensor::<4>::ones([1, 2, 3, 4], &Device::flex());
        let network = &mut toy(&config);
        let way = invert_ddim(network, clean.clone(), &inversion, 0.6, &mut onward).unwrap();
        assert_eq!(way.depth(), 6);
        assert_eq!(way.clean().to_data(), clean.to_data());
        assert_eq!(
            way.at_timestep(501.0).unwrap().to_data(),
            way.noisiest().to_data()
        );
        assert!(way.at_timestep(601.0).is_none());
        assert!(invert_ddim(network, clean, &inversion, 1.1, &mut onward).is_err());
    }
}

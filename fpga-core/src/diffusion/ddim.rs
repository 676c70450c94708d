//! DDIM steps, towards the picture and towards noise (Song et al. 2020, eq. 12 and 16).
//!
//! A step goes from `t` to `t − ⌊T/N⌋`, which is not always the next timestep of the list. Inversion
//! is the same formula with the pair reversed: the network is called with the timestep of the noisy
//! end although the latents are still at the clean one, so that inversion and sampling ask it the
//! same timesteps.

use burn::tensor::Tensor;

use super::config::ScheduleConfig;
use super::prediction::{Prediction, Split};
use super::schedule::{BetaRange, NoiseSchedule, StepPair};
use super::spacing::TimestepSpacing;
use crate::error::{Error, Result};

/// Moves latents to level `pair.to` along the predicted noise.
///
/// `amount` is how much fresh noise the caller adds afterwards ([`ddim_noise_amount`]); 0 for the
/// deterministic sampler.
///
/// # Shapes
/// `[b, c, h, w]` in and out.
pub fn ddim_step(split: Split, pair: StepPair, amount: f64) -> Tensor<4> {
    let towards = (1.0 - pair.to.alpha_bar - amount * amount).max(0.0).sqrt();
    split.clean * pair.to.signal() + split.noise * towards
}

/// Moves clean-side latents to the noisy end of `pair`, a pair of the sampling direction.
///
/// `split` was made at `pair.to`, the level that the latents are still at.
pub fn ddim_invert_step(split: Split, pair: StepPair) -> Tensor<4> {
    ddim_step(split, pair.reversed(), 0.0)
}

/// Standard deviation of the fresh noise of a step: `η·√((1−ᾱ')/(1−ᾱ)·(1−ᾱ/ᾱ'))`.
pub fn ddim_noise_amount(pair: StepPair, eta: f64) -> f64 {
    let (from, to) = (pair.from.alpha_bar, pair.to.alpha_bar);
    let variance = (1.0 - to) / (1.0 - from) * (1.0 - from / to);
    eta * variance.max(0.0).sqrt()
}

/// The steps of DDIM and how to read the network's output: everything but a network.
#[derive(Clone, Debug, PartialEq)]
pub struct DdimPlan {
    /// Steps of the sampling direction, noisiest first.
    pub pairs: Vec<StepPair>,
    /// What the network predicts.
    pub prediction: Prediction,
    /// Largest magnitude of predicted clean latents, if they are clipped.
    pub clip: Option<f64>,
}

impl DdimPlan {
    /// The plan of the diffusers class: predicted clean latents are clipped where `config` is silent.
    ///
    /// # Errors
    /// `num_inference_steps` does not fit the schedule, or the config asks for what is not built.
    pub fn new(config: &ScheduleConfig, num_inference_steps: usize) -> Result<Self> {
        Self::with_clipping(config, num_inference_steps, true)
    }

    /// The plan for latents, which have no natural bound: not clipped where `config` is silent.
    ///
    /// # Errors
    /// As [`DdimPlan::new`].
    pub fn for_latents(config: &ScheduleConfig, num_inference_steps: usize) -> Result<Self> {
        Self::with_clipping(config, num_inference_steps, false)
    }

    fn with_clipping(config: &ScheduleConfig, count: usize, clip: bool) -> Result<Self> {
        config.refuse(&["thresholding"])?;
        let schedule = NoiseSchedule::new(config, BetaRange::DDPM)?;
        let train = schedule.num_train_timesteps();
        check_count(count, train)?;
        let spacing = config.timestep_spacing.unwrap_or(TimestepSpacing::Leading);
        let stride = (train / count) as i64;
        let pair = |timestep: f64| {
            let timestep = timestep as i64;
            Ok(StepPair {
                from: schedule.level(timestep)?,
                to: schedule.level(timestep - stride)?,
            })
        };
        let timesteps = spacing.whole(train, count, config.steps_offset);
        let plan = Self {
            pairs: timesteps.into_iter().map(pair).collect::<Result<_>>()?,
            prediction: config.prediction_type,
            clip: config.clipping(clip),
        };
        plan.check_signal()?;
        Ok(plan)
    }

    /// Takes `latents` apart at the noisy end of `pair`.
    pub fn split(&self, output: Tensor<4>, latents: Tensor<4>, pair: StepPair) -> Split {
        self.clipped(self.prediction.split(output, latents, pair.from))
    }

    /// Takes `latents` apart at the clean end of `pair`, as inversion does.
    pub fn split_for_inversion(
        &self,
        output: Tensor<4>,
        latents: Tensor<4>,
        pair: StepPair,
    ) -> Split {
        self.clipped(self.prediction.split(output, latents, pair.to))
    }

    /// The noise stays as it was: the reference derives nothing anew from clipped latents.
    fn clipped(&self, split: Split) -> Split {
        match self.clip {
            Some(range) => Split {
                clean: split.clean.clamp(-range, range),
                ..split
            },
            None => split,
        }
    }

    /// Noise says nothing about the picture at a level that has none of it.
    fn check_signal(&self) -> Result<()> {
        let blind = |pair: &StepPair| pair.from.alpha_bar == 0.0;
        if self.prediction == Prediction::Epsilon && self.pairs.iter().any(blind) {
            let why = "a step starts at pure noise, where an epsilon prediction is undefined";
            return Err(Error::invalid("rescale_betas_zero_snr", why));
        }
        Ok(())
    }
}

/// Fails unless `1 ≤ count ≤ train`.
pub(crate) fn check_count(count: usize, train: usize) -> Result<()> {
    if (1..=train).contains(&count) {
        return Ok(());
    }
    let why = format!("needed 1 to {train}, found {count}");
    Err(Error::invalid("num_inference_steps", why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stable_diffusion_plan_ends_at_the_first_level() {
        let config = ScheduleConfig::stable_diffusion();
        let plan = DdimPlan::new(&config, 50).unwrap();
        assert_eq!(
            (plan.pairs[0].from.timestep, plan.pairs[0].to.timestep),
            (981.0, 961.0)
        );
        let last = plan.pairs[49];
        assert_eq!((last.from.timestep, last.to.timestep), (1.0, -19.0));
        assert!((last.to.alpha_bar - 0.99915).abs() < 1e-6);
    }

    #[test]
    fn refuses_steps_that_the_schedule_does_not_have() {
        let config = ScheduleConfig::stable_diffusion();
        assert!(DdimPlan::new(&config, 0).is_err());
        assert!(DdimPlan::new(&config, 1001).is_err());
        // The offset moves the noisiest of 1000 leading steps beyond the end.
        assert!(DdimPlan::new(&config, 1000).is_err());
    }

    #[test]
    fn refuses_epsilon_at_pure_noise() {
        let config = ScheduleConfig {
            rescale_betas_zero_snr: true,
            timestep_spacing: Some(TimestepSpacing::Trailing),
            ..ScheduleConfig::stable_diffusion()
        };
        assert!(DdimPlan::new(&config, 10).is_err());
        let config = ScheduleConfig {
            prediction_type: Prediction::V,
            ..config
        };
        assert!(DdimPlan::new(&config, 10).is_ok());
    }
}

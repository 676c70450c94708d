//! Latent consistency sampling (Luo et al. 2023): jump to the picture, add noise, again.

use burn::tensor::Tensor;

use super::method::{Method, Step};
use crate::diffusion::{
    BetaRange, Boundary, NoiseLevel, NoiseSchedule, Prediction, ScheduleConfig, lcm_timesteps,
};
use crate::error::{Error, Result};

#[derive(Debug)]
pub(super) struct Lcm {
    levels: Vec<NoiseLevel>,
    prediction: Prediction,
    clip: Option<f64>,
    scaling: f64,
}

impl Lcm {
    pub(super) fn new(config: &ScheduleConfig, count: usize) -> Result<Self> {
        config.refuse(&["thresholding"])?;
        let schedule = NoiseSchedule::new(config, BetaRange::STABLE_DIFFUSION)?;
        let train = schedule.num_train_timesteps();
        let timesteps = lcm_timesteps(train, config.original_inference_steps, count)?;
        let levels = timesteps
            .into_iter()
            .map(|timestep| schedule.level(timestep as i64));
        let lcm = Self {
            levels: levels.collect::<Result<_>>()?,
            prediction: config.prediction_type,
            clip: config.clipping(false),
            scaling: config.timestep_scaling,
        };
        if lcm.prediction == Prediction::Epsilon && lcm.levels[0].alpha_bar == 0.0 {
            let why = "a step starts at pure noise, where an epsilon prediction is undefined";
            return Err(Error::invalid("rescale_betas_zero_snr", why));
        }
        Ok(lcm)
    }
}

impl Method for Lcm {
    fn timesteps(&self) -> Vec<f64> {
        self.levels.iter().map(|level| level.timestep).collect()
    }

    fn mix(&self, step: usize) -> (f64, f64) {
        (self.levels[step].signal(), self.levels[step].sigma())
    }

    fn noise_amount(&self, step: usize) -> f64 {
        self.levels.get(step + 1).map_or(0.0, |next| next.sigma())
    }

    fn step(
        &self,
        step: usize,
        output: Tensor<4>,
        latents: Tensor<4>,
        _before: Option<Tensor<4>>,
    ) -> Step {
        let level = self.levels[step];
        let predicted = self.prediction.split(output, latents.clone(), level).clean;
        let predicted = match self.clip {
            Some(range) => predicted.clamp(-range, range),
            None => predicted,
        };
        let boundary = Boundary::new(level.timestep, self.scaling);
        let clean = predicted * boundary.out + latents * boundary.skip;
        let kept = self.levels.get(step + 1).map_or(1.0, |next| next.signal());
        Step {
            latents: clean.clone() * kept,
            clean,
        }
    }
}

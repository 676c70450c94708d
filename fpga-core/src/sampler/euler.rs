//! Euler on the probability-flow equation (Karras et al. 2022, algorithm 1 without its correction).

use burn::tensor::Tensor;

use super::method::{Method, Step};
use crate::diffusion::{
    BetaRange, NoiseSchedule, Prediction, ScheduleConfig, SigmaInterpolation, SigmaLadder,
    TimestepSpacing, check_count, euler_step,
};
use crate::error::{Error, Result};

#[derive(Debug)]
pub(super) struct Euler {
    ladder: SigmaLadder,
    spacing: TimestepSpacing,
    prediction: Prediction,
}

impl Euler {
    pub(super) fn new(config: &ScheduleConfig, count: usize) -> Result<Self> {
        config.refuse(&["use_exponential_sigmas", "use_beta_sigmas", "timestep_type"])?;
        let (train, timesteps) = schedule_and_timesteps(config, count)?;
        let mut ladder = match config.interpolation_type {
            SigmaInterpolation::Linear => SigmaLadder::at_timesteps(&train, timesteps),
            SigmaInterpolation::LogLinear => SigmaLadder::log_linear(&train, timesteps),
        };
        if config.use_karras_sigmas {
            let rungs = &ladder.sigmas;
            let max = config.sigma_max.unwrap_or(rungs[0]);
            let min = config.sigma_min.unwrap_or(rungs[rungs.len() - 1]);
            if !(0.0 < min && min <= max && max.is_finite()) {
                let why = format!("needed 0 < sigma_min <= sigma_max, found {min} and {max}");
                return Err(Error::invalid("sigma_min", why));
            }
            ladder = SigmaLadder::karras(&train, max, min, count);
            round_to_f32(&mut ladder.timesteps);
        }
        Ok(Self {
            ladder: ladder.ending(config.final_sigmas_type, &train),
            spacing: spacing(config),
            prediction: config.prediction_type,
        })
    }
}

impl Method for Euler {
    fn timesteps(&self) -> Vec<f64> {
        self.ladder.timesteps.clone()
    }

    fn mix(&self, step: usize) -> (f64, f64) {
        (1.0, self.ladder.sigmas[step])
    }

    fn initial_noise_scale(&self) -> f64 {
        initial_noise_scale(&self.ladder, self.spacing)
    }

    fn input_divisor(&self, step: usize) -> f64 {
        self.ladder.sigmas[step].hypot(1.0)
    }

    fn step(
        &self,
        step: usize,
        output: Tensor<4>,
        latents: Tensor<4>,
        _before: Option<Tensor<4>>,
    ) -> Step {
        let (from, to) = self.ladder.rungs(step);
        let clean = self
            .prediction
            .clean_at_sigma(output, latents.clone(), from);
        Step {
            latents: euler_step(latents, clean.clone(), from, to),
            clean,
        }
    }
}

/// σ of every training timestep, cleanest first, and the timesteps of the steps.
pub(super) fn schedule_and_timesteps(
    config: &ScheduleConfig,
    count: usize,
) -> Result<(Vec<f64>, Vec<f64>)> {
    let schedule = NoiseSchedule::new(config, BetaRange::DDPM)?.with_finite_sigmas();
    let train = schedule.num_train_timesteps();
    check_count(count, train)?;
    let mut timesteps = spacing(config).fractional(train, count, config.steps_offset);
    round_to_f32(&mut timesteps);
    Ok((schedule.sigmas(), timesteps))
}

pub(super) fn spacing(config: &ScheduleConfig) -> TimestepSpacing {
    config.timestep_spacing.unwrap_or(TimestepSpacing::Linspace)
}

/// Leading steps start below the noisiest level: their latents hold a whole picture beside the noise.
pub(super) fn initial_noise_scale(ladder: &SigmaLadder, spacing: TimestepSpacing) -> f64 {
    match spacing {
        TimestepSpacing::Leading => ladder.max().hypot(1.0),
        TimestepSpacing::Trailing | TimestepSpacing::Linspace => ladder.max(),
    }
}

fn round_to_f32(timesteps: &mut [f64]) {
    for timestep in timesteps {
        *timestep = f64::from(*timestep as f32);
    }
}

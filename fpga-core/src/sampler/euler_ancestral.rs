//! Euler with fresh noise at every step (ancestral sampling).

use burn::tensor::Tensor;

use super::euler::{initial_noise_scale, schedule_and_timesteps, spacing};
use super::method::{Method, Step};
use crate::diffusion::{
    AncestralSplit, FinalSigma, Prediction, ScheduleConfig, SigmaLadder, TimestepSpacing,
    euler_step,
};
use crate::error::Result;

#[derive(Debug)]
pub(super) struct EulerAncestral {
    ladder: SigmaLadder,
    spacing: TimestepSpacing,
    prediction: Prediction,
    eta: f64,
}

impl EulerAncestral {
    pub(super) fn new(config: &ScheduleConfig, count: usize, eta: f64) -> Result<Self> {
        let (train, timesteps) = schedule_and_timesteps(config, count)?;
        let ladder = SigmaLadder::at_timesteps(&train, timesteps);
        Ok(Self {
            ladder: ladder.ending(FinalSigma::Zero, &train),
            spacing: spacing(config),
            prediction: config.prediction_type,
            eta,
        })
    }

    fn split(&self, step: usize) -> AncestralSplit {
        let (from, to) = self.ladder.rungs(step);
        AncestralSplit::new(from, to, self.eta)
    }
}

impl Method for EulerAncestral {
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

    fn noise_amount(&self, step: usize) -> f64 {
        self.split(step).up
    }

    fn step(
        &self,
        step: usize,
        output: Tensor<4>,
        latents: Tensor<4>,
        _before: Option<Tensor<4>>,
    ) -> Step {
        let (from, _) = self.ladder.rungs(step);
        let clean = self
            .prediction
            .clean_at_sigma(output, latents.clone(), from);
        Step {
            latents: euler_step(latents, clean.clone(), from, self.split(step).down),
            clean,
        }
    }
}

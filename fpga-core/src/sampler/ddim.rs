//! DDIM (Song et al. 2020).

use burn::tensor::Tensor;

use super::method::{Method, Step};
use crate::diffusion::{DdimPlan, ScheduleConfig, ddim_noise_amount, ddim_step};
use crate::error::Result;

#[derive(Debug)]
pub(super) struct Ddim {
    plan: DdimPlan,
    eta: f64,
}

impl Ddim {
    pub(super) fn new(config: &ScheduleConfig, count: usize, eta: f64) -> Result<Self> {
        Ok(Self {
            plan: DdimPlan::new(config, count)?,
            eta,
        })
    }
}

impl Method for Ddim {
    fn timesteps(&self) -> Vec<f64> {
        self.plan
            .pairs
            .iter()
            .map(|pair| pair.from.timestep)
            .collect()
    }

    fn mix(&self, step: usize) -> (f64, f64) {
        let level = self.plan.pairs[step].from;
        (level.signal(), level.sigma())
    }

    fn noise_amount(&self, step: usize) -> f64 {
        ddim_noise_amount(self.plan.pairs[step], self.eta)
    }

    fn step(
        &self,
        step: usize,
        output: Tensor<4>,
        latents: Tensor<4>,
        _before: Option<Tensor<4>>,
    ) -> Step {
        let pair = self.plan.pairs[step];
        let split = self.plan.split(output, latents, pair);
        let clean = split.clean.clone();
        Step {
            latents: ddim_step(split, pair, self.noise_amount(step)),
            clean,
        }
    }
}

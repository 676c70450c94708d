//! DPM-Solver++ of second order, multi-step, midpoint (Lu et al. 2022, algorithm 2).
//!
//! The first step has nothing behind it and is of first order; so is the last one when it goes to a
//! level without noise, or when the config asks for it.

use burn::tensor::Tensor;

use super::method::{Method, Step};
use crate::diffusion::{
    BetaRange, BetaShape, FinalSigma, NoiseLevel, NoiseSchedule, Prediction, ScheduleConfig,
    SigmaLadder, StepPair, TimestepSpacing, check_count, dpmpp_first_order_step,
    dpmpp_second_order_step,
};
use crate::error::{Error, Result};

/// Below this many steps, `lower_order_final` counts.
const FEW_STEPS: usize = 15;

/// Settings that the diffusers class obeys and this one does not.
const REFUSED: [&str; 9] = [
    "thresholding",
    "use_exponential_sigmas",
    "use_beta_sigmas",
    "use_lu_lambdas",
    "use_flow_sigmas",
    "algorithm_type",
    "solver_order",
    "solver_type",
    "variance_type",
];

#[derive(Debug)]
pub(super) struct DpmPp2M {
    pairs: Vec<StepPair>,
    prediction: Prediction,
    first_order_last: bool,
}

impl DpmPp2M {
    pub(super) fn new(config: &ScheduleConfig, count: usize, karras: bool) -> Result<Self> {
        config.refuse(&REFUSED)?;
        let schedule = NoiseSchedule::new(config, BetaRange::DDPM)?.with_finite_sigmas();
        check_count(count, schedule.num_train_timesteps())?;
        let train = schedule.sigmas();
        let ladder = if karras || config.use_karras_sigmas {
            karras_ladder(config, &train, count)
        } else {
            SigmaLadder::at_timesteps(&train, timesteps(config, &train, count)?)
        };
        let ladder = ladder.ending(config.final_sigmas_type, &train);
        let steps = ladder.timesteps.len();
        Ok(Self {
            pairs: pairs(&ladder)?,
            prediction: config.prediction_type,
            first_order_last: config.euler_at_final
                || config.lower_order_final && steps < FEW_STEPS
                || config.final_sigmas_type == FinalSigma::Zero,
        })
    }
}

impl Method for DpmPp2M {
    fn timesteps(&self) -> Vec<f64> {
        self.pairs.iter().map(|pair| pair.from.timestep).collect()
    }

    fn mix(&self, step: usize) -> (f64, f64) {
        let level = self.pairs[step].from;
        (level.signal(), level.sigma())
    }

    fn step(
        &self,
        step: usize,
        output: Tensor<4>,
        latents: Tensor<4>,
        before: Option<Tensor<4>>,
    ) -> Step {
        let pair = self.pairs[step];
        let clean = self
            .prediction
            .split(output, latents.clone(), pair.from)
            .clean;
        let last = step + 1 == self.pairs.len();
        let latents = match before {
            Some(before) if !(last && self.first_order_last) => {
                let level = self.pairs[step - 1].from;
                dpmpp_second_order_step(latents, clean.clone(), before, level, pair)
            }
            _ => dpmpp_first_order_step(latents, clean.clone(), pair),
        };
        Step { latents, clean }
    }
}

fn karras_ladder(config: &ScheduleConfig, train: &[f64], count: usize) -> SigmaLadder {
    let mut ladder = SigmaLadder::karras(train, train[train.len() - 1], train[0], count);
    let cosine = config.beta_schedule == Some(BetaShape::SquaredCosine);
    for timestep in &mut ladder.timesteps {
        *timestep = if cosine {
            timestep.trunc()
        } else {
            timestep.round_ties_even()
        };
    }
    ladder
}

fn timesteps(config: &ScheduleConfig, train: &[f64], count: usize) -> Result<Vec<f64>> {
    let least = config.lambda_min_clipped.unwrap_or(f64::NEG_INFINITY);
    let reach = train.iter().filter(|sigma| -sigma.ln() >= least).count();
    let spacing = config.timestep_spacing.unwrap_or(TimestepSpacing::Linspace);
    if reach <= count {
        let why = format!("needed less than {reach} for this solver, found {count}");
        return Err(Error::invalid("num_inference_steps", why));
    }
    Ok(spacing.without_clean_end(train.len(), reach, count, config.steps_offset))
}

/// Neighbouring rungs; the solver divides by their distance.
fn pairs(ladder: &SigmaLadder) -> Result<Vec<StepPair>> {
    let level = |step: usize| {
        let timestep = ladder.timesteps.get(step).copied().unwrap_or(-1.0);
        NoiseLevel::from_ratio(timestep, ladder.sigmas[step])
    };
    let pair = |step| {
        let (from, to) = ladder.rungs(step);
        if from > to {
            return Ok(StepPair {
                from: level(step),
                to: level(step + 1),
            });
        }
        let why = format!("steps {step} and {} share a noise level", step + 1);
        Err(Error::invalid("num_inference_steps", why))
    };
    (0..ladder.timesteps.len()).map(pair).collect()
}

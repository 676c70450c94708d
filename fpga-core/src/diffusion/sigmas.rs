//! Falling noise-to-picture ratios σ, and the timesteps that belong to them.
//!
//! A ladder is read off the training schedule at given timesteps, or spaced by its own rule
//! (Karras et al. 2022, eq. 5) and then placed on the schedule. Its last rung is where the sampler
//! arrives; it has no timestep.

use super::config::FinalSigma;
use super::spacing::linspace;

/// Curvature of a Karras ladder.
const RHO: f64 = 7.0;

/// Noise-to-picture ratios of a sampler's steps, noisiest first.
#[derive(Clone, Debug, PartialEq)]
pub struct SigmaLadder {
    /// Timestep of every step.
    pub timesteps: Vec<f64>,
    /// σ of every step, and the σ after the last step.
    pub sigmas: Vec<f64>,
}

impl SigmaLadder {
    /// Reads the ladder off the schedule's σs (`train`, cleanest first) at `timesteps`.
    pub fn at_timesteps(train: &[f64], timesteps: Vec<f64>) -> Self {
        let sigmas = timesteps
            .iter()
            .map(|&timestep| interpolate(train, timestep))
            .collect();
        Self { timesteps, sigmas }
    }

    /// One rung more than `timesteps`, evenly spaced in ln σ over the whole schedule.
    pub fn log_linear(train: &[f64], timesteps: Vec<f64>) -> Self {
        let logs = logarithms(train);
        let rungs = linspace(logs[logs.len() - 1], logs[0], timesteps.len() + 1);
        let sigmas = rungs
            .into_iter()
            .map(|log| f64::from(log.exp() as f32))
            .collect();
        Self { timesteps, sigmas }
    }

    /// `count` rungs from `max` to `min`, evenly spaced in `σ^(1/ρ)`; timesteps are fractions.
    pub fn karras(train: &[f64], max: f64, min: f64, count: usize) -> Self {
        let (high, low) = (max.powf(1.0 / RHO), min.powf(1.0 / RHO));
        let ramp = linspace(0.0, 1.0, count);
        let sigmas: Vec<f64> = ramp
            .into_iter()
            .map(|along| (high + along * (low - high)).powf(RHO))
            .collect();
        let logs = logarithms(train);
        let timesteps = sigmas
            .iter()
            .map(|&sigma| timestep_of(&logs, sigma))
            .collect();
        Self { timesteps, sigmas }
    }

    /// Adds the σ after the last step and rounds all of them to f32.
    #[must_use]
    pub fn ending(mut self, end: FinalSigma, train: &[f64]) -> Self {
        self.sigmas.push(match end {
            FinalSigma::Zero => 0.0,
            FinalSigma::SigmaMin => train[0],
        });
        for sigma in &mut self.sigmas {
            *sigma = f64::from(*sigma as f32);
        }
        self
    }

    /// The largest σ.
    pub fn max(&self) -> f64 {
        self.sigmas.iter().copied().fold(0.0, f64::max)
    }

    /// σ before and after `step`.
    pub fn rungs(&self, step: usize) -> (f64, f64) {
        (self.sigmas[step], self.sigmas[step + 1])
    }
}

/// The value between two entries of `table`; beyond its ends, the end.
fn interpolate(table: &[f64], position: f64) -> f64 {
    let last = table.len() - 1;
    let position = position.clamp(0.0, last as f64);
    let below = position.floor() as usize;
    let above = (below + 1).min(last);
    (table[above] - table[below]) * (position - below as f64) + table[below]
}

/// The fractional timestep at which the schedule has `sigma`.
fn timestep_of(logs: &[f64], sigma: f64) -> f64 {
    let log = sigma.max(1e-10).ln();
    if logs.len() < 2 {
        return 0.0;
    }
    let at_most = logs.partition_point(|&entry| entry <= log);
    let below = at_most.saturating_sub(1).min(logs.len() - 2);
    let (low, high) = (logs[below], logs[below + 1]);
    let along = ((low - log) / (low - high)).clamp(0.0, 1.0);
    (1.0 - along) * below as f64 + along * (below + 1) as f64
}

fn logarithms(sigmas: &[f64]) -> Vec<f64> {
    sigmas
        .iter()
        .map(|&sigma| f64::from((sigma as f32).ln()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_karras_ladder_starts_and_ends_where_it_was_told() {
        let train = [0.1, 0.5, 2.0, 10.0];
        let ladder = SigmaLadder::karras(&train, 10.0, 0.1, 5).ending(FinalSigma::Zero, &train);
        assert_eq!(ladder.timesteps.len(), 5);
        assert!((ladder.timesteps[0] - 3.0).abs() < 1e-6 && ladder.timesteps[4].abs() < 1e-6);
        assert!((ladder.sigmas[0] - 10.0).abs() < 1e-5 && ladder.sigmas[5] == 0.0);
    }

    #[test]
    fn reading_between_and_beyond_the_schedule() {
        let train = [1.0, 2.0, 4.0];
        let ladder = SigmaLadder::at_timesteps(&train, vec![9.0, 1.5, 0.25]);
        assert_eq!(ladder.sigmas, [4.0, 3.0, 1.25]);
    }
}

//! Numbers of a training.

use serde::{Deserialize, Serialize};

use super::optimizer::AdamSettings;
use super::rate::LearningRate;
use crate::error::{Error, Result};

/// How a training runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LearnerConfig {
    /// Steps of the whole training.
    pub steps: u64,
    /// What all random numbers follow from.
    pub seed: u64,
    /// Batches whose gradients are averaged for one step.
    pub accumulate: u64,
    /// Learning rate.
    pub rate: LearningRate,
    /// Optimiser.
    pub adam: AdamSettings,
    /// Decay of the slow average; 0.9999 is usual.
    pub average: Option<f64>,
    /// Steps between two checkpoints, and between two loss curves.
    pub checkpoint_every: u64,
    /// How many checkpoints stay.
    pub keep: usize,
    /// Steps between two looks at samples.
    pub sample_every: Option<u64>,
}

impl LearnerConfig {
    /// `steps` steps at a constant rate, one batch each, a checkpoint every thousand.
    pub fn new(steps: u64, rate: f64) -> Self {
        Self {
            steps,
            seed: 0,
            accumulate: 1,
            rate: LearningRate::constant(rate),
            adam: AdamSettings::default(),
            average: None,
            checkpoint_every: 1000,
            keep: 2,
            sample_every: None,
        }
    }

    /// Checks that every number is possible.
    ///
    /// # Errors
    /// Names the first that is not.
    pub fn check(&self) -> Result<()> {
        self.adam.check()?;
        let rate = self.rate.peak;
        let average = self.average.is_none_or(|decay| (0.0..1.0).contains(&decay));
        for (name, fine) in [
            ("accumulate", self.accumulate > 0),
            ("rate", rate.is_finite() && rate >= 0.0),
            ("average", average),
            ("checkpoint_every", self.checkpoint_every > 0),
            ("sample_every", self.sample_every != Some(0)),
        ] {
            if !fine {
                return Err(Error::invalid(name, "is out of range"));
            }
        }
        Ok(())
    }
}

//! AdamW on all parameters that learn (Loshchilov and Hutter 2019), with gradients clipped together.
//!
//! The update is Burn's, made on flat parameters, because it treats every number alike. Its moments are
//! kept by path, which stays the same from run to run.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::optim::{AdamW, AdamWConfig, AdamWState, AdaptiveMomentumState, Optimizer};
use serde::{Deserialize, Serialize};

use super::average::tracked_like;
use super::gradients::GradientSet;
use crate::error::{Error, Result};
use crate::nn::{ParameterSet, map_parameters};

/// How parameters follow their gradients.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdamSettings {
    /// How slowly the mean gradient changes.
    pub beta_1: f64,
    /// How slowly the mean square changes.
    pub beta_2: f64,
    /// Added to the root of the mean square.
    pub epsilon: f64,
    /// Share of a parameter that is taken away at every step, times the learning rate.
    pub weight_decay: f64,
    /// Greatest length of all gradients as one vector.
    pub clip: Option<f64>,
}

impl Default for AdamSettings {
    /// Those with which Stable Diffusion's companions are trained.
    fn default() -> Self {
        Self {
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            weight_decay: 1e-2,
            clip: Some(1.0),
        }
    }
}

impl AdamSettings {
    /// Checks that every number is possible.
    ///
    /// # Errors
    /// Names the first that is not.
    pub fn check(&self) -> Result<()> {
        let beta = 0.0..1.0;
        for (name, fine, found) in [
            ("beta_1", beta.contains(&self.beta_1), self.beta_1),
            ("beta_2", beta.contains(&self.beta_2), self.beta_2),
            ("epsilon", self.epsilon > 0.0, self.epsilon),
            ("weight_decay", self.weight_decay >= 0.0, self.weight_decay),
            (
                "clip",
                self.clip.is_none_or(|clip| clip > 0.0),
                self.clip.unwrap_or(1.0),
            ),
        ] {
            if !fine || !found.is_finite() {
                return Err(Error::invalid(name, format!("is out of range: {found}")));
            }
        }
        Ok(())
    }
}

/// The moments of every parameter that learns.
pub(super) struct Adam {
    settings: AdamSettings,
    update: AdamW,
    moments: BTreeMap<String, AdamWState<1>>,
}

/// What [`Adam`] remembers, in a form that can be written.
pub(super) struct AdamMemory {
    /// `PATH.moment_1` and `PATH.moment_2`.
    pub(super) moments: ParameterSet,
    /// Updates of each parameter.
    pub(super) times: BTreeMap<String, usize>,
}

const NAMES: [&str; 2] = ["moment_1", "moment_2"];

impl Adam {
    pub(super) fn new(settings: AdamSettings) -> Self {
        let config = AdamWConfig::new()
            .with_beta_1(settings.beta_1 as f32)
            .with_beta_2(settings.beta_2 as f32)
            .with_epsilon(settings.epsilon as f32)
            .with_weight_decay(settings.weight_decay as f32);
        Self {
            settings,
            update: config.build(),
            moments: BTreeMap::new(),
        }
    }

    /// The gradients that a step takes, and their length before they were clipped.
    pub(super) fn clip(&self, gradients: GradientSet) -> Result<(GradientSet, f64)> {
        gradients.clipped(self.settings.clip)
    }

    /// The model after one update by clipped gradients.
    pub(super) fn step<M: Module>(&mut self, model: M, mut gradients: GradientSet, rate: f64) -> M {
        map_parameters(model, |path, stored| {
            let gradient = gradients.remove(path)?;
            let state = self.moments.remove(path);
            let stored = stored();
            let value = stored.clone().without_autodiff();
            let (updated, state) = self.update.step(rate, value, gradient, state);
            self.moments
                .extend(state.map(|state| (path.to_owned(), state)));
            Some(tracked_like(&stored, updated))
        })
    }

    pub(super) fn memory(&self) -> AdamMemory {
        let mut memory = AdamMemory {
            moments: ParameterSet::default(),
            times: BTreeMap::new(),
        };
        for (path, AdamWState { momentum }) in &self.moments {
            let values = [&momentum.moment_1, &momentum.moment_2];
            for (name, values) in NAMES.iter().zip(values) {
                let shape = values.dims().to_vec();
                memory
                    .moments
                    .insert(format!("{path}.{name}"), values.clone(), shape);
            }
            memory.times.insert(path.clone(), momentum.time);
        }
        memory
    }

    /// # Errors
    /// A moment is missing.
    pub(super) fn remember(&mut self, memory: AdamMemory) -> Result<()> {
        let AdamMemory { mut moments, times } = memory;
        let mut take = |path: &str, name: &str| {
            let path = format!("{path}.{name}");
            let flat = moments.remove(&path).map(|flat| flat.values);
            flat.ok_or_else(|| Error::invalid(path, "is missing from the optimiser's memory"))
        };
        self.moments.clear();
        for (path, time) in times {
            let (moment_1, moment_2) = (take(&path, NAMES[0])?, take(&path, NAMES[1])?);
            let momentum = AdaptiveMomentumState {
                time,
                moment_1,
                moment_2,
                max_moment_2: None,
            };
            self.moments.insert(path, AdamWState { momentum });
        }
        Ok(())
    }
}

//! A slow average of what is learned, which makes better pictures than its last state.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::error::Result;
use crate::nn::{Flat, ParameterSet, map_parameters};

/// Exponential moving average of the parameters that learn.
#[derive(Clone, Debug)]
pub(super) struct Average {
    decay: f64,
    /// Updates so far.
    pub(super) updates: u64,
    pub(super) values: ParameterSet,
}

impl Average {
    /// Starts at `values`.
    pub(super) fn new(decay: f64, values: ParameterSet) -> Self {
        let values = values.mapped(|_, values| values.without_autodiff());
        Self {
            decay,
            updates: 0,
            values,
        }
    }

    /// Moves towards `current`; in the first updates faster, so that the start is soon forgotten.
    pub(super) fn follow(&mut self, current: &ParameterSet) {
        let updates = self.updates as f64;
        let decay = self.decay.min((1.0 + updates) / (10.0 + updates));
        self.updates += 1;
        let known = |path: &str| current.get(path).map(|flat: &Flat| flat.values.clone());
        self.values = self.values.mapped(|path, average| match known(path) {
            Some(value) => average * decay + value.without_autodiff() * (1.0 - decay),
            None => average,
        });
    }

    /// `model` with the average in place of what it learned.
    pub(super) fn put_into<M: Module>(&self, model: M) -> Result<M> {
        self.values.fits(&model)?;
        Ok(map_parameters(model, |path, stored| {
            let average = self.values.get(path)?.values.clone();
            Some(tracked_like(&stored(), average))
        }))
    }
}

/// On the graph if `example` is.
pub(super) fn tracked_like(example: &Tensor<1>, value: Tensor<1>) -> Tensor<1> {
    match example.gradient_checkpointing_strategy() {
        Some(strategy) => value
            .autodiff()
            .with_gradient_checkpointing_strategy(strategy),
        None => value,
    }
}

//! What a learner needs to know of the thing that it trains: how to get from model and batch to a number.

use burn::module::Module;
use burn::tensor::Tensor;

use super::draw::Draw;
use crate::error::Result;

/// What is to become small. Knows model and batch; knows nothing of optimisers and files.
pub trait Objective {
    /// What learns.
    type Model: Module;
    /// What one step learns from.
    type Batch;

    /// The loss of `batch`; whatever is random comes from `draw`.
    ///
    /// # Errors
    /// A batch that does not fit the model.
    fn loss(&self, model: &Self::Model, batch: &Self::Batch, draw: &mut Draw) -> Result<Loss>;
}

/// What an objective found.
#[derive(Clone, Debug)]
pub struct Loss {
    /// One number, with a graph.
    pub value: Tensor<1>,
    /// What it consists of and what was drawn, for the log.
    pub parts: Vec<(&'static str, f64)>,
}

impl Loss {
    /// A loss without parts.
    pub fn new(value: Tensor<1>) -> Self {
        let parts = Vec::new();
        Self { value, parts }
    }
}

//! A table of learned vectors, one per id.

use burn::module::{Module, Param};
use burn::tensor::{DType, Device, Int, Tensor, module};

use super::param::zeros;

/// Looks vectors up by id, or by position.
#[derive(Module, Debug)]
pub struct Embedding {
    /// `[ids, width]`
    pub weight: Param<Tensor<2>>,
}

impl Embedding {
    /// Zero until weights are loaded.
    pub fn new(ids: usize, width: usize, device: &Device) -> Self {
        Self {
            weight: zeros([ids, width], device),
        }
    }

    /// Ids are integers, so they cannot say which type to compute in: the result is always f32.
    ///
    /// # Shapes
    /// - `ids`: `[b, n]`, each below the number of rows
    /// - returns `[b, n, width]`
    pub fn forward(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        module::embedding(self.weight.val(), ids).cast(DType::F32)
    }

    /// The first `length` rows, for positions that count from zero.
    ///
    /// # Shapes
    /// - returns `[1, length, width]`; `length` is at most the number of rows
    pub fn first(&self, length: usize) -> Tensor<3> {
        let rows = self.weight.val().narrow(0, 0, length);
        rows.cast(DType::F32).unsqueeze()
    }
}

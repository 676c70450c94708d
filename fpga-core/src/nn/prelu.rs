//! A rectifier whose slope below zero was learnt.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, activation};

use super::param::{cast_to, zeros};

/// `x` where positive, `a·x` elsewhere, with one `a` per channel (He et al. 2015, eq. 1).
#[derive(Module, Debug)]
pub struct PRelu {
    /// `[channels]`
    pub weight: Param<Tensor<1>>,
}

impl PRelu {
    /// A plain rectifier until weights are loaded.
    pub fn new(channels: usize, device: &Device) -> Self {
        Self {
            weight: zeros([channels], device),
        }
    }

    /// # Shapes
    /// - `input` and result: `[b, channels, …]`
    pub fn forward<const D: usize>(&self, input: Tensor<D>) -> Tensor<D> {
        let slope = cast_to(self.weight.val(), input.dtype());
        activation::prelu(input, slope)
    }
}

//! Group and layer normalisation.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, activation::silu, module};

use super::param::{ones, weight_as, zeros};

/// Normalises groups of channels over the picture (Wu & He 2018, eq. 1).
#[derive(Module, Debug)]
pub struct GroupNorm {
    /// `[channels]`
    pub weight: Param<Tensor<1>>,
    /// `[channels]`
    pub bias: Param<Tensor<1>>,
    #[module(skip)]
    groups: usize,
    #[module(skip)]
    epsilon: f64,
}

impl GroupNorm {
    /// `channels` must be a multiple of `groups`. Scale one and shift zero until weights are loaded.
    pub fn new(groups: usize, channels: usize, epsilon: f64, device: &Device) -> Self {
        Self {
            weight: ones([channels], device),
            bias: zeros([channels], device),
            groups,
            epsilon,
        }
    }

    /// # Shapes
    /// - `input` and result: `[b, channels, h, w]`
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let [batch, channels, height, width] = input.dims();
        let dtype = input.dtype();
        let grouped = input.reshape([batch, self.groups, channels / self.groups * height * width]);
        let centered = grouped.clone() - grouped.mean_dim(2);
        let variance = centered.clone().square().mean_dim(2);
        let normalised = centered / (variance + self.epsilon).sqrt();
        let scale = weight_as(&self.weight, dtype).reshape([1, channels, 1, 1]);
        let shift = weight_as(&self.bias, dtype).reshape([1, channels, 1, 1]);
        normalised.reshape([batch, channels, height, width]) * scale + shift
    }

    /// Norm followed by SiLU, the pair that opens every convolution of these models.
    ///
    /// # Shapes
    /// - `input` and result: `[b, channels, h, w]`
    pub fn forward_silu(&self, input: Tensor<4>) -> Tensor<4> {
        silu(self.forward(input))
    }
}

/// Normalises the last dimension (Ba et al. 2016).
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// `[width]`
    pub weight: Param<Tensor<1>>,
    /// `[width]`
    pub bias: Param<Tensor<1>>,
    #[module(skip)]
    epsilon: f64,
}

impl LayerNorm {
    /// Scale one and shift zero until weights are loaded.
    pub fn new(width: usize, epsilon: f64, device: &Device) -> Self {
        Self {
            weight: ones([width], device),
            bias: zeros([width], device),
            epsilon,
        }
    }

    /// # Shapes
    /// - `input` and result: `[…, width]`
    pub fn forward<const D: usize>(&self, input: Tensor<D>) -> Tensor<D> {
        let dtype = input.dtype();
        let shift = Some(weight_as(&self.bias, dtype));
        module::layer_norm(input, weight_as(&self.weight, dtype), shift, self.epsilon)
    }
}

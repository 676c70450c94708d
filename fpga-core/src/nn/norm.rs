//! Group and layer normalisation.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, activation::silu, module};

use super::param::{cast_to, ones, sum_type, zeros};
use crate::kernels::Activation;
use crate::kernels::tensor::{self as kernels, NormParts};

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
        let (weight, bias) = (self.weight.val(), self.bias.val());
        self.fused(&input, [&weight, &bias], None)
            .unwrap_or_else(|| self.normalise(input, [weight, bias]))
    }

    /// Norm followed by SiLU, the pair that opens every convolution of these models.
    ///
    /// # Shapes
    /// - `input` and result: `[b, channels, h, w]`
    pub fn forward_silu(&self, input: Tensor<4>) -> Tensor<4> {
        let (weight, bias) = (self.weight.val(), self.bias.val());
        self.fused(&input, [&weight, &bias], Some(Activation::Silu))
            .unwrap_or_else(|| silu(self.normalise(input, [weight, bias])))
    }

    fn fused(
        &self,
        input: &Tensor<4>,
        [weight, bias]: [&Tensor<1>; 2],
        activation: Option<Activation>,
    ) -> Option<Tensor<4>> {
        let parts = NormParts {
            weight,
            bias,
            epsilon: self.epsilon,
        };
        kernels::group_norm(input, parts, self.groups, activation)
    }

    fn normalise(&self, input: Tensor<4>, scale_and_shift: [Tensor<1>; 2]) -> Tensor<4> {
        let [batch, channels, height, width] = input.dims();
        let (dtype, exact) = (input.dtype(), sum_type(input.dtype()));
        let grouped = cast_to(input, exact).reshape([
            batch,
            self.groups,
            channels / self.groups * height * width,
        ]);
        let centered = grouped.clone() - grouped.mean_dim(2);
        let variance = centered.clone().square().mean_dim(2);
        let normalised = centered / (variance + self.epsilon).sqrt();
        let [scale, shift] =
            scale_and_shift.map(|values| cast_to(values, exact).reshape([1, channels, 1, 1]));
        let normalised = normalised.reshape([batch, channels, height, width]) * scale + shift;
        cast_to(normalised, dtype)
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
        let (weight, bias) = (self.weight.val(), self.bias.val());
        let parts = NormParts {
            weight: &weight,
            bias: &bias,
            epsilon: self.epsilon,
        };
        kernels::layer_norm(&input, parts).unwrap_or_else(|| {
            let (dtype, exact) = (input.dtype(), sum_type(input.dtype()));
            let [weight, bias] = [weight, bias].map(|values| cast_to(values, exact));
            let input = cast_to(input, exact);
            cast_to(
                module::layer_norm(input, weight, Some(bias), self.epsilon),
                dtype,
            )
        })
    }
}

//! Batch normalisation as recognition networks use it after training: with fixed statistics.
//!
//! `y = (x − μ) / √(σ² + ε) · γ + β` per channel (Ioffe & Szegedy 2015, algorithm 2), computed as one
//! scale and one shift. Statistics are weights here: they are loaded and saved, and never learn.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use super::conv::{Conv2d, Window};
use super::param::{cast_to, fixed_ones, fixed_zeros, ones, zeros};

/// PyTorch's `eps` of every norm of face networks.
const EPSILON: f64 = 1e-5;

/// Normalises each channel with the mean and variance that training left.
#[derive(Module, Debug)]
pub struct BatchNorm {
    /// γ, `[channels]`
    pub weight: Param<Tensor<1>>,
    /// β, `[channels]`
    pub bias: Param<Tensor<1>>,
    /// μ, `[channels]`
    pub running_mean: Param<Tensor<1>>,
    /// σ², `[channels]`
    pub running_var: Param<Tensor<1>>,
    #[module(skip)]
    epsilon: f64,
}

impl BatchNorm {
    /// Changes nothing (but for ε = 10⁻⁵) until weights are loaded.
    pub fn new(channels: usize, device: &Device) -> Self {
        Self::with_epsilon(channels, EPSILON, device)
    }

    /// For networks with another ε than PyTorch's.
    pub fn with_epsilon(channels: usize, epsilon: f64, device: &Device) -> Self {
        Self {
            weight: ones([channels], device),
            bias: zeros([channels], device),
            running_mean: fixed_zeros([channels], device),
            running_var: fixed_ones([channels], device),
            epsilon,
        }
    }

    /// # Shapes
    /// - `input` and result: `[b, channels, …]`
    pub fn forward<const D: usize>(&self, input: Tensor<D>) -> Tensor<D> {
        let [weight, bias, mean, variance] = [
            &self.weight,
            &self.bias,
            &self.running_mean,
            &self.running_var,
        ]
        .map(|values| cast_to(values.val(), input.dtype()));
        let scale = weight / (variance + self.epsilon).sqrt();
        let shift = bias - mean * scale.clone();
        let mut shape = [1; D];
        shape[1] = scale.dims()[0];
        input * scale.reshape(shape) + shift.reshape(shape)
    }
}

/// A convolution and the norm behind it.
#[derive(Module, Debug)]
pub struct ConvNorm {
    /// Without a bias: the norm has one.
    pub conv: Conv2d,
    /// Of the convolution's output.
    pub bn: BatchNorm,
}

impl ConvNorm {
    /// Zero until weights are loaded.
    pub fn new(inputs: usize, outputs: usize, window: Window, device: &Device) -> Self {
        Self {
            conv: Conv2d::without_bias(inputs, outputs, window, device),
            bn: BatchNorm::new(outputs, device),
        }
    }

    /// # Shapes
    /// - `input`: `[b, in, h, w]`
    /// - returns `[b, out, h′, w′]`
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        self.bn.forward(self.conv.forward(input))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;

    use super::*;

    #[test]
    fn statistics_do_not_learn_and_weights_do() {
        let norm = BatchNorm::new(3, &Device::flex());
        assert!(norm.weight.is_require_grad() && norm.bias.is_require_grad());
        assert!(!norm.running_mean.is_require_grad() && !norm.running_var.is_require_grad());
    }

    #[test]
    fn each_channel_has_its_own_statistics() {
        let device = Device::flex();
        let values = |values: [f32; 2]| Param::from_tensor(Tensor::from_data(values, &device));
        let norm = BatchNorm {
            weight: values([2.0, -3.0]),
            bias: values([0.5, 1.0]),
            running_mean: values([1.0, -2.0]),
            running_var: values([4.0, 0.25]),
            epsilon: EPSILON,
        };
        let input = Tensor::<4>::from_data(
            TensorData::new(vec![1.0f32, 5.0, -2.0, -1.0], [1, 2, 1, 2]),
            &device,
        );
        let output = norm.forward(input).into_data().try_to_vec::<f32>().unwrap();
        for (found, wanted) in output.into_iter().zip([0.5, 4.5, 1.0, -5.0]) {
            assert!((found - wanted).abs() < 2e-4, "{found} {wanted}");
        }
    }
}

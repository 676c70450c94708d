//! From a number, such as the timestep, to a vector that layers can use.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::activation::silu;
use super::linear::Linear;

/// Sines and cosines of falling frequency (Vaswani et al. 2017, section 3.5).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SinusoidalEmbedding {
    /// Width of the result; even.
    pub width: usize,
    /// Cosines first (all Stable Diffusion models) instead of sines first.
    pub cosine_first: bool,
    /// Subtracted from the number of frequencies in the exponent (0 in Stable Diffusion).
    pub frequency_shift: f64,
}

impl SinusoidalEmbedding {
    /// # Shapes
    /// - `values`: `[n]`
    /// - returns `[n, width]`
    pub fn forward(&self, values: Tensor<1>) -> Tensor<2> {
        let half = self.width / 2;
        let fall = -(10_000f64.ln()) / (half as f64 - self.frequency_shift);
        let frequencies: Vec<f32> = (0..half).map(|i| (i as f64 * fall).exp() as f32).collect();
        let frequencies = Tensor::<1>::from_floats(frequencies.as_slice(), &values.device());
        let angles = values.unsqueeze_dim::<2>(1) * frequencies.unsqueeze_dim(0);
        let (sine, cosine) = (angles.clone().sin(), angles.cos());
        let order = if self.cosine_first {
            [cosine, sine]
        } else {
            [sine, cosine]
        };
        Tensor::cat(order.to_vec(), 1)
    }
}

/// Two linear layers with SiLU between.
#[derive(Module, Debug)]
pub struct TimestepEmbedding {
    /// `[width, inputs]`
    pub linear_1: Linear,
    /// `[width, width]`
    pub linear_2: Linear,
}

impl TimestepEmbedding {
    /// Zero until weights are loaded.
    pub fn new(inputs: usize, width: usize, device: &Device) -> Self {
        Self {
            linear_1: Linear::new(inputs, width, device),
            linear_2: Linear::new(width, width, device),
        }
    }

    /// # Shapes
    /// - `embedding`: `[b, inputs]`
    /// - returns `[b, width]`
    pub fn forward(&self, embedding: Tensor<2>) -> Tensor<2> {
        self.linear_2
            .forward(silu(self.linear_1.forward(embedding)))
    }
}

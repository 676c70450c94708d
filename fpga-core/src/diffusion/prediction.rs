//! What a network's output means, and how to read picture and noise out of it.
//!
//! `x = √ᾱ·x₀ + √(1−ᾱ)·ε`; networks predict `ε`, `v = √ᾱ·ε − √(1−ᾱ)·x₀` (Salimans and Ho 2022) or `x₀`.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::schedule::{NoiseLevel, per_item};

/// What a network predicts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prediction {
    /// The noise ε.
    #[default]
    Epsilon,
    /// The velocity v.
    #[serde(rename = "v_prediction")]
    V,
    /// The clean latents x₀.
    Sample,
}

/// Noisy latents taken apart.
#[derive(Clone, Debug)]
pub struct Split {
    /// Predicted clean latents x₀ `[b, c, h, w]`.
    pub clean: Tensor<4>,
    /// Predicted noise ε `[b, c, h, w]`.
    pub noise: Tensor<4>,
}

impl Prediction {
    /// Takes `latents` at `level` apart with the network's `output`; all `[b, c, h, w]`.
    pub fn split(self, output: Tensor<4>, latents: Tensor<4>, level: NoiseLevel) -> Split {
        let (signal, sigma) = (level.signal(), level.sigma());
        match self {
            Self::Epsilon => Split {
                clean: (latents - output.clone() * sigma) / signal,
                noise: output,
            },
            Self::V => Split {
                clean: latents.clone() * signal - output.clone() * sigma,
                noise: output * signal + latents * sigma,
            },
            Self::Sample => Split {
                clean: output.clone(),
                noise: (latents - output * signal) / sigma,
            },
        }
    }

    /// Clean latents of noisy ones at `levels`, as the network's `output` has them.
    ///
    /// # Shapes
    /// - `output`, `latents`: `[b, c, h, w]`; `levels`: `b` or 1
    /// - returns `[b, c, h, w]`
    pub fn clean(self, output: Tensor<4>, latents: Tensor<4>, levels: &[NoiseLevel]) -> Tensor<4> {
        let signal = per_item(levels, NoiseLevel::signal, &latents);
        let sigma = per_item(levels, NoiseLevel::sigma, &latents);
        match self {
            Self::Epsilon => (latents - output * sigma) / signal,
            Self::V => latents * signal - output * sigma,
            Self::Sample => output,
        }
    }

    /// Clean latents out of variance-exploding `latents = x₀ + σ·ε`; all `[b, c, h, w]`.
    pub fn clean_at_sigma(self, output: Tensor<4>, latents: Tensor<4>, sigma: f64) -> Tensor<4> {
        let variance = sigma * sigma + 1.0;
        match self {
            Self::Epsilon => latents - output * sigma,
            Self::V => latents / variance - output * (sigma / variance.sqrt()),
            Self::Sample => output,
        }
    }

    /// What the network should have said about `clean` and `noise` mixed at `levels`.
    ///
    /// # Shapes
    /// - `clean`, `noise`: `[b, c, h, w]`; `levels`: `b` or 1
    /// - returns `[b, c, h, w]`
    pub fn target(self, clean: Tensor<4>, noise: Tensor<4>, levels: &[NoiseLevel]) -> Tensor<4> {
        match self {
            Self::Epsilon => noise,
            Self::V => {
                let signal = per_item(levels, NoiseLevel::signal, &clean);
                let sigma = per_item(levels, NoiseLevel::sigma, &clean);
                noise * signal - clean * sigma
            }
            Self::Sample => clean,
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::diffusion::schedule::add_noise;

    #[test]
    fn splitting_the_target_gives_back_clean_and_noise() {
        let device = Device::flex();
        let tensor = |values: [f32; 4]| {
            Tensor::<4>::from_data(TensorData::new(values.to_vec(), [2, 1, 1, 2]), &device)
        };
        let (clean, noise) = (
            tensor([0.3, -1.2, 0.8, 2.0]),
            tensor([1.1, 0.4, -0.7, -0.2]),
        );
        let level = NoiseLevel {
            timestep: 400.0,
            alpha_bar: 0.37,
        };
        let noisy = add_noise(clean.clone(), noise.clone(), &[level]);
        for prediction in [Prediction::Epsilon, Prediction::V, Prediction::Sample] {
            let output = prediction.target(clean.clone(), noise.clone(), &[level, level]);
            let split = prediction.split(output.clone(), noisy.clone(), level);
            let each = prediction.clean(output.clone(), noisy.clone(), &[level, level]);
            let exploding = noisy.clone() / level.signal();
            let at_sigma = prediction.clean_at_sigma(output, exploding, level.ratio());
            for (found, expected) in [
                (split.clean, &clean),
                (each, &clean),
                (split.noise, &noise),
                (at_sigma, &clean),
            ] {
                let gap = (found - expected.clone()).abs().max().into_scalar::<f32>();
                assert!(gap < 1e-6, "{prediction:?}: {gap}");
            }
        }
    }
}

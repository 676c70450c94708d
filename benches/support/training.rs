//! One training step of a small UNet: forward, mean squared error, backward.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use fpga_core::error::Result;
use fpga_core::nn::{SinusoidalEmbedding, randomize};
use fpga_core::unet::{
    Conditioning, EncoderConfig, StageConfig, TransformerConfig, UNet, UNetConfig,
};

/// A UNet of 2.5 million parameters and a batch of sixteen.
pub struct TrainingStep {
    unet: UNet,
    latents: Tensor<4>,
    noise: Tensor<4>,
    timesteps: Tensor<1>,
    conditioning: Conditioning,
}

impl TrainingStep {
    /// Random weights on `device`, which is made to track gradients.
    ///
    /// # Errors
    /// None with the configuration that is compiled in.
    pub fn new(device: &Device) -> Result<Self> {
        let device = device.clone().autodiff();
        let timesteps: Vec<f32> = (0..16u8).map(|i| f32::from(i) * 50.0).collect();
        let context = Tensor::from_data(numbers(&[16, 16, 64]), &device);
        Ok(Self {
            unet: randomize(config().init(&device)?, 1),
            latents: Tensor::from_data(numbers(&[16, 4, 16, 16]), &device),
            noise: Tensor::from_data(numbers(&[16, 4, 16, 16]), &device),
            timesteps: Tensor::from_floats(timesteps.as_slice(), &device),
            conditioning: Conditioning::text(context),
        })
    }

    /// Number of weights.
    pub fn parameters(&self) -> usize {
        self.unet.num_params()
    }

    /// The loss, ready for the way back.
    pub fn forward(&self) -> Tensor<1> {
        let prepared = self.unet.prepare(&self.conditioning);
        let (latents, timesteps) = (self.latents.clone(), self.timesteps.clone());
        let found = self.unet.forward(latents, timesteps, &prepared, None);
        (found - self.noise.clone()).square().mean()
    }
}

/// Repeatable numbers between −1 and 1.
fn numbers(shape: &[usize]) -> TensorData {
    let count = shape.iter().product::<usize>();
    let values: Vec<f32> = (0..count)
        .map(|i| ((i * 7919) % 1009) as f32 / 504.5 - 1.0)
        .collect();
    TensorData::new(values, shape.to_vec())
}

/// Two stages of 64 and 128 channels, the outer one with a transformer.
fn config() -> UNetConfig {
    let transformer = TransformerConfig {
        heads: 4,
        depth: 1,
        context_width: 64,
        linear_projection: false,
    };
    let stage = |channels, layers, transformer| StageConfig {
        channels,
        layers,
        transformer,
    };
    UNetConfig {
        encoder: EncoderConfig {
            in_channels: 4,
            stages: vec![stage(64, 1, Some(transformer)), stage(128, 1, None)],
            mid: Some(transformer),
            timestep: SinusoidalEmbedding {
                width: 64,
                cosine_first: true,
                frequency_shift: 0.0,
            },
            time_width: 256,
            added: None,
            norm_groups: 32,
            norm_epsilon: 1e-5,
        },
        up_stages: vec![stage(128, 2, None), stage(64, 2, Some(transformer))],
        out_channels: 4,
    }
}

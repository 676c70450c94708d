//! Stable Diffusion 1.5's networks with random weights, and inputs of the usual sizes.
//!
//! Inputs are what PyTorch's CPU generator draws from seed 0, so that a peer can draw the same.

use burn::tensor::{Device, Int, Tensor, TensorData};
use fpga_core::control::{ControlNet, ControlNetConfig};
use fpga_core::diffusion::{NoiseSource, TorchCpuNoise};
use fpga_core::error::{Error, Result};
use fpga_core::nn::randomize;
use fpga_core::text::{ClipText, ClipTextConfig};
use fpga_core::unet::{Conditioning, UNet, UNetConfig};
use fpga_core::vae::{AutoencoderKl, VaeConfig};
use serde_json::Value;

const SEED: u64 = 15;

/// Sizes of the UNet.
///
/// # Errors
/// None with the configuration that is compiled in.
pub fn unet_config() -> Result<UNetConfig> {
    UNetConfig::from_json(&parse(include_str!("sd15/unet.json"))?)
}

/// 860 million parameters.
///
/// # Errors
/// As [`unet_config`].
pub fn unet(device: &Device) -> Result<UNet> {
    Ok(randomize(unet_config()?.init(device)?, SEED))
}

/// 361 million parameters, and no silent layer: a [`randomize`]d network has none.
///
/// # Errors
/// As [`unet`].
pub fn controlnet(device: &Device) -> Result<ControlNet> {
    let config = ControlNetConfig::from_json(&parse(include_str!("sd15/controlnet.json"))?)?;
    Ok(randomize(config.init(device)?, SEED))
}

/// 84 million parameters.
///
/// # Errors
/// As [`unet`].
pub fn vae(device: &Device) -> Result<AutoencoderKl> {
    let config = VaeConfig::from_json(&parse(include_str!("sd15/vae.json"))?)?;
    Ok(randomize(config.init(device), SEED))
}

/// CLIP-L's text half, 123 million parameters.
///
/// # Errors
/// As [`unet`].
pub fn clip_text(device: &Device) -> Result<ClipText> {
    let config = ClipTextConfig::from_json(&parse(include_str!("sd15/text_encoder.json"))?)?;
    Ok(randomize(config.init(device), SEED))
}

fn parse(json: &str) -> Result<Value> {
    serde_json::from_str(json).map_err(|error| Error::invalid("config", error.to_string()))
}

/// One step with classifier-free guidance at 512×512.
pub struct UNetInput {
    /// `[2, 4, 64, 64]`
    pub latents: Tensor<4>,
    /// `[2]`
    pub timesteps: Tensor<1>,
    /// Text tokens `[2, 77, 768]`.
    pub conditioning: Conditioning,
    /// What a ControlNet sees, `[2, 3, 512, 512]`.
    pub condition: Tensor<4>,
}

impl UNetInput {
    /// Drawn in the order of the fields.
    pub fn draw(device: &Device) -> Self {
        let mut noise = TorchCpuNoise::new(0);
        let latents = noise.latents([2, 4, 64, 64], device);
        let context = TensorData::new(noise.normal(2 * 77 * 768), [2, 77, 768]);
        Self {
            latents,
            timesteps: Tensor::from_floats([501.0, 501.0], device),
            conditioning: Conditioning::text(Tensor::from_data(context, device)),
            condition: noise.latents([2, 3, 512, 512], device),
        }
    }
}

/// Prompt and negative prompt.
pub struct ClipTextInput {
    /// `[2, 77]`, different everywhere.
    pub ids: Tensor<2, Int>,
}

impl ClipTextInput {
    /// The id at position `i` is `311·i mod 49408`.
    pub fn new(device: &Device) -> Self {
        let ids: Vec<i64> = (0..2 * 77).map(|index| (index * 311) % 49_408).collect();
        Self {
            ids: Tensor::from_data(TensorData::new(ids, [2, 77]), device),
        }
    }
}

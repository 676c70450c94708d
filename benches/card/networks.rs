//! Whole models of a published size, with random weights that mean nothing.

use std::str::FromStr;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use fpga_core::diffusion::{NoiseSource, ScheduleConfig, TorchCpuNoise};
use fpga_core::error::{Error, Result};
use fpga_core::identity::{IdentityAttention, IdentityAttentionConfig};
use fpga_core::nn::{map_parameters, randomize};
use fpga_core::pipeline::{IdentityTokens, LatentPreview, Precision, Prompt, StableDiffusion};
use fpga_core::sampler::SamplerKind;
use fpga_core::unet::{AddedConditioning, Conditioning, UNetConfig};
use fpga_core::vae::VaeConfig;

const SEED: u64 = 15;
/// Tokens of a prompt, and of a person.
const PROMPT: usize = 77;
const PERSON: usize = 4;

/// Which model's sizes.
#[derive(Clone, Copy)]
pub(crate) enum Size {
    /// For trying the program itself.
    Tiny,
    /// Stable Diffusion 1.5.
    Sd15,
    /// Stable Diffusion XL.
    Sdxl,
}

impl FromStr for Size {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "tiny" => Ok(Self::Tiny),
            "sd15" => Ok(Self::Sd15),
            "sdxl" => Ok(Self::Sdxl),
            _ => {
                let why = format!("needs tiny, sd15 or sdxl, found {name:?}");
                Err(Error::invalid("size", why))
            }
        }
    }
}

impl Size {
    fn unet(self) -> Result<UNetConfig> {
        let text = match self {
            Self::Tiny => include_str!("../support/tiny/unet.json"),
            Self::Sd15 => include_str!("../support/sd15/unet.json"),
            Self::Sdxl => include_str!("../support/sdxl/unet.json"),
        };
        UNetConfig::from_json(&parse(text)?)
    }

    /// SDXL's differs from that of 1.5 in its weights only.
    fn vae(self) -> Result<VaeConfig> {
        VaeConfig::from_json(&parse(match self {
            Self::Tiny => include_str!("../support/tiny/vae.json"),
            Self::Sd15 | Self::Sdxl => include_str!("../support/sd15/vae.json"),
        })?)
    }
}

fn parse(json: &str) -> Result<serde_json::Value> {
    serde_json::from_str(json).map_err(|error| Error::invalid("config", error.to_string()))
}

/// UNet and autoencoder; the UNet's weights are kept in the type that it computes in.
pub(crate) fn model(size: Size, precision: Precision, device: &Device) -> Result<StableDiffusion> {
    let unet = kept_in(precision, randomize(size.unet()?.init(device)?, SEED));
    let vae = randomize(size.vae()?.init(device), SEED);
    let preview = LatentPreview::fit(&vae, device)?;
    let schedule = r#"{"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
        "clip_sample": false, "set_alpha_to_one": false, "steps_offset": 1}"#;
    Ok(StableDiffusion {
        unet: unet.with_precision(precision),
        vae,
        text: None,
        schedule: ScheduleConfig::from_json(schedule)?,
        sampler: Some(SamplerKind::Ddim { eta: 0.0 }),
        preview,
        device: device.clone(),
        load_reports: Vec::new(),
    })
}

/// The same module with its weights in this type.
pub(crate) fn kept_in<M: Module>(precision: Precision, module: M) -> M {
    map_parameters(module, |_, value| Some(value().cast(precision.dtype())))
}

/// What the UNet is told: `rows` prompts, and what SDXL wants beside them.
pub(crate) fn conditioning(model: &StableDiffusion, rows: usize) -> Conditioning {
    let mut noise = TorchCpuNoise::new(1);
    let context = drawn(
        &mut noise,
        [rows, PROMPT, token_width(model)],
        &model.device,
    );
    let encoder = &model.unet.config().encoder;
    let added = encoder.added.map(|added| AddedConditioning {
        text_embeds: drawn(
            &mut noise,
            [rows, added.input_width - 6 * added.size_width],
            &model.device,
        ),
        time_ids: Tensor::ones([rows, 6], &model.device) * 1024.0,
    });
    Conditioning { context, added }
}

/// One prompt that is encoded already.
pub(crate) fn prompt(model: &StableDiffusion) -> Prompt {
    let Conditioning { context, added } = conditioning(model, 1);
    Prompt::Embedded {
        context,
        pooled: added.map(|added| added.text_embeds),
    }
}

/// Projections for everyone's tokens.
pub(crate) fn adapter(model: &StableDiffusion) -> IdentityAttention {
    let layers = model.unet.config().cross_attention();
    let config = IdentityAttentionConfig {
        token_width: token_width(model),
        widths: layers.iter().map(|layer| layer.width).collect(),
    };
    randomize(config.init(&model.device), SEED)
}

/// Someone.
pub(crate) fn person(model: &StableDiffusion, seed: u64) -> IdentityTokens {
    let mut noise = TorchCpuNoise::new(seed);
    let shape = [PERSON, token_width(model)];
    IdentityTokens {
        conditional: drawn(&mut noise, shape, &model.device),
        unconditional: drawn(&mut noise, shape, &model.device),
    }
}

fn token_width(model: &StableDiffusion) -> usize {
    let layers = model.unet.config().cross_attention();
    layers.first().map_or(0, |layer| layer.context_width)
}

/// Standard normal numbers.
pub(crate) fn drawn<const D: usize>(
    noise: &mut TorchCpuNoise,
    shape: [usize; D],
    device: &Device,
) -> Tensor<D> {
    let values = noise.normal(shape.iter().product());
    Tensor::from_data(burn::tensor::TensorData::new(values, shape), device)
}

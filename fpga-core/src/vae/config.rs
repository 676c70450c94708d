//! Sizes of a variational autoencoder, as diffusers' `config.json` states them.

use serde_json::Value;

use crate::error::Result;
use crate::nn::{DEPTHS, Fields, WIDTHS};

/// Sizes of an [`AutoencoderKl`](super::AutoencoderKl).
///
/// The defaults of absent keys are diffusers'; there is no preset, because every published
/// autoencoder comes with its config.
#[derive(Clone, Debug, PartialEq)]
pub struct VaeConfig {
    /// Channels of the picture that is encoded.
    pub in_channels: usize,
    /// Channels of the picture that is decoded.
    pub out_channels: usize,
    /// Channels of the latents.
    pub latent_channels: usize,
    /// Channels of each stage, finest first; each further stage halves the picture.
    pub block_out_channels: Vec<usize>,
    /// Residual blocks of a stage when encoding; decoding has one more.
    pub layers_per_block: usize,
    /// Groups of all norms; divides all of `block_out_channels`.
    pub norm_groups: usize,
    /// Whether attention stands in the middle of both directions.
    pub mid_attention: bool,
    /// Whether a 1×1 convolution follows the encoder.
    pub quant_conv: bool,
    /// Whether a 1×1 convolution precedes the decoder.
    pub post_quant_conv: bool,
    /// How latents become what the UNet sees.
    pub scaling: LatentScaling,
}

/// `scaled = (latents − shift) · scale`, in the diffusion model's own units.
#[derive(Clone, Debug, PartialEq)]
pub struct LatentScaling {
    /// Per latent channel.
    pub shift: Vec<f64>,
    /// Per latent channel.
    pub scale: Vec<f64>,
}

/// Halvings beyond this make no sense for pictures that fit in memory.
const MAX_STAGES: usize = 8;

impl VaeConfig {
    /// Reads diffusers' `AutoencoderKL` configuration.
    ///
    /// # Errors
    /// A size out of range, sizes that contradict each other, or a kind of block that is not built.
    pub fn from_json(config: &Value) -> Result<Self> {
        let fields = Fields::new("vae", config)?;
        let stages = fields.counts("block_out_channels", WIDTHS)?;
        if stages.len() > MAX_STAGES {
            let why = format!("at most {MAX_STAGES} stages, found {}", stages.len());
            return Err(fields.invalid("block_out_channels", why));
        }
        fields.choice("act_fn", &[("silu", ()), ("swish", ())])?;
        check_blocks(
            fields,
            "down_block_types",
            "DownEncoderBlock2D",
            stages.len(),
        )?;
        check_blocks(fields, "up_block_types", "UpDecoderBlock2D", stages.len())?;
        let norm_groups = fields.count("norm_num_groups", 32, WIDTHS)?;
        if let Some(width) = stages.iter().find(|width| *width % norm_groups != 0) {
            let why = format!("{norm_groups} groups do not divide {width} channels");
            return Err(fields.invalid("norm_num_groups", why));
        }
        let latent_channels = fields.count("latent_channels", 4, 1..=1024)?;
        Ok(Self {
            in_channels: fields.count("in_channels", 3, 1..=1024)?,
            out_channels: fields.count("out_channels", 3, 1..=1024)?,
            latent_channels,
            block_out_channels: stages,
            layers_per_block: fields.count("layers_per_block", 1, DEPTHS)?,
            norm_groups,
            mid_attention: fields.flag("mid_block_add_attention", true)?,
            quant_conv: fields.flag("use_quant_conv", true)?,
            post_quant_conv: fields.flag("use_post_quant_conv", true)?,
            scaling: read_scaling(fields, latent_channels)?,
        })
    }

    /// Pixels along one side of a latent pixel.
    pub fn reduction(&self) -> usize {
        1 << (self.block_out_channels.len() - 1)
    }
}

fn check_blocks(fields: Fields<'_>, key: &str, built: &str, stages: usize) -> Result<()> {
    let Some(value) = fields.get(key) else {
        // diffusers' default is a single block, whatever the number of widths
        return match stages {
            1 => Ok(()),
            _ => Err(fields.invalid(key, "is needed, and the config lacks it")),
        };
    };
    let kinds = value.as_array().map_or(&[][..], Vec::as_slice);
    if kinds.len() != stages {
        let why = format!("needs {stages} names, one per stage, found {}", kinds.len());
        return Err(fields.invalid(key, why));
    }
    match kinds.iter().find(|kind| kind.as_str() != Some(built)) {
        Some(kind) => Err(fields.unsupported(key, built, kind)),
        None => Ok(()),
    }
}

/// `scaling_factor` alone (SD), with `shift_factor`, or with a mean and a deviation per channel.
fn read_scaling(fields: Fields<'_>, channels: usize) -> Result<LatentScaling> {
    let factor = fields.number("scaling_factor", 0.18215)?;
    if factor <= 0.0 {
        return Err(fields.invalid(
            "scaling_factor",
            format!("must be positive, found {factor}"),
        ));
    }
    let per_channel = |key: &str| -> Result<Option<Vec<f64>>> {
        let list = fields.numbers(key)?;
        match list.as_ref().filter(|list| list.len() != channels) {
            Some(list) => {
                let why = format!("needs {channels} numbers, found {}", list.len());
                Err(fields.invalid(key, why))
            }
            None => Ok(list),
        }
    };
    let shift = fields.number("shift_factor", 0.0)?;
    let mean = per_channel("latents_mean")?;
    let deviation = per_channel("latents_std")?;
    if let Some(found) = deviation.iter().flatten().find(|std| **std <= 0.0) {
        return Err(fields.invalid("latents_std", format!("must be positive, found {found}")));
    }
    Ok(LatentScaling {
        shift: mean.unwrap_or_else(|| vec![shift; channels]),
        scale: match deviation {
            Some(deviation) => deviation.iter().map(|std| factor / std).collect(),
            None => vec![factor; channels],
        },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sd15() -> Value {
        json!({
            "down_block_types": vec!["DownEncoderBlock2D"; 4],
            "up_block_types": vec!["UpDecoderBlock2D"; 4],
            "block_out_channels": [128, 256, 512, 512],
            "layers_per_block": 2,
        })
    }

    #[test]
    fn absent_keys_take_the_published_defaults() {
        let config = VaeConfig::from_json(&sd15()).unwrap();
        assert_eq!(config.reduction(), 8);
        assert_eq!(config.scaling.scale, vec![0.18215; 4]);
        assert!(config.quant_conv && config.mid_attention);
    }

    #[test]
    fn what_is_not_built_or_not_possible_is_refused_by_name() {
        let cases = [
            ("block_out_channels", json!([])),
            ("block_out_channels", json!([128, 0, 512, 512])),
            ("block_out_channels", json!([128, 256, 512, 9_999_999])),
            ("block_out_channels", json!([128, 250, 512, 512])),
            ("down_block_types", json!(["DownEncoderBlock2D"])),
            ("up_block_types", json!(vec!["AttnUpDecoderBlock2D"; 4])),
            ("act_fn", json!("gelu")),
            ("norm_num_groups", json!(0)),
            ("layers_per_block", json!(1u64 << 40)),
            ("scaling_factor", json!(0)),
            ("latents_mean", json!([0.1, 0.2])),
            ("latents_std", json!([0.1, 0.2, 0.0, 1.0])),
            ("latent_channels", json!("four")),
        ];
        for (key, value) in cases {
            let mut config = sd15();
            config[key] = value;
            let error = VaeConfig::from_json(&config).unwrap_err().to_string();
            let blamed = [key, "norm_num_groups"];
            assert!(blamed.iter().any(|name| error.contains(name)), "{error}");
        }
        assert!(VaeConfig::from_json(&json!([1, 2])).is_err());
    }
}

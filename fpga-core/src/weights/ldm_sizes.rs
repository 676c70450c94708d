//! The sizes of a model, read off the tensors of a single-file checkpoint.
//!
//! Such files carry no configuration. Widths and depths are in the shapes; the rest (number of
//! heads, activation, latent scale) follows from the family, which the width of the text gives away.

use std::collections::BTreeSet;

use super::source::TensorSource;
use crate::control::{ChannelOrder, ControlNetConfig};
use crate::error::{Error, Result};
use crate::nn::{ClipActivation, ClipEncoderConfig, Reach, SinusoidalEmbedding};
use crate::text::{ClipTextConfig, Pooling};
use crate::unet::{AddedConfig, EncoderConfig, StageConfig, TransformerConfig, UNetConfig};
use crate::vae::{LatentScaling, VaeConfig};

/// The released model whose architecture a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Stable Diffusion 1: text 768 wide, 8 heads.
    Sd1,
    /// Stable Diffusion 2: text 1024 wide, heads 64 wide.
    Sd2,
    /// Stable Diffusion XL: text 2048 wide, heads 64 wide, pooled text and sizes.
    Sdxl,
}

/// Width of one attention head in SD 2, SDXL and all CLIP models here.
const HEAD_WIDTH: usize = 64;
/// Attention heads of SD 1.
const SD1_HEADS: usize = 8;

/// Sizes of the UNet among `weights`, which hold it without prefix.
pub(super) fn unet_sizes(weights: &TensorSource) -> Result<(Family, UNetConfig)> {
    let (family, encoder) = encoder_sizes(weights)?;
    let mut up_stages: Vec<StageConfig> = Vec::new();
    let mut open = None;
    for block in 0.. {
        let name = format!("output_blocks.{block}");
        let Some(layer) = block_sizes(weights, &name, family) else {
            break;
        };
        add_layer(&mut open, layer);
        let enlarges = [1, 2]
            .iter()
            .any(|part| weights.contains(&format!("{name}.{part}.conv.weight")));
        if enlarges {
            up_stages.extend(open.take());
        }
    }
    up_stages.extend(open);
    let config = UNetConfig {
        encoder,
        up_stages,
        out_channels: dimension(weights, "out.2.weight", 0)?,
    };
    config.check()?;
    Ok((family, config))
}

/// Sizes of the ControlNet among `weights`, which hold it without prefix.
pub(super) fn controlnet_sizes(weights: &TensorSource) -> Result<ControlNetConfig> {
    let (_, encoder) = encoder_sizes(weights)?;
    let hint = |part: usize| format!("input_hint_block.{part}.weight");
    // Every second convolution halves and widens; the last one leaves for the UNet's width.
    let convolutions = (0..)
        .step_by(2)
        .take_while(|part| weights.contains(&hint(*part)))
        .count();
    let widths = (0..convolutions.saturating_sub(1)).step_by(2);
    let config = ControlNetConfig {
        encoder,
        condition_channels: dimension(weights, &hint(0), 1)?,
        channel_order: ChannelOrder::Rgb,
        global_pool: false,
        condition_widths: widths
            .map(|index| dimension(weights, &hint(2 * index), 0))
            .collect::<Result<_>>()?,
    };
    config.check()?;
    Ok(config)
}

fn encoder_sizes(weights: &TensorSource) -> Result<(Family, EncoderConfig)> {
    let family = family(weights)?;
    let mut stages: Vec<StageConfig> = Vec::new();
    let mut open = None;
    for block in 1.. {
        let name = format!("input_blocks.{block}");
        if weights.contains(&format!("{name}.0.op.weight")) {
            stages.extend(open.take());
        } else if let Some(layer) = block_sizes(weights, &name, family) {
            add_layer(&mut open, layer);
        } else {
            break;
        }
    }
    stages.extend(open);
    let first = dimension(weights, "input_blocks.0.0.weight", 0)?;
    let config = EncoderConfig {
        in_channels: dimension(weights, "input_blocks.0.0.weight", 1)?,
        mid: transformer_sizes(weights, "middle_block.1", family),
        stages,
        timestep: SinusoidalEmbedding {
            width: first,
            cosine_first: true,
            frequency_shift: 0.0,
        },
        time_width: dimension(weights, "time_embed.0.weight", 0)?,
        added: weights.shape("label_emb.0.0.weight").and_then(|shape| {
            let input_width = *shape.get(1)?;
            let size_width = 256;
            Some(AddedConfig {
                size_width,
                input_width,
            })
        }),
        norm_groups: 32,
        norm_epsilon: 1e-5,
    };
    config.check()?;
    Ok((family, config))
}

/// The family that the first cross-attention's text width stands for.
fn family(weights: &TensorSource) -> Result<Family> {
    let refuse = |why: String| {
        Err(Error::unsupported(
            weights.origin().display().to_string(),
            why,
        ))
    };
    let asks = |name: &&str| name.ends_with("attn2.to_k.weight");
    let Some(width) = weights
        .names()
        .find(asks)
        .and_then(|name| weights.shape(name)?.get(1))
    else {
        return refuse("no UNet of Stable Diffusion 1, 2 or XL is in it".to_owned());
    };
    let labels = weights.contains("label_emb.0.0.weight");
    match (width, labels || weights.contains("label_emb.weight")) {
        (768, false) => Ok(Family::Sd1),
        (1024, false) => Ok(Family::Sd2),
        (2048, true) if labels => Ok(Family::Sdxl),
        (1280, true) => refuse("this is the SDXL refiner; needed is the base model".to_owned()),
        (width, classes) => {
            let extra = if classes { " and class labels" } else { "" };
            refuse(format!(
                "text {width} wide{extra}; built are SD 1 (768), SD 2 (1024), SDXL (2048, labels)"
            ))
        }
    }
}

/// Channels and transformer of a numbered block, if it is there and has residual layers.
fn block_sizes(weights: &TensorSource, block: &str, family: Family) -> Option<StageConfig> {
    let shape = weights.shape(&format!("{block}.0.out_layers.3.weight"))?;
    Some(StageConfig {
        channels: *shape.first()?,
        layers: 1,
        transformer: transformer_sizes(weights, &format!("{block}.1"), family),
    })
}

fn transformer_sizes(
    weights: &TensorSource,
    name: &str,
    family: Family,
) -> Option<TransformerConfig> {
    let projection = weights.shape(&format!("{name}.proj_in.weight"))?;
    let key = weights.shape(&format!("{name}.transformer_blocks.0.attn2.to_k.weight"))?;
    let channels = *projection.first()?;
    Some(TransformerConfig {
        heads: match family {
            Family::Sd1 => SD1_HEADS,
            Family::Sd2 | Family::Sdxl => channels / HEAD_WIDTH,
        },
        depth: count(weights, &format!("{name}.transformer_blocks")),
        context_width: *key.get(1)?,
        // A 1×1 convolution and a linear layer are the same numbers; only one has four axes.
        linear_projection: projection.len() == 2,
    })
}

/// Joins a layer to the stage that is being read.
fn add_layer(stage: &mut Option<StageConfig>, layer: StageConfig) {
    match stage {
        Some(stage) => stage.layers += 1,
        None => *stage = Some(layer),
    }
}

/// Sizes of the autoencoder among `weights`, which hold it without prefix.
pub(super) fn vae_sizes(weights: &TensorSource, family: Family) -> Result<VaeConfig> {
    let stages = count(weights, "encoder.down");
    let width = |stage: usize| {
        dimension(
            weights,
            &format!("encoder.down.{stage}.block.0.conv1.weight"),
            0,
        )
    };
    let block_out_channels = (0..stages).map(width).collect::<Result<Vec<_>>>()?;
    let latent_channels = dimension(weights, "decoder.conv_in.weight", 1)?;
    let scale = match family {
        Family::Sd1 | Family::Sd2 => 0.18215,
        Family::Sdxl => 0.13025,
    };
    let norm_groups = 32;
    let possible =
        |width: &usize| (1..=1 << 16).contains(width) && width.is_multiple_of(norm_groups);
    if !(1..=8).contains(&stages) || !block_out_channels.iter().all(possible) {
        let why = format!("impossible autoencoder widths {block_out_channels:?}");
        return Err(Error::format(weights.origin(), why));
    }
    Ok(VaeConfig {
        in_channels: dimension(weights, "encoder.conv_in.weight", 1)?,
        out_channels: dimension(weights, "decoder.conv_out.weight", 0)?,
        latent_channels,
        layers_per_block: count(weights, "encoder.down.0.block"),
        block_out_channels,
        norm_groups,
        mid_attention: weights.contains("encoder.mid.attn_1.q.weight"),
        quant_conv: weights.contains("quant_conv.weight"),
        post_quant_conv: weights.contains("post_quant_conv.weight"),
        scaling: LatentScaling {
            shift: vec![0.0; latent_channels],
            scale: vec![scale; latent_channels],
        },
    })
}

/// Sizes of OpenAI's CLIP text model, in the layout of transformers without `text_model`.
pub(super) fn clip_text_sizes(weights: &TensorSource) -> Result<ClipTextConfig> {
    let layers = count(weights, "encoder.layers");
    let inner = "encoder.layers.0.mlp.fc1.weight";
    let positions = "embeddings.position_embedding.weight";
    let tokens = "embeddings.token_embedding.weight";
    text_sizes(
        weights,
        [tokens, positions, inner],
        layers,
        ClipActivation::QuickGelu,
    )
}

/// Sizes of an OpenCLIP text model. SD 2 never uses its last layer; SDXL projects its result.
pub(super) fn open_clip_text_sizes(
    weights: &TensorSource,
    family: Family,
) -> Result<ClipTextConfig> {
    let layers = count(weights, "transformer.resblocks");
    let inner = "transformer.resblocks.0.mlp.c_fc.weight";
    let names = ["token_embedding.weight", "positional_embedding", inner];
    let config = text_sizes(weights, names, layers, ClipActivation::Gelu)?;
    Ok(match family {
        Family::Sdxl => ClipTextConfig {
            projection_width: Some(dimension(weights, "text_projection", 1)?),
            ..config
        },
        Family::Sd1 | Family::Sd2 => ClipTextConfig {
            encoder: ClipEncoderConfig {
                layers: layers.saturating_sub(1),
                ..config.encoder
            },
            ..config
        },
    })
}

fn text_sizes(
    weights: &TensorSource,
    [tokens, positions, inner]: [&str; 3],
    layers: usize,
    activation: ClipActivation,
) -> Result<ClipTextConfig> {
    let width = dimension(weights, tokens, 1)?;
    if width == 0 || !width.is_multiple_of(HEAD_WIDTH) || width > 1 << 16 {
        let why = format!("a text model {width} wide; heads are {HEAD_WIDTH} wide");
        return Err(Error::format(weights.origin(), why));
    }
    Ok(ClipTextConfig {
        vocabulary: dimension(weights, tokens, 0)?,
        positions: dimension(weights, positions, 0)?,
        encoder: ClipEncoderConfig {
            width,
            inner_width: dimension(weights, inner, 0)?,
            heads: width / HEAD_WIDTH,
            layers,
            norm_epsilon: 1e-5,
            activation,
            reach: Reach::Causal,
        },
        projection_width: None,
        pooling: Pooling::HighestId,
    })
}

/// How many different segments follow `prefix`.
fn count(weights: &TensorSource, prefix: &str) -> usize {
    let next = |name: &str| -> Option<String> {
        let rest = name.strip_prefix(prefix)?.strip_prefix('.')?;
        rest.split('.').next().map(str::to_owned)
    };
    weights
        .names()
        .filter_map(next)
        .collect::<BTreeSet<_>>()
        .len()
}

/// One extent of a tensor that must be there.
fn dimension(weights: &TensorSource, name: &str, axis: usize) -> Result<usize> {
    weights
        .shape(name)
        .and_then(|shape| shape.get(axis))
        .copied()
        .ok_or_else(|| {
            let why = format!("lacks {name}, or it has no axis {axis}");
            Error::format(weights.origin(), why)
        })
}

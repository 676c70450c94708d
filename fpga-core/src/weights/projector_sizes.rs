//! The sizes of identity projectors, read off the tensors of an adapter file.
//!
//! Which network it is shows in the names; depths and widths are in the shapes. Only the width of one
//! attention head is not: it is 64 in all published files.

use super::source::TensorSource;
use crate::error::{Error, Result};
use crate::identity::projector::{
    FacePerceiverConfig, FaceProjectionConfig, FacialEncoderConfig, ImageProjectionConfig,
    ResamplerConfig, ResamplerInput,
};
use crate::nn::PerceiverConfig;

/// Width of one attention head.
const HEAD_WIDTH: usize = 64;
/// Width of the embeddings that ArcFace networks make; no CLIP tower has hidden states as narrow.
const FACE_WIDTH: usize = 512;

/// Sizes of the network among `weights`, which hold it without prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProjectorConfig {
    Image(ImageProjectionConfig),
    Resampler(ResamplerConfig),
    Face(FaceProjectionConfig),
    FacePerceiver(FacePerceiverConfig),
}

/// Which projector the names speak of, and its sizes.
pub(super) fn projector_sizes(weights: &TensorSource) -> Result<ProjectorConfig> {
    let has = |name: &str| weights.contains(name);
    if has("latents") {
        return resampler_sizes(weights).map(ProjectorConfig::Resampler);
    }
    if has("perceiver_resampler.proj_in.weight") {
        return Ok(ProjectorConfig::FacePerceiver(FacePerceiverConfig {
            face: face_sizes(weights)?,
            perceiver: perceiver_sizes(&weights.scoped("perceiver_resampler"))?,
        }));
    }
    if has("proj.0.weight") && has("norm.weight") {
        return face_sizes(weights).map(ProjectorConfig::Face);
    }
    if has("proj.weight") {
        return image_sizes(weights).map(ProjectorConfig::Image);
    }
    let names: Vec<_> = weights.names().take(4).collect();
    let why = format!(
        "read are IP-Adapter, IP-Adapter-Plus, InstantID, FaceID, FaceID-Plus and ConsistentID; \
         the projector holds {}, …",
        names.join(", ")
    );
    let origin = weights.origin().display().to_string();
    Err(Error::unsupported(origin, why))
}

/// Sizes of ConsistentID's `FacialEncoder`.
pub(super) fn facial_sizes(weights: &TensorSource) -> Result<FacialEncoderConfig> {
    let [text_width] = shape(weights, "fuse_module.layer_norm.weight")?;
    let [first, _] = shape(weights, "fuse_module.mlp1.fc1.weight")?;
    let [second, _] = shape(weights, "fuse_module.mlp2.fc1.weight")?;
    Ok(FacialEncoderConfig {
        visual_projection: ResamplerConfig {
            input: ResamplerInput::Picture,
            ..resampler_sizes(&weights.scoped("visual_projection"))?
        },
        text_width,
        inner_widths: [first, second],
    })
}

fn image_sizes(weights: &TensorSource) -> Result<ImageProjectionConfig> {
    let [outputs, input_width] = shape(weights, "proj.weight")?;
    let [token_width] = shape(weights, "norm.weight")?;
    Ok(ImageProjectionConfig {
        input_width,
        tokens: whole_tokens("proj.weight", outputs, token_width)?,
        token_width,
    })
}

fn face_sizes(weights: &TensorSource) -> Result<FaceProjectionConfig> {
    let [inner_width, input_width] = shape(weights, "proj.0.weight")?;
    let [outputs, _] = shape(weights, "proj.2.weight")?;
    let [token_width] = shape(weights, "norm.weight")?;
    Ok(FaceProjectionConfig {
        input_width,
        inner_width,
        tokens: whole_tokens("proj.2.weight", outputs, token_width)?,
        token_width,
    })
}

fn resampler_sizes(weights: &TensorSource) -> Result<ResamplerConfig> {
    let [_, tokens, _] = shape(weights, "latents")?;
    let perceiver = perceiver_sizes(weights)?;
    let input = match perceiver.context_width {
        FACE_WIDTH => ResamplerInput::Face,
        _ => ResamplerInput::Picture,
    };
    Ok(ResamplerConfig {
        tokens,
        perceiver,
        input,
    })
}

fn perceiver_sizes(weights: &TensorSource) -> Result<PerceiverConfig> {
    let [width, context_width] = shape(weights, "proj_in.weight")?;
    let [output_width, _] = shape(weights, "proj_out.weight")?;
    let layers = (0..)
        .take_while(|layer| weights.contains(&format!("layers.{layer}.0.to_q.weight")))
        .count();
    let [attention_width, _] = shape(weights, "layers.0.0.to_q.weight")?;
    let [inner_width, _] = shape(weights, "layers.0.1.1.weight")?;
    if attention_width == 0 || !attention_width.is_multiple_of(HEAD_WIDTH) {
        let needed = format!("rows for heads {HEAD_WIDTH} wide");
        return Err(Error::shape(
            "layers.0.0.to_q.weight",
            needed,
            attention_width,
        ));
    }
    Ok(PerceiverConfig {
        context_width,
        width,
        attention_width,
        heads: attention_width / HEAD_WIDTH,
        inner_width,
        layers,
        output_width,
    })
}

/// Shape of a tensor of rank `D`.
fn shape<const D: usize>(weights: &TensorSource, name: &str) -> Result<[usize; D]> {
    let found = weights.shape(name).ok_or_else(|| {
        let why = format!("{} lacks it", weights.origin().display());
        Error::invalid(name, why)
    })?;
    <[usize; D]>::try_from(found).map_err(|_| Error::shape(name, format!("{D} axes"), found))
}

fn whole_tokens(name: &str, outputs: usize, token_width: usize) -> Result<usize> {
    if token_width == 0 || outputs == 0 || !outputs.is_multiple_of(token_width) {
        let needed = format!("rows for whole tokens {token_width} wide");
        return Err(Error::shape(name, needed, outputs));
    }
    Ok(outputs / token_width)
}

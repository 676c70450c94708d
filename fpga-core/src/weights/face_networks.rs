//! Face recognition and face parsing networks from the files that people have.
//!
//! InsightFace's ArcFace backbones (`backbone.pth`) and face-parsing.PyTorch's BiSeNet
//! (`79999_iter.pth`) carry no configuration: widths and depths are in the shapes.

use std::path::Path;

use burn::tensor::Device;

use super::decode::Storage;
use super::key_map::KeyMap;
use super::load::load;
use super::source::TensorSource;
use crate::error::{Context, Error, LoadReport, Result};
use crate::face::{ArcFace, ArcFaceConfig, BiSeNet, BiSeNetConfig, ResidualStage};

/// Loads an ArcFace network (IResNet) as InsightFace's PyTorch code saves it.
///
/// # Errors
/// `Io` or `Format` if the file is not a sound checkpoint; `Unsupported` if it holds another network;
/// what [`load`] refuses.
pub fn arcface_from_file(
    path: impl AsRef<Path>,
    storage: Storage,
    device: &Device,
) -> Result<(ArcFace, LoadReport)> {
    let weights = unwrapped(TensorSource::open(path)?);
    let config = arcface_sizes(&weights).context(|| "ArcFace network")?;
    load(
        config.init(device),
        &weights,
        &residual_names(),
        storage,
        device,
    )
    .context(|| "ArcFace network")
}

/// Loads a BiSeNet as face-parsing.PyTorch saves it.
///
/// # Errors
/// As [`arcface_from_file`].
pub fn bisenet_from_file(
    path: impl AsRef<Path>,
    storage: Storage,
    device: &Device,
) -> Result<(BiSeNet, LoadReport)> {
    let weights = unwrapped(TensorSource::open(path)?);
    let config = bisenet_sizes(&weights).context(|| "face parsing network")?;
    load(
        config.init(device),
        &weights,
        &residual_names(),
        storage,
        device,
    )
    .context(|| "face parsing network")
}

/// The spelling of residual networks: a shortcut is a list of convolution and norm.
pub fn residual_names() -> KeyMap {
    KeyMap::new()
        .rename("downsample.conv", "downsample.0")
        .rename("downsample.bn", "downsample.1")
}

fn arcface_sizes(weights: &TensorSource) -> Result<ArcFaceConfig> {
    let stages = stages(weights, "")?;
    let [features, flat] = matrix(weights, "fc.weight")?;
    let width = stages[3].width;
    let grid = (flat / width).isqrt();
    if grid == 0 || width * grid * grid != flat {
        let why = format!("fc.weight takes {flat} values, which is no square of {width} channels");
        return Err(unsupported(weights, why));
    }
    Ok(ArcFaceConfig {
        side: 16 * grid,
        stem_width: outputs(weights, "conv1.weight")?,
        stages,
        features,
    })
}

fn bisenet_sizes(weights: &TensorSource) -> Result<BiSeNetConfig> {
    let width = |name: &str| outputs(weights, &format!("{name}.weight"));
    Ok(BiSeNetConfig {
        stem_width: width("cp.resnet.conv1")?,
        stages: stages(weights, "cp.resnet.")?,
        context_width: width("cp.conv_avg.conv")?,
        fusion_width: width("ffm.convblk.conv")?,
        head_widths: [
            width("conv_out.conv.conv")?,
            width("conv_out16.conv.conv")?,
            width("conv_out32.conv.conv")?,
        ],
        classes: width("conv_out.conv_out")?,
    })
}

/// Blocks and widths of `layer1` to `layer4`.
fn stages(weights: &TensorSource, prefix: &str) -> Result<[ResidualStage; 4]> {
    let stage = |number: usize| {
        let name = |block: usize| format!("{prefix}layer{number}.{block}.conv1.weight");
        let blocks = (0..).take_while(|&block| weights.contains(&name(block)));
        Ok(ResidualStage {
            blocks: blocks.count(),
            width: outputs(weights, &name(0))?,
        })
    };
    Ok([stage(1)?, stage(2)?, stage(3)?, stage(4)?])
}

/// Output channels of a convolution.
fn outputs(weights: &TensorSource, name: &str) -> Result<usize> {
    match weights.shape(name) {
        Some(&[outputs, inputs, _, _]) if outputs > 0 && inputs > 0 => Ok(outputs),
        found => Err(unsupported(weights, needed(name, "a convolution", found))),
    }
}

/// Rows and columns.
fn matrix(weights: &TensorSource, name: &str) -> Result<[usize; 2]> {
    match weights.shape(name) {
        Some(&[rows, columns]) if rows > 0 && columns > 0 => Ok([rows, columns]),
        found => Err(unsupported(weights, needed(name, "a matrix", found))),
    }
}

fn needed(name: &str, what: &str, found: Option<&[usize]>) -> String {
    match found {
        Some(shape) => format!("{name} must be {what}, found {shape:?}"),
        None => format!("{name} is not in it"),
    }
}

fn unsupported(weights: &TensorSource, why: String) -> Error {
    Error::unsupported(weights.origin().display().to_string(), why)
}

/// Training code saves the weights inside a dictionary, or of a network split over devices.
fn unwrapped(source: TensorSource) -> TensorSource {
    ["state_dict", "module"]
        .iter()
        .fold(source, |source, prefix| {
            let inner = source.scoped(prefix);
            if inner.is_empty() { source } else { inner }
        })
}

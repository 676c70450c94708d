//! Files of a RepControlNet, and of what merging one adds.
//!
//! The published layout is flat: diffusers' names with `_rep` behind the layer's own, beside the
//! condition encoder under a ControlNet's name for it. A delta has diffusers' plain names. The header
//! of a `.safetensors` file notes α and β; where none are noted (PyTorch files have no header), the
//! weights were trained as a plain sum, α = β = 1.

use std::collections::BTreeSet;
use std::path::Path;

use burn::tensor::{Device, Tensor};

use super::decode::Storage;
use super::diffusers_names::unet_names;
use super::key_map::KeyMap;
use super::load::load;
use super::save::save_values;
use super::source::TensorSource;
use crate::control::{Coefficients, ConditionEncoder, ModalDelta, ModalLayers, RepControlNet};
use crate::error::{Context, Error, ErrorKind, LoadReport, Mismatch, Result};
use crate::nn::{Flat, ParameterSet, visit_parameters};
use crate::unet::UNet;

/// Where the condition encoder lies.
const ENCODER: &str = "controlnet_cond_embedding";
/// Notes in the header.
const ALPHA: &str = "alpha";
const BETA: &str = "beta";
/// Widest condition encoder that is built: no hostile file may ask for more.
const MAX_WIDTH: usize = 1 << 16;

/// Reads a modality for a UNet of `unet`'s sizes, and what became of every tensor. All the layers of the smallest of
/// [`ModalLayers::ALL`] that has those of the file must be there.
///
/// # Errors
/// As [`TensorSource::open`] and [`load`](super::load()).
pub fn load_rep_controlnet(
    path: impl AsRef<Path>,
    unet: &UNet,
    storage: Storage,
    device: &Device,
) -> Result<(RepControlNet, LoadReport)> {
    rep_controlnet_from_source(&TensorSource::open(path)?, unet, storage, device)
}

/// The same from a checkpoint that was opened before.
///
/// # Errors
/// As [`load`](super::load()).
pub fn rep_controlnet_from_source(
    source: &TensorSource,
    unet: &UNet,
    storage: Storage,
    device: &Device,
) -> Result<(RepControlNet, LoadReport)> {
    let clause = || format!("loading {}", source.origin().display());
    let to = (storage, device);
    let (modal, report) = read_set(source, unet, &rep_names(), to).context(clause)?;
    let encoder = read_encoder(source, to).context(clause)?;
    let coefficients = coefficients(source).context(clause)?;
    let net = RepControlNet::new(encoder, modal, coefficients).context(clause)?;
    Ok((net, report))
}

/// Writes a modality in the published layout, with α and β noted in the header.
///
/// # Errors
/// `Io` if the file cannot be written.
pub fn save_rep_controlnet(net: &RepControlNet, path: &Path, storage: Storage) -> Result<()> {
    let mut values = spelled(net.modal(), &rep_names());
    values.extend(encoder_values(net.encoder()));
    save_values(path, values, &notes(net.coefficients()), storage)
}

/// Reads what merging adds to a UNet of `unet`'s sizes.
///
/// # Errors
/// As [`load_rep_controlnet`].
pub fn load_delta(
    path: impl AsRef<Path>,
    unet: &UNet,
    storage: Storage,
    device: &Device,
) -> Result<(ModalDelta, LoadReport)> {
    delta_from_source(&TensorSource::open(path)?, unet, storage, device)
}

/// The same from a checkpoint that was opened before.
///
/// # Errors
/// As [`load`](super::load()).
pub fn delta_from_source(
    source: &TensorSource,
    unet: &UNet,
    storage: Storage,
    device: &Device,
) -> Result<(ModalDelta, LoadReport)> {
    let clause = || format!("loading {}", source.origin().display());
    let to = (storage, device);
    let (weights, report) = read_set(source, unet, &unet_names(), to).context(clause)?;
    let delta = ModalDelta {
        weights,
        encoder: read_encoder(source, to).context(clause)?,
        coefficients: coefficients(source).context(clause)?,
    };
    Ok((delta, report))
}

/// Writes what merging adds, with diffusers' names.
///
/// # Errors
/// `Io` if the file cannot be written.
pub fn save_delta(delta: &ModalDelta, path: &Path, storage: Storage) -> Result<()> {
    let mut values = spelled(&delta.weights, &unet_names());
    values.extend(encoder_values(&delta.encoder));
    save_values(path, values, &notes(delta.coefficients), storage)
}

/// Diffusers' names with `_rep` behind the name of each layer.
fn rep_names() -> KeyMap {
    let layers = [
        "conv1",
        "conv2",
        "conv_shortcut",
        "proj_in",
        "proj_out",
        "to_q",
        "to_k",
        "to_v",
        "to_out",
    ];
    let map = layers.into_iter().fold(unet_names(), |map, layer| {
        map.rename(layer, &format!("{layer}_rep"))
    });
    map.rename("ff.net", "ff.net_rep") // behind the sequence, not behind its layers
}

/// The values of all those parameters of `unet` that may have a copy and that `source` holds.
fn read_set(
    source: &TensorSource,
    unet: &UNet,
    map: &KeyMap,
    (storage, device): (Storage, &Device),
) -> Result<(ParameterSet, LoadReport)> {
    let mut report = LoadReport::default();
    let mut wanted = Vec::new();
    visit_parameters(unet, |path, shape, _| {
        let key = map.key(path);
        let copied = ModalLayers::Full.include(path);
        let Some(found) = source.shape(key.name()).filter(|_| copied) else {
            return;
        };
        if found == shape {
            report.applied.push(key.name().to_owned());
            wanted.push((path.to_owned(), key, shape.to_vec()));
        } else {
            report.mismatched.push(Mismatch {
                name: key.name().to_owned(),
                expected: shape.to_vec(),
                found: found.to_vec(),
            });
        }
    });
    let used: BTreeSet<&str> = report.applied.iter().map(String::as_str).collect();
    let encoder = format!("{ENCODER}.");
    let unused = source
        .names()
        .filter(|name| !used.contains(name) && !name.starts_with(&encoder));
    report.unused = unused.map(str::to_owned).collect();

    let found: BTreeSet<&str> = wanted.iter().map(|(path, ..)| path.as_str()).collect();
    report.missing = missing(unet, &found, map);
    if !report.is_complete() {
        return Err(Error::new(ErrorKind::Weights(report)));
    }

    let mut set = ParameterSet::default();
    for (path, key, shape) in wanted {
        let data = source.read_shaped(&key, storage, &[shape.iter().product()])?;
        let dtype = data.dtype();
        set.insert(path, Tensor::from_data(data, (device, dtype)), shape);
    }
    Ok((set, report))
}

/// Parameters that the file's own kind of copy needs, and does not hold.
fn missing(unet: &UNet, found: &BTreeSet<&str>, names: &KeyMap) -> Vec<String> {
    let has_all = |kind: &ModalLayers| found.iter().all(|path| kind.include(path));
    let kind = ModalLayers::ALL.into_iter().find(has_all);
    let kind = kind.unwrap_or(ModalLayers::Full);
    let mut missing = Vec::new();
    visit_parameters(unet, |path, _, _| {
        if kind.include(path) && !found.contains(path) {
            missing.push(names.key(path).to_string());
        }
    });
    missing
}

/// The condition encoder; its sizes are those of its tensors.
fn read_encoder(
    source: &TensorSource,
    (storage, device): (Storage, &Device),
) -> Result<ConditionEncoder> {
    let source = source.scoped(ENCODER);
    let size = |layer: &str| -> Result<[usize; 2]> {
        let name = format!("{layer}.weight");
        let shape = source.shape(&name).unwrap_or_default();
        match *shape {
            [outputs, inputs, 3, 3] if outputs.max(inputs) <= MAX_WIDTH => Ok([outputs, inputs]),
            _ => {
                let name = format!("{ENCODER}.{name}");
                Err(Error::shape(name, "[out, in, 3, 3]", shape))
            }
        }
    };
    let [first, inputs] = size("conv_in")?;
    let [outputs, _] = size("conv_out")?;
    let mut widths = vec![first];
    while source.contains(&format!("blocks.{}.weight", 2 * widths.len() - 1)) {
        widths.push(size(&format!("blocks.{}", 2 * widths.len() - 1))?[0]);
    }
    let encoder = ConditionEncoder::new(inputs, &widths, outputs, device);
    Ok(load(encoder, &source, &KeyMap::new(), storage, device)?.0)
}

fn spelled(set: &ParameterSet, map: &KeyMap) -> Vec<(String, Flat)> {
    let spelled = |(path, flat): (&str, &Flat)| (map.key(path).name().to_owned(), flat.clone());
    set.iter().map(spelled).collect()
}

fn encoder_values(encoder: &ConditionEncoder) -> Vec<(String, Flat)> {
    spelled(
        &ParameterSet::of(encoder, |_| true),
        &KeyMap::new().prefix("", ENCODER),
    )
}

fn notes(coefficients: Coefficients) -> [(&'static str, String); 2] {
    let Coefficients { alpha, beta } = coefficients;
    [(ALPHA, alpha.to_string()), (BETA, beta.to_string())]
}

fn coefficients(source: &TensorSource) -> Result<Coefficients> {
    let number = |key: &str| -> Result<Option<f64>> {
        let Some(note) = source.note(key) else {
            return Ok(None);
        };
        let number = note.parse::<f64>().ok().filter(|number| number.is_finite());
        let why = || format!("notes {key} {note:?} in its header; needed is a number");
        let number = number.ok_or_else(|| Error::format(source.origin(), why()))?;
        Ok(Some(number))
    };
    match (number(ALPHA)?, number(BETA)?) {
        (Some(alpha), Some(beta)) => Ok(Coefficients { alpha, beta }),
        (None, None) => Ok(Coefficients::PUBLISHED),
        _ => Err(Error::format(
            source.origin(),
            "notes only one of alpha and beta",
        )),
    }
}

//! One prediction of a UNet in which people have their places.

use std::path::PathBuf;

use burn::tensor::Device;
use fpga_core::error::Context;
use fpga_core::identity::{Identity, IdentitySet, RegionMask};
use fpga_core::weights::{Storage, TensorSource, identity_attention};
use fpga_core::{Error, Result};
use ndarray::Array2;
use serde::Deserialize;

use super::unet::Common;
use crate::parity::case::Case;
use crate::parity::tensors::Tensors;

/// One strength for all, or one each.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scales {
    All(f64),
    Each(Vec<f64>),
}

/// `sample` from what a UNet needs, tokens `[k, n, d]` and masks `[k, H, W]`.
pub(super) fn mgmica(case: &Case, device: &Device) -> Result<Tensors> {
    let Common {
        latents,
        timesteps,
        conditioning,
    } = Common::read(&case.inputs, device)?;
    let unet = case.unet(device)?;
    let [rows, _, height, width] = latents.dims();
    unet.check(latents.dims(), &conditioning, None)?;

    let section = adapter_section(&adapter_path(case)?)?;
    let (adapter, _) = identity_attention(&section, unet.config(), Storage::AsStored, device)?;
    // People may share a place here: what a case expects is arithmetic, not a sensible picture.
    let people = IdentitySet::blending(people(case, rows, device)?)?;
    let prepared = unet.prepare_identities(&adapter, &people, [height, width])?;
    let conditioning = unet.prepare(&conditioning).with_identities(prepared)?;

    let mut outputs = Tensors::default();
    let noise = unet.forward(latents, timesteps, &conditioning, None);
    outputs.push_tensor("sample", noise);
    Ok(outputs)
}

/// Every person, with the same tokens in every row of the batch.
fn people(case: &Case, rows: usize, device: &Device) -> Result<Vec<Identity>> {
    let tokens = case.inputs.tensor::<3>("identity_tokens", device)?;
    let [count, ..] = tokens.dims();
    let masks = masks(&case.inputs, count)?;
    let strengths = match case.setting_or("scales", Scales::All(1.0))? {
        Scales::All(strength) => vec![strength; count],
        Scales::Each(strengths) => strengths,
    };
    if strengths.len() != count {
        let expected = format!("one per person ({count})");
        return Err(Error::shape("case.json, scales", expected, strengths.len()));
    }
    let person = |(index, (mask, strength)): (usize, (Array2<f32>, f64))| {
        let tokens = tokens.clone().narrow(0, index, 1).repeat_dim(0, rows);
        let region = RegionMask::new(mask).context(|| format!("identity {index}"))?;
        Ok(Identity {
            strength,
            ..Identity::new(tokens, region)
        })
    };
    masks
        .into_iter()
        .zip(strengths)
        .enumerate()
        .map(person)
        .collect()
}

fn masks(inputs: &Tensors, people: usize) -> Result<Vec<Array2<f32>>> {
    let name = "identity_masks";
    let absent = || Error::invalid("input identity_masks", "is needed, and is absent");
    let masks = inputs.get(name).ok_or_else(absent)?;
    let [count, height, width] = masks.shape[..] else {
        return Err(Error::shape("input identity_masks", "3 axes", &masks.shape));
    };
    if count != people || height * width == 0 {
        let expected = format!("[{people}, H, W], one per person");
        return Err(Error::shape("input identity_masks", expected, &masks.shape));
    }
    let mask = |values: &[f64]| {
        let values = values.iter().map(|&value| value as f32).collect();
        Array2::from_shape_vec((height, width), values).expect("a chunk of height × width values")
    };
    Ok(masks.values.chunks(height * width).map(mask).collect())
}

/// The file that the key `adapter` names, or the only checkpoint in the folder that it names.
pub(super) fn adapter_path(case: &Case) -> Result<PathBuf> {
    let path = case.folder.join(case.setting::<String>("adapter")?);
    if !path.is_dir() {
        return Ok(path);
    }
    let failed = |error| Error::io(&path, error);
    let mut files = Vec::new();
    for entry in path.read_dir().map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        let ending = file.extension().and_then(|ending| ending.to_str());
        if ending.is_some_and(|ending| ["safetensors", "bin", "pt", "pth"].contains(&ending)) {
            files.push(file);
        }
    }
    match <[PathBuf; 1]>::try_from(files) {
        Ok([file]) => Ok(file),
        Err(files) => {
            let why = format!("needs one checkpoint, found {}", files.len());
            Err(Error::format(path, why))
        }
    }
}

/// The projections below `ip_adapter.`, or those of a file that holds nothing else.
fn adapter_section(path: &std::path::Path) -> Result<TensorSource> {
    let file = TensorSource::open(path)?;
    let section = file.scoped("ip_adapter");
    Ok(if section.is_empty() { file } else { section })
}

//! Pictures to latents and back.

use std::path::PathBuf;

use anyhow::Result;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use fpga_core::Error;
use fpga_core::nn::randomize;
use fpga_core::train::Computed;
use fpga_core::vae::{AutoencoderKl, VaeConfig, picture_to_tensor, tensor_to_pictures};
use fpga_core::weights::{Storage, save, save_json, vae_names};
use image::imageops::crop_imm;
use rayon::prelude::*;

use crate::people::{Numbers, group};
use crate::recipe::{
    HELD_OUT, SEED, SIDE, STRANGERS, TRAINED, VAE_BATCH, VAE_LOSS, VAE_RATE, VAE_SIDE, VAE_STEPS,
    course, vae,
};
use crate::stage::Place;

/// Trains it; gives back what was written.
pub(crate) fn train(place: &Place, device: &Device) -> Result<Vec<PathBuf>> {
    let model = VaeConfig::from_json(&vae())?.init(&device.clone().autodiff());
    let source = Computed::new(|at| cut_outs(at, device));
    let shown = held_out(4, device)?;
    let draw = |model: &AutoencoderKl| {
        let latents = model.encode(shown.clone()).mean;
        tensor_to_pictures(Tensor::cat(vec![shown.clone(), model.decode(latents)], 2))
    };
    let start = (VAE_LOSS, randomize(model, SEED), source);
    let Some(model) = place.train(start, course(VAE_STEPS, VAE_RATE), draw)? else {
        return Ok(Vec::new());
    };
    let model = model.valid();
    let pictures = held_out(32, device)?;
    let latents = model.encode(pictures.clone()).mean;
    let error = (model.decode(latents.clone()).clamp(-1.0, 1.0) - pictures)
        .square()
        .mean();
    let noise = f64::from(error.into_scalar::<f32>());
    println!(
        "held-out pictures come back at {:.2} dB",
        -10.0 * (noise / 4.0).log10()
    );

    let mut config = vae();
    let deviation = f64::from(latents.square().mean().sqrt().into_scalar::<f32>());
    config["scaling_factor"] = (1.0 / deviation).into();
    let folder = place.into.join("vae");
    std::fs::create_dir_all(&folder)?;
    let [sizes, weights] =
        ["config.json", "diffusion_pytorch_model.safetensors"].map(|name| folder.join(name));
    save_json(&config, &sizes)?;
    save(&model, &vae_names(), &weights, Storage::F16)?;
    Ok(vec![sizes, weights])
}

/// `[b, 3, side, side]`: a piece of a group picture each.
fn cut_outs(at: u64, device: &Device) -> Result<Tensor<4>, Error> {
    let piece = |index| {
        let numbers = &mut Numbers::new(at, index);
        let drawing = group(numbers, &TRAINED, SIDE)?.0.draw()?;
        let [x, y] = [0, 1].map(|_| numbers.below(u64::from(SIDE - VAE_SIDE) + 1) as u32);
        let piece = crop_imm(&drawing.picture, x, y, VAE_SIDE, VAE_SIDE).to_image();
        Ok(picture_to_tensor(&piece, device))
    };
    let pieces = (0..VAE_BATCH)
        .into_par_iter()
        .map(piece)
        .collect::<Result<Vec<_>, Error>>()?;
    Ok(Tensor::cat(pieces, 0))
}

/// `[count, 3, side, side]`: groups of people that are never trained on.
fn held_out(count: u64, device: &Device) -> Result<Tensor<4>, Error> {
    let picture = |index| {
        let (scene, _) = group(&mut Numbers::new(HELD_OUT, index), &STRANGERS, SIDE)?;
        let drawing = scene.draw()?;
        Ok(picture_to_tensor(&drawing.picture, device))
    };
    let pictures = (0..count).map(picture).collect::<Result<_, Error>>()?;
    Ok(Tensor::cat(pictures, 0))
}

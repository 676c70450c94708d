//! Model folders: sizes from `config.json`, weights from the files beside it.

use std::fs;
use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use fpga_core::control::{ControlNet, ControlNetConfig};
use fpga_core::text::{ClipText, ClipTextConfig};
use fpga_core::unet::{UNet, UNetConfig};
use fpga_core::vae::{AutoencoderKl, VaeConfig};
use fpga_core::vision::{ClipVision, ClipVisionConfig};
use fpga_core::weights::{KeyMap, Storage, TensorSource, load};
use fpga_core::{Error, Result};
use serde_json::Value;

fn config(folder: &Path) -> Result<Value> {
    let path = folder.join("config.json");
    let text = fs::read_to_string(&path).map_err(|error| Error::io(&path, error))?;
    serde_json::from_str(&text).map_err(|error| Error::format(&path, "not JSON").with_source(error))
}

fn filled<M: Module>(module: M, folder: &Path, map: &KeyMap, device: &Device) -> Result<M> {
    for name in [
        "diffusion_pytorch_model.safetensors",
        "diffusion_pytorch_model.safetensors.index.json",
        "diffusion_pytorch_model.fp16.safetensors",
        "diffusion_pytorch_model.bin",
        "model.safetensors",
        "pytorch_model.bin",
    ] {
        let path = folder.join(name);
        if path.is_file() {
            let source = TensorSource::open(path)?;
            return Ok(load(module, &source, map, Storage::AsStored, device)?.0);
        }
    }
    Err(Error::format(folder, "no weights"))
}

fn diffusers() -> KeyMap {
    KeyMap::new()
        .prefix("encoder", "")
        .rename("to_out", "to_out.0")
        .rename("ff.proj", "ff.net.0.proj")
        .rename("ff.out", "ff.net.2")
        .rename("downsampler", "downsamplers.0")
        .rename("upsampler", "upsamplers.0")
}

pub(super) fn unet(folder: &Path, device: &Device) -> Result<UNet> {
    filled(
        UNetConfig::from_json(&config(folder)?)?.init(device)?,
        folder,
        &diffusers(),
        device,
    )
}

pub(super) fn controlnet(folder: &Path, device: &Device) -> Result<ControlNet> {
    filled(
        ControlNetConfig::from_json(&config(folder)?)?.init(device)?,
        folder,
        &diffusers(),
        device,
    )
}

pub(super) fn vae(folder: &Path, device: &Device) -> Result<AutoencoderKl> {
    let map = KeyMap::new()
        .rename("downsampler", "downsamplers.0")
        .rename("upsampler", "upsamplers.0")
        .rename("to_out", "to_out.0")
        .or_rename("to_q", "query")
        .or_rename("to_k", "key")
        .or_rename("to_v", "value")
        .or_rename("to_out.0", "proj_attn");
    filled(
        VaeConfig::from_json(&config(folder)?)?.init(device),
        folder,
        &map,
        device,
    )
}

pub(super) fn clip_text(folder: &Path, device: &Device) -> Result<ClipText> {
    let map = KeyMap::new().or_prefix("text_model", "");
    filled(
        ClipTextConfig::from_json(&config(folder)?)?.init(device),
        folder,
        &map,
        device,
    )
}

pub(super) fn clip_vision(folder: &Path, device: &Device) -> Result<ClipVision> {
    let map = KeyMap::new().or_prefix("vision_model", "");
    filled(
        ClipVisionConfig::from_json(&config(folder)?)?.init(device),
        folder,
        &map,
        device,
    )
}

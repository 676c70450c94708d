//! A small Stable Diffusion model in the diffusers layout, with random weights.
//!
//! Real configs, the real loader, the real code path; only the weights mean nothing.

use std::fs;
use std::path::Path;

use anyhow::Result;
use burn::module::Module;
use burn::tensor::Device;
use fpga_core::nn::randomize;
use fpga_core::text::ClipTextConfig;
use fpga_core::unet::UNetConfig;
use fpga_core::vae::VaeConfig;
use fpga_core::weights::{KeyMap, Storage, clip_text_names, save, unet_names, vae_names};
use serde_json::{Value, json};

/// Writes `unet`, `vae`, `text_encoder`, `tokenizer`, `scheduler` and `model_index.json`.
pub(crate) fn write(folder: &Path, device: &Device) -> Result<()> {
    let unet = json!({
        "_class_name": "UNet2DConditionModel", "in_channels": 4, "out_channels": 4,
        "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
        "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
        "block_out_channels": [32, 64], "layers_per_block": 1, "norm_num_groups": 8,
        "cross_attention_dim": 32, "attention_head_dim": 4,
    });
    let vae = json!({
        "_class_name": "AutoencoderKL", "latent_channels": 4,
        "down_block_types": vec!["DownEncoderBlock2D"; 4],
        "up_block_types": vec!["UpDecoderBlock2D"; 4],
        "block_out_channels": [16, 32, 32, 32], "layers_per_block": 1, "norm_num_groups": 8,
        "scaling_factor": 0.18215,
    });
    let text = json!({
        "architectures": ["CLIPTextModel"], "vocab_size": 514, "hidden_size": 32,
        "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
        "max_position_embeddings": 77, "hidden_act": "quick_gelu", "projection_dim": 32,
        "bos_token_id": 512, "eos_token_id": 513,
    });
    let part = |name: &str| folder.join(name);

    let network = randomize(UNetConfig::from_json(&unet)?.init(device)?, 1);
    write_network(&part("unet"), &unet, network, &unet_names())?;
    let network = randomize(VaeConfig::from_json(&vae)?.init(device), 2);
    write_network(&part("vae"), &vae, network, &vae_names())?;
    let network = randomize(ClipTextConfig::from_json(&text)?.init(device), 3);
    write_network(&part("text_encoder"), &text, network, &clip_text_names())?;

    write_tokenizer(&part("tokenizer"))?;
    fs::create_dir_all(part("scheduler"))?;
    let schedule = json!({
        "_class_name": "DDIMScheduler", "beta_start": 0.00085, "beta_end": 0.012,
        "beta_schedule": "scaled_linear", "clip_sample": false, "set_alpha_to_one": false,
        "steps_offset": 1,
    });
    write_json(&part("scheduler").join("scheduler_config.json"), &schedule)?;
    let index = json!({ "_class_name": "StableDiffusionPipeline" });
    write_json(&part("model_index.json"), &index)
}

fn write_network<M: Module>(
    folder: &Path,
    config: &Value,
    module: M,
    names: &KeyMap,
) -> Result<()> {
    fs::create_dir_all(folder)?;
    write_json(&folder.join("config.json"), config)?;
    let file = match config.get("architectures") {
        Some(_) => "model.safetensors",
        None => "diffusion_pytorch_model.safetensors",
    };
    Ok(save(&module, names, &folder.join(file), Storage::F32)?)
}

/// Byte pairs without a single merge: every byte is a token, alone and at the end of a word.
fn write_tokenizer(folder: &Path) -> Result<()> {
    let bytes: Vec<char> = byte_letters();
    let words = bytes.iter().map(|letter| letter.to_string());
    let ends = bytes.iter().map(|letter| format!("{letter}</w>"));
    let special = ["<|startoftext|>", "<|endoftext|>"].map(str::to_owned);
    let vocabulary: serde_json::Map<String, Value> = words
        .chain(ends)
        .chain(special)
        .zip(0..)
        .map(|(token, id)| (token, json!(id)))
        .collect();
    fs::create_dir_all(folder)?;
    write_json(&folder.join("vocab.json"), &vocabulary.into())?;
    fs::write(folder.join("merges.txt"), "#version: 0.2\n")?;
    let config = json!({ "model_max_length": 77, "pad_token": "<|endoftext|>" });
    write_json(&folder.join("tokenizer_config.json"), &config)
}

/// The letter that stands for each byte in a byte-level vocabulary: itself where it can be printed,
/// else the next free one from 256 on.
fn byte_letters() -> Vec<char> {
    let printable = |byte: u32| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let (own, other): (Vec<u32>, Vec<u32>) = (0..256).partition(|&byte| printable(byte));
    let free = 256..256 + other.len() as u32;
    own.into_iter()
        .chain(free)
        .filter_map(char::from_u32)
        .collect()
}

fn write_json(path: &Path, value: &Value) -> Result<()> {
    Ok(fs::write(path, serde_json::to_string_pretty(value)?)?)
}

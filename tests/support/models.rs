//! Small models with random weights, written where a test wants them.
//!
//! Real configurations, real loaders, real code paths; only the weights mean nothing.

use std::fs;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::Device;
use fpga_core::control::{
    Coefficients, ConditionEncoder, ControlNetConfig, ModalLayers, RepControlNet,
};
use fpga_core::nn::{ParameterSet, randomize};
use fpga_core::text::ClipTextConfig;
use fpga_core::unet::UNetConfig;
use fpga_core::vae::VaeConfig;
use fpga_core::weights::{
    KeyMap, ModelFolder, Storage, clip_text_names, ldm_unet_names, ldm_vae_names, save,
    save_rep_controlnet, unet_names,
};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use serde_json::{Value, json};

/// Where the fixtures lie.
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// A whole model as diffusers writes it: what the fixture of text-to-image lacks comes from those of
/// prompts.
pub fn write_folder(folder: &Path) {
    for (from, to) in [
        ("txt2img/ddim/unet", "unet"),
        ("txt2img/ddim/vae", "vae"),
        ("txt2img/ddim/scheduler", "scheduler"),
        ("clip_prompt/text_encoder", "text_encoder"),
        ("clip_tokenizer/sd1", "tokenizer"),
    ] {
        copy_files(from, &folder.join(to));
    }
    let index = fixtures().join("txt2img/ddim/model_index.json");
    fs::copy(index, folder.join("model_index.json")).expect("a writable folder");
}

/// An SDXL without text models: it reads tokens of 12 numbers and pooled text of 10.
pub fn write_sdxl_folder(folder: &Path) {
    for (from, to) in [
        ("unet/sdxl/unet", "unet"),
        ("txt2img/ddim/vae", "vae"),
        ("txt2img/ddim/scheduler", "scheduler"),
    ] {
        copy_files(from, &folder.join(to));
    }
    let index = json!({
        "_class_name": "StableDiffusionXLPipeline",
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "scheduler": ["diffusers", "DDIMScheduler"],
    });
    write_json(&folder.join("model_index.json"), &index);
}

/// A ControlNet that fits the model of [`write_folder`], as diffusers writes it.
pub fn write_controlnet(folder: &Path, seed: u64) {
    let config = json!({
        "_class_name": "ControlNetModel", "in_channels": 4, "conditioning_channels": 3,
        "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
        "block_out_channels": [8, 12], "layers_per_block": 1, "norm_num_groups": 4,
        "cross_attention_dim": 12, "attention_head_dim": 2,
        "conditioning_embedding_out_channels": [4, 6],
    });
    let parsed = ControlNetConfig::from_json(&config).expect("a sound config");
    let network = randomize(parsed.init(&Device::flex()).expect("a sound config"), seed);
    fs::create_dir_all(folder).expect("a writable folder");
    write_json(&folder.join("config.json"), &config);
    let file = folder.join("diffusion_pytorch_model.safetensors");
    save(&network, &unet_names(), &file, Storage::F32).expect("a writable folder");
}

/// A FaceID file for the model of [`write_folder`], for embeddings of six numbers: the projections of a
/// reference case, and a projector with weights that mean nothing.
pub fn write_adapter(file: &Path) {
    let people = fs::read(fixtures().join("people/people.safetensors")).expect("a fixture");
    let people = SafeTensors::deserialize(&people).expect("a sound fixture");
    let mut all: Vec<(String, TensorView<'_>)> = Vec::new();
    for (name, view) in people.tensors() {
        if let Some(name) = name.strip_prefix("adapter.ip_adapter.") {
            all.push((format!("ip_adapter.{name}"), view));
        }
    }
    let shapes: [(&str, &[usize]); 6] = [
        ("proj.0.weight", &[12, 6]),
        ("proj.0.bias", &[12]),
        ("proj.2.weight", &[48, 12]),
        ("proj.2.bias", &[48]),
        ("norm.weight", &[12]),
        ("norm.bias", &[12]),
    ];
    let values = shapes.map(|(name, shape)| {
        let salt = name.len() as f32;
        let value = |index: usize| ((index as f32 + salt) * 1.7).sin();
        let count = shape.iter().product();
        let bytes = (0..count).flat_map(|index| value(index).to_le_bytes());
        (name, shape, bytes.collect::<Vec<_>>())
    });
    for (name, shape, bytes) in &values {
        let view = TensorView::new(Dtype::F32, shape.to_vec(), bytes).expect("as many bytes");
        all.push((format!("image_proj.{name}"), view));
    }
    let bytes = serialize(all, None).expect("sound tensors");
    fs::write(file, bytes).expect("a writable folder");
}

/// A LoRA in kohya's spelling for the model of [`write_folder`]: it changes one weight of the UNet and one
/// of the text model.
pub fn write_lora(file: &Path) {
    let unet = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q";
    let text = "lora_te_text_model_encoder_layers_0_self_attn_q_proj";
    let mut values = Vec::new();
    for (weight, width) in [(unet, 8), (text, 12)] {
        values.push((format!("{weight}.lora_down.weight"), vec![2, width]));
        values.push((format!("{weight}.lora_up.weight"), vec![width, 2]));
    }
    fs::write(file, waves(&values)).expect("a writable folder");
}

/// The file of [`write_adapter`], with a LoRA as face adapters have it.
pub fn write_adapter_with_lora(file: &Path) {
    write_adapter(file);
    let lora = waves(&[
        ("ip_adapter.0.to_q_lora.down.weight".to_owned(), vec![2, 8]),
        ("ip_adapter.0.to_q_lora.up.weight".to_owned(), vec![8, 2]),
    ]);
    let plain = fs::read(file).expect("just written");
    let parts = [&plain, &lora].map(|bytes| SafeTensors::deserialize(bytes).expect("just written"));
    let all = parts.iter().flat_map(SafeTensors::tensors);
    fs::write(file, serialize(all, None).expect("sound tensors")).expect("a writable folder");
}

/// A RepControlNet for the model of [`write_folder`] whose weights mean nothing.
pub fn write_rep_controlnet(file: &Path) {
    let device = Device::flex();
    let folder = ModelFolder::open(fixtures().join("txt2img/ddim/unet"), None).expect("a fixture");
    let (unet, _) = folder.unet(Storage::F32, &device).expect("a sound fixture");
    let encoder = randomize(ConditionEncoder::new(3, &[4, 6], 8, &device), 3);
    let modal = ParameterSet::of(&unet, |path| ModalLayers::Lite.include(path));
    let modal = modal.mapped(|_, values| values.sin() * 0.3);
    let coefficients = Coefficients {
        alpha: 0.9,
        beta: 1.0,
    };
    let net = RepControlNet::new(encoder, modal, coefficients).expect("sound parts");
    save_rep_controlnet(&net, file, Storage::F32).expect("a writable folder");
}

/// The bytes of a file with tensors of these shapes.
fn waves(values: &[(String, Vec<usize>)]) -> Vec<u8> {
    let wave = |(name, shape): &(String, Vec<usize>)| {
        let value = |index: usize| ((index + name.len()) as f32 * 1.7).sin();
        let count = shape.iter().product();
        let bytes: Vec<u8> = (0..count).flat_map(|at| value(at).to_le_bytes()).collect();
        (name.clone(), shape.clone(), bytes)
    };
    let all: Vec<_> = values.iter().map(wave).collect();
    let views = all.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).expect("as many bytes");
        (name.clone(), view)
    });
    serialize(views, None).expect("sound tensors")
}

/// The bytes of a whole Stable Diffusion 1 in one file, in the original layout; its tokens are those of
/// [`write_folder`]'s tokenizer.
pub fn single_file() -> Vec<u8> {
    let device = Device::flex();
    let unet = json!({
        "_class_name": "UNet2DConditionModel", "in_channels": 4, "out_channels": 4,
        "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
        "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
        "block_out_channels": [32, 64], "layers_per_block": 1, "norm_num_groups": 32,
        "cross_attention_dim": 768, "attention_head_dim": 8,
    });
    let vae = json!({
        "_class_name": "AutoencoderKL", "latent_channels": 4,
        "down_block_types": vec!["DownEncoderBlock2D"; 2],
        "up_block_types": vec!["UpDecoderBlock2D"; 2],
        "block_out_channels": [32, 32], "layers_per_block": 1, "norm_num_groups": 32,
    });
    let text = json!({
        "architectures": ["CLIPTextModel"], "vocab_size": 1024, "hidden_size": 768,
        "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 12,
        "max_position_embeddings": 77, "hidden_act": "quick_gelu",
    });
    let unet = UNetConfig::from_json(&unet).expect("a sound config");
    let names = ldm_unet_names(&unet);
    let unet = stored(unet.init(&device).expect("a sound config"), 1, &names);
    let vae = VaeConfig::from_json(&vae).expect("a sound config");
    let names = ldm_vae_names(&vae);
    let vae = stored(vae.init(&device), 2, &names);
    let text = ClipTextConfig::from_json(&text).expect("a sound config");
    let text = stored(text.init(&device), 3, &clip_text_names());
    merged(&[
        ("model.diffusion_model", &unet),
        ("first_stage_model", &vae),
        ("cond_stage_model.transformer", &text),
    ])
}

/// The bytes of a file with random weights.
fn stored<M: Module>(module: M, seed: u64, names: &KeyMap) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("part.safetensors");
    save(&randomize(module, seed), names, &file, Storage::F16).expect("a writable folder");
    fs::read(file).expect("just written")
}

fn merged(parts: &[(&str, &Vec<u8>)]) -> Vec<u8> {
    let mut all: Vec<(String, TensorView<'_>)> = Vec::new();
    for (prefix, bytes) in parts {
        let file = SafeTensors::deserialize(bytes).expect("just written");
        let named = |(name, view)| (format!("{prefix}.{name}"), view);
        all.extend(file.tensors().into_iter().map(named));
    }
    serialize(all, None).expect("sound tensors")
}

/// Copies a fixture's files.
fn copy_files(from: &str, to: &Path) {
    fs::create_dir_all(to).expect("a writable folder");
    for file in fs::read_dir(fixtures().join(from)).expect("a fixture") {
        let file = file.expect("a readable fixture");
        fs::copy(file.path(), to.join(file.file_name())).expect("a writable folder");
    }
}

fn write_json(path: &Path, value: &Value) {
    fs::write(path, value.to_string()).expect("a writable folder");
}

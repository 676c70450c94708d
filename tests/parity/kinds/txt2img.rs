//! Encoded prompts to pictures, with a whole model.

use burn::tensor::Device;
use fpga_core::control::ControlNet;
use fpga_core::diffusion::Guidance;
use fpga_core::pipeline::{
    Canvas, Control, ControlMode, GenerateRequest, LoadOptions, Monitor, PortraitGenerator, Prompt,
    StableDiffusion, tensor_to_pictures, to_unit_range,
};
use fpga_core::weights::ModelFolder;
use fpga_core::{Result, RgbImage};
use serde::Deserialize;

use crate::parity::case::Case;
use crate::parity::tensors::Tensors;

/// `latents` and `image` from `prompt_embeds` and `negative_prompt_embeds`.
pub(super) fn txt2img(case: &Case, device: &Device) -> Result<Tensors> {
    let embedded = |name: &str| -> Result<Prompt> {
        Ok(Prompt::Embedded {
            context: case.inputs.tensor(name, device)?,
            pooled: None,
        })
    };
    let canvas = Canvas::Blank {
        width: case.setting("width")?,
        height: case.setting("height")?,
    };
    let prompt = embedded("prompt_embeds")?;
    let guess = case.setting_or("guess_mode", false)?;
    let mut request = GenerateRequest::new(prompt.clone(), canvas);
    request.steps = case.setting("num_inference_steps")?;
    request.guidance = Guidance::new(case.setting("guidance_scale")?);
    request.negative_prompt = match request.guidance.needs_unconditional() {
        true => embedded("negative_prompt_embeds")?,
        false => prompt,
    };
    request.seed = Some(case.setting("seed")?);
    let entries: Vec<ControlEntry> = case.setting_or("controlnets", Vec::new())?;
    let controls = read_controls(case, &entries, device)?;
    request.controls = controls
        .iter()
        .zip(&entries)
        .map(|((net, condition), entry)| Control {
            net,
            condition,
            scale: entry.scale,
            window: (entry.start, entry.end),
            mode: match guess {
                true => ControlMode::Guess,
                false => ControlMode::Balanced,
            },
        })
        .collect();

    let options = LoadOptions {
        storage: case.storage,
        precision: case.precision,
        ..LoadOptions::default()
    };
    let model = StableDiffusion::load(case.model_path()?, &options, device)?;
    let generator = PortraitGenerator::new(&model);
    let latents = generator.sample(&request, &mut Monitor::none())?.latents;
    let mut outputs = Tensors::default();
    outputs.push_tensor("latents", latents.clone());
    outputs.push_tensor("image", to_unit_range(generator.decode(latents)));
    Ok(outputs)
}

/// One of `case.json`'s ControlNets.
#[derive(Deserialize)]
struct ControlEntry {
    model: String,
    scale: f64,
    start: f64,
    end: f64,
}

/// Each network with its picture, `controlnet_cond.{i}`.
fn read_controls(
    case: &Case,
    entries: &[ControlEntry],
    device: &Device,
) -> Result<Vec<(ControlNet, RgbImage)>> {
    let read = |(index, entry): (usize, &ControlEntry)| {
        let folder = ModelFolder::open(case.folder.join(&entry.model), None)?;
        let net = case.controlnet(&folder, device)?;
        let values = case
            .inputs
            .tensor::<4>(&format!("controlnet_cond.{index}"), device)?;
        let mut pictures = tensor_to_pictures(values * 2.0 - 1.0)?;
        Ok((net, pictures.swap_remove(0)))
    };
    entries.iter().enumerate().map(read).collect()
}

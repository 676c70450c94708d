//! Encoded prompts to pictures, with a whole model.

use burn::tensor::Device;
use fpga_core::Result;
use fpga_core::diffusion::Guidance;
use fpga_core::pipeline::{
    Canvas, GenerateRequest, LoadOptions, Monitor, PortraitGenerator, Prompt, StableDiffusion,
    to_unit_range,
};

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
    let mut request = GenerateRequest::new(prompt.clone(), canvas);
    request.steps = case.setting("num_inference_steps")?;
    request.guidance = Guidance::new(case.setting("guidance_scale")?);
    request.negative_prompt = match request.guidance.needs_unconditional() {
        true => embedded("negative_prompt_embeds")?,
        false => prompt,
    };
    request.seed = Some(case.setting("seed")?);

    let model = StableDiffusion::load(case.model_path()?, &LoadOptions::default(), device)?;
    let generator = PortraitGenerator::new(&model);
    let latents = generator.sample(&request, &mut Monitor::none())?.latents;
    let mut outputs = Tensors::default();
    outputs.push_tensor("latents", latents.clone());
    outputs.push_tensor("image", to_unit_range(generator.decode(latents)));
    Ok(outputs)
}

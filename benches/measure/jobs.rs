//! Whole jobs, run for their memory more than for their time.

#[cfg(feature = "train")]
use burn::tensor::Device;
use fpga_benches::Output;
use fpga_core::diffusion::{NoiseSource, TorchCpuNoise};
use fpga_core::error::{Error, Result};
use fpga_core::pipeline::{
    Canvas, GenerateRequest, LoadOptions, Monitor, PortraitGenerator, Prompt, StableDiffusion,
};
use fpga_core::text::{LongPrompt, PromptEmbedding};
use fpga_core::vae::Tiling;

use crate::Run;
use crate::parts::Source;

/// Prompt to picture at 512×512, two steps: what a step allocates, every later one does as well.
/// The text model goes once it has read the prompt.
pub(crate) fn generate(source: &Source<'_>) -> Result<Run> {
    let options = LoadOptions {
        storage: source.storage,
        variant: source.variant.map(str::to_owned),
        ..LoadOptions::default()
    };
    let mut model = StableDiffusion::load(source.folder, &options, source.device)?;
    let text = model.text.take();
    let text = text.ok_or_else(|| Error::invalid("tokenizer", "not in the model folder"))?;
    let [prompt, negative] = text.encode("two friends", "", LongPrompt::default())?;
    drop(text);
    let embedded = |text: PromptEmbedding| Prompt::Embedded {
        context: text.context,
        pooled: None,
    };
    let (prompt, negative_prompt) = (embedded(prompt), embedded(negative));
    Ok(Box::new(move |_| {
        let (width, height) = (512, 512);
        let request = GenerateRequest {
            steps: 2,
            seed: Some(0),
            negative_prompt: negative_prompt.clone(),
            ..GenerateRequest::new(prompt.clone(), Canvas::Blank { width, height })
        };
        let generated =
            PortraitGenerator::new(&model).generate(&request, &mut Monitor::default())?;
        let bytes = generated
            .pictures
            .into_iter()
            .flat_map(|picture| picture.into_raw());
        Ok(Output::Values(bytes.map(f32::from).collect()))
    }))
}

/// The decoder on a 2048×2048 picture, in tiles of the usual size.
pub(crate) fn vae2048(source: &Source<'_>) -> Result<Run> {
    let (vae, _) = source.open("vae")?.vae(source.storage, source.device)?;
    let latents = TorchCpuNoise::new(0).latents([1, 4, 256, 256], source.device);
    Ok(Box::new(move |_| {
        let go_on = |_, _| Ok(());
        let picture = vae.decode_tiled(latents.clone(), Tiling::default(), go_on)?;
        Ok(Output::Map(picture))
    }))
}

/// One training step; its result is the loss.
#[cfg(feature = "train")]
pub(crate) fn train(device: &Device) -> Result<Run> {
    let step = fpga_benches::TrainingStep::new(device)?;
    Ok(Box::new(move |_| {
        let loss = step.forward();
        drop(loss.backward());
        Ok(Output::Values(vec![loss.into_scalar()]))
    }))
}

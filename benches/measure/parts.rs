//! The networks of a model folder and single operations, as runs.

use std::collections::HashMap;
use std::path::Path;

use burn::tensor::Device;
use fpga_benches::{ClipTextInput, Op, Output, UNetInput};
use fpga_core::diffusion::{NoiseSource, TorchCpuNoise};
use fpga_core::error::{Error, Result};
use fpga_core::weights::{ModelFolder, Storage};

use crate::Run;

/// Where networks come from and how they are kept.
pub(crate) struct Source<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) variant: Option<&'static str>,
    pub(crate) storage: Storage,
    pub(crate) device: &'a Device,
}

impl<'a> Source<'a> {
    pub(crate) fn new(folder: &'a Path, half: bool, device: &'a Device) -> Self {
        let (storage, variant) = match half {
            true => (Storage::F16, Some("fp16")),
            false => (Storage::F32, None),
        };
        Self {
            folder,
            variant,
            storage,
            device,
        }
    }

    pub(crate) fn open(&self, name: &str) -> Result<ModelFolder> {
        ModelFolder::open(self.folder.join(name), self.variant)
    }
}

/// Any operation that [`Op`] can name; built when it is first asked for.
pub(crate) fn ops(device: &Device) -> Run {
    let device = device.clone();
    let mut built: HashMap<String, Box<dyn Fn() -> Output>> = HashMap::new();
    Box::new(move |name| {
        if let Some(run) = built.get(name) {
            return Ok(run());
        }
        let run = name.parse::<Op>()?.build(&device);
        let output = run();
        built.insert(name.to_owned(), run);
        Ok(output)
    })
}

/// One network; its only run has whatever name.
pub(crate) fn load(source: &Source<'_>, part: &str) -> Result<Run> {
    let (storage, device) = (source.storage, source.device);
    match part {
        "unet" => {
            let (unet, _) = source.open("unet")?.unet(storage, device)?;
            let input = UNetInput::draw(device);
            let conditioning = unet.prepare(&input.conditioning);
            Ok(Box::new(move |_| {
                let (latents, timesteps) = (input.latents.clone(), input.timesteps.clone());
                let output = unet.forward(latents, timesteps, &conditioning, None);
                Ok(Output::Map(output))
            }))
        }
        "control" => {
            let (unet, _) = source.open("unet")?.unet(storage, device)?;
            let (net, _) = source.open("controlnet")?.controlnet(storage, device)?;
            let input = UNetInput::draw(device);
            // Once per job: condition and text are the same in every step.
            let hint = net.encode_condition(input.condition.clone());
            let (spoken, read) = (
                net.prepare(&input.conditioning),
                unet.prepare(&input.conditioning),
            );
            Ok(Box::new(move |_| {
                let (latents, timesteps) = (input.latents.clone(), input.timesteps.clone());
                let residuals =
                    net.forward(latents.clone(), timesteps.clone(), &spoken, hint.clone());
                let output = unet.forward(latents, timesteps, &read, Some(&residuals));
                Ok(Output::Map(output))
            }))
        }
        "vae" => {
            let (vae, _) = source.open("vae")?.vae(storage, device)?;
            let latents = TorchCpuNoise::new(0).latents([1, 4, 64, 64], device);
            Ok(Box::new(move |_| {
                Ok(Output::Map(vae.decode(latents.clone())))
            }))
        }
        "text" => {
            let (text, _) = source.open("text_encoder")?.clip_text(storage, device)?;
            let ids = ClipTextInput::new(device).ids;
            Ok(Box::new(move |_| {
                let output = text.forward(ids.clone());
                Ok(Output::Tokens(output.last_hidden_state))
            }))
        }
        "vision" => {
            let (vision, _) = source.open("image_encoder")?.clip_vision(storage, device)?;
            let pixels = TorchCpuNoise::new(0).latents([1, 3, 224, 224], device);
            Ok(Box::new(move |_| {
                let output = vision.forward(pixels.clone());
                Ok(Output::Tokens(output.last_hidden_state))
            }))
        }
        other => Err(Error::invalid("part", format!("no such part: {other}"))),
    }
}

//! Times one part of a model on demand, so that a script can alternate it with its peers.
//!
//! `measure FOLDER unet|control|vae|text [--f16]` loads the part, prints `ready`, and then answers
//! every line on standard input with the seconds of one run. `control` is UNet and ControlNet.

use std::io::BufRead;
use std::path::Path;
use std::time::Instant;

use burn::tensor::{Device, Int, Tensor, TensorData};
use fpga_core::diffusion::{NoiseSource, TorchCpuNoise};
use fpga_core::error::{Error, Result};
use fpga_core::pipeline::DeviceChoice;
use fpga_core::unet::Conditioning;
use fpga_core::weights::{ModelFolder, Storage};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (half, words): (Vec<_>, Vec<_>) = arguments.iter().partition(|word| *word == "--f16");
    let [folder, part] = words[..] else {
        return Err(Error::invalid(
            "arguments",
            "usage: measure FOLDER unet|control|vae|text [--f16]",
        ));
    };
    let (storage, variant) = match half.is_empty() {
        true => (Storage::F32, None),
        false => (Storage::F16, Some("fp16")),
    };
    let model = Parts {
        folder: Path::new(folder),
        variant,
        storage,
        device: DeviceChoice::Cpu.open()?,
    };
    let run = model.load(part)?;

    println!("ready");
    for line in std::io::stdin().lock().lines() {
        line.map_err(|error| Error::io("standard input", error))?;
        let start = Instant::now();
        run();
        println!("{}", start.elapsed().as_secs_f64());
    }
    Ok(())
}

/// Where the parts of the model come from.
struct Parts<'a> {
    folder: &'a Path,
    variant: Option<&'a str>,
    storage: Storage,
    device: Device,
}

impl Parts<'_> {
    /// A closure that runs the part once on fixed inputs.
    fn load(&self, part: &str) -> Result<Box<dyn Fn()>> {
        let device = &self.device;
        let mut noise = TorchCpuNoise::new(0);
        let latents = noise.latents([2, 4, 64, 64], device);
        let timesteps = Tensor::<1>::from_floats([501.0, 501.0], device);
        let context = TensorData::new(noise.normal(2 * 77 * 768), [2, 77, 768]);
        let conditioning = Conditioning::text(Tensor::from_data(context, device));
        match part {
            "unet" => {
                let (unet, _) = self.open("unet")?.unet(self.storage, device)?;
                let conditioning = unet.prepare(&conditioning);
                Ok(Box::new(move || {
                    wait(unet.forward(latents.clone(), timesteps.clone(), &conditioning, None));
                }))
            }
            "control" => {
                let (unet, _) = self.open("unet")?.unet(self.storage, device)?;
                let (net, _) = self.open("controlnet")?.controlnet(self.storage, device)?;
                let hint = net.encode_condition(noise.latents([2, 3, 512, 512], device));
                let (spoken, read) = (net.prepare(&conditioning), unet.prepare(&conditioning));
                Ok(Box::new(move || {
                    let (latents, timesteps) = (latents.clone(), timesteps.clone());
                    let residuals =
                        net.forward(latents.clone(), timesteps.clone(), &spoken, hint.clone());
                    wait(unet.forward(latents, timesteps, &read, Some(&residuals)));
                }))
            }
            "vae" => {
                let (vae, _) = self.open("vae")?.vae(self.storage, device)?;
                let latents = noise.latents([1, 4, 64, 64], device);
                Ok(Box::new(move || wait(vae.decode(latents.clone()))))
            }
            "text" => {
                let (text, _) = self.open("text_encoder")?.clip_text(self.storage, device)?;
                let ids: Vec<i64> = (0..2 * 77).map(|index| (index * 311) % 49_408).collect();
                let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, [2, 77]), device);
                Ok(Box::new(move || {
                    wait(text.forward(ids.clone()).last_hidden_state)
                }))
            }
            other => Err(Error::invalid(
                "part",
                format!("unet, control, vae or text, found {other}"),
            )),
        }
    }

    fn open(&self, name: &str) -> Result<ModelFolder> {
        ModelFolder::open(self.folder.join(name), self.variant)
    }
}

/// Brings one number back, so that devices that compute in the background are done.
fn wait<const D: usize>(tensor: Tensor<D>) {
    let sum: f32 = tensor.sum().into_scalar();
    assert!(sum.is_finite(), "the network made NaN or infinity");
}

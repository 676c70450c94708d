//! The steps of a sampler along stored model outputs, and of DDIM inversion.

use burn::tensor::{Device, Tensor};
use fpga_core::diffusion::ScheduleConfig;
use fpga_core::sampler::{DdimInversion, Sampler, SamplerKind};
use fpga_core::{Context, Result};
use serde_json::Value;

use crate::parity::case::Case;
use crate::parity::tensors::{Array, Tensors};

/// `timesteps`, and `model_input.{i}` and `prev_sample.{i}` for every step.
pub(super) fn scheduler(case: &Case, device: &Device) -> Result<Tensors> {
    let config: Value = case.setting("config")?;
    let config = ScheduleConfig::from_json(&config.to_string()).context(|| "case.json, config")?;
    let count: usize = case.setting("num_inference_steps")?;
    let name: String = case.setting("scheduler")?;
    let steps = Steps { case, device };
    if name == "ddim_inverse" {
        let inversion = DdimInversion::with_class_defaults(&config, count)?;
        let latents = case.inputs.tensor("sample", device)?;
        return steps.walk(
            inversion.timesteps(),
            latents,
            |step, output, latents, _| {
                let moved = inversion.step(step, output, latents.clone())?;
                Ok((latents, moved.latents))
            },
        );
    }

    let mut kind: SamplerKind = name.parse().context(|| "case.json, scheduler")?;
    if let SamplerKind::Ddim { eta } = &mut kind {
        *eta = case.setting_or("eta", *eta)?;
    }
    let mut sampler = Sampler::new(kind, &config, count)?;
    let latents = match case.setting_or::<Option<f64>>("strength", None)? {
        None => case.inputs.tensor("sample", device)?,
        Some(strength) => {
            sampler = sampler.starting_at(strength)?;
            let clean = case.inputs.tensor("clean", device)?;
            sampler.add_noise(clean, case.inputs.tensor("initial_noise", device)?)
        }
    };
    let timesteps = sampler.timesteps().to_vec();
    steps.walk(&timesteps, latents, |step, output, latents, noise| {
        let input = sampler.scale_input(latents.clone(), step);
        Ok((input, sampler.step(step, output, latents, noise)?.latents))
    })
}

/// What all steps read from.
struct Steps<'a> {
    case: &'a Case,
    device: &'a Device,
}

impl Steps<'_> {
    /// `advance` makes one step of index, model output, latents and noise, and returns the model's
    /// input and the next latents.
    fn walk(
        &self,
        timesteps: &[f64],
        mut latents: Tensor<4>,
        mut advance: impl FnMut(
            usize,
            Tensor<4>,
            Tensor<4>,
            Option<Tensor<4>>,
        ) -> Result<(Tensor<4>, Tensor<4>)>,
    ) -> Result<Tensors> {
        let mut outputs = Tensors::default();
        let (shape, values) = (vec![timesteps.len()], timesteps.to_vec());
        outputs.push("timesteps", Array { shape, values });
        outputs.push_tensor("sample", latents.clone());
        for step in 0..timesteps.len() {
            let inputs = &self.case.inputs;
            let output = inputs.tensor(&format!("model_output.{step}"), self.device)?;
            let noise = inputs.optional(&format!("noise.{step}"), self.device)?;
            let (input, next) =
                advance(step, output, latents, noise).context(|| format!("step {step}"))?;
            outputs.push_tensor(format!("model_input.{step}"), input);
            outputs.push_tensor(format!("prev_sample.{step}"), next.clone());
            latents = next;
        }
        Ok(outputs)
    }
}

//! Pictures of what a model can do by now, drawn while it trains.

use std::fmt;

use burn::tensor::{Device, Tensor};
use image::RgbImage;

use super::batch::DiffusionBatch;
use super::objective::on_graph;
use super::trainee::{Inputs, Trainee};
use crate::diffusion::{DdimPlan, Guidance, NoiseSource, PhiloxNoise, ScheduleConfig, ddim_step};
use crate::error::{Error, Result};
use crate::train::Watch;
use crate::vae::{AutoencoderKl, tensor_to_pictures};

/// Draws the same scene again and again, from the same noise, so that pictures of different steps show
/// what was learned in between. One picture per row of the scene.
pub struct Samples {
    vae: AutoencoderKl,
    /// Text, people and condition pictures; of the latents only the shape counts.
    scene: DiffusionBatch,
    /// The empty prompt `[1, n, width]`, which guidance starts from.
    empty_text: Tensor<3>,
    plan: DdimPlan,
    guidance: Guidance,
    seed: u64,
}

impl Samples {
    /// Samples of `scene` by DDIM, with the noise of seed 0 and a guidance of 5.
    ///
    /// # Errors
    /// `empty_text` does not fit the scene's text, or `steps` the schedule.
    pub fn new(
        vae: AutoencoderKl,
        scene: DiffusionBatch,
        empty_text: Tensor<3>,
        schedule: &ScheduleConfig,
        steps: usize,
    ) -> Result<Self> {
        scene.check()?;
        vae.check_latents(scene.latents.dims())?;
        let [_, tokens, width] = scene.conditioning.context.dims();
        if empty_text.dims() != [1, tokens, width] {
            let needed = format!("[1, {tokens}, {width}] like the scene's text");
            return Err(Error::shape("empty text", needed, empty_text.dims()));
        }
        Ok(Self {
            vae,
            scene,
            empty_text,
            plan: DdimPlan::for_latents(schedule, steps)?,
            guidance: Guidance::new(5.0),
            seed: 0,
        })
    }

    /// With another guidance; 1 does without.
    #[must_use]
    pub fn guided(self, guidance: Guidance) -> Self {
        Self { guidance, ..self }
    }

    /// From other noise.
    #[must_use]
    pub fn seeded(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// What `model` makes of the scene by now.
    ///
    /// # Errors
    /// A scene that does not fit the model, or pictures that are not finite.
    pub fn draw(&self, model: &Trainee) -> Result<Vec<RgbImage>> {
        let device = model.device();
        let scene = on_graph(self.scene.clone(), &device);
        let nothing = self.without_conditions(&scene, &device);
        let mut noise = PhiloxNoise::new(self.seed);
        let mut latents = noise.latents(scene.latents.dims(), &device);
        for &pair in &self.plan.pairs {
            let timestep = pair.from.timestep;
            let conditional = predict(model, &scene, &latents, timestep)?;
            let output = match self.guidance.needs_unconditional() {
                true => {
                    let unconditional = predict(model, &nothing, &latents, timestep)?;
                    self.guidance.apply(unconditional, conditional)
                }
                false => conditional,
            };
            let split = self.plan.split(output, latents, pair);
            latents = ddim_step(split, pair, 0.0);
        }
        let vae_device = self.scene.latents.device().without_autodiff();
        let latents = latents.without_autodiff().to_device(&vae_device);
        tensor_to_pictures(self.vae.decode(self.vae.unscale(latents)))
    }

    /// The scene with neither words nor people; condition pictures stay.
    fn without_conditions(&self, scene: &DiffusionBatch, device: &Device) -> DiffusionBatch {
        let mut nothing = scene.clone();
        let context = &nothing.conditioning.context;
        let empty = self.empty_text.clone().to_device(device);
        nothing.conditioning.context = empty.expand(context.dims());
        if let Some(added) = &mut nothing.conditioning.added {
            added.text_embeds = added.text_embeds.zeros_like();
        }
        nothing.faces.iter_mut().for_each(Vec::clear);
        nothing.parts.iter_mut().for_each(Vec::clear);
        nothing
    }
}

impl Watch<Trainee> for Samples {
    fn sample(&mut self, model: &Trainee, _step: u64) -> Result<Vec<RgbImage>> {
        self.draw(model)
    }
}

impl fmt::Debug for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Samples")
            .field("pictures", &self.scene.len())
            .field("steps", &self.plan.pairs.len())
            .field("guidance", &self.guidance)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

fn predict(
    model: &Trainee,
    scene: &DiffusionBatch,
    latents: &Tensor<4>,
    timestep: f64,
) -> Result<Tensor<4>> {
    let inputs = Inputs {
        batch: DiffusionBatch {
            latents: latents.clone(),
            ..scene.clone()
        },
        timesteps: Tensor::full([scene.len()], timestep, &latents.device()),
        watch: None,
    };
    Ok(model.predict(&inputs)?.output)
}

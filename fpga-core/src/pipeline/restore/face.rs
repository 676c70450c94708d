//! One face: from its crop to noise, and back to a changed crop (DIIR).
//!
//! `z₀` is the scaled mean of the autoencoder, so that nothing here is random. The way to noise knows
//! only what the picture shows; the way back knows what it shall show, and whatever the mask does not
//! cover is put back on the way after every step.

use burn::tensor::{Device, Tensor, TensorData};
use image::RgbImage;
use ndarray::Array3;

use super::report::RoundTrip;
use super::request::{Plan, RestoreRequest, Target, Task};
use crate::diffusion::Guidance;
use crate::error::Result;
use crate::face::{ColourShift, match_colour};
use crate::pipeline::guided::{Guided, GuidedDenoiser};
use crate::pipeline::job::{Monitor, Phase, Progress};
use crate::pipeline::model::StableDiffusion;
use crate::pipeline::prompt::PromptPair;
use crate::pipeline::watch::{Part, watch_part};
use crate::sampler::{Regeneration, Trajectory, invert_ddim, regenerate};
use crate::vae::{host_values, mask_to_tensor};

/// A changed crop, and what was measured on the way.
pub(super) struct Candidate {
    /// `[size, size, 3]`, levels 0–255.
    pub(super) crop: Array3<f32>,
    pub(super) round_trip: Option<RoundTrip>,
    pub(super) colour: Option<ColourShift>,
}

/// One face with everything that its way needs, checked.
pub(super) struct FaceWay<'a> {
    model: &'a StableDiffusion,
    pub(super) request: &'a RestoreRequest<'a>,
    plan: &'a Plan,
    pub(super) task: &'a Task,
    /// Asked on the way to noise.
    neutral: GuidedDenoiser<'a>,
    /// Asked on the way back.
    guided: GuidedDenoiser<'a>,
}

impl<'a> FaceWay<'a> {
    /// # Errors
    /// The prompts, the crop's size, the person's tokens or the landmark ControlNet do not fit the
    /// networks.
    pub(super) fn new(
        model: &'a StableDiffusion,
        request: &'a RestoreRequest<'a>,
        (plan, task): (&'a Plan, &'a Task),
        (source, target): (PromptPair, Target),
    ) -> Result<Self> {
        let size = task.crop.size() as usize;
        model.vae.check_picture([1, 3, size, size])?;
        let channels = model.vae.config().latent_channels;
        let (height, width) = task.latent_mask(model)?.dim();
        let shape = [1, channels, height, width];
        let neutral = Guided::new(&model.unet, source, Guidance::new(1.0))?;

        let timesteps = plan.timesteps_back();
        let mut guided = Guided::new(&model.unet, target.prompts, request.guidance)?;
        if let Some((step, prompts)) = target.change {
            guided = guided.with_prompts_from(step, prompts)?;
        }
        let person = request.person(task, guided.is_guided())?;
        let landmarks = request.landmark_hint(task, (&model.device, &timesteps))?;
        let guided = guided
            .with_timesteps(&timesteps)
            .with_people(person)
            .with_controls(landmarks.into_iter().collect());
        Ok(Self {
            model,
            request,
            plan,
            task,
            neutral: neutral.ready_for(shape)?,
            guided: guided.ready_for(shape)?,
        })
    }

    /// Changes the face as `picture` shows it, and leaves the picture as it is.
    ///
    /// # Errors
    /// NaN or infinity out of a network, or a cancel.
    pub(super) fn change(
        &mut self,
        picture: &RgbImage,
        seed: u64,
        monitor: &mut Monitor<'_>,
    ) -> Result<Candidate> {
        let face = Some(self.task.index);
        let say = |phase, step| Progress::new(phase, step, 1).of_face(face);
        monitor.report(&say(Phase::Encode, 0))?;
        let original = self.task.crop.extract(picture)?;
        let clean = self.encode(&original)?;
        monitor.report(&say(Phase::Encode, 1))?;

        let trajectory = self.invert(clean, monitor)?;
        let round_trip = match self.request.measure_round_trip {
            true => Some(self.round_trip(&trajectory, &original, monitor)?),
            false => None,
        };
        let latents = self.regenerate(trajectory, seed, monitor)?;

        monitor.report(&say(Phase::Decode, 0))?;
        let mut crop = self.decode(latents, "restored face")?;
        let mask = self.task.mask.in_crop(&self.task.crop);
        let colour = match_colour(&mut crop, &original, &mask)?;
        monitor.report(&say(Phase::Decode, 1))?;
        Ok(Candidate {
            crop,
            round_trip,
            colour,
        })
    }

    fn invert(&mut self, clean: Tensor<4>, monitor: &mut Monitor<'_>) -> Result<Trajectory> {
        let part = self.part(Phase::Invert, 0);
        let watch = &mut watch_part(monitor, &self.model.preview, part);
        let (inversion, depth) = (&self.plan.inversion, self.request.depth);
        invert_ddim(&mut self.neutral, clean, inversion, depth, watch)
    }

    /// How well the way back leads without guidance and with nothing put back.
    fn round_trip(
        &mut self,
        trajectory: &Trajectory,
        original: &Array3<f32>,
        monitor: &mut Monitor<'_>,
    ) -> Result<RoundTrip> {
        let part = self.part(Phase::Invert, self.plan.steps);
        let watch = &mut watch_part(monitor, &self.model.preview, part);
        let [_, _, height, width] = trajectory.clean().dims();
        let mask = Tensor::ones([1, 1, height, width], &self.model.device);
        let everywhere = Regeneration {
            mask,
            depth: self.request.depth,
        };
        let latents = regenerate(&mut self.neutral, trajectory, &everywhere, watch)?;
        let clean = host_values(trajectory.clean().clone(), "latents of the face")?;
        let back = host_values(latents.clone(), "round trip")?;
        Ok(RoundTrip {
            latent_error: relative_error(&back, &clean),
            psnr: psnr(&self.decode(latents, "round trip")?, original),
        })
    }

    fn regenerate(
        &mut self,
        trajectory: Trajectory,
        seed: u64,
        monitor: &mut Monitor<'_>,
    ) -> Result<Tensor<4>> {
        let (device, variation) = (&self.model.device, self.request.variation);
        let trajectory = match variation > 0.0 {
            true => {
                let mut noise = self.request.noise.source(seed);
                let fresh = noise.latents(trajectory.clean().dims(), device);
                trajectory.with_fresh_noise(fresh, variation)?
            }
            false => trajectory,
        };
        let mask = mask_to_tensor(&self.task.latent_mask(self.model)?, device);
        let inside = Regeneration {
            mask,
            depth: self.request.depth,
        };
        let part = self.part(Phase::Denoise, 0);
        let watch = &mut watch_part(monitor, &self.model.preview, part);
        regenerate(&mut self.guided, &trajectory, &inside, watch)
    }

    /// The steps of this face's `phase` of which `done` were made before; measuring the round trip
    /// counts as inverting.
    fn part(&self, phase: Phase, done: usize) -> Part {
        let ways = if phase == Phase::Invert && self.request.measure_round_trip {
            2
        } else {
            1
        };
        Part {
            phase,
            face: Some(self.task.index),
            done,
            total: ways * self.plan.steps,
        }
    }

    fn encode(&self, crop: &Array3<f32>) -> Result<Tensor<4>> {
        let vae = &self.model.vae;
        let latents = vae.scale(vae.encode(crop_to_tensor(crop, &self.model.device)).mean);
        host_values(latents.clone(), "latents of the face")?;
        Ok(latents)
    }

    fn decode(&self, latents: Tensor<4>, what: &str) -> Result<Array3<f32>> {
        let vae = &self.model.vae;
        tensor_to_crop(vae.decode(vae.unscale(latents)), what)
    }
}

/// `[h, w, 3]` in levels to `[1, 3, h, w]` in −1..1.
fn crop_to_tensor(crop: &Array3<f32>, device: &Device) -> Tensor<4> {
    let (height, width, _) = crop.dim();
    let planes = crop.view().permuted_axes([2, 0, 1]);
    let values: Vec<f32> = planes.iter().map(|level| level / 127.5 - 1.0).collect();
    Tensor::from_data(TensorData::new(values, [1, 3, height, width]), device)
}

/// The way back, clamped to 0–255.
fn tensor_to_crop(picture: Tensor<4>, what: &str) -> Result<Array3<f32>> {
    let [_, _, height, width] = picture.dims();
    let values = host_values(picture, what)?;
    Ok(Array3::from_shape_fn(
        (height, width, 3),
        |(y, x, channel)| {
            let value = values[(channel * height + y) * width + x];
            (value * 127.5 + 127.5).clamp(0.0, 255.0)
        },
    ))
}

/// Peak signal-to-noise ratio in dB of levels 0–255, at most 100.
fn psnr(one: &Array3<f32>, other: &Array3<f32>) -> f64 {
    let squares = one.iter().zip(other).map(|(p, q)| f64::from(p - q).powi(2));
    let error = squares.sum::<f64>() / one.len() as f64;
    (10.0 * (255.0 * 255.0 / error).log10()).min(100.0)
}

/// ‖found − wanted‖ / ‖wanted‖.
fn relative_error(found: &[f32], wanted: &[f32]) -> f64 {
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let gaps = found.iter().zip(wanted).map(|(f, w)| f64::from(f - w));
    norm(&mut { gaps }) / norm(&mut wanted.iter().copied().map(f64::from))
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use ndarray::Array2;
    use safetensors::SafeTensors;

    use super::*;
    use crate::face::{CropSettings, FaceBox};
    use crate::pipeline::model::LoadOptions;
    use crate::pipeline::prompt::Prompt;
    use crate::pipeline::restore::{Face, Gate};

    fn fixture(path: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../tests/fixtures")
            .join(path)
    }

    fn tensor(path: &str, name: &str) -> (Vec<usize>, Vec<f32>) {
        let bytes = std::fs::read(fixture(path)).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let view = tensors.tensor(name).unwrap();
        let (numbers, _) = view.data().as_chunks::<4>();
        let numbers = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes));
        (view.shape().to_vec(), numbers.collect())
    }

    fn prompt(name: &str) -> Prompt {
        let (shape, values) = tensor("diir/inputs.safetensors", name);
        let context = Tensor::from_data(TensorData::new(values, shape), &Device::flex());
        Prompt::Embedded {
            context,
            pooled: None,
        }
    }

    /// Mask, steps, prompts and guidance, from the crop to the decoded face.
    #[test]
    fn every_stage_equals_the_reference() {
        let folder = fixture("txt2img/ddim");
        let model =
            StableDiffusion::load(folder, &LoadOptions::default(), &Device::flex()).unwrap();
        let photograph = image::open(fixture("pictures/astronaut.png"))
            .unwrap()
            .to_rgb8();
        let picture = image::imageops::crop_imm(&photograph, 110, 95, 32, 32).to_image();
        let mask = Array2::from_shape_fn((32, 32), |(_, x)| if x < 16 { 1.0 } else { 0.0 });
        let face = Face {
            mask: Some(mask),
            ..Face::new(FaceBox::new(0.0, 0.0, 32.0, 32.0).unwrap())
        };
        let request = RestoreRequest {
            negative_prompt: prompt("negative"),
            source_prompt: Some(prompt("source")),
            steps: 5,
            fixed_point_iterations: 0,
            guidance: Guidance::new(4.0),
            crop: CropSettings {
                size: 32,
                reach: 1.0,
                ..CropSettings::default()
            },
            feather: 0.0,
            gate: Gate::OPEN,
            ..RestoreRequest::new(&picture, vec![face], prompt("target"))
        };
        let plan = request.check(&model).unwrap();
        let source = request.encode_source(&model).unwrap();
        let target = request.encode_target(&model, &request.prompt).unwrap();
        let job = (&plan, &plan.tasks[0]);
        let mut way = FaceWay::new(&model, &request, job, (source, target)).unwrap();

        let check = |found: Vec<f32>, name: &str| {
            let (_, wanted) = tensor("diir/expected.safetensors", name);
            assert_eq!(found.len(), wanted.len(), "{name}");
            let error = relative_error(&found, &wanted);
            assert!(error < 1e-4, "{name}: {error}");
        };
        let values = |latents: &Tensor<4>| host_values(latents.clone(), "latents").unwrap();
        let monitor = &mut Monitor::none();
        let clean = way
            .encode(&plan.tasks[0].crop.extract(&picture).unwrap())
            .unwrap();
        check(values(&clean), "clean");
        let trajectory = way.invert(clean, monitor).unwrap();
        check(values(trajectory.noisiest()), "noisiest");
        let latents = way.regenerate(trajectory, 0, monitor).unwrap();
        check(values(&latents), "regenerated");
        let decoded = model.vae.decode(model.vae.unscale(latents.clone()));
        check(values(&decoded), "picture");
        let crop = way.decode(latents, "face").unwrap();
        let levels = values(&decoded)
            .into_iter()
            .map(|v| (v * 127.5 + 127.5).clamp(0.0, 255.0));
        let planes: Vec<f32> = crop.permuted_axes([2, 0, 1]).iter().copied().collect();
        assert_eq!(planes, Vec::from_iter(levels));
    }

    #[test]
    fn levels_survive_the_tensor() {
        let crop =
            Array3::from_shape_fn((2, 5, 3), |(y, x, c)| (y * 100 + x * 30 + c) as f32 + 0.25);
        let tensor = crop_to_tensor(&crop, &Device::flex());
        assert_eq!(tensor.dims(), [1, 3, 2, 5]);
        let back = tensor_to_crop(tensor, "crop").unwrap();
        let worst = back
            .iter()
            .zip(&crop)
            .map(|(p, q)| (p - q).abs())
            .fold(0.0, f32::max);
        assert!(worst < 1e-4, "{worst}");
    }

    #[test]
    fn relative_error_of_known_vectors() {
        assert_eq!(relative_error(&[3.0, 4.0], &[3.0, 4.0]), 0.0);
        assert!((relative_error(&[6.0, 4.0], &[3.0, 4.0]) - 0.6).abs() < 1e-12);
    }

    #[test]
    fn psnr_of_known_errors() {
        let black = Array3::zeros((4, 4, 3));
        assert_eq!(psnr(&black, &black), 100.0);
        assert!((psnr(&black, &(&black + 255.0))).abs() < 1e-12);
        assert!((psnr(&black, &(&black + 1.0)) - 48.1308).abs() < 1e-4);
    }
}

//! Text to picture, picture to picture, and repainting inside a mask.
//!
//! The three differ only in the [`Canvas`]: where the latents start, and what is put back. Draws of
//! noise come in the order of the reference pipelines, so that one seed gives the same picture.

use burn::tensor::Tensor;
use image::RgbImage;
use serde::Serialize;

use super::canvas::{Canvas, PreparedCanvas};
use super::guided::{ActiveControl, Guided};
use super::job::{Level, Monitor, Phase, Progress};
use super::model::StableDiffusion;
use super::picture::{picture_to_tensor, tensor_to_pictures};
use super::prompt::{Prompt, encode_prompts};
use super::seed::{NoiseKind, resolve_seed};
use super::watch::watch_steps;
use crate::control::ControlNet;
use crate::diffusion::Guidance;
use crate::error::{Context, Error, Result};
use crate::sampler::{Sampler, SamplerKind, sample, sample_within};
use crate::text::LongPrompt;
use crate::vae::Tiling;

/// Spatial guidance of one ControlNet.
#[derive(Clone, Debug)]
pub struct Control<'a> {
    /// The network.
    pub net: &'a ControlNet,
    /// Skeleton, landmarks or whatever it was trained on; as large as the picture.
    pub condition: &'a RgbImage,
    /// 1 as trained, 0 silent.
    pub scale: f64,
    /// Share of the steps at which it starts and ends to speak: `(0.0, 1.0)` for all.
    pub window: (f64, f64),
}

/// One job of a [`PortraitGenerator`].
#[derive(Clone, Debug)]
pub struct GenerateRequest<'a> {
    /// What the picture shows.
    pub prompt: Prompt,
    /// What it does not show.
    pub negative_prompt: Prompt,
    /// Prompts beyond 77 tokens.
    pub long_prompt: LongPrompt,
    /// What to start from.
    pub canvas: Canvas<'a>,
    /// How many pictures of each prompt.
    pub count: usize,
    /// Denoising steps of the whole schedule.
    pub steps: usize,
    /// How strongly the prompt pulls; 7.5 is usual, 1 or less leaves the negative prompt out.
    pub guidance: Guidance,
    /// `None`: the one that the model names.
    pub sampler: Option<SamplerKind>,
    /// `None`: a fresh one, reported in the result.
    pub seed: Option<u64>,
    /// Whose random numbers.
    pub noise: NoiseKind,
    /// Decodes tile by tile, for pictures whose whole would not fit into memory.
    pub tiling: Option<Tiling>,
    /// ControlNets, summed.
    pub controls: Vec<Control<'a>>,
}

impl<'a> GenerateRequest<'a> {
    /// 30 steps, guidance 7.5, everything else as the model wants it.
    pub fn new(prompt: impl Into<Prompt>, canvas: Canvas<'a>) -> Self {
        Self {
            prompt: prompt.into(),
            negative_prompt: Prompt::from(""),
            long_prompt: LongPrompt::default(),
            canvas,
            count: 1,
            steps: 30,
            guidance: Guidance::new(7.5),
            sampler: None,
            seed: None,
            noise: NoiseKind::default(),
            tiling: None,
            controls: Vec::new(),
        }
    }
}

/// Latents as the sampler left them.
#[derive(Clone, Debug)]
pub struct Sampled {
    /// `[b, c, h, w]`, scaled as the UNet sees them.
    pub latents: Tensor<4>,
    /// The seed that was used.
    pub seed: u64,
}

/// Result of a job.
#[derive(Clone, Debug, Serialize)]
pub struct Generated {
    /// As many as asked for.
    #[serde(skip)]
    pub pictures: Vec<RgbImage>,
    /// The seed that was used.
    pub seed: u64,
    /// Denoising steps that were made.
    pub steps: usize,
    /// Seconds from request to pictures.
    pub seconds: f64,
}

/// Makes pictures with one model.
#[derive(Clone, Copy, Debug)]
pub struct PortraitGenerator<'m> {
    model: &'m StableDiffusion,
}

impl<'m> PortraitGenerator<'m> {
    /// Borrows the model for any number of jobs.
    pub fn new(model: &'m StableDiffusion) -> Self {
        Self { model }
    }

    /// Runs a job.
    ///
    /// # Errors
    /// Anything in the request that does not fit the model, NaN in the result, or a cancel.
    pub fn generate(
        &self,
        request: &GenerateRequest<'_>,
        monitor: &mut Monitor<'_>,
    ) -> Result<Generated> {
        let start = std::time::Instant::now();
        let Sampled { latents, seed } = self.sample(request, monitor)?;
        monitor.report(&Progress::new(Phase::Decode, 0, 1))?;
        let decoded = match request.tiling {
            Some(tiling) => {
                let latents = self.model.vae.unscale(latents);
                let report = |done, all| monitor.report(&Progress::new(Phase::Decode, done, all));
                self.model.vae.decode_tiled(latents, tiling, report)?
            }
            None => self.decode(latents),
        };
        let decoded = tensor_to_pictures(decoded)?;
        let pictures = decoded
            .into_iter()
            .map(|picture| request.canvas.finish(picture));
        let pictures = pictures.collect();
        monitor.report(&Progress::new(Phase::Decode, 1, 1))?;
        let steps = request.steps;
        Ok(Generated {
            pictures,
            seed,
            steps,
            seconds: start.elapsed().as_secs_f64(),
        })
    }

    /// Latents to picture values.
    ///
    /// # Shapes
    /// - `latents`: `[b, c, h, w]`, scaled as the UNet sees them
    /// - returns `[b, 3, H, W]`, about −1..1
    pub fn decode(&self, latents: Tensor<4>) -> Tensor<4> {
        self.model.vae.decode(self.model.vae.unscale(latents))
    }

    /// Runs a job up to the final latents.
    ///
    /// # Errors
    /// As [`generate`](Self::generate).
    pub fn sample(
        &self,
        request: &GenerateRequest<'_>,
        monitor: &mut Monitor<'_>,
    ) -> Result<Sampled> {
        let model = self.model;
        monitor.check()?;
        check_range("count", request.count, 64)?;
        check_range("steps", request.steps, 1000)?;
        let seed = resolve_seed(request.seed);
        let mut noise = request.noise.source(seed);

        monitor.report(&Progress::new(Phase::Text, 0, 1))?;
        let size = request.canvas.padded_size(model)?;
        let added = model
            .unet
            .config()
            .encoder
            .added
            .map(|_| (size, &model.device));
        let texts = [&request.prompt, &request.negative_prompt];
        let prompts = encode_prompts(model.text.as_ref(), texts, request.long_prompt, added)?
            .repeated(request.count);
        let batch = prompts.positive.context.dims()[0];

        let kind = request.sampler.or(model.sampler).ok_or_else(|| {
            let why = "the model names one that is not built: choose ddim, euler, dpmpp_2m, …";
            Error::invalid("sampler", why)
        })?;
        let sampler = Sampler::new(kind, &model.schedule, request.steps)?;
        monitor.note(Level::Info, || {
            let [width, height] = size;
            format!("{width}×{height} pixels, {kind:?}, seed {seed}")
        });
        let mut sampler = match request.canvas.strength() {
            Some(strength) => sampler.starting_at(strength)?,
            None => sampler,
        };

        monitor.report(&Progress::new(Phase::Encode, 0, 1))?;
        let PreparedCanvas {
            latents,
            keep,
            extra_channels,
        } = request
            .canvas
            .prepare(model, batch, &sampler, noise.as_mut())?;
        let controls = self.controls(request, size, sampler.timesteps())?;
        let mut denoiser = Guided::new(&model.unet, prompts, request.guidance)?
            .with_controls(controls)
            .with_extra_channels(extra_channels)
            .ready_for(latents.dims())?;

        let watch = &mut watch_steps(monitor, &model.preview, Phase::Denoise);
        let noise = noise.as_mut();
        let latents = match keep {
            Some(keep) => sample_within(&mut denoiser, &mut sampler, latents, &keep, noise, watch)?,
            None => sample(&mut denoiser, &mut sampler, latents, noise, watch)?,
        };
        Ok(Sampled { latents, seed })
    }

    fn controls<'r>(
        &self,
        request: &GenerateRequest<'r>,
        size: [u32; 2],
        timesteps: &[f64],
    ) -> Result<Vec<ActiveControl<'r>>> {
        let device = &self.model.device;
        let active = |(index, control): (usize, &Control<'r>)| {
            let active = control
                .active(timesteps)
                .context(|| format!("control {index}"))?;
            if control.condition.dimensions() != (size[0], size[1]) {
                let expected = format!("{}×{} like the picture", size[0], size[1]);
                let found = control.condition.dimensions();
                return Err(Error::shape(
                    format!("condition of control {index}"),
                    expected,
                    found,
                ));
            }
            let condition = (picture_to_tensor(control.condition, device) + 1.0) / 2.0;
            let hint = control.net.encode_condition(condition);
            Ok(ActiveControl {
                net: control.net,
                hint,
                scale: control.scale,
                active,
            })
        };
        request.controls.iter().enumerate().map(active).collect()
    }
}

impl Control<'_> {
    /// Largest and smallest timestep at which it speaks.
    fn active(&self, timesteps: &[f64]) -> Result<(f64, f64)> {
        let (start, end) = self.window;
        if !(0.0 <= start && start <= end && end <= 1.0) {
            let why = format!("needs 0 ≤ start ≤ end ≤ 1, found ({start}, {end})");
            return Err(Error::invalid("window", why));
        }
        if !self.scale.is_finite() {
            return Err(Error::invalid(
                "scale",
                format!("must be finite, found {}", self.scale),
            ));
        }
        let count = timesteps.len();
        let speaks = |&(index, _): &(usize, &f64)| {
            let (begun, done) = (
                index as f64 / count as f64,
                (index + 1) as f64 / count as f64,
            );
            begun >= start && done <= end
        };
        let mut inside = timesteps
            .iter()
            .enumerate()
            .filter(speaks)
            .map(|(_, &timestep)| timestep);
        // An empty range: speaks at no timestep.
        let first = inside.next().unwrap_or(f64::NEG_INFINITY);
        Ok((first, inside.next_back().unwrap_or(first)))
    }
}

fn check_range(what: &str, found: usize, most: usize) -> Result<()> {
    if (1..=most).contains(&found) {
        return Ok(());
    }
    Err(Error::invalid(
        what,
        format!("needs 1 to {most}, found {found}"),
    ))
}

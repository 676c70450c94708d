//! Text to picture, picture to picture, and repainting inside a mask.
//!
//! The three differ only in the [`Canvas`]: where the latents start, and what is put back. Draws of
//! noise come in the order of the reference pipelines, so that one seed gives the same picture.

use burn::tensor::Tensor;
use image::RgbImage;
use serde::Serialize;

use super::canvas::{Canvas, PreparedCanvas};
use super::control::{self, Control, ModalControl};
use super::failure::on_device;
use super::guided::Guided;
use super::job::{Level, Monitor, Phase, Progress};
use super::model::StableDiffusion;
use super::people::{People, PersonReport};
use super::prompt::{Prompt, PromptChange, PromptPair, encode_prompts};
use super::seed::{NoiseKind, resolve_seed};
use super::watch::watch_steps;
use crate::diffusion::Guidance;
use crate::error::{Context, Error, Result};
use crate::identity::{LeakageMeter, RegionMask};
use crate::sampler::{Sampler, SamplerKind, sample, sample_within};
use crate::text::LongPrompt;
use crate::vae::Tiling;
use crate::vae::tensor_to_pictures;

/// One job of a [`PortraitGenerator`].
#[derive(Clone, Debug)]
pub struct GenerateRequest<'a> {
    /// What the picture shows.
    pub prompt: Prompt,
    /// What it does not show.
    pub negative_prompt: Prompt,
    /// Prompts that take over on the way.
    pub prompt_change: Option<PromptChange>,
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
    /// Who appears where.
    pub people: Option<People<'a>>,
    /// Condition pictures of the modalities that are merged into the model's UNet.
    pub modalities: Vec<ModalControl<'a>>,
}

impl<'a> GenerateRequest<'a> {
    /// 30 steps, guidance 7.5, everything else as the model wants it.
    pub fn new(prompt: impl Into<Prompt>, canvas: Canvas<'a>) -> Self {
        Self {
            prompt: prompt.into(),
            negative_prompt: Prompt::from(""),
            prompt_change: None,
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
            people: None,
            modalities: Vec::new(),
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
    /// For each picture, what became of everyone in it.
    pub people: Vec<Vec<PersonReport>>,
}

/// Latents, and what the report needs to know of how they came to be.
struct Made {
    sampled: Sampled,
    regions: Vec<RegionMask>,
    meter: Option<LeakageMeter>,
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
    /// Anything in the request that does not fit the model, NaN in the result, a device without memory for it, or a
    /// cancel.
    pub fn generate(
        &self,
        request: &GenerateRequest<'_>,
        monitor: &mut Monitor<'_>,
    ) -> Result<Generated> {
        on_device(&self.model.device, || self.run(request, monitor))
    }

    fn run(&self, request: &GenerateRequest<'_>, monitor: &mut Monitor<'_>) -> Result<Generated> {
        let start = std::time::Instant::now();
        let Made {
            sampled: Sampled { latents, seed },
            regions,
            meter,
        } = self.make(request, monitor)?;
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
        let pictures: Vec<_> = pictures.collect();
        monitor.report(&Progress::new(Phase::Decode, 1, 1))?;
        let people = match &request.people {
            Some(people) => {
                let pictures = pictures.iter().enumerate();
                let report = |picture| people.report(&regions, meter.as_ref(), picture);
                pictures.map(report).collect::<Result<_>>()?
            }
            None => Vec::new(),
        };
        Ok(Generated {
            pictures,
            seed,
            steps: request.steps,
            seconds: start.elapsed().as_secs_f64(),
            people,
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
        on_device(&self.model.device, || {
            Ok(self.make(request, monitor)?.sampled)
        })
    }

    fn make(&self, request: &GenerateRequest<'_>, monitor: &mut Monitor<'_>) -> Result<Made> {
        let model = self.model;
        monitor.check()?;
        check_range("count", request.count, 64)?;
        check_range("steps", request.steps, 1000)?;
        let seed = resolve_seed(request.seed);
        let mut noise = request.noise.source(seed);
        let size = request.canvas.padded_size(model)?;
        let regions = match &request.people {
            Some(people) => people.regions(request.canvas.size(), size)?,
            None => Vec::new(),
        };

        monitor.report(&Progress::new(Phase::Text, 0, 1))?;
        let texts = [&request.prompt, &request.negative_prompt];
        let prompts = self.encode(request, texts, size)?;
        let batch = prompts.positive.context.dims()[0];
        let mut sampler = self.sampler(request)?;
        monitor.note(Level::Info, || {
            let [width, height] = size;
            format!("{width}×{height} pixels, {:?}, seed {seed}", sampler.kind())
        });

        monitor.report(&Progress::new(Phase::Encode, 0, 1))?;
        let PreparedCanvas {
            latents,
            keep,
            extra_channels,
        } = request
            .canvas
            .prepare(model, batch, &sampler, noise.as_mut())?;
        let timesteps = sampler.timesteps();
        let controls = control::activate(&request.controls, size, timesteps, &model.device)?;
        let fits = (
            latents.dims(),
            model.unet.config().encoder.stages[0].channels,
        );
        let hint = control::hint(&request.modalities, size, fits, &model.device)?;
        let guided = self.guided(request, prompts, size)?;
        let people = request.people.as_ref();
        let people = people.map(|people| people.active(&regions, batch, guided.is_guided()));
        let mut denoiser = guided
            .with_timesteps(timesteps)
            .with_people(people.transpose()?)
            .with_controls(controls)
            .with_hint(hint)
            .with_extra_channels(extra_channels)
            .ready_for(latents.dims())?;

        let watch = &mut watch_steps(monitor, &model.preview, Phase::Denoise);
        let noise = noise.as_mut();
        let latents = match keep {
            Some(keep) => sample_within(&mut denoiser, &mut sampler, latents, &keep, noise, watch)?,
            None => sample(&mut denoiser, &mut sampler, latents, noise, watch)?,
        };
        Ok(Made {
            sampled: Sampled { latents, seed },
            regions,
            meter: denoiser.meter().cloned(),
        })
    }

    /// A prompt and its negative, for every picture.
    fn encode(
        &self,
        request: &GenerateRequest<'_>,
        texts: [&Prompt; 2],
        size: [u32; 2],
    ) -> Result<PromptPair> {
        let added = self.model.unet.config().encoder.added;
        let added = added.map(|_| (size, &self.model.device));
        let encoder = self.model.text.as_ref();
        let prompts = encode_prompts(encoder, texts, request.long_prompt, added)?;
        Ok(prompts.repeated(request.count))
    }

    fn sampler(&self, request: &GenerateRequest<'_>) -> Result<Sampler> {
        let kind = request.sampler.or(self.model.sampler).ok_or_else(|| {
            let why = "the model names one that is not built: choose ddim, euler, dpmpp_2m, …";
            Error::invalid("sampler", why)
        })?;
        let sampler = Sampler::new(kind, &self.model.schedule, request.steps)?;
        match request.canvas.strength() {
            Some(strength) => sampler.starting_at(strength),
            None => Ok(sampler),
        }
    }

    /// The UNet with its prompts, and those that take over on the way.
    fn guided(
        &self,
        request: &GenerateRequest<'_>,
        prompts: PromptPair,
        size: [u32; 2],
    ) -> Result<Guided<'m>> {
        let guided = Guided::new(&self.model.unet, prompts, request.guidance)?;
        let Some(change) = &request.prompt_change else {
            return Ok(guided);
        };
        let texts = [&change.prompt, &change.negative_prompt];
        self.encode(request, texts, size)
            .and_then(|prompts| guided.with_prompts_from(change.from_step, prompts))
            .context(|| "prompt change")
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

//! A Stable Diffusion model, whole: everything a job needs, loaded once.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use serde_json::Value;

use super::failure::on_device;
use super::preview::LatentPreview;
use super::prompt::{PromptEncoder, TextEncoder};
use crate::diffusion::ScheduleConfig;
use crate::error::{Context, Error, LoadReport, Result};
use crate::nn::{Precision, settle};
use crate::sampler::SamplerKind;
use crate::text::{ClipTokenizer, HiddenLayer};
use crate::unet::UNet;
use crate::vae::AutoencoderKl;
use crate::weights::{Checkpoint, Lora, LoraPart, Storage, merge_text_loras, merge_unet_loras};

/// UNet, VAE, text models and noise schedule of one checkpoint, on one device.
///
/// Clones share all weights.
#[derive(Clone, Debug)]
pub struct StableDiffusion {
    /// Predicts the noise.
    pub unet: UNet,
    /// Between pictures and latents.
    pub vae: AutoencoderKl,
    /// Prompt to tokens; `None` if the checkpoint has no tokenizer.
    pub text: Option<PromptEncoder>,
    /// The noise schedule that the model was trained on.
    pub schedule: ScheduleConfig,
    /// The sampler that the checkpoint names; `None` if that one is not built, such as the PNDM of
    /// Stable Diffusion 1.5's first release. Requests must choose one then.
    pub sampler: Option<SamplerKind>,
    /// Cheap look at latents.
    pub preview: LatentPreview,
    /// Where all of it lives.
    pub device: Device,
    /// What became of every tensor, by part (`unet`, `vae`, `text_encoder`, …).
    pub load_reports: Vec<(&'static str, LoadReport)>,
}

/// How a checkpoint is loaded.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// In which type weights are kept.
    pub storage: Storage,
    /// In which type the UNet computes, and keeps weights that `storage` leaves as stored. The CPU computes in f32
    /// whatever this says; [`UNet::precision`] tells what became of it.
    pub precision: Precision,
    /// Prefer weight files of this variant, such as `fp16`, where the folder has them.
    pub variant: Option<String>,
    /// Folder of the tokenizer's files, for checkpoints without one.
    pub tokenizer: Option<PathBuf>,
    /// Folder of SDXL's second tokenizer's files, for checkpoints without one.
    pub tokenizer_2: Option<PathBuf>,
}

impl LoadOptions {
    /// Opens a diffusers folder or a single-file checkpoint; nothing of its weights is read yet.
    ///
    /// # Errors
    /// As [`Checkpoint::open`].
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Checkpoint> {
        Ok(match (Checkpoint::open(path)?, &self.variant) {
            (Checkpoint::Folder(folder), Some(variant)) => {
                Checkpoint::Folder(folder.with_variant(variant))
            }
            (checkpoint, _) => checkpoint,
        })
    }
}

impl StableDiffusion {
    /// Loads a diffusers folder or a single-file checkpoint.
    ///
    /// # Errors
    /// Files that are missing, unsound or of another model, weights that do not fit; each names
    /// the part and the file. A device that does not compute in the precision that was asked for.
    pub fn load(path: impl AsRef<Path>, options: &LoadOptions, device: &Device) -> Result<Self> {
        let path = path.as_ref();
        let clause = || format!("model {}", path.display());
        let checkpoint = options.open(path)?;
        Self::load_parts(&checkpoint, options, device).context(clause)
    }

    /// The same model with LoRAs, each as strong as its number (1 as trained). It shares every weight
    /// that they do not change; this model stays as it is, bit for bit.
    ///
    /// # Errors
    /// A LoRA that was made for another model, or that changes a text model which was not loaded.
    pub fn with_loras(&self, loras: &[(&Lora, f64)]) -> Result<Self> {
        if loras.is_empty() {
            return Ok(self.clone());
        }
        let unet = merge_unet_loras(&self.unet, loras)?;
        let text = match &self.text {
            Some(text) => Some(text.with_loras(loras)?),
            None => {
                refuse_text_changes(loras, &[LoraPart::Text, LoraPart::SecondText])?;
                None
            }
        };
        Ok(Self {
            unet,
            text,
            ..self.clone()
        })
    }

    /// Loads what was opened before: for checkpoints that are no files, and for callers that want to
    /// know [`Checkpoint::loaded_bytes`] first.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_parts(
        checkpoint: &Checkpoint,
        options: &LoadOptions,
        device: &Device,
    ) -> Result<Self> {
        on_device(device, || Self::build(checkpoint, options, device))
    }

    fn build(checkpoint: &Checkpoint, options: &LoadOptions, device: &Device) -> Result<Self> {
        let storage = options.storage;
        let scheduler = checkpoint.scheduler_config()?;
        let schedule = ScheduleConfig::from_json(&scheduler.to_string()).context(|| "scheduler")?;
        let precision = options.precision.on(device)?;
        let (unet, unet_report) =
            checkpoint.unet(storage.for_precision(options.precision), device)?;
        let unet = unet.with_precision(precision);
        let (vae, vae_report) = checkpoint.vae(storage, device)?;
        let mut load_reports = vec![("unet", unet_report), ("vae", vae_report)];
        let text = load_text(checkpoint, options, device, &mut load_reports)?;
        let schedule = match unet.config().encoder.added {
            None => as_first_models_want(schedule),
            Some(_) => schedule,
        };
        let preview = LatentPreview::fit(&vae, device)?;
        // Weights may still be on their way: what does not fit is to be said now.
        settle(device)?;
        Ok(Self {
            unet,
            vae,
            text,
            schedule,
            sampler: named_sampler(&scheduler),
            preview,
            device: device.clone(),
            load_reports,
        })
    }
}

impl PromptEncoder {
    fn with_loras(&self, loras: &[(&Lora, f64)]) -> Result<Self> {
        let change = |encoder: &TextEncoder, part| {
            let model = merge_text_loras(&encoder.model, part, loras)?;
            Ok::<_, Error>(TextEncoder {
                model,
                ..encoder.clone()
            })
        };
        let second = match &self.second {
            Some(second) => Some(change(second, LoraPart::SecondText)?),
            None => {
                refuse_text_changes(loras, &[LoraPart::SecondText])?;
                None
            }
        };
        Ok(Self {
            first: change(&self.first, LoraPart::Text)?,
            second,
        })
    }
}

/// Refuses what would be dropped silently.
fn refuse_text_changes(loras: &[(&Lora, f64)], absent: &[LoraPart]) -> Result<()> {
    for (lora, _) in loras {
        if absent.iter().any(|part| lora.changes(*part) > 0) {
            let what = format!("LoRA {}", lora.origin().display());
            let why = "changes a text model that this model does not have: use its UNet part alone";
            return Err(Error::invalid(what, why));
        }
    }
    Ok(())
}

/// SD 1 and SD 2 were published with scheduler configs that lack two settings; their pipelines have
/// set them ever since, whatever the config says.
fn as_first_models_want(schedule: ScheduleConfig) -> ScheduleConfig {
    ScheduleConfig {
        steps_offset: 1,
        clip_sample: Some(false),
        ..schedule
    }
}

/// The text models, if there is a tokenizer to feed them.
fn load_text(
    checkpoint: &Checkpoint,
    options: &LoadOptions,
    device: &Device,
    reports: &mut Vec<(&'static str, LoadReport)>,
) -> Result<Option<PromptEncoder>> {
    let storage = options.storage;
    let Some(folder) = options.tokenizer.clone().or_else(|| checkpoint.tokenizer()) else {
        return Ok(None);
    };
    let tokenizer = ClipTokenizer::from_folder(folder).context(|| "tokenizer")?;
    let (model, report) = checkpoint.text_encoder(storage, device)?;
    reports.push(("text_encoder", report));

    let folder = options
        .tokenizer_2
        .clone()
        .or_else(|| checkpoint.tokenizer_2());
    let second = match (checkpoint.text_encoder_2(storage, device)?, folder) {
        (Some((model, report)), Some(folder)) => {
            reports.push(("text_encoder_2", report));
            let tokenizer = ClipTokenizer::from_folder(folder).context(|| "second tokenizer")?;
            Some(TextEncoder {
                tokenizer,
                model,
                layer: HiddenLayer::PENULTIMATE,
            })
        }
        (Some(_), None) => return Ok(None),
        (None, _) => None,
    };
    let layer = if second.is_some() {
        HiddenLayer::PENULTIMATE
    } else {
        HiddenLayer::LAST
    };
    Ok(Some(PromptEncoder {
        first: TextEncoder {
            tokenizer,
            model,
            layer,
        },
        second,
    }))
}

/// The sampler that `scheduler_config.json` names. A file without a name is taken for DDIM's, whose
/// keys it has.
fn named_sampler(config: &Value) -> Option<SamplerKind> {
    match config.get("_class_name").and_then(Value::as_str) {
        Some("DDIMScheduler") | None => Some(SamplerKind::Ddim { eta: 0.0 }),
        Some("EulerDiscreteScheduler") => Some(SamplerKind::Euler),
        Some("EulerAncestralDiscreteScheduler") => Some(SamplerKind::EulerAncestral { eta: 1.0 }),
        Some("DPMSolverMultistepScheduler") => Some(SamplerKind::DpmPp2M { karras: false }),
        Some("LCMScheduler") => Some(SamplerKind::Lcm),
        Some(_) => None,
    }
}

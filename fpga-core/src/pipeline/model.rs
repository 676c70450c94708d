//! A Stable Diffusion model, whole: everything a job needs, loaded once.

use burn::tensor::Device;

use super::preview::LatentPreview;
use super::prompt::PromptEncoder;
use crate::diffusion::ScheduleConfig;
use crate::sampler::SamplerKind;
use crate::unet::UNet;
use crate::vae::AutoencoderKl;

/// UNet, VAE, text models and noise schedule of one checkpoint, on one device.
#[derive(Debug)]
pub struct StableDiffusion {
    /// Predicts the noise.
    pub unet: UNet,
    /// Between pictures and latents.
    pub vae: AutoencoderKl,
    /// Prompt to tokens; `None` if the checkpoint has no tokenizer.
    pub text: Option<PromptEncoder>,
    /// The noise schedule that the model was trained on.
    pub schedule: ScheduleConfig,
    /// The sampler that the checkpoint names.
    pub sampler: SamplerKind,
    /// Cheap look at latents.
    pub preview: LatentPreview,
    /// Where all of it lives.
    pub device: Device,
}

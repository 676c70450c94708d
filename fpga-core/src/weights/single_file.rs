//! A whole model in one file, as the original latent diffusion code and most model sites have it.
//!
//! The networks lie side by side under their prefixes. Files without the autoencoder or the text
//! model exist; what is absent is told when it is asked for.

use std::path::Path;

use burn::tensor::Device;
use serde_json::{Value, json};

use super::decode::Storage;
use super::diffusers_names::clip_text_names;
use super::ldm_names::{ldm_controlnet_names, ldm_unet_names, ldm_vae_names, open_clip_text_names};
use super::ldm_sizes::{
    Family, clip_text_sizes, controlnet_sizes, open_clip_text_sizes, unet_sizes, vae_sizes,
};
use super::load::load;
use super::source::TensorSource;
use crate::control::ControlNet;
use crate::error::{Context, Error, LoadReport, Result};
use crate::text::ClipText;
use crate::unet::{UNet, UNetConfig};
use crate::vae::AutoencoderKl;

/// An open single-file checkpoint of Stable Diffusion 1, 2 or XL.
#[derive(Clone, Debug)]
pub struct SingleFile {
    weights: TensorSource,
    family: Family,
    unet: UNetConfig,
}

/// Where the UNet lies.
const UNET: &str = "model.diffusion_model";
/// Where the autoencoder lies.
const VAE: [&str; 2] = ["first_stage_model", "vae"];
/// Where SD 1 and SDXL have OpenAI's text model.
const CLIP_TEXT: [&str; 2] = [
    "cond_stage_model.transformer",
    "conditioner.embedders.0.transformer",
];
/// Where SD 2 and SDXL have OpenCLIP's text model.
const OPEN_CLIP_TEXT: [&str; 2] = ["cond_stage_model.model", "conditioner.embedders.1.model"];

impl SingleFile {
    /// Opens a file and recognises what it is.
    ///
    /// # Errors
    /// `Io` or `Format` if it is not a sound checkpoint; `Unsupported` if it holds another model.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::from_source(TensorSource::open(path)?)
    }

    /// As [`open`](Self::open), for weights that are open already.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_source(source: TensorSource) -> Result<Self> {
        let weights = unwrapped(source);
        let (family, unet) = unet_sizes(&weights.scoped(UNET))?;
        Ok(Self {
            weights,
            family,
            unet,
        })
    }

    /// The released model whose architecture this is.
    pub fn family(&self) -> Family {
        self.family
    }

    /// The UNet.
    ///
    /// # Errors
    /// What [`load`] refuses.
    pub fn unet(&self, storage: Storage, device: &Device) -> Result<(UNet, LoadReport)> {
        let names = ldm_unet_names(&self.unet);
        let unet = self.unet.init(device)?;
        load(unet, &self.weights.scoped(UNET), &names, storage, device).context(|| "unet")
    }

    /// The autoencoder.
    ///
    /// # Errors
    /// `Format` if the file has none; what [`load`] refuses.
    pub fn vae(&self, storage: Storage, device: &Device) -> Result<(AutoencoderKl, LoadReport)> {
        let weights = self.part(&VAE, "autoencoder")?;
        ldm_vae(&weights, self.family, storage, device)
    }

    /// The text model (SDXL: the first one).
    ///
    /// # Errors
    /// `Format` if the file has none; what [`load`] refuses.
    pub fn text_encoder(
        &self,
        storage: Storage,
        device: &Device,
    ) -> Result<(ClipText, LoadReport)> {
        match self.family {
            Family::Sd2 => self.open_clip(storage, device).context(|| "text_encoder"),
            Family::Sd1 | Family::Sdxl => {
                let weights = self.part(&CLIP_TEXT, "text model")?;
                let tower = weights.scoped("text_model");
                let bare = if tower.is_empty() { &weights } else { &tower };
                let model = clip_text_sizes(bare)?.init(device);
                load(model, &weights, &clip_text_names(), storage, device)
                    .context(|| "text_encoder")
            }
        }
    }

    /// SDXL's second text model.
    ///
    /// # Errors
    /// As [`text_encoder`](Self::text_encoder).
    pub fn text_encoder_2(
        &self,
        storage: Storage,
        device: &Device,
    ) -> Result<Option<(ClipText, LoadReport)>> {
        match self.family {
            Family::Sdxl => self
                .open_clip(storage, device)
                .map(Some)
                .context(|| "text_encoder_2"),
            Family::Sd1 | Family::Sd2 => Ok(None),
        }
    }

    /// Bytes that the networks take once they are loaded.
    pub fn loaded_bytes(&self, storage: Storage) -> u64 {
        let parts = [&[UNET][..], &VAE, &CLIP_TEXT, &OPEN_CLIP_TEXT];
        let bytes = |prefix: &&str| self.weights.scoped(prefix).loaded_bytes(storage);
        parts.into_iter().flatten().map(bytes).sum()
    }

    /// The noise schedule, with the keys of diffusers' `scheduler_config.json`.
    ///
    /// SD 2 exists in two trainings that differ in nothing that a file shows: velocity (768 px) is
    /// assumed. Marker tensors of newer fine-tunes are heeded.
    pub fn scheduler_config(&self) -> Value {
        let velocity = self.family == Family::Sd2 || self.weights.contains("v_pred");
        json!({
            "_class_name": match self.family {
                Family::Sdxl => "EulerDiscreteScheduler",
                Family::Sd1 | Family::Sd2 => "DDIMScheduler",
            },
            "num_train_timesteps": 1000,
            "beta_start": 0.00085,
            "beta_end": 0.012,
            "beta_schedule": "scaled_linear",
            "clip_sample": false,
            "set_alpha_to_one": false,
            "steps_offset": 1,
            "timestep_spacing": "leading",
            "interpolation_type": "linear",
            "prediction_type": if velocity { "v_prediction" } else { "epsilon" },
            "rescale_betas_zero_snr": self.weights.contains("ztsnr"),
        })
    }

    fn open_clip(&self, storage: Storage, device: &Device) -> Result<(ClipText, LoadReport)> {
        let weights = self.part(&OPEN_CLIP_TEXT, "OpenCLIP text model")?;
        let model = open_clip_text_sizes(&weights, self.family)?.init(device);
        load(model, &weights, &open_clip_text_names(), storage, device)
    }

    fn part(&self, prefixes: &[&str], what: &str) -> Result<TensorSource> {
        let parts = prefixes.iter().map(|prefix| self.weights.scoped(prefix));
        parts
            .into_iter()
            .find(|part| !part.is_empty())
            .ok_or_else(|| {
                let why = format!("holds no {what} (looked for {})", prefixes.join(", "));
                Error::format(self.weights.origin(), why)
            })
    }
}

/// Loads an autoencoder that has a file of its own, in the original layout. The latent scale is
/// that of the family it will serve.
///
/// # Errors
/// `Io` or `Format` if it is not a sound checkpoint; what [`load`] refuses.
pub fn vae_from_file(
    path: impl AsRef<Path>,
    family: Family,
    storage: Storage,
    device: &Device,
) -> Result<(AutoencoderKl, LoadReport)> {
    let weights = within(within(unwrapped(TensorSource::open(path)?), VAE[0]), VAE[1]);
    ldm_vae(&weights, family, storage, device)
}

/// Loads a ControlNet that has a file of its own, in the original layout.
///
/// # Errors
/// `Io` or `Format` if it is not a sound checkpoint; `Unsupported` if it holds another model; what
/// [`load`] refuses.
pub fn controlnet_from_file(
    path: impl AsRef<Path>,
    storage: Storage,
    device: &Device,
) -> Result<(ControlNet, LoadReport)> {
    controlnet_from_source(TensorSource::open(path)?, storage, device)
}

/// As [`controlnet_from_file`], for weights that are open already.
///
/// # Errors
/// As [`controlnet_from_file`].
pub fn controlnet_from_source(
    source: TensorSource,
    storage: Storage,
    device: &Device,
) -> Result<(ControlNet, LoadReport)> {
    let weights = within(unwrapped(source), "control_model");
    let config = controlnet_sizes(&weights)?;
    let names = ldm_controlnet_names(&config);
    load(config.init(device)?, &weights, &names, storage, device).context(|| "controlnet")
}

fn ldm_vae(
    weights: &TensorSource,
    family: Family,
    storage: Storage,
    device: &Device,
) -> Result<(AutoencoderKl, LoadReport)> {
    let config = vae_sizes(weights, family).context(|| "vae")?;
    let names = ldm_vae_names(&config);
    load(config.init(device), weights, &names, storage, device).context(|| "vae")
}

/// Training code saves the weights inside a dictionary of other things.
fn unwrapped(source: TensorSource) -> TensorSource {
    within(source, "state_dict")
}

/// What lies below `prefix`, or everything if nothing does.
fn within(source: TensorSource, prefix: &str) -> TensorSource {
    let inner = source.scoped(prefix);
    if inner.is_empty() { source } else { inner }
}

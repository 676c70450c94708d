//! A whole pipeline as diffusers writes it: one subfolder per network.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use serde_json::Value;

use super::decode::Storage;
use super::model_folder::{ModelFolder, read_json};
use crate::error::{Context, Error, LoadReport, Result};
use crate::text::ClipText;
use crate::unet::UNet;
use crate::vae::AutoencoderKl;
use crate::vision::ClipVision;

/// A folder with `model_index.json` and the subfolders `unet`, `vae`, `text_encoder`, ….
#[derive(Clone, Debug)]
pub struct DiffusersFolder {
    path: PathBuf,
    variant: Option<String>,
}

impl DiffusersFolder {
    /// Opens a folder; its networks are looked at when they are asked for.
    ///
    /// # Errors
    /// `Format` or `Unsupported` if there is no UNet in it, which says what there is instead.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        if !path.join("unet").is_dir() {
            let index = path.join("model_index.json");
            if !index.is_file() {
                let why =
                    "has neither model_index.json nor a unet subfolder: not a pipeline folder";
                return Err(Error::format(path, why));
            }
            let class = &read_json(&index)?["_class_name"];
            let why = format!("{class} has no UNet; needed is a Stable Diffusion 1, 2 or XL");
            return Err(Error::unsupported(path.display().to_string(), why));
        }
        Ok(Self {
            path: path.to_owned(),
            variant: None,
        })
    }

    /// Prefers weight files of this variant, such as `fp16`, where they exist.
    #[must_use]
    pub fn with_variant(mut self, variant: impl Into<String>) -> Self {
        self.variant = Some(variant.into());
        self
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The UNet.
    ///
    /// # Errors
    /// As [`ModelFolder::unet`].
    pub fn unet(&self, storage: Storage, device: &Device) -> Result<(UNet, LoadReport)> {
        self.folder("unet")?
            .unet(storage, device)
            .context(|| "unet")
    }

    /// The autoencoder.
    ///
    /// # Errors
    /// As [`ModelFolder::vae`].
    pub fn vae(&self, storage: Storage, device: &Device) -> Result<(AutoencoderKl, LoadReport)> {
        self.folder("vae")?.vae(storage, device).context(|| "vae")
    }

    /// The text model.
    ///
    /// # Errors
    /// As [`ModelFolder::clip_text`].
    pub fn text_encoder(
        &self,
        storage: Storage,
        device: &Device,
    ) -> Result<(ClipText, LoadReport)> {
        let folder = self.folder("text_encoder")?;
        folder.clip_text(storage, device).context(|| "text_encoder")
    }

    /// SDXL's second text model.
    ///
    /// # Errors
    /// As [`ModelFolder::clip_text`].
    pub fn text_encoder_2(
        &self,
        storage: Storage,
        device: &Device,
    ) -> Result<Option<(ClipText, LoadReport)>> {
        let folder = self.optional_folder("text_encoder_2")?;
        let loaded = folder.map(|folder| folder.clip_text(storage, device));
        loaded.transpose().context(|| "text_encoder_2")
    }

    /// The vision model, where the pipeline has one (IP-Adapter).
    ///
    /// # Errors
    /// As [`ModelFolder::clip_vision`].
    pub fn image_encoder(
        &self,
        storage: Storage,
        device: &Device,
    ) -> Result<Option<(ClipVision, LoadReport)>> {
        let folder = self.optional_folder("image_encoder")?;
        let loaded = folder.map(|folder| folder.clip_vision(storage, device));
        loaded.transpose().context(|| "image_encoder")
    }

    /// Bytes that UNet, autoencoder and text models take once they are loaded.
    ///
    /// # Errors
    /// As [`ModelFolder::open`].
    pub fn loaded_bytes(&self, storage: Storage) -> Result<u64> {
        let bytes = |name| -> Result<u64> {
            let folder = self.optional_folder(name)?;
            Ok(folder.map_or(0, |folder| folder.weights().loaded_bytes(storage)))
        };
        ["unet", "vae", "text_encoder", "text_encoder_2"]
            .into_iter()
            .map(bytes)
            .sum()
    }

    /// The keys of `scheduler/scheduler_config.json`.
    ///
    /// # Errors
    /// `Io` or `Format` if it cannot be read.
    pub fn scheduler_config(&self) -> Result<Value> {
        read_json(self.path.join("scheduler").join("scheduler_config.json"))
    }

    /// Folder of the tokenizer's files.
    pub fn tokenizer(&self) -> Option<PathBuf> {
        self.subfolder("tokenizer")
    }

    /// Folder of the second tokenizer's files.
    pub fn tokenizer_2(&self) -> Option<PathBuf> {
        self.subfolder("tokenizer_2")
    }

    fn folder(&self, name: &str) -> Result<ModelFolder> {
        ModelFolder::open(self.path.join(name), self.variant.as_deref()).context(|| name)
    }

    fn optional_folder(&self, name: &str) -> Result<Option<ModelFolder>> {
        self.subfolder(name).map(|_| self.folder(name)).transpose()
    }

    fn subfolder(&self, name: &str) -> Option<PathBuf> {
        Some(self.path.join(name)).filter(|path| path.is_dir())
    }
}

//! A whole model, however it lies on disk.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use serde_json::Value;

use super::decode::Storage;
use super::diffusers_folder::DiffusersFolder;
use super::single_file::SingleFile;
use crate::error::{LoadReport, Result};
use crate::text::ClipText;
use crate::unet::UNet;
use crate::vae::AutoencoderKl;

/// A diffusers folder or a single file: both give the same networks.
#[derive(Clone, Debug)]
pub enum Checkpoint {
    /// One subfolder per network.
    Folder(DiffusersFolder),
    /// All networks in one file.
    File(Box<SingleFile>),
}

impl Checkpoint {
    /// Opens whichever is there.
    ///
    /// # Errors
    /// As [`DiffusersFolder::open`] and [`SingleFile::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        match path.is_dir() {
            true => DiffusersFolder::open(path).map(Self::Folder),
            false => SingleFile::open(path).map(|file| Self::File(Box::new(file))),
        }
    }

    /// The UNet.
    ///
    /// # Errors
    /// As [`DiffusersFolder::unet`] and [`SingleFile::unet`].
    pub fn unet(&self, storage: Storage, device: &Device) -> Result<(UNet, LoadReport)> {
        match self {
            Self::Folder(folder) => folder.unet(storage, device),
            Self::File(file) => file.unet(storage, device),
        }
    }

    /// The autoencoder.
    ///
    /// # Errors
    /// As [`DiffusersFolder::vae`] and [`SingleFile::vae`].
    pub fn vae(&self, storage: Storage, device: &Device) -> Result<(AutoencoderKl, LoadReport)> {
        match self {
            Self::Folder(folder) => folder.vae(storage, device),
            Self::File(file) => file.vae(storage, device),
        }
    }

    /// The text model.
    ///
    /// # Errors
    /// As [`DiffusersFolder::text_encoder`] and [`SingleFile::text_encoder`].
    pub fn text_encoder(
        &self,
        storage: Storage,
        device: &Device,
    ) -> Result<(ClipText, LoadReport)> {
        match self {
            Self::Folder(folder) => folder.text_encoder(storage, device),
            Self::File(file) => file.text_encoder(storage, device),
        }
    }

    /// SDXL's second text model.
    ///
    /// # Errors
    /// As [`DiffusersFolder::text_encoder_2`] and [`SingleFile::text_encoder_2`].
    pub fn text_encoder_2(
        &self,
        storage: Storage,
        device: &Device,
    ) -> Result<Option<(ClipText, LoadReport)>> {
        match self {
            Self::Folder(folder) => folder.text_encoder_2(storage, device),
            Self::File(file) => file.text_encoder_2(storage, device),
        }
    }

    /// Bytes that the networks of a pipeline take once they are loaded.
    ///
    /// # Errors
    /// As [`DiffusersFolder::loaded_bytes`].
    pub fn loaded_bytes(&self, storage: Storage) -> Result<u64> {
        match self {
            Self::Folder(folder) => folder.loaded_bytes(storage),
            Self::File(file) => Ok(file.loaded_bytes(storage)),
        }
    }

    /// The noise schedule, with the keys of diffusers' `scheduler_config.json`.
    ///
    /// # Errors
    /// As [`DiffusersFolder::scheduler_config`].
    pub fn scheduler_config(&self) -> Result<Value> {
        match self {
            Self::Folder(folder) => folder.scheduler_config(),
            Self::File(file) => Ok(file.scheduler_config()),
        }
    }

    /// Folder of the tokenizer's files; single files carry none.
    pub fn tokenizer(&self) -> Option<PathBuf> {
        match self {
            Self::Folder(folder) => folder.tokenizer(),
            Self::File(_) => None,
        }
    }

    /// Folder of the second tokenizer's files; single files carry none.
    pub fn tokenizer_2(&self) -> Option<PathBuf> {
        match self {
            Self::Folder(folder) => folder.tokenizer_2(),
            Self::File(_) => None,
        }
    }
}

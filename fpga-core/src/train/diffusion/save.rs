//! What was learned, in the files that other programs expect.

use std::fs;
use std::path::{Path, PathBuf};

use burn::module::Module;
use serde_json::Value;

use super::lora::{LoraConfig, lora_of};
use super::trainable::{ModalSets, Trainable};
use super::trainee::Trainee;
use crate::error::{Error, Result};
use crate::weights::{
    AdapterParts, KeyMap, Storage, save, save_identity_attention, save_json, save_rep_controlnet,
    save_unet_lora, unet_names,
};

/// Weights of a diffusers folder.
const WEIGHTS: &str = "diffusion_pytorch_model.safetensors";

impl Trainable {
    /// Writes what `trainee` learned into `folder`; gives back the files.
    ///
    /// | learned | files | read by |
    /// |---|---|---|
    /// | `ControlNet`, `Full` | `config.json`, `diffusion_pytorch_model.safetensors` | diffusers, this crate |
    /// | `Modal` | `rep_controlnet.safetensors`, or one per modality: `rep_skeleton`, `rep_landmark` | [`load_rep_controlnet`](crate::weights::load_rep_controlnet) |
    /// | `Identity` | `adapter.safetensors`, in ConsistentID's or IP-Adapter's layout | [`AdapterFile`](crate::weights::AdapterFile), and what reads those |
    /// | `Joint` | those of `Full`, and `adapter.safetensors` | as above |
    /// | `Lora` | `pytorch_lora_weights.safetensors` | diffusers, PEFT, this crate |
    ///
    /// # Errors
    /// `Io` if a file cannot be written; `trainee` was prepared for something else; sizes that
    /// `config.json` has no words for.
    pub fn save(
        &self,
        trainee: &Trainee,
        folder: impl AsRef<Path>,
        storage: Storage,
    ) -> Result<Vec<PathBuf>> {
        let folder = folder.as_ref();
        fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
        self.save_valid(trainee.clone().valid(), folder, storage)
    }

    /// What no longer learns.
    fn save_valid(
        &self,
        trainee: Trainee,
        folder: &Path,
        storage: Storage,
    ) -> Result<Vec<PathBuf>> {
        let other = |what: &str| Error::invalid(what, "is not among these networks");
        match self {
            Self::ControlNet => {
                let net = trainee.controlnet.ok_or_else(|| other("controlnet"))?;
                let config = net.config().to_json()?;
                save_network(&net, config, &unet_names(), folder, storage)
            }
            Self::Full => {
                let config = trainee.unet.config().to_json()?;
                save_network(&trainee.unet, config, &unet_names(), folder, storage)
            }
            Self::Modal { sets, .. } => {
                let names: &[&str] = match sets {
                    ModalSets::Shared => &["rep_controlnet"],
                    ModalSets::PerModality => &["rep_skeleton", "rep_landmark"],
                };
                if names.len() != trainee.modal.len() {
                    return Err(other("modal branch"));
                }
                let one = |(name, modal): (&&str, &crate::control::ModalUNet)| {
                    let path = folder.join(format!("{name}.safetensors"));
                    save_rep_controlnet(&modal.detach()?, &path, storage)?;
                    Ok(path)
                };
                names.iter().zip(&trainee.modal).map(one).collect()
            }
            Self::Identity { lora } => {
                let path = folder.join("adapter.safetensors");
                save_identity(&trainee, *lora, &path, storage)?;
                Ok(vec![path])
            }
            Self::Joint => {
                let mut files = Self::Full.save_valid(trainee.clone(), folder, storage)?;
                let identity = Self::Identity { lora: None };
                files.extend(identity.save_valid(trainee, folder, storage)?);
                Ok(files)
            }
            Self::Lora(config) => {
                let path = folder.join("pytorch_lora_weights.safetensors");
                let factors = lora_of(&trainee.unet);
                save_unet_lora(&factors, config.scale(), &path, storage)?;
                Ok(vec![path])
            }
        }
    }
}

/// With its projector a whole adapter; without one the projections alone.
fn save_identity(
    trainee: &Trainee,
    lora: Option<LoraConfig>,
    path: &Path,
    storage: Storage,
) -> Result<()> {
    let attention = trainee.identity.as_ref().ok_or_else(|| {
        let why = "is not among these networks";
        Error::invalid("identity", why)
    })?;
    let factors = lora.map(|config| (lora_of(&trainee.unet), config.scale()));
    match (&trainee.projector, &factors) {
        (Some(projector), _) => AdapterParts {
            unet: &trainee.unet,
            attention,
            projector,
            facial: trainee.facial.as_ref(),
            lora: factors.as_ref().map(|(factors, scale)| (factors, *scale)),
        }
        .save(path, storage),
        (None, Some(_)) => {
            let why = "is needed beside low-rank additions: no file holds them without one";
            Err(Error::invalid("projector", why))
        }
        (None, None) => save_identity_attention(attention, trainee.unet.config(), path, storage),
    }
}

fn save_network<M: Module>(
    module: &M,
    config: Value,
    names: &KeyMap,
    folder: &Path,
    storage: Storage,
) -> Result<Vec<PathBuf>> {
    let files = [folder.join("config.json"), folder.join(WEIGHTS)];
    save(module, names, &files[1], storage)?;
    save_json(&config, &files[0])?;
    Ok(files.to_vec())
}

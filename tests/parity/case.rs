//! A case folder, read and checked.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use fpga_core::control::ControlNet;
use fpga_core::nn::Precision;
use fpga_core::unet::UNet;
use fpga_core::weights::{ModelFolder, Storage, read_json};
use fpga_core::{Error, Result};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::tensors::Tensors;

/// Relative L2 error that passes where `case.json` names none.
const DEFAULT_RTOL: f64 = 1e-4;

/// What to run, on what, and what should come out.
#[derive(Clone, Debug)]
pub struct Case {
    /// The case folder.
    pub folder: PathBuf,
    /// Which kind of run; see `kinds`.
    pub kind: String,
    /// Largest relative L2 error that passes.
    pub rtol: f64,
    /// How the weights of UNet and ControlNets are kept; as they are stored, unless it is set.
    pub storage: Storage,
    /// In which type UNet and ControlNets compute; f32, unless it is set.
    pub precision: Precision,
    /// Empty where the folder holds no `inputs.safetensors`.
    pub inputs: Tensors,
    /// What the reference computed, if the folder holds it.
    pub expected: Option<Tensors>,
    settings: Map<String, Value>,
}

impl Case {
    /// Reads `case.json`, the inputs and the expected values.
    ///
    /// # Errors
    /// The folder or `case.json` is missing or malformed, a tensor file is not sound, or the
    /// expected values hold NaN or infinity.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref().to_owned();
        let path = folder.join("case.json");
        let Value::Object(settings) = read_json(&path)? else {
            return Err(Error::format(&path, "needs an object of keys and values"));
        };
        let expected = Tensors::read_if_present(&folder.join("expected.safetensors"))?;
        if let Some(name) = expected.as_ref().and_then(Tensors::not_finite) {
            let why = format!("expected tensor {name} holds NaN or infinity");
            return Err(Error::format(folder.join("expected.safetensors"), why));
        }
        let mut case = Self {
            inputs: Tensors::read_if_present(&folder.join("inputs.safetensors"))?
                .unwrap_or_default(),
            folder,
            kind: String::new(),
            rtol: DEFAULT_RTOL,
            storage: Storage::AsStored,
            precision: Precision::F32,
            expected,
            settings,
        };
        case.kind = case.setting("kind")?;
        case.rtol = case.setting_or("rtol", DEFAULT_RTOL)?;
        if !(case.rtol.is_finite() && case.rtol >= 0.0) {
            let why = format!("needs a number that is not negative, found {}", case.rtol);
            return Err(Error::invalid("case.json, rtol", why));
        }
        Ok(case)
    }

    /// The value of a key of `case.json`.
    ///
    /// # Errors
    /// The key is absent or of another type.
    pub fn setting<T: DeserializeOwned>(&self, key: &str) -> Result<T> {
        let absent = || Error::invalid(format!("case.json, {key}"), "is needed, and is absent");
        self.optional_setting(key)?.ok_or_else(absent)
    }

    /// The value of a key of `case.json`, or `default` where the key is absent.
    ///
    /// # Errors
    /// The value is of another type.
    pub fn setting_or<T: DeserializeOwned>(&self, key: &str, default: T) -> Result<T> {
        Ok(self.optional_setting(key)?.unwrap_or(default))
    }

    /// The model folder that the key `model` names, relative to the case.
    ///
    /// # Errors
    /// The key is absent, or the folder holds no model.
    pub fn model(&self) -> Result<ModelFolder> {
        ModelFolder::open(self.model_path()?, None)
    }

    /// The UNet that the key `model` names.
    ///
    /// # Errors
    /// The key is absent, or the folder holds no UNet.
    pub fn unet(&self, device: &Device) -> Result<UNet> {
        let (unet, _) = self.model()?.unet(self.storage, device)?;
        Ok(unet.with_precision(self.precision))
    }

    /// The ControlNet of a folder.
    ///
    /// # Errors
    /// The folder holds no ControlNet.
    pub fn controlnet(&self, folder: &ModelFolder, device: &Device) -> Result<ControlNet> {
        let (net, _) = folder.controlnet(self.storage, device)?;
        Ok(net.with_precision(self.precision))
    }

    /// The folder that the key `model` names, relative to the case.
    ///
    /// # Errors
    /// The key is absent, or there is no such folder.
    pub fn model_path(&self) -> Result<PathBuf> {
        let path = self.folder.join(self.setting::<String>("model")?);
        if !path.is_dir() {
            let why = format!("{} is not a folder", path.display());
            return Err(Error::invalid("case.json, model", why));
        }
        Ok(path)
    }

    fn optional_setting<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let Some(value) = self.settings.get(key).filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        T::deserialize(value)
            .map(Some)
            .map_err(|error| Error::invalid(format!("case.json, {key}"), error.to_string()))
    }
}

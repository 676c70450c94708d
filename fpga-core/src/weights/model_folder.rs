//! One network in its own folder: `config.json` and its weights, as diffusers and transformers
//! write them.
//!
//! The weights may be `.safetensors` or PyTorch's, whole or sharded, of a variant (`fp16`) or not.

use std::fs;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::Device;
use serde_json::Value;

use super::decode::Storage;
use super::diffusers_names::{clip_text_names, clip_vision_names, unet_names, vae_names};
use super::key_map::KeyMap;
use super::load::load;
use super::source::{TensorSource, read_bounded};
use crate::control::{ControlNet, ControlNetConfig};
use crate::error::{Context, Error, LoadReport, Result};
use crate::text::{ClipText, ClipTextConfig};
use crate::unet::{UNet, UNetConfig};
use crate::vae::{AutoencoderKl, VaeConfig};
use crate::vision::{ClipVision, ClipVisionConfig};

/// Longest accepted `*.json`.
const MAX_JSON: u64 = 16 << 20;
/// Names of weight files without variant and ending, in order of preference.
const STEMS: [&str; 3] = ["diffusion_pytorch_model", "model", "pytorch_model"];

/// A network that has not been built yet.
#[derive(Clone, Debug)]
pub struct ModelFolder {
    path: PathBuf,
    config: Value,
    weights: TensorSource,
}

impl ModelFolder {
    /// Opens a folder. `variant` (such as `fp16`) is preferred where it exists; without one, the
    /// full-precision files are.
    ///
    /// # Errors
    /// `Io` or `Format` if `config.json` or the weights are absent or unsound.
    pub fn open(path: impl AsRef<Path>, variant: Option<&str>) -> Result<Self> {
        let path = path.as_ref();
        Ok(Self {
            path: path.to_owned(),
            config: read_json(path.join("config.json"))?,
            weights: TensorSource::open(find_weights(path, variant)?)?,
        })
    }

    /// The whole `config.json`.
    pub fn config(&self) -> &Value {
        &self.config
    }

    /// The weights, unread.
    pub fn weights(&self) -> &TensorSource {
        &self.weights
    }

    /// Loads a `UNet2DConditionModel`.
    ///
    /// # Errors
    /// `Unsupported` or `Invalid` if the configuration is not one that can be built; what
    /// [`load`] refuses.
    pub fn unet(&self, storage: Storage, device: &Device) -> Result<(UNet, LoadReport)> {
        self.expect(&["UNet2DConditionModel"])?;
        let model = UNetConfig::from_json(&self.config).and_then(|config| config.init(device));
        self.fill(model, &unet_names(), storage, device)
    }

    /// Loads a `ControlNetModel`.
    ///
    /// # Errors
    /// As [`unet`](Self::unet).
    pub fn controlnet(
        &self,
        storage: Storage,
        device: &Device,
    ) -> Result<(ControlNet, LoadReport)> {
        self.expect(&["ControlNetModel"])?;
        let config = ControlNetConfig::from_json(&self.config);
        let model = config.and_then(|config| config.init(device));
        self.fill(model, &unet_names(), storage, device)
    }

    /// Loads an `AutoencoderKL`.
    ///
    /// # Errors
    /// As [`unet`](Self::unet).
    pub fn vae(&self, storage: Storage, device: &Device) -> Result<(AutoencoderKl, LoadReport)> {
        self.expect(&["AutoencoderKL"])?;
        let model = VaeConfig::from_json(&self.config).map(|config| config.init(device));
        self.fill(model, &vae_names(), storage, device)
    }

    /// Loads a `CLIPTextModel`, with or without projection.
    ///
    /// # Errors
    /// As [`unet`](Self::unet).
    pub fn clip_text(&self, storage: Storage, device: &Device) -> Result<(ClipText, LoadReport)> {
        self.expect(&["CLIPTextModel", "CLIPTextModelWithProjection", "CLIPModel"])?;
        let model = ClipTextConfig::from_json(&self.config).map(|config| config.init(device));
        self.fill(model, &clip_text_names(), storage, device)
    }

    /// Loads a `CLIPVisionModel`, with or without projection.
    ///
    /// # Errors
    /// As [`unet`](Self::unet).
    pub fn clip_vision(
        &self,
        storage: Storage,
        device: &Device,
    ) -> Result<(ClipVision, LoadReport)> {
        self.expect(&[
            "CLIPVisionModel",
            "CLIPVisionModelWithProjection",
            "CLIPModel",
        ])?;
        let model = ClipVisionConfig::from_json(&self.config).map(|config| config.init(device));
        self.fill(model, &clip_vision_names(), storage, device)
    }

    fn fill<M: Module>(
        &self,
        model: Result<M>,
        map: &KeyMap,
        storage: Storage,
        device: &Device,
    ) -> Result<(M, LoadReport)> {
        let model = model.context(|| format!("{}", self.path.display()))?;
        load(model, &self.weights, map, storage, device)
    }

    /// Refuses the configuration of another network, which may have the same keys.
    fn expect(&self, classes: &[&str]) -> Result<()> {
        let architectures = self.config["architectures"].as_array();
        let named = architectures
            .into_iter()
            .flatten()
            .chain(self.config.get("_class_name"));
        let mut found = named.filter_map(Value::as_str).peekable();
        let known = found.peek().is_none() || found.any(|name| classes.contains(&name));
        if known {
            return Ok(());
        }
        let kinds = [&self.config["_class_name"], &self.config["architectures"]];
        let kind = kinds
            .into_iter()
            .find(|kind| !kind.is_null())
            .unwrap_or(&Value::Null);
        let why = format!("needed here is {}, found {kind}", classes.join(" or "));
        Err(Error::unsupported(self.path.display().to_string(), why))
    }
}

/// Reads a JSON file of modest size. Bare `NaN` and `Infinity`, which Python writes and JSON does
/// not know, become `null`: in these files they mean "no limit".
///
/// # Errors
/// `Io` if it cannot be read, `Format` if it is not JSON.
pub fn read_json(path: impl AsRef<Path>) -> Result<Value> {
    let path = path.as_ref();
    let text = read_bounded(path, MAX_JSON)?;
    serde_json::from_slice(&text)
        .or_else(|error| serde_json::from_slice(&without_bare_floats(&text)).map_err(|_| error))
        .map_err(|error| Error::format(path, format!("not JSON: {error}")))
}

/// The same text with `null` for `NaN`, `Infinity` and `-Infinity` outside strings.
fn without_bare_floats(text: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(text.len());
    let (mut rest, mut in_string) = (text, false);
    while let [first, others @ ..] = rest {
        let words: [&[u8]; 3] = [b"-Infinity", b"Infinity", b"NaN"];
        let word = words.into_iter().find(|word| rest.starts_with(word));
        match (word, first, others) {
            (Some(word), ..) if !in_string => {
                kept.extend_from_slice(b"null");
                rest = &rest[word.len()..];
            }
            (_, b'\\', [escaped, others @ ..]) if in_string => {
                kept.extend_from_slice(&[b'\\', *escaped]);
                rest = others;
            }
            _ => {
                in_string ^= *first == b'"';
                kept.push(*first);
                rest = others;
            }
        }
    }
    kept
}

/// The weight file (or shard index) to open.
fn find_weights(folder: &Path, variant: Option<&str>) -> Result<PathBuf> {
    let entries = fs::read_dir(folder).map_err(|error| Error::io(folder, error))?;
    let names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let exists = |name: &String| names.contains(name);
    let known = variant
        .into_iter()
        .map(Some)
        .chain([None])
        .flat_map(file_names)
        .find(exists);
    if let Some(name) = known {
        return Ok(folder.join(name));
    }

    // No usual name: whatever weights there are, if there is no choice. Shards need their index.
    let ends = |ending: &str| -> Vec<&String> {
        names.iter().filter(|name| name.ends_with(ending)).collect()
    };
    for ending in [
        ".safetensors.index.json",
        ".safetensors",
        ".bin.index.json",
        ".bin",
    ] {
        match ends(ending)[..] {
            [] => {}
            [only] => return Ok(folder.join(only)),
            [..] => {
                let found = ends(ending);
                let why = format!("several weight files and no usual name: {found:?}");
                return Err(Error::format(folder, why));
            }
        }
    }
    Err(Error::format(
        folder,
        "holds no .safetensors and no .bin weights",
    ))
}

/// The usual names of a variant, the best first.
fn file_names(variant: Option<&str>) -> Vec<String> {
    let dotted = variant
        .map(|variant| format!(".{variant}"))
        .unwrap_or_default();
    let forms = ["safetensors", "bin"].into_iter().flat_map(|kind| {
        STEMS.into_iter().flat_map({
            let dotted = dotted.clone();
            move |stem| {
                [
                    format!("{stem}{dotted}.{kind}"),
                    format!("{stem}{dotted}.{kind}.index.json"),
                    format!("{stem}.{kind}.index{dotted}.json"),
                ]
            }
        })
    });
    forms.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_s_bare_floats_are_no_limit() {
        let text = br#"{"a": -Infinity, "b":[NaN,Infinity], "c": "NaN \" -Infinity", "d": 1}"#;
        let kept = String::from_utf8(without_bare_floats(text)).unwrap();
        assert_eq!(
            kept,
            r#"{"a": null, "b":[null,null], "c": "NaN \" -Infinity", "d": 1}"#
        );
    }
}

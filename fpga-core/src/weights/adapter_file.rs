//! Files that give a UNet an identity: IP-Adapter and its relatives, InstantID's adapter, ConsistentID.
//!
//! All have the same sections: a projector (`image_proj`, or `image_proj_model` in ConsistentID's newer
//! files), and one entry per attention layer (`ip_adapter`, or `adapter_modules`) with projections of
//! identity tokens and, where faces are meant, a LoRA. ConsistentID adds a `FacialEncoder`. Which of
//! them a file is shows in its tensors; nothing in it may be left over.

use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;

use super::decode::Storage;
use super::identity_layers::identity_attention;
use super::load::load;
use super::lora::Lora;
use super::projector_names::projector_names;
use super::projector_sizes::{ProjectorConfig, facial_sizes, projector_sizes};
use super::source::TensorSource;
use crate::error::{Context, Error, ErrorKind, Result};
use crate::identity::IdentityAttention;
use crate::identity::projector::{FacialEncoder, Projector, ResamplerInput, Shortcut};
use crate::unet::{UNet, UNetConfig};

/// Names of the projector's section.
pub(super) const PROJECTOR: [&str; 2] = ["image_proj", "image_proj_model"];
/// Names of the attention layers' section.
pub(super) const LAYERS: [&str; 2] = ["ip_adapter", "adapter_modules"];
/// Name of ConsistentID's part encoder.
pub(super) const FACIAL: &str = "FacialEncoder";
/// A training dump of ConsistentID holds the frozen UNet too.
const FROZEN: &str = "unet";

/// The adapters that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdapterKind {
    /// A picture as prompt.
    IpAdapter,
    /// The same, in more detail.
    IpAdapterPlus,
    /// A face by its embedding, as InstantID wants it.
    InstantId,
    /// A face by its embedding.
    FaceId,
    /// A face by its embedding and its picture; the second version has the same tensors.
    FaceIdPlus,
    /// The same, with words that know the parts of the face.
    ConsistentId,
}

/// An open adapter file, with the values still in it.
#[derive(Clone, Debug)]
pub struct AdapterFile {
    source: TensorSource,
    kind: AdapterKind,
    projector: TensorSource,
    config: ProjectorConfig,
    layers: TensorSource,
    facial: TensorSource,
}

impl AdapterFile {
    /// Opens `.safetensors` or `.bin`.
    ///
    /// # Errors
    /// As [`TensorSource::open`]; `Unsupported` or `Format` if it is not one of the known adapters,
    /// which says what it holds instead.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::from_source(TensorSource::open(path)?)
    }

    /// What an open checkpoint holds.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_source(source: TensorSource) -> Result<Self> {
        let known = [PROJECTOR, LAYERS].concat();
        let belongs = |name: &str| {
            let (section, _) = name.split_once('.').unwrap_or((name, ""));
            known.contains(&section) || section == FACIAL || section.starts_with(FROZEN)
        };
        if let Some(stray) = source.names().find(|name| !belongs(name)) {
            let why = format!(
                "{stray} belongs to no identity adapter; sections are {}, {FACIAL}",
                known.join(", ")
            );
            return Err(Error::unsupported(
                source.origin().display().to_string(),
                why,
            ));
        }
        let projector = section(&source, PROJECTOR)?;
        let layers = section(&source, LAYERS)?;
        let facial = source.scoped(FACIAL);
        let config = projector_sizes(&projector)?;
        let kind = kind(&source, config, !facial.is_empty())?;
        Ok(Self {
            source,
            kind,
            projector,
            config,
            layers,
            facial,
        })
    }

    /// The file that was opened.
    pub fn origin(&self) -> &Path {
        self.source.origin()
    }

    /// Which adapter it is.
    pub fn kind(&self) -> AdapterKind {
        self.kind
    }

    /// The entries of the attention layers, numbered as diffusers numbers attention processors.
    pub fn layers(&self) -> &TensorSource {
        &self.layers
    }

    /// Bytes that its tensors take once they are loaded; a frozen UNet in it is not.
    pub fn loaded_bytes(&self, storage: Storage) -> u64 {
        let parts = [&self.projector, &self.layers, &self.facial];
        let bytes = parts.map(|part| part.loaded_bytes(storage));
        bytes.into_iter().fold(0, u64::saturating_add)
    }

    /// Width of the identity tokens, which is that of the text tokens of the model it was made for.
    pub fn token_width(&self) -> usize {
        match self.config {
            ProjectorConfig::Image(config) => config.token_width,
            ProjectorConfig::Resampler(config) => config.perceiver.output_width,
            ProjectorConfig::Face(config) => config.token_width,
            ProjectorConfig::FacePerceiver(config) => config.face.token_width,
        }
    }

    /// Whether the UNet can read what this file makes.
    ///
    /// # Errors
    /// Says for which model the file was made and which one this is.
    pub fn check(&self, unet: &UNet) -> Result<()> {
        let encoder = &unet.config().encoder;
        let transformers = encoder.stages.iter().filter_map(|stage| stage.transformer);
        let mut widths = transformers
            .chain(encoder.mid)
            .map(|transformer| transformer.context_width);
        let (found, made_for) = (self.token_width(), model_of(self.token_width()));
        match widths.find(|width| *width != found) {
            None => Ok(()),
            Some(width) => {
                let why = format!(
                    "made for {made_for} (tokens {found} wide), and the model is {} ({width} wide)",
                    model_of(width)
                );
                Err(Error::invalid(self.origin().display().to_string(), why))
            }
        }
    }

    /// The projector.
    ///
    /// # Errors
    /// `Weights` if tensors are missing, left over or of another shape; `NotFinite`, `Io` or `Format`
    /// if reading fails.
    pub fn projector(
        &self,
        shortcut: Shortcut,
        storage: Storage,
        device: &Device,
    ) -> Result<Projector> {
        let fill = Filling {
            source: &self.projector,
            storage,
            device,
        };
        Ok(match self.config {
            ProjectorConfig::Image(config) => Projector::Image(fill.all(config.init(device))?),
            ProjectorConfig::Resampler(config) => {
                Projector::Resampler(fill.all(config.init(device))?)
            }
            ProjectorConfig::Face(config) => Projector::Face(fill.all(config.init(device))?),
            ProjectorConfig::FacePerceiver(config) => {
                let network = config.init(device).with_shortcut(shortcut);
                Projector::FacePerceiver(fill.all(network)?)
            }
        })
        .context(|| "projector")
    }

    /// ConsistentID's encoder of facial parts; other files have none.
    ///
    /// # Errors
    /// As [`projector`](Self::projector).
    pub fn facial_encoder(
        &self,
        storage: Storage,
        device: &Device,
    ) -> Result<Option<FacialEncoder>> {
        if self.facial.is_empty() {
            return Ok(None);
        }
        let load = || {
            let fill = Filling {
                source: &self.facial,
                storage,
                device,
            };
            fill.all(facial_sizes(&self.facial)?.init(device)).map(Some)
        };
        load().context(|| FACIAL)
    }

    /// The projections of identity tokens in every cross-attention layer.
    ///
    /// # Errors
    /// As [`identity_attention`]; `Weights` if the layers hold something else than these projections
    /// and a LoRA.
    pub fn attention(
        &self,
        unet: &UNetConfig,
        storage: Storage,
        device: &Device,
    ) -> Result<IdentityAttention> {
        let (attention, mut report) = identity_attention(&self.layers, unet, storage, device)?;
        report.unused.retain(|name| !is_lora(name));
        match report.unused.is_empty() {
            true => Ok(attention),
            false => Err(Error::new(ErrorKind::Weights(report))).context(|| "attention layers"),
        }
    }

    /// What the file changes in the UNet's own attention; without that a face file has little effect.
    ///
    /// # Errors
    /// As [`Lora::from_source`].
    pub fn lora(&self) -> Result<Option<Lora>> {
        let pairs = self.layers.keeping(is_lora);
        match pairs.is_empty() {
            true => Ok(None),
            false => Lora::from_source(pairs).map(Some),
        }
    }
}

fn is_lora(name: &str) -> bool {
    name.contains("_lora.")
}

/// Where a network's weights are and how they are kept.
struct Filling<'a> {
    source: &'a TensorSource,
    storage: Storage,
    device: &'a Device,
}

impl Filling<'_> {
    /// All tensors into all parameters, with nothing left on either side.
    fn all<M: Module>(&self, module: M) -> Result<M> {
        let names = projector_names();
        let (module, report) = load(module, self.source, &names, self.storage, self.device)?;
        match report.unused.is_empty() {
            true => Ok(module),
            false => Err(Error::new(ErrorKind::Weights(report))),
        }
    }
}

/// The only section of these names.
fn section(source: &TensorSource, names: [&str; 2]) -> Result<TensorSource> {
    let found: Vec<_> = names
        .iter()
        .map(|name| source.scoped(name))
        .filter(|section| !section.is_empty())
        .collect();
    let [section] = <[TensorSource; 1]>::try_from(found).map_err(|found| {
        let [one, other] = names;
        let why = format!(
            "needs one section {one} or {other}, found {}: not an identity adapter",
            found.len()
        );
        Error::format(source.origin(), why)
    })?;
    Ok(section)
}

fn kind(source: &TensorSource, config: ProjectorConfig, facial: bool) -> Result<AdapterKind> {
    let kind = match config {
        ProjectorConfig::FacePerceiver(_) if facial => return Ok(AdapterKind::ConsistentId),
        ProjectorConfig::FacePerceiver(_) => AdapterKind::FaceIdPlus,
        ProjectorConfig::Face(_) => AdapterKind::FaceId,
        ProjectorConfig::Image(_) => AdapterKind::IpAdapter,
        ProjectorConfig::Resampler(config) => match config.input {
            ResamplerInput::Picture => AdapterKind::IpAdapterPlus,
            ResamplerInput::Face => AdapterKind::InstantId,
        },
    };
    if facial {
        let why = format!("holds a {FACIAL} beside the projector of {kind:?}");
        return Err(Error::format(source.origin(), why));
    }
    Ok(kind)
}

/// The family of models whose text tokens are this wide.
fn model_of(width: usize) -> &'static str {
    match width {
        768 => "SD 1",
        1024 => "SD 2",
        2048 => "SDXL",
        _ => "another model",
    }
}

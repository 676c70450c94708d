//! From reference pictures of a person to identity tokens: an adapter file, loaded for one model.
//!
//! An [`IdentityAdapter`] holds what the file holds: the projector, the projections of its tokens in
//! every cross-attention layer, a LoRA where faces are meant, and ConsistentID's encoder of facial
//! parts. What it reads off a [`FaceReference`] follows from the file's kind.

mod facial_text;
mod reference;

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};

use super::model::StableDiffusion;
use super::people::IdentityTokens;
use crate::error::{Context, Error, Result};
use crate::face::FaceEmbedding;
use crate::identity::IdentityAttention;
use crate::identity::projector::{
    FaceScale, FacialEncoder, FeatureNeeds, IdentityFeatures, Projector, Shortcut,
};
use crate::vision::{ClipVision, preprocess};
use crate::weights::{AdapterFile, AdapterKind, Lora, ModelFolder, Storage};

pub use facial_text::{FacialPrompts, FacialText, FacialTextWays, NegativeText, SecondTokenizer};
pub use reference::{ColourOrder, FaceChoice, FaceObservers, FaceReference};

/// How an adapter file is loaded.
#[derive(Clone, Debug, Default)]
pub struct AdapterOptions {
    /// In which type weights are kept.
    pub storage: Storage,
    /// Folder of the CLIP vision model that the file was trained with, for kinds that look at pictures.
    pub image_encoder: Option<PathBuf>,
    /// What the file does not say. `None`: as the published code has it for ConsistentID (on for SDXL,
    /// off for SD 1.5), and for FaceID-Plus on where the file's name says `plusv2`.
    pub shortcut: Option<Shortcut>,
}

impl AdapterOptions {
    /// Bytes that a file and its CLIP vision model take once they are loaded; no value is read.
    ///
    /// # Errors
    /// A folder of the vision model that cannot be opened.
    pub fn loaded_bytes(&self, file: &AdapterFile) -> Result<u64> {
        let own = file.loaded_bytes(self.storage);
        let Some(folder) = &self.image_encoder else {
            return Ok(own);
        };
        let folder = ModelFolder::open(folder, None).context(|| "image encoder")?;
        Ok(own.saturating_add(folder.weights().loaded_bytes(self.storage)))
    }
}

/// An adapter file, loaded for one model.
#[derive(Debug)]
pub struct IdentityAdapter {
    kind: AdapterKind,
    projector: Projector,
    attention: IdentityAttention,
    facial: Option<FacialEncoder>,
    vision: Option<ClipVision>,
    lora: Option<Lora>,
    device: Device,
}

impl IdentityAdapter {
    /// Loads a file and the CLIP vision model that it needs.
    ///
    /// # Errors
    /// A file that is no identity adapter or was made for another model, which says for which; a CLIP
    /// vision model that is needed and not given, or of other sizes.
    pub fn load(
        path: impl AsRef<Path>,
        model: &StableDiffusion,
        options: &AdapterOptions,
    ) -> Result<Self> {
        let path = path.as_ref();
        let clause = || format!("identity adapter {}", path.display());
        let file = AdapterFile::open(path).context(clause)?;
        Self::from_file(&file, model, options).context(clause)
    }

    /// Loads what was opened before: for files that are no files, and for callers that want to know
    /// [`AdapterOptions::loaded_bytes`] first.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_file(
        file: &AdapterFile,
        model: &StableDiffusion,
        options: &AdapterOptions,
    ) -> Result<Self> {
        let (storage, device) = (options.storage, &model.device);
        file.check(&model.unet)?;
        let shortcut = options
            .shortcut
            .unwrap_or_else(|| usual_shortcut(file, model));
        let adapter = Self {
            kind: file.kind(),
            projector: file.projector(shortcut, storage, device)?,
            attention: file.attention(model.unet.config(), storage, device)?,
            facial: file.facial_encoder(storage, device)?,
            vision: options
                .image_encoder
                .as_ref()
                .map(|folder| load_vision(folder, storage, device))
                .transpose()?,
            // Read when it is merged, which may be long after the file's reader has gone.
            lora: file.lora()?.map(Lora::kept).transpose()?,
            device: device.clone(),
        };
        adapter.check_vision()?;
        Ok(adapter)
    }

    /// Which adapter it is.
    pub fn kind(&self) -> AdapterKind {
        self.kind
    }

    /// The projections of its tokens, for [`People`](super::People).
    pub fn attention(&self) -> &IdentityAttention {
        &self.attention
    }

    /// What it changes in the UNet's own attention, for [`StableDiffusion::with_loras`]. Face adapters
    /// were trained together with it.
    pub fn lora(&self) -> Option<&Lora> {
        self.lora.as_ref()
    }

    /// What it reads off a person.
    pub fn needs(&self) -> FeatureNeeds {
        self.projector.needs()
    }

    /// The model as this adapter was trained with it; shares all weights that stay the same. The model
    /// that is given stays as it is.
    ///
    /// # Errors
    /// As [`StableDiffusion::with_loras`].
    pub fn applied_to(&self, model: &StableDiffusion) -> Result<StableDiffusion> {
        let loras: Vec<_> = self.lora.iter().map(|lora| (lora, 1.0)).collect();
        model.with_loras(&loras)
    }

    /// A person's tokens and nobody's.
    ///
    /// Several references show one person: face embeddings are averaged; where pictures are looked at,
    /// every reference gives tokens of its own, laid side by side.
    ///
    /// # Errors
    /// No reference, or one that lacks what this adapter reads; NaN or infinity in the result.
    pub fn tokens(&self, references: &[FaceReference]) -> Result<IdentityTokens> {
        if references.is_empty() {
            return Err(Error::shape("reference pictures", "at least one", 0));
        }
        let person = self.projector.tokens(&self.features(references)?)?;
        let nobody = self
            .projector
            .tokens(&self.no_features(references.len())?)?;
        let flat = |tokens: Tensor<3>| {
            let [rows, count, width] = tokens.dims();
            tokens.reshape([rows * count, width])
        };
        Ok(IdentityTokens {
            conditional: flat(person),
            unconditional: flat(nobody),
        })
    }

    /// What the projector reads, one row per reference that it looks at.
    fn features(&self, references: &[FaceReference]) -> Result<IdentityFeatures> {
        let FeatureNeeds {
            face,
            picture,
            picture_tokens,
        } = self.needs();
        let rows = self.rows(references.len());
        let mut features = IdentityFeatures::default();
        if let Some((_, scale)) = face {
            let embeddings = references.iter().enumerate().map(|(index, reference)| {
                reference.need_embedding().context(|| in_reference(index))
            });
            let embeddings = embeddings.collect::<Result<Vec<_>>>()?;
            features.face = Some(self.embedding_rows(&embeddings, scale, rows)?);
        }
        if picture.is_some() || picture_tokens.is_some() {
            let pixels = references
                .iter()
                .enumerate()
                .map(|(index, reference)| self.pixels(reference).context(|| in_reference(index)));
            let pixels = Tensor::cat(pixels.collect::<Result<Vec<_>>>()?, 0);
            let seen = self.look(pixels);
            features.picture = seen.embedding;
            features.picture_tokens = Some(seen.tokens);
        }
        Ok(features)
    }

    /// The unconditional half: no face, and a picture without light.
    fn no_features(&self, references: usize) -> Result<IdentityFeatures> {
        let FeatureNeeds {
            face,
            picture,
            picture_tokens,
        } = self.needs();
        let rows = self.rows(references);
        let none = |width| Tensor::<2>::zeros([rows, width], &self.device);
        let tokens = picture_tokens.map(|_| {
            let dark = self.look(self.darkness());
            dark.tokens.repeat_dim(0, rows)
        });
        Ok(IdentityFeatures {
            face: face.map(|(width, _)| none(width)),
            picture: picture.map(none),
            picture_tokens: tokens,
        })
    }

    /// One row per reference where pictures are looked at, one for all where only the face counts.
    fn rows(&self, references: usize) -> usize {
        let needs = self.needs();
        match needs.picture.or(needs.picture_tokens) {
            Some(_) => references,
            None => 1,
        }
    }

    fn embedding_rows(
        &self,
        embeddings: &[FaceEmbedding],
        scale: FaceScale,
        rows: usize,
    ) -> Result<Tensor<2>> {
        let values = match (embeddings, scale) {
            ([only], FaceScale::Raw) => only.raw().to_vec(),
            ([only], FaceScale::Unit) => only.unit(),
            (several, FaceScale::Unit) => FaceEmbedding::mean(several)?.unit(),
            (several, FaceScale::Raw) => {
                // The direction of the mean, as long as the pictures' own vectors are.
                let norm = several.iter().map(FaceEmbedding::norm).sum::<f64>();
                let norm = norm / several.len() as f64;
                let mean = FaceEmbedding::mean(several)?.unit();
                let scaled = mean.iter().map(|value| (f64::from(*value) * norm) as f32);
                scaled.collect()
            }
        };
        let width = values.len();
        let row = Tensor::<2>::from_data(TensorData::new(values, [1, width]), &self.device);
        Ok(row.repeat_dim(0, rows))
    }

    /// What CLIP gets of a reference.
    fn pixels(&self, reference: &FaceReference) -> Result<Tensor<4>> {
        let picture = match self.kind {
            AdapterKind::FaceIdPlus => reference.face_portrait()?,
            _ => reference.need_picture()?.clone(),
        };
        preprocess(
            &picture,
            self.need_vision().config().image_size,
            &self.device,
        )
    }

    /// A picture of zeros behind the normalisation, as the published code has it.
    fn darkness(&self) -> Tensor<4> {
        let config = self.need_vision().config();
        let side = config.image_size;
        Tensor::zeros([1, config.channels, side, side], &self.device)
    }

    fn look(&self, pixels: Tensor<4>) -> Seen {
        let output = self.need_vision().forward(pixels);
        let before_last = output.hidden_states.len() - 2;
        Seen {
            tokens: output.hidden_states[before_last].clone(),
            embedding: output.image_embeds,
        }
    }

    fn need_vision(&self) -> &ClipVision {
        let vision = self.vision.as_ref();
        vision.expect("checked at loading, for kinds that look at pictures")
    }

    /// Whether the vision model is there and as wide as the file needs it.
    fn check_vision(&self) -> Result<()> {
        let needs = self.needs();
        let facial = self.facial.as_ref().map(|encoder| {
            let config = encoder.visual_projection.config();
            config.perceiver.context_width
        });
        let wanted = needs.picture.or(needs.picture_tokens).or(facial);
        let (Some(wanted), vision) = (wanted, &self.vision) else {
            return Ok(());
        };
        let Some(vision) = vision else {
            let why = format!(
                "an adapter of kind {:?} looks at pictures: needs the folder of the CLIP vision \
                 model that it was trained with ({wanted} wide)",
                self.kind
            );
            return Err(Error::invalid("image encoder", why));
        };
        let config = vision.config();
        let hidden = config.encoder.width;
        let found = [
            (needs.picture, config.projection_width),
            (needs.picture_tokens, Some(hidden)),
            (facial, Some(hidden)),
        ];
        match found
            .iter()
            .find(|(needed, found)| needed.is_some() && needed != found)
        {
            None => Ok(()),
            Some((needed, found)) => {
                let why = format!(
                    "needs a CLIP vision model {} wide, found {}: another one than this file was \
                     trained with",
                    needed.unwrap_or_default(),
                    found.map_or("none".to_owned(), |width| width.to_string()),
                );
                Err(Error::invalid("image encoder", why))
            }
        }
    }
}

/// What CLIP makes of pictures.
struct Seen {
    /// `[b, t, w]`
    tokens: Tensor<3>,
    /// `[b, e]`
    embedding: Option<Tensor<2>>,
}

fn usual_shortcut(file: &AdapterFile, model: &StableDiffusion) -> Shortcut {
    let name = file.origin().to_string_lossy().to_lowercase();
    let on = match file.kind() {
        AdapterKind::ConsistentId => model.unet.config().encoder.added.is_some(),
        _ => name.contains("plusv2"),
    };
    match on {
        true => Shortcut::Scaled(1.0),
        false => Shortcut::Off,
    }
}

fn load_vision(folder: &Path, storage: Storage, device: &Device) -> Result<ClipVision> {
    let folder = ModelFolder::open(folder, None).context(|| "image encoder")?;
    let (vision, _) = folder
        .clip_vision(storage, device)
        .context(|| "image encoder")?;
    Ok(vision)
}

fn in_reference(index: usize) -> String {
    format!("reference picture {index}")
}

#[cfg(test)]
mod tests;

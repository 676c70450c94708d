//! What one step of a diffusion model learns from.

use burn::tensor::Tensor;
use ndarray::Array2;

use crate::error::{Context, Error, Result};
use crate::face::Landmarks5;
use crate::identity::projector::IdentityFeatures;
use crate::unet::{AddedConditioning, Conditioning};

/// Pictures with all that is known of them. Everything per picture has one entry per row of `latents`.
#[derive(Clone, Debug)]
pub struct DiffusionBatch {
    /// Clean, scaled as the UNet sees them: `[b, c, h, w]`.
    pub latents: Tensor<4>,
    /// Text, and SDXL's extra vector.
    pub conditioning: Conditioning,
    /// Condition pictures `[b, 3, H, W]`, values 0..1.
    pub condition: Option<Tensor<4>>,
    /// What the condition pictures show.
    pub modality: Modality,
    /// The faces of each picture; empty where nobody says.
    pub faces: Vec<Vec<FaceTarget>>,
    /// The facial parts of each picture that words of its text stand for; empty where nobody says.
    pub parts: Vec<Vec<PartTarget>>,
}

/// What a condition picture shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Modality {
    /// Bodies, in full pictures.
    #[default]
    Skeleton,
    /// Points of a face, in face crops.
    Landmark,
}

/// A face in a picture.
#[derive(Clone, Debug)]
pub struct FaceTarget {
    /// Where it is: `[H, W]`, 0..1.
    pub region: Array2<f32>,
    /// Whose it is: identity tokens `[n, width]`; `None` if nobody says.
    pub tokens: Option<Tensor<2>>,
    /// What a projector makes these tokens of, one row each: needed where the projector learns.
    pub features: Option<IdentityFeatures>,
    /// How it is recognised: needed where its likeness counts.
    pub likeness: Option<Likeness>,
}

/// How a face in a picture is recognised.
#[derive(Clone, Debug)]
pub struct Likeness {
    /// Where its points are, in pixels of the mask.
    pub landmarks: Landmarks5,
    /// What a recogniser says of the person, of length 1: `[features]`.
    pub embedding: Tensor<1>,
}

/// A facial part and the word that stands for it.
#[derive(Clone, Debug)]
pub struct PartTarget {
    /// Position in the text.
    pub token: usize,
    /// Where the part is: `[H, W]`, 0..1.
    pub region: Array2<f32>,
    /// What CLIP sees of it, its last hidden state but one `[t, width]`: fused into the word by a facial
    /// encoder.
    pub look: Option<Tensor<2>>,
}

impl FaceTarget {
    /// Whose identity nobody says.
    pub fn unknown(region: Array2<f32>) -> Self {
        Self {
            region,
            tokens: None,
            features: None,
            likeness: None,
        }
    }

    /// Whether somebody says whose it is.
    pub fn is_known(&self) -> bool {
        self.tokens.is_some() || self.features.is_some()
    }
}

impl DiffusionBatch {
    /// Pictures and text; nothing else is known.
    pub fn new(latents: Tensor<4>, conditioning: Conditioning) -> Self {
        Self {
            latents,
            conditioning,
            condition: None,
            modality: Modality::default(),
            faces: Vec::new(),
            parts: Vec::new(),
        }
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.latents.dims()[0]
    }

    /// Whether there is no picture.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One picture with all that is known of it.
    #[must_use]
    pub fn row(&self, row: usize) -> Self {
        let rows = row..row + 1;
        let added = self.conditioning.added.as_ref();
        Self {
            latents: self.latents.clone().slice_dim(0, rows.clone()),
            conditioning: Conditioning {
                context: self.conditioning.context.clone().slice_dim(0, rows.clone()),
                added: added.map(|added| AddedConditioning {
                    text_embeds: added.text_embeds.clone().slice_dim(0, rows.clone()),
                    time_ids: added.time_ids.clone().slice_dim(0, rows.clone()),
                }),
            },
            condition: self
                .condition
                .clone()
                .map(|condition| condition.slice_dim(0, rows.clone())),
            modality: self.modality,
            faces: self.faces.get(rows.clone()).unwrap_or_default().to_vec(),
            parts: self.parts.get(rows.clone()).unwrap_or_default().to_vec(),
        }
    }

    /// Checks that all entries agree about the number of pictures, and that masks hold shares.
    ///
    /// # Errors
    /// Names the entry.
    pub fn check(&self) -> Result<()> {
        let rows = self.len();
        let condition = self.condition.as_ref().map(|condition| condition.dims()[0]);
        let parts = (!self.parts.is_empty()).then_some(self.parts.len());
        let faces = (!self.faces.is_empty()).then_some(self.faces.len());
        for (name, found) in [
            ("context", Some(self.conditioning.context.dims()[0])),
            ("condition", condition),
            ("faces", faces),
            ("parts", parts),
        ] {
            if found.is_some_and(|found| found != rows) {
                return Err(Error::shape(name, format!("{rows} rows"), found));
            }
        }
        let faces = self.faces.iter().flatten().map(|face| &face.region);
        let parts = self.parts.iter().flatten().map(|part| &part.region);
        for (index, region) in faces.chain(parts).enumerate() {
            check_region(region).context(|| format!("region {index}"))?;
        }
        let tokens = self.conditioning.context.dims()[1];
        match self
            .parts
            .iter()
            .flatten()
            .find(|part| part.token >= tokens)
        {
            None => Ok(()),
            Some(part) => {
                let why = format!("text has {tokens} tokens, found position {}", part.token);
                Err(Error::invalid("token of a part", why))
            }
        }
    }
}

fn check_region(region: &Array2<f32>) -> Result<()> {
    if region.is_empty() {
        return Err(Error::shape("mask", "[H, W], none of them 0", region.dim()));
    }
    match region.iter().find(|value| !(0.0..=1.0).contains(*value)) {
        None => Ok(()),
        Some(value) => Err(Error::invalid(
            "mask",
            format!("needs 0 to 1, found {value}"),
        )),
    }
}

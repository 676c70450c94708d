//! The networks of one training, together: what learns, and what it is beside.

use std::ops::Range;

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::batch::{DiffusionBatch, FaceTarget, Modality, PartTarget};
use crate::control::{ControlNet, ModalUNet};
use crate::error::{Error, Result};
use crate::identity::projector::{FacialEncoder, IdentityFeatures, MarkedTokens, Projector};
use crate::identity::{Identity, IdentityAttention, IdentitySet, RegionMask};
use crate::unet::{AttentionMap, AttentionSite, AttentionWatch, PreparedConditioning, UNet};

/// A UNet and its companions. Made by [`Trainable::prepare`](super::Trainable::prepare).
#[derive(Module, Debug)]
pub struct Trainee {
    /// The base; has low-rank additions, or learns itself, or neither.
    pub unet: UNet,
    /// A classic ControlNet.
    pub controlnet: Option<ControlNet>,
    /// The base with modal branches; used in its place. One for all modalities, or one for each.
    pub modal: Vec<ModalUNet>,
    /// Projections of identity tokens.
    pub identity: Option<IdentityAttention>,
    /// Makes identity tokens of features.
    pub projector: Option<Projector>,
    /// Fuses words with the facial parts they name.
    pub facial: Option<FacialEncoder>,
}

/// What the networks are told.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// Noisy latents, and everything that belongs to them.
    pub batch: DiffusionBatch,
    /// `[b]`
    pub timesteps: Tensor<1>,
    /// Whose attention maps are to be kept, and in which stages.
    pub watch: Option<(AttentionSite, Range<usize>)>,
}

/// A prediction, and the attention behind it where that was asked for.
#[derive(Clone, Debug)]
pub struct Predicted {
    /// `[b, c, h, w]`
    pub output: Tensor<4>,
    /// In the order of use.
    pub maps: Vec<AttentionMap>,
}

impl Trainee {
    /// What the UNet says about noisy latents.
    ///
    /// # Errors
    /// A batch that does not fit the networks.
    pub fn predict(&self, inputs: &Inputs) -> Result<Predicted> {
        let batch = &self.read_people(inputs.batch.clone())?;
        let timesteps = &inputs.timesteps;
        let (unet, encoder) = match self.modal_for(batch.modality) {
            Some(modal) => (&modal.unet, Some(&modal.controlnet_cond_embedding)),
            None => (&self.unet, None),
        };
        unet.check(batch.latents.dims(), &batch.conditioning, None)?;
        let mut prepared = unet.prepare(&batch.conditioning);
        let mut control = None;
        if let Some(condition) = &batch.condition {
            if let Some(net) = &self.controlnet {
                net.check(batch.latents.dims(), &batch.conditioning, condition.dims())?;
                let hint = net.encode_condition(condition.clone());
                let text = net.prepare(&batch.conditioning);
                let latents = batch.latents.clone();
                control = Some(net.forward(latents, timesteps.clone(), &text, hint));
            }
            if let Some(encoder) = encoder {
                encoder.check(batch.latents.dims(), condition.dims())?;
                prepared = prepared.with_hint(encoder.forward(condition.clone()));
            }
        }
        let prepared = self.with_people(unet, prepared, batch)?;
        let watch = inputs.watch.clone();
        let watch = watch.map(|(site, stages)| AttentionWatch::new(site, stages));
        let prepared = match &watch {
            Some(watch) => prepared.watched_by(watch.clone()),
            None => prepared,
        };
        let latents = batch.latents.clone();
        let output = unet.forward(latents, timesteps.clone(), &prepared, control.as_ref());
        let maps = watch.map(|watch| watch.take()).unwrap_or_default();
        Ok(Predicted { output, maps })
    }

    /// The batch with identity tokens in place of features, and words that know their facial parts.
    fn read_people(&self, mut batch: DiffusionBatch) -> Result<DiffusionBatch> {
        let read = |face: &&mut FaceTarget| face.features.is_some();
        let mut faces: Vec<_> = batch.faces.iter_mut().flatten().filter(read).collect();
        let features: Vec<_> = faces
            .iter_mut()
            .flat_map(|face| face.features.take())
            .collect();
        if !features.is_empty() {
            let projector = self.projector.as_ref().ok_or_else(|| {
                let why = "must make tokens of a face's features, and is not given";
                Error::invalid("projector", why)
            })?;
            let tokens = projector.tokens(&IdentityFeatures::stacked(&features))?;
            for (row, face) in faces.into_iter().enumerate() {
                face.tokens = Some(tokens.clone().narrow(0, row, 1).squeeze_dim(0));
            }
        }
        let Some(looks) = Looks::of(&batch.parts)? else {
            return Ok(batch);
        };
        let facial = self.facial.as_ref().ok_or_else(|| {
            let why = "must fuse words with the looks of parts, and is not given";
            Error::invalid("facial encoder", why)
        })?;
        let text = batch.conditioning.context;
        facial.check(text.dims(), looks.tokens.dims(), &looks.marked)?;
        batch.conditioning.context = facial.forward(text, looks.tokens, &looks.marked);
        Ok(batch)
    }

    /// Stages of the UNet in the order of use: down, middle, up.
    pub fn stages(&self) -> usize {
        let config = self.unet.config();
        config.encoder.stages.len() + 1 + config.up_stages.len()
    }

    /// Where the networks lie.
    pub fn device(&self) -> Device {
        let found = self.devices().into_iter().next();
        found.expect("a UNet has parameters")
    }

    /// With the people of each picture.
    fn with_people(
        &self,
        unet: &UNet,
        prepared: PreparedConditioning,
        batch: &DiffusionBatch,
    ) -> Result<PreparedConditioning> {
        let person = |face: &FaceTarget| -> Option<Result<Identity>> {
            let tokens = face.tokens.clone()?.unsqueeze_dim(0);
            Some(RegionMask::new(face.region.clone()).map(|region| Identity::new(tokens, region)))
        };
        let anyone = |faces: &Vec<FaceTarget>| faces.iter().any(|face| face.tokens.is_some());
        let (Some(adapter), true) = (&self.identity, batch.faces.iter().any(anyone)) else {
            return Ok(prepared);
        };
        let crowd = |faces: &Vec<FaceTarget>| {
            let people = faces.iter().filter_map(person);
            IdentitySet::blending(people.collect::<Result<_>>()?)
        };
        let people: Vec<_> = batch.faces.iter().map(crowd).collect::<Result<_>>()?;
        let [_, _, height, width] = batch.latents.dims();
        let people = unet.prepare_identities_each(adapter, &people, [height, width])?;
        prepared.with_identities(people)
    }

    fn modal_for(&self, modality: Modality) -> Option<&ModalUNet> {
        let index = match modality {
            Modality::Skeleton => 0,
            Modality::Landmark => 1,
        };
        self.modal
            .get(index.min(self.modal.len().saturating_sub(1)))
    }
}

/// What CLIP sees of the parts of all pictures.
struct Looks {
    /// `[b, parts, t, width]`; pictures with fewer parts are filled up with zeros, as ConsistentID does.
    tokens: Tensor<4>,
    /// The words that they belong to.
    marked: MarkedTokens,
}

impl Looks {
    /// `None` where no part has a look.
    fn of(parts: &[Vec<PartTarget>]) -> Result<Option<Self>> {
        let seen = |parts: &Vec<PartTarget>| -> Vec<(usize, Tensor<2>)> {
            let seen = |part: &PartTarget| part.look.clone().map(|look| (part.token, look));
            parts.iter().filter_map(seen).collect()
        };
        let rows: Vec<_> = parts.iter().map(seen).collect();
        let Some((_, first)) = rows.iter().flatten().next() else {
            return Ok(None);
        };
        let size = first.dims();
        if let Some((_, other)) = rows.iter().flatten().find(|(_, look)| look.dims() != size) {
            let needed = format!("{size:?} like the first");
            return Err(Error::shape("look of a part", needed, other.dims()));
        }
        let most = rows.iter().map(Vec::len).max().unwrap_or(0);
        let dark = Tensor::zeros(size, &first.device());
        let filled = |row: &Vec<(usize, Tensor<2>)>| {
            let mut looks: Vec<_> = row.iter().map(|(_, look)| look.clone()).collect();
            looks.resize(most, dark.clone());
            Tensor::stack::<3>(looks, 0)
        };
        let tokens = rows.iter().map(filled).collect();
        let marked = |row: &Vec<(usize, _)>| row.iter().map(|(token, _)| *token).collect();
        Ok(Some(Self {
            tokens: Tensor::stack(tokens, 0),
            marked: MarkedTokens::new(rows.iter().map(marked).collect()),
        }))
    }
}

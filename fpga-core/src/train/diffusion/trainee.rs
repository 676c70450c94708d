//! The networks of one training, together: what learns, and what it is beside.

use std::cell::RefCell;

use burn::module::Module;
use burn::tensor::{Device, GradientCheckpointingStrategy, Tensor};
use ndarray::Array2;

use super::batch::{DiffusionBatch, FaceTarget, Modality};
use crate::control::{ControlNet, ModalUNet};
use crate::error::{Context, Error, Result};
use crate::identity::{Identity, IdentityAttention, IdentitySet, RegionMask};
use crate::unet::{AttentionMap, AttentionSite, Conditioning, PreparedConditioning, UNet};

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
}

/// What the networks are told.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// Noisy latents, and everything that belongs to them.
    pub batch: DiffusionBatch,
    /// `[b]`
    pub timesteps: Tensor<1>,
    /// Whose attention maps are to be kept, and in which stages.
    pub watch: Option<(AttentionSite, std::ops::Range<usize>)>,
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
        let Inputs {
            batch, timesteps, ..
        } = inputs;
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
                prepared = prepared.with_hint(encoder.forward(condition.clone()));
            }
        }
        let prepared = self.with_people(unet, prepared, batch)?;
        let maps = RefCell::new(Vec::new());
        let prepared = match &inputs.watch {
            Some((site, stages)) => prepared.watching(*site, stages.clone(), &maps),
            None => prepared,
        };
        let latents = batch.latents.clone();
        let output = unet.forward(latents, timesteps.clone(), &prepared, control.as_ref());
        drop(prepared);
        Ok(Predicted {
            output,
            maps: maps.into_inner(),
        })
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

    fn modal_for(&self, modality: Modality) -> Option<&ModalUNet> {
        let index = match modality {
            Modality::Skeleton => 0,
            Modality::Landmark => 1,
        };
        self.modal.get(index.min(self.modal.len().saturating_sub(1)))
    }
}

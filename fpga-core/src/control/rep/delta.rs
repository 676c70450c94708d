//! What a merged modality adds to its base, on its own: for any fine-tune of that base.

use burn::tensor::FloatDType;

use super::{Coefficients, in_f32};
use crate::control::ConditionEncoder;
use crate::error::{Error, Result};
use crate::nn::{ParameterSet, map_parameters};
use crate::unet::UNet;

/// `D = (α − 1)Θ + βΘₘ`: add it to merge, take it away to have the base back.
#[derive(Clone, Debug)]
pub struct ModalDelta {
    /// By the paths of the UNet's parameters.
    pub weights: ParameterSet,
    /// From the condition picture to the hint.
    pub encoder: ConditionEncoder,
    /// With which it was computed.
    pub coefficients: Coefficients,
}

impl ModalDelta {
    /// `Θ + strength·D`.
    ///
    /// # Errors
    /// The UNet has other sizes, or `strength` is not finite.
    pub fn apply(&self, unet: UNet, strength: f64) -> Result<UNet> {
        self.weights.fits(&unet)?;
        check_strength(strength)?;
        Ok(map_parameters(unet, |path, stored| {
            let added = self.weights.get(path)?.values.clone();
            Some(in_f32(stored(), |base| {
                let added = added.to_device(&base.device()).cast(FloatDType::F32);
                base + added * strength
            }))
        }))
    }

    /// Takes back what [`apply`](Self::apply) added with the same strength.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn remove(&self, unet: UNet, strength: f64) -> Result<UNet> {
        self.apply(unet, -strength)
    }
}

pub(super) fn check_strength(strength: f64) -> Result<()> {
    if strength.is_finite() {
        return Ok(());
    }
    let why = format!("must be finite, found {strength}");
    Err(Error::invalid("strength of a modality", why))
}

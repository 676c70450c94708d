//! RepControlNet: spatial guidance that costs nothing at every step (Deng et al. 2024).
//!
//! Convolutions and linear layers of a frozen UNet get a modal copy Θₘ; an encoded condition picture is
//! added after `conv_in`. Trained, the copies are folded into the UNet, `Θ′ = αΘ + βΘₘ`: as many
//! parameters and as much work as before. What is folded in can be taken out again.
//!
//! [`RepControlNet`] is one modality; [`ModalUNet`] is a UNet with one attached, for training;
//! [`ModalDelta`] is what merging adds, for use on any fine-tune of the base.

mod branch;
mod delta;
mod layers;
#[cfg(test)]
mod tests;

use burn::tensor::{FloatDType, Tensor};
use serde::{Deserialize, Serialize};

pub use branch::{ModalBranch, ModalUNet};
pub use delta::ModalDelta;
pub use layers::ModalLayers;

use super::condition::ConditionEncoder;
use crate::error::{Error, Result};
use crate::nn::{ParameterSet, map_parameters};
use crate::unet::UNet;

/// How base and modal weights are summed: `Θ′ = αΘ + βΘₘ`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coefficients {
    /// Factor of the base.
    pub alpha: f64,
    /// Factor of the modal weights.
    pub beta: f64,
}

impl Coefficients {
    /// A plain sum, as files without coefficients were trained.
    pub const PUBLISHED: Self = Self {
        alpha: 1.0,
        beta: 1.0,
    };
}

/// One modality: modal weights and condition encoder.
#[derive(Clone, Debug)]
pub struct RepControlNet {
    encoder: ConditionEncoder,
    /// By the paths of the UNet's parameters.
    modal: ParameterSet,
    coefficients: Coefficients,
}

impl RepControlNet {
    /// From its parts.
    ///
    /// # Errors
    /// `modal` is empty, or a coefficient is not finite.
    pub fn new(
        encoder: ConditionEncoder,
        modal: ParameterSet,
        coefficients: Coefficients,
    ) -> Result<Self> {
        if modal.is_empty() {
            return Err(Error::invalid("modal weights", "there are none"));
        }
        let net = Self {
            encoder,
            modal,
            coefficients,
        };
        net.with_coefficients(coefficients)
    }

    /// As training starts: `Θₘ = share·Θ`, `α = 1 − share`, `β = 1`, so that the first merged UNet
    /// equals the base. 0.1 is usual.
    ///
    /// # Errors
    /// `share` is not between 0 and 1.
    pub fn fresh(
        base: &UNet,
        encoder: ConditionEncoder,
        layers: ModalLayers,
        share: f64,
    ) -> Result<Self> {
        if !(share > 0.0 && share < 1.0) {
            let why = format!("needs a number between 0 and 1, found {share}");
            return Err(Error::invalid("share of the base", why));
        }
        let copied = ParameterSet::of(base, |path| layers.include(path));
        let modal = copied.mapped(|_, values| values.cast(FloatDType::F32) * share);
        let coefficients = Coefficients {
            alpha: 1.0 - share,
            beta: 1.0,
        };
        Self::new(encoder, modal, coefficients)
    }

    /// The same weights, summed in another way.
    ///
    /// # Errors
    /// A coefficient is not finite.
    pub fn with_coefficients(self, coefficients: Coefficients) -> Result<Self> {
        let Coefficients { alpha, beta } = coefficients;
        if !(alpha.is_finite() && beta.is_finite()) {
            let why = format!("must be finite, found α {alpha} and β {beta}");
            return Err(Error::invalid("coefficients", why));
        }
        Ok(Self {
            coefficients,
            ..self
        })
    }

    /// How base and modal weights are summed.
    pub fn coefficients(&self) -> Coefficients {
        self.coefficients
    }

    /// Modal weights by the paths of the UNet's parameters.
    pub fn modal(&self) -> &ParameterSet {
        &self.modal
    }

    /// From the condition picture to the hint.
    pub fn encoder(&self) -> &ConditionEncoder {
        &self.encoder
    }

    /// Encodes the condition picture, once per job, for
    /// [`with_hint`](crate::unet::PreparedConditioning::with_hint).
    ///
    /// # Shapes
    /// - `condition`: `[b, 3, H, W]`, values 0..1, red first
    /// - returns the hint `[b, channels₀, H/8, W/8]`
    pub fn encode_condition(&self, condition: Tensor<4>) -> Tensor<4> {
        self.encoder.forward(condition)
    }

    /// Checks that latents `[b, c, h, w]` and condition picture fit each other.
    ///
    /// # Errors
    /// Says what was needed and what was found.
    pub fn check(&self, latents: [usize; 4], condition: [usize; 4]) -> Result<()> {
        self.encoder.check(latents, condition)
    }

    /// The base with this modality folded in. It stays active without a condition picture: give a
    /// black one, or [`unmerge`](Self::unmerge).
    ///
    /// # Errors
    /// This modality was made for a UNet of other sizes.
    pub fn merge(&self, base: UNet) -> Result<UNet> {
        let Coefficients { alpha, beta } = self.coefficients;
        self.sum(base, |base, modal| base * alpha + modal * beta)
    }

    /// The base out of a UNet into which this modality was merged.
    ///
    /// # Errors
    /// As [`merge`](Self::merge); or α is 0, and nothing of the base is left.
    pub fn unmerge(&self, merged: UNet) -> Result<UNet> {
        let Coefficients { alpha, beta } = self.coefficients;
        if alpha == 0.0 {
            return Err(Error::invalid(
                "α",
                "is 0: the merged weights forgot the base",
            ));
        }
        self.sum(merged, |merged, modal| (merged - modal * beta) / alpha)
    }

    /// What merging adds to `base`.
    ///
    /// # Errors
    /// As [`merge`](Self::merge).
    pub fn delta(&self, base: &UNet) -> Result<ModalDelta> {
        self.modal.fits(base)?;
        let base = ParameterSet::of(base, |path| self.modal.get(path).is_some());
        let weights = base.mapped(|path, base| {
            self.added_to(path, base.cast(FloatDType::F32))
                .expect("chosen by the modal weights' paths")
        });
        Ok(ModalDelta {
            weights,
            encoder: self.encoder.clone(),
            coefficients: self.coefficients,
        })
    }

    /// `D = (α − 1)Θ + βΘₘ` of one parameter, if it has a modal copy.
    fn added_to(&self, path: &str, base: Tensor<1>) -> Option<Tensor<1>> {
        let Coefficients { alpha, beta } = self.coefficients;
        let modal = self.modal.get(path)?.values.clone();
        let modal = modal.to_device(&base.device()).cast(FloatDType::F32);
        Some(base * (alpha - 1.0) + modal * beta)
    }

    fn sum(&self, unet: UNet, sum: impl Fn(Tensor<1>, Tensor<1>) -> Tensor<1>) -> Result<UNet> {
        self.modal.fits(&unet)?;
        Ok(map_parameters(unet, |path, stored| {
            let modal = self.modal.get(path)?.values.clone();
            Some(in_f32(stored(), |base| {
                let modal = modal.to_device(&base.device()).cast(FloatDType::F32);
                sum(base, modal)
            }))
        }))
    }
}

/// The base with several modalities folded in: `Θ + Σᵢ sᵢ·((αᵢ − 1)Θ + βᵢΘₘᵢ)`.
///
/// A strength of 1 is as trained, 0 leaves a modality out. Once folded in, strengths are fixed; the
/// hints of all modalities are summed.
///
/// # Errors
/// A strength is not finite, or a modality was made for a UNet of other sizes.
pub fn blend(base: UNet, modalities: &[(&RepControlNet, f64)]) -> Result<UNet> {
    for (net, strength) in modalities {
        net.modal.fits(&base)?;
        delta::check_strength(*strength)?;
    }
    Ok(map_parameters(base, |path, stored| {
        let mut copies = modalities
            .iter()
            .filter(|(net, _)| net.modal.get(path).is_some())
            .peekable();
        copies.peek()?;
        Some(in_f32(stored(), |base| {
            copies.fold(base.clone(), |sum, (net, strength)| {
                match net.added_to(path, base.clone()) {
                    Some(added) => sum + added * *strength,
                    None => sum,
                }
            })
        }))
    }))
}

/// Computes in f32, whatever the weights are stored as, and rounds once.
fn in_f32(stored: Tensor<1>, compute: impl FnOnce(Tensor<1>) -> Tensor<1>) -> Tensor<1> {
    let kept = stored.dtype();
    compute(stored.cast(FloatDType::F32)).cast(kept)
}

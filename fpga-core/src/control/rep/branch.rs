//! The modal copy of a layer while it is trained: a fact about the parameter, not a second layer.

use burn::module::{Module, Param, Reparameterization, Reparameterizer};
use burn::tensor::{FloatDType, Tensor};

use super::{Coefficients, RepControlNet};
use crate::control::ConditionEncoder;
use crate::error::Result;
use crate::nn::{ParameterSet, make_parameters, visit_parameters};
use crate::unet::UNet;

/// Attached to a parameter Θ, makes it `α·Θ + β·Θₘ`.
///
/// Layer by layer this equals the sum of two layers on the same input, scaled by α and β; written as
/// a sum of weights it costs one layer, in training too.
#[derive(Module, Debug)]
pub struct ModalBranch {
    /// Θₘ, flat.
    weight: Param<Tensor<1>>,
    alpha: f64,
    beta: f64,
}

impl Reparameterization for ModalBranch {
    const NAME: &'static str = "modal";

    fn apply<const D: usize>(&self, base: Tensor<D>) -> Tensor<D> {
        let modal = self.weight.val().reshape(base.shape());
        base.cast(FloatDType::F32) * self.alpha + modal * self.beta
    }
}

/// A UNet with one modality attached, and that modality's condition encoder: what is trained.
///
/// The base's parameters do not learn. Its sum of weights is computed again at every forward pass, so
/// [`merge`](Self::merge) before making pictures.
#[derive(Module, Debug)]
pub struct ModalUNet {
    /// With a [`ModalBranch`] on every layer that has a copy.
    pub unet: UNet,
    /// From the condition picture to what is added after `conv_in`.
    pub controlnet_cond_embedding: ConditionEncoder,
    #[module(skip)]
    coefficients: Coefficients,
}

impl ModalUNet {
    /// Attaches `net` to a base.
    ///
    /// # Errors
    /// `net` was made for a UNet of other sizes.
    pub fn attach(unet: UNet, net: &RepControlNet) -> Result<Self> {
        net.modal.fits(&unet)?;
        let Coefficients { alpha, beta } = net.coefficients;
        let attach = Attach {
            modal: &net.modal,
            alpha,
            beta,
        };
        Ok(Self {
            unet: unet.no_grad().apply_reparameterization(attach),
            controlnet_cond_embedding: net.encoder.clone(),
            coefficients: net.coefficients,
        })
    }

    /// With branches and condition encoder that learn; the base does not.
    #[must_use]
    pub fn learning(self) -> Self {
        let encoder = self.controlnet_cond_embedding;
        make_parameters(&encoder);
        Self {
            // Leaves of its own, though the encoder that it was cloned from learned too.
            controlnet_cond_embedding: encoder.no_grad().set_require_grad(true),
            ..self
        }
    }

    /// What was learned.
    ///
    /// # Errors
    /// There is no modal branch in it.
    pub fn detach(&self) -> Result<RepControlNet> {
        let mut shapes = Vec::new();
        let mut modal = ParameterSet::default();
        let nested = format!(".{}.weight", ModalBranch::NAME);
        visit_parameters(&self.unet, |path, shape, values| {
            match path.strip_suffix(&nested) {
                Some(owner) => {
                    // The branch comes right after the parameter that it belongs to.
                    let shape = shapes.pop().unwrap_or_default();
                    modal.insert(owner, values(), shape);
                }
                None => shapes = vec![shape.to_vec()],
            }
        });
        let encoder = self.controlnet_cond_embedding.clone();
        RepControlNet::new(encoder, modal, self.coefficients)
    }

    /// A UNet of the base's size that computes the same, and the condition encoder beside it.
    pub fn merge(self) -> (UNet, ConditionEncoder) {
        (self.unet.materialize(), self.controlnet_cond_embedding)
    }
}

struct Attach<'a> {
    modal: &'a ParameterSet,
    alpha: f64,
    beta: f64,
}

impl Reparameterizer for Attach<'_> {
    type Reparam = ModalBranch;

    fn reparameterize<const D: usize>(
        &mut self,
        path: &str,
        base: Param<Tensor<D>>,
    ) -> (Param<Tensor<D>>, Option<ModalBranch>) {
        let branch = self.modal.get(&without_variants(path)).map(|flat| {
            let values = flat.values.clone().to_device(&base.lazy_device());
            ModalBranch {
                weight: Param::from_tensor(values.cast(FloatDType::F32).detach()),
                alpha: self.alpha,
                beta: self.beta,
            }
        });
        (base, branch)
    }
}

/// Variants of enums are part of these paths, and of no other: `proj_in.Conv.weight`.
fn without_variants(path: &str) -> String {
    let fields = path
        .split('.')
        .filter(|part| !part.starts_with(char::is_uppercase));
    fields.collect::<Vec<_>>().join(".")
}

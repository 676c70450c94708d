//! What of a model learns.

use burn::module::Module;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::lora::{LoraConfig, LoraLayers};
use super::trainee::Trainee;
use crate::control::{ConditionEncoder, ControlNet, ModalLayers, ModalUNet, RepControlNet};
use crate::error::{Error, Result};
use crate::identity::IdentityAttention;
use crate::identity::projector::{FacialEncoder, Projector};
use crate::nn::make_parameters;
use crate::unet::UNet;

/// The one part that learns; everything else stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trainable {
    /// A classic ControlNet.
    ControlNet,
    /// Modal branches and condition encoders (RepControlNet).
    Modal {
        /// Which layers have a branch.
        layers: ModalLayers,
        /// Share of the base with which the branches start; 0.1 is usual.
        share: f64,
        /// One set of weights for all modalities, or one for each.
        sets: ModalSets,
    },
    /// An identity adapter: key and value projections of identity tokens, and, where they are given, the
    /// projector that makes the tokens and the encoder of facial parts. With all three: ConsistentID.
    Identity {
        /// Low-rank additions to the UNet's own attention that learn beside them, as the files of
        /// IP-Adapter-FaceID and ConsistentID have them (rank 128, alpha 128).
        lora: Option<LoraConfig>,
    },
    /// Low-rank additions to the UNet.
    Lora(LoraConfig),
    /// The whole UNet.
    Full,
    /// The whole UNet with its identity adapter, and the projector and the facial encoder where they are
    /// given: how a model begins that was not there before.
    Joint,
}

/// How modal weights are shared where modalities alternate (MMF).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModalSets {
    /// One set learns from all: a single merged UNet understands every condition picture.
    #[default]
    Shared,
    /// One set for skeletons, one for landmarks; they are merged by weighted sum.
    PerModality,
}

/// What a training starts from; all on one device that tracks gradients.
#[derive(Clone, Debug)]
pub struct Networks {
    /// The base.
    pub unet: UNet,
    /// Needed by [`Trainable::ControlNet`]; beside others it helps, and does not learn.
    pub controlnet: Option<ControlNet>,
    /// Needed by [`Trainable::Modal`]: the encoder that every modality starts from.
    pub encoder: Option<ConditionEncoder>,
    /// Needed by [`Trainable::Identity`] and [`Trainable::Joint`]; beside others it helps, and does not
    /// learn.
    pub identity: Option<IdentityAttention>,
    /// Makes identity tokens of features; may learn with them.
    pub projector: Option<Projector>,
    /// Fuses words with the facial parts they name; may learn with them.
    pub facial: Option<FacialEncoder>,
}

impl Networks {
    /// A base alone.
    pub fn new(unet: UNet) -> Self {
        Self {
            unet,
            controlnet: None,
            encoder: None,
            identity: None,
            projector: None,
            facial: None,
        }
    }
}

impl Trainable {
    /// Networks of which exactly this part learns. What is random follows from `seed`.
    ///
    /// # Errors
    /// A network that is needed is not given, a number is out of range, or the networks' device does
    /// not track gradients.
    pub fn prepare(&self, networks: Networks, seed: u64) -> Result<Trainee> {
        make_parameters(&networks.unet);
        make_parameters(&networks.controlnet);
        make_parameters(&networks.identity);
        make_parameters(&networks.projector);
        make_parameters(&networks.facial);
        let trainee = Trainee {
            unet: networks.unet.no_grad(),
            controlnet: networks.controlnet.map(Module::no_grad),
            modal: Vec::new(),
            identity: networks.identity.map(Module::no_grad),
            projector: networks.projector.map(Module::no_grad),
            facial: networks.facial.map(Module::no_grad),
        };
        check_device(&trainee.device())?;
        let needed = |what: &str| Error::invalid(what, "is what learns, and is not given");
        Ok(match self {
            Self::ControlNet => {
                let net = trainee.controlnet.ok_or_else(|| needed("controlnet"))?;
                Trainee {
                    controlnet: Some(net.set_require_grad(true)),
                    ..trainee
                }
            }
            Self::Modal {
                layers,
                share,
                sets,
            } => {
                let encoder = networks
                    .encoder
                    .ok_or_else(|| needed("condition encoder"))?;
                let net = RepControlNet::fresh(&trainee.unet, encoder, *layers, *share)?;
                let count = match sets {
                    ModalSets::Shared => 1,
                    ModalSets::PerModality => 2,
                };
                let attach = |_| -> Result<ModalUNet> {
                    let modal = ModalUNet::attach(trainee.unet.clone(), &net)?;
                    Ok(modal.learning())
                };
                Trainee {
                    modal: (0..count).map(attach).collect::<Result<_>>()?,
                    ..trainee
                }
            }
            Self::Identity { lora } => {
                let identity = trainee.identity.ok_or_else(|| needed("identity"))?;
                let unet = match lora {
                    Some(config) if config.layers != LoraLayers::Attention => {
                        let why =
                            "must be in attention layers: adapter files have no place for others";
                        return Err(Error::invalid("low-rank additions of an adapter", why));
                    }
                    Some(config) => config.attach(trainee.unet, seed)?,
                    None => trainee.unet,
                };
                Trainee {
                    unet,
                    identity: Some(identity.set_require_grad(true)),
                    projector: trainee.projector.map(|net| net.set_require_grad(true)),
                    facial: trainee.facial.map(|net| net.set_require_grad(true)),
                    ..trainee
                }
            }
            Self::Lora(config) => Trainee {
                unet: config.attach(trainee.unet, seed)?,
                ..trainee
            },
            Self::Full => Trainee {
                unet: trainee.unet.set_require_grad(true),
                ..trainee
            },
            Self::Joint => {
                let identity = trainee.identity.ok_or_else(|| needed("identity"))?;
                Trainee {
                    unet: trainee.unet.set_require_grad(true),
                    identity: Some(identity.set_require_grad(true)),
                    projector: trainee.projector.map(|net| net.set_require_grad(true)),
                    facial: trainee.facial.map(|net| net.set_require_grad(true)),
                    ..trainee
                }
            }
        })
    }
}

fn check_device(device: &Device) -> Result<()> {
    match device.is_autodiff() {
        true => Ok(()),
        false => {
            let why = "does not track gradients: load the networks onto `device.autodiff()`";
            Err(Error::invalid(format!("device {device:?}"), why))
        }
    }
}

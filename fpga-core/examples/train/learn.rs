//! What may learn, and what it starts from.

use anyhow::Result;
use burn::tensor::Device;
use clap::ValueEnum;
use fpga_core::control::{ConditionEncoder, ControlNet, ModalLayers};
use fpga_core::identity::IdentityAttentionConfig;
use fpga_core::identity::projector::{FaceProjectionConfig, Projector};
use fpga_core::nn::randomize;
use fpga_core::train::diffusion::{LoraConfig, ModalSets, Networks, Trainable};
use fpga_core::unet::UNet;

/// Widths of the condition encoder, as in the ControlNet paper.
const WIDTHS: [usize; 4] = [16, 32, 96, 256];
/// Width of ArcFace's embeddings.
const FACE_WIDTH: usize = 512;

/// What learns.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Learn {
    /// A classic ControlNet.
    ControlNet,
    /// Control that is merged into the UNet afterwards.
    RepControlNet,
    /// An IP-Adapter-FaceID with low-rank additions; needs embeddings in the manifest.
    Identity,
    /// Low-rank additions.
    Lora,
    /// The whole UNet.
    Full,
}

impl Learn {
    pub(crate) fn trainable(self) -> Trainable {
        let lora = LoraConfig::new(16, 16.0);
        match self {
            Self::ControlNet => Trainable::ControlNet,
            Self::RepControlNet => Trainable::Modal {
                layers: ModalLayers::Full,
                share: 0.1,
                sets: ModalSets::Shared,
            },
            Self::Identity => Trainable::Identity { lora: Some(lora) },
            Self::Lora => Trainable::Lora(lora),
            Self::Full => Trainable::Full,
        }
    }

    /// Whether condition pictures are what it learns from.
    pub(crate) fn is_control(self) -> bool {
        matches!(self, Self::ControlNet | Self::RepControlNet)
    }

    /// Whether it has to be told whose faces they are.
    pub(crate) fn knows_people(self) -> bool {
        matches!(self, Self::Identity)
    }

    /// The base, and fresh networks beside it where they are needed.
    pub(crate) fn networks(self, unet: UNet, at: (u64, &Device)) -> Result<Networks> {
        let (seed, device) = at;
        let channels = unet.config().encoder.stages[0].channels;
        let layers = unet.config().cross_attention();
        Ok(match self {
            Self::ControlNet => Networks {
                controlnet: Some(ControlNet::from_unet(&unet, &WIDTHS, seed)?),
                ..Networks::new(unet)
            },
            Self::RepControlNet => {
                let encoder = ConditionEncoder::fresh(3, &WIDTHS, channels, at);
                Networks {
                    encoder: Some(encoder),
                    ..Networks::new(unet)
                }
            }
            Self::Identity => {
                let token_width = layers.first().map_or(0, |layer| layer.context_width);
                let attention = IdentityAttentionConfig {
                    token_width,
                    widths: layers.iter().map(|layer| layer.width).collect(),
                };
                let projector = FaceProjectionConfig {
                    input_width: FACE_WIDTH,
                    inner_width: 2 * FACE_WIDTH,
                    tokens: 4,
                    token_width,
                };
                let projector = randomize(projector.init(device), seed);
                Networks {
                    // Silent until they have learned: the first values are zero.
                    identity: Some(attention.init(device)),
                    projector: Some(Projector::Face(projector)),
                    ..Networks::new(unet)
                }
            }
            Self::Lora | Self::Full => Networks::new(unet),
        })
    }
}

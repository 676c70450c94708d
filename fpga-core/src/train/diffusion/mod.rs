//! Objectives of diffusion models, and what of a model learns.
//!
//! A [`Trainable`] turns networks into a [`Trainee`], in which exactly one part learns. The
//! [`DiffusionObjective`] is noise prediction with everything that our strategies add to it: weight on
//! faces, alternating modalities (MMF), one active face (Clone Face Tuning), attention that stays where
//! it belongs, faces that a recogniser is asked about, dropped conditions, weights by noise level.
//!
//! Letters: `b` pictures of a batch, `h`/`w` size of the latents, `H`/`W` size of the pictures.

mod batch;
mod clone_face;
mod drop;
mod focus;
mod likeness;
mod localisation;
mod lora;
mod masks;
mod objective;
mod samples;
mod save;
mod trainable;
mod trainee;

pub use batch::{DiffusionBatch, FaceTarget, Likeness, Modality, PartTarget};
pub use clone_face::CloneFaceTuning;
pub use drop::ConditionDrop;
pub use focus::Focus;
pub use likeness::LikenessLoss;
pub use localisation::{Localisation, balanced_l1};
pub use lora::{LoraConfig, LoraLayers, lora_of};
pub use objective::DiffusionObjective;
pub use samples::Samples;
pub use trainable::{ModalSets, Networks, Trainable};
pub use trainee::{Inputs, Predicted, Trainee};

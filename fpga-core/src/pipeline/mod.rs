//! Whole jobs: the part of this crate that most callers use.
//!
//! A [`StableDiffusion`] is loaded once and shared by any number of jobs. A job takes a request,
//! which is checked before anything is computed, and a [`Monitor`], through which the caller watches
//! and cancels.

mod adapter;
mod canvas;
mod control;
mod device;
mod failure;
mod generate;
mod guided;
mod job;
mod memory;
mod model;
mod people;
mod preview;
mod prompt;
mod recognition;
mod restore;
mod seed;
mod watch;

pub use adapter::{
    AdapterOptions, ColourOrder, FaceChoice, FaceObservers, FaceReference, FacialPrompts,
    FacialText, FacialTextWays, IdentityAdapter, NegativeText, SecondTokenizer,
};
pub use canvas::Canvas;
pub use control::{Control, ControlMode, ModalControl};
pub use device::{DeviceChoice, DeviceEntry, WgpuAdapter};
pub use generate::{GenerateRequest, Generated, PortraitGenerator, Sampled};
pub use job::{CancelToken, Level, Monitor, Phase, Progress};
pub use memory::JobMemory;
pub use model::{LoadOptions, StableDiffusion};
pub use people::{IdentityTokens, People, PersonReport, Place, PortraitIdentity};
pub use preview::LatentPreview;
pub use prompt::{Prompt, PromptChange, PromptEncoder, PromptPair, TextEncoder};
pub use recognition::Recognition;
pub use restore::{
    CropReport, Face, FaceEntry, FaceIdentity, FaceReport, FaceRestorer, FaceSearch, FoundFaces,
    Gate, KeptReason, LandmarkControl, LeftFace, LeftReason, Likeness, Recogniser, RestoreReport,
    RestoreRequest, Restored, RoundTrip, SearchReport, Sharpness, SoughtPerson, Verdict,
    read_faces,
};
pub use seed::NoiseKind;

pub use crate::nn::Precision;
pub use crate::vae::{
    host_values, mask_to_tensor, picture_to_tensor, tensor_to_pictures, to_unit_range,
};

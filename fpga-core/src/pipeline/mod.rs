//! Whole jobs: the part of this crate that most callers use.
//!
//! A [`StableDiffusion`] is loaded once and shared by any number of jobs. A job takes a request,
//! which is checked before anything is computed, and a [`Monitor`], through which the caller watches
//! and cancels.

mod canvas;
mod device;
mod generate;
mod guided;
mod job;
mod memory;
mod model;
mod picture;
mod preview;
mod prompt;
mod restore;
mod seed;
mod watch;

pub use canvas::Canvas;
pub use device::{DeviceChoice, DeviceEntry};
pub use generate::{Control, GenerateRequest, Generated, PortraitGenerator, Sampled};
pub use job::{CancelToken, Level, Monitor, Phase, Progress};
pub use memory::JobMemory;
pub use model::{LoadOptions, StableDiffusion};
pub use picture::{
    host_values, mask_to_tensor, picture_to_tensor, tensor_to_pictures, to_unit_range,
};
pub use preview::LatentPreview;
pub use prompt::{Prompt, PromptEncoder, PromptPair, TextEncoder};
pub use restore::{
    CropReport, Face, FaceEntry, FaceReport, FaceRestorer, Gate, KeptReason, RestoreReport,
    RestoreRequest, Restored, RoundTrip, Sharpness, Verdict, read_faces,
};
pub use seed::NoiseKind;

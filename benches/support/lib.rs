//! What the benches share: Stable Diffusion 1.5's sizes with random weights, and single operations
//! named by their shapes.

mod op;
mod sd15;
#[cfg(feature = "train")]
mod training;
mod turns;

pub use op::{Op, Output};
pub use sd15::{ClipTextInput, UNetInput, clip_text, controlnet, unet, unet_config, vae};
#[cfg(feature = "train")]
pub use training::TrainingStep;
pub use turns::{Timings, Turns};

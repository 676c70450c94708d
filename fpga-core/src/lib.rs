//! Gives people in pictures their own faces.

pub mod control;
pub mod diffusion;
pub mod error;
pub mod face;
pub mod kernels;
pub mod nn;
pub mod pipeline;
pub mod sampler;
pub mod text;
pub mod unet;
pub mod vae;
pub mod vision;
pub mod weights;

pub use error::{Context, Error, ErrorKind, Result};
pub use image::RgbImage;

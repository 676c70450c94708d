//! Gives people in pictures their own faces.

pub mod diffusion;
pub mod error;
pub mod nn;
pub mod sampler;

pub use error::{Context, Error, ErrorKind, Result};

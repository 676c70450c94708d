//! Gives people in pictures their own faces.

pub mod error;
pub mod nn;
pub mod text;
pub mod vae;
pub mod vision;

pub use error::{Context, Error, ErrorKind, Result};

//! Gives people in pictures their own faces.

pub mod error;
pub mod nn;
pub mod weights;

pub use error::{Context, Error, ErrorKind, Result};

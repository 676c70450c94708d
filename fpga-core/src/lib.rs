//! Gives people in pictures their own faces.

pub mod error;
pub mod kernels;
pub mod nn;

pub use error::{Context, Error, ErrorKind, Result};

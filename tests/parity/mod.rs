//! Runs one model on stored inputs and compares the outputs with a reference's.
//!
//! A case is a folder: `case.json` says what to run ([`Case`]), `inputs.safetensors` holds the
//! inputs, `expected.safetensors` what the reference computed, and model folders lie beside them in
//! the layout of diffusers and transformers. [`run`] computes the outputs with the public API of
//! `fpga-core`, and [`Report::compare`] judges them. No number is computed here.

mod case;
mod kinds;
mod report;
mod tensors;

pub use case::Case;
pub use kinds::run;
pub use report::{Line, Report, Verdict};
pub use tensors::{Array, Tensors};

//! C ABI of `fpga-core`. The header is `include/fpga.h`, generated from these files.
//!
//! The rules, the same for every function:
//! - A type is opaque, or a struct that starts with `struct_size`. `fpga_X_free(NULL)` does nothing.
//! - Arguments: the object, then inputs, then outputs. No argument is both.
//! - Functions return [`fpga_status`]. Outputs are written only on success; handles are set to NULL
//!   first. The text of a failure stays with the thread: [`fpga_last_error_message`].
//! - Every pointer is checked for NULL, every enum value and flag for being known.
//! - Inputs are borrowed for the call and copied where they are needed longer. Outputs go to the
//!   caller's memory, or are handles that the caller frees. Nobody frees the other's memory.
//! - Strings are UTF-8 and end with NUL; so are paths, on every system.
//! - No panic leaves the library: it becomes a status, and its context refuses further work.
//! - Nothing is printed, and there is no global state but the text of each thread's last failure.
//!
//! A function body is guard, views, one call of the core, outputs: decisions belong to the core.

#![allow(
    non_camel_case_types,
    reason = "types carry the names that they have in C"
)]
#![allow(
    clippy::missing_safety_doc,
    reason = "one contract for all: pointers are NULL or valid as the text of the function says"
)]

mod fault;
mod generate;
mod growing;
mod guard;
mod handle;
mod memory;
mod network;
mod onnx;
mod restore;
mod task;
mod text;
mod view;
mod workers;

// One C type each, in the order of the header: the blank lines keep it.
mod version;

mod status;

mod error;

mod device;

mod context;

mod source;

mod model;

mod controlnet;

mod lora;

mod rep_controlnet;

mod delta;

mod adapter;

mod image;

mod detection;

mod detector;

mod embedder;

mod parser;

mod landmarks;

mod poses;

mod pose;

mod drawing;

mod face;

mod identity;

mod facial;

mod observers;

mod person;

mod search;

mod modality;

mod prompt;

mod params;

mod sampler;

mod control;

mod generate_params;

mod cancel;

mod progress;

mod job;

mod job_listeners;

mod job_outcome;

mod restoration_report;

mod face_report;

mod restoration;

mod person_report;

mod generation;

pub use adapter::*;
pub use cancel::*;
pub use context::*;
pub use control::*;
pub use controlnet::*;
pub use delta::*;
pub use detection::*;
pub use detector::*;
pub use device::*;
pub use drawing::*;
pub use embedder::*;
pub use error::*;
pub use face::*;
pub use face_report::*;
pub use facial::*;
pub use generate_params::*;
pub use generation::*;
pub use identity::*;
pub use image::*;
pub use job::*;
pub use job_listeners::*;
pub use job_outcome::*;
pub use landmarks::*;
pub use lora::*;
pub use modality::*;
pub use model::*;
pub use observers::*;
pub use params::*;
pub use parser::*;
pub use person::*;
pub use person_report::*;
pub use pose::*;
pub use poses::*;
pub use progress::*;
pub use prompt::*;
pub use rep_controlnet::*;
pub use restoration::*;
pub use restoration_report::*;
pub use sampler::*;
pub use search::*;
pub use source::*;
pub use status::*;
pub use version::*;

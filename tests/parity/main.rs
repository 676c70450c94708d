//! Compares a checkpoint's outputs with a reference's: `parity CASE_DIR [--device cpu] [--out FILE]`.
//!
//! Exits 0 if every tensor is within the tolerance, 1 if one is not, and 2 with one line on standard
//! error if the case cannot be run.

use std::any::Any;
use std::panic;
use std::path::PathBuf;
use std::process::ExitCode;

use burn::tensor::Device;
use fpga_core::{Error, Result};
use fpga_tests::parity::{self, Case, Report};

const USAGE: &str = "usage: parity CASE_DIR [--device cpu] [--out OUT.safetensors]";

struct Arguments {
    folder: PathBuf,
    device: String,
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    // A panic is a bug, but its reader is a user: one line, like any other error.
    panic::set_hook(Box::new(|_| {}));
    let outcome = panic::catch_unwind(|| Arguments::read(std::env::args().skip(1)).and_then(check));
    match outcome {
        Ok(Ok(true)) => ExitCode::SUCCESS,
        Ok(Ok(false)) => ExitCode::from(1),
        Ok(Err(error)) => refuse(&error.to_string()),
        Err(payload) => refuse(&format!("internal error: {}", message(payload.as_ref()))),
    }
}

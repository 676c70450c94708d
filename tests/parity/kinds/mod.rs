//! One function per kind of case: read the inputs, check them, call the public API, name the outputs.

mod clip;
mod noise;
mod scheduler;
mod txt2img;
mod unet;
mod vae;

use burn::tensor::Device;
use fpga_core::{Error, Result};

use super::case::Case;
use super::tensors::Tensors;

type Kind = fn(&Case, &Device) -> Result<Tensors>;

/// Every kind that can be run.
const KINDS: &[(&str, Kind)] = &[
    ("unet", unet::unet),
    ("controlnet", unet::controlnet),
    ("vae_encode", vae::encode),
    ("vae_decode", vae::decode),
    ("clip_text", clip::text),
    ("clip_vision", clip::vision),
    ("scheduler", scheduler::scheduler),
    ("torch_randn", noise::torch_randn),
    ("txt2img", txt2img::txt2img),
];

/// Runs a case; the outputs are named as in the table of the README.
///
/// # Errors
/// The kind is unknown, an input is missing or does not fit the model, or the model cannot be loaded.
pub fn run(case: &Case, device: &Device) -> Result<Tensors> {
    let Some((_, kind)) = KINDS.iter().find(|(name, _)| *name == case.kind) else {
        let names: Vec<_> = KINDS.iter().map(|(name, _)| *name).collect();
        let why = format!("found {:?}, and there are {}", case.kind, names.join(", "));
        return Err(Error::unsupported("case.json, kind", why));
    };
    kind(case, device)
}

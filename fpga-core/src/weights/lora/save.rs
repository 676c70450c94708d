//! Writes what was learned: on its own in PEFT's spelling, which every other program reads; in an identity
//! adapter numbered as its readers want it.

use std::path::Path;

use super::merge::processor_order;
use super::names::projection;
use crate::error::{Error, Result};
use crate::nn::{Flat, ParameterSet};
use crate::unet::UNet;
use crate::weights::decode::Storage;
use crate::weights::diffusers_names::unet_names;
use crate::weights::save::save_values;

/// Which factor of a low-rank addition.
#[derive(Clone, Copy)]
enum Half {
    /// `[out, rank]`
    Up,
    /// `[rank, in]`
    Down,
}

/// Writes low-rank additions to a UNet's weights. `factors` holds `PATH.a` (`[out, rank]`) and `PATH.b`
/// (`[rank, in]`) of every weight at `PATH`; `scale` (α/r) goes into the first, so that readers who know
/// no α do right.
///
/// # Errors
/// `Invalid` if a path is not one of these; `Io` if the file cannot be written.
pub fn save_unet_lora(
    factors: &ParameterSet,
    scale: f64,
    path: &Path,
    storage: Storage,
) -> Result<()> {
    let spell = |layer: &str, half| {
        let half = match half {
            Half::Up => "lora_B",
            Half::Down => "lora_A",
        };
        Some(format!("unet.{layer}.{half}.weight"))
    };
    save_values(path, spelled(factors, scale, spell)?, &[], storage)
}

/// The same by the numbers of diffusers' attention processors: `0.to_q_lora.down.weight`.
///
/// # Errors
/// `Invalid` if a path is not one of these, or not in an attention layer of `unet`.
pub(in crate::weights) fn processor_lora(
    unet: &UNet,
    factors: &ParameterSet,
    scale: f64,
) -> Result<Vec<(String, Flat)>> {
    let order = processor_order(unet);
    let spell = |layer: &str, half| {
        let (owner, projection) = projection(layer)?;
        let index = order.iter().position(|known| known == owner)?;
        let half = match half {
            Half::Up => "up",
            Half::Down => "down",
        };
        Some(format!("{index}.{projection}_lora.{half}.weight"))
    };
    spelled(factors, scale, spell)
}

/// All factors by the names that `spell` has for halves of diffusers' layers.
fn spelled(
    factors: &ParameterSet,
    scale: f64,
    spell: impl Fn(&str, Half) -> Option<String>,
) -> Result<Vec<(String, Flat)>> {
    let names = unet_names();
    let spelled = |(path, flat): (&str, &Flat)| -> Result<(String, Flat)> {
        let refuse = || Error::invalid(path, "is no factor of a low-rank addition");
        let (layer, half) = path.rsplit_once(".weight.").ok_or_else(refuse)?;
        let Flat { values, shape } = flat.clone();
        let (half, values) = match half {
            "a" => (Half::Up, values * scale),
            "b" => (Half::Down, values),
            _ => return Err(refuse()),
        };
        let name = spell(names.key(layer).name(), half).ok_or_else(refuse)?;
        Ok((name, Flat { values, shape }))
    };
    factors.iter().map(spelled).collect()
}

//! Writes what was learned in PEFT's spelling, which every other program reads.

use std::path::Path;

use crate::error::{Error, Result};
use crate::nn::{Flat, ParameterSet};
use crate::weights::decode::Storage;
use crate::weights::diffusers_names::unet_names;
use crate::weights::save::save_values;

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
    let names = unet_names();
    let spelled = |(path, flat): (&str, &Flat)| -> Result<(String, Flat)> {
        let parts = path.rsplit_once(".weight.");
        let spell =
            |layer: &str, half: &str| format!("unet.{}.{half}.weight", names.key(layer).name());
        let (values, shape) = (flat.values.clone(), flat.shape.clone());
        match parts {
            Some((layer, "a")) => {
                let values = values * scale;
                Ok((spell(layer, "lora_B"), Flat { values, shape }))
            }
            Some((layer, "b")) => Ok((spell(layer, "lora_A"), Flat { values, shape })),
            _ => Err(Error::invalid(path, "is no factor of a low-rank addition")),
        }
    };
    let values: Vec<_> = factors.iter().map(spelled).collect::<Result<_>>()?;
    save_values(path, values, &[], storage)
}

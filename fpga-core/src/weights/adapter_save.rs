//! Writes identity adapters in the layouts that [`AdapterFile`](super::AdapterFile) reads.

use std::path::Path;

use burn::module::Module;

use super::adapter_file::{FACIAL, LAYERS, PROJECTOR};
use super::decode::Storage;
use super::identity_layers::layer_names;
use super::key_map::KeyMap;
use super::lora::processor_lora;
use super::projector_names::projector_names;
use super::save::save_values;
use crate::error::Result;
use crate::identity::IdentityAttention;
use crate::identity::projector::{FacialEncoder, Projector};
use crate::nn::{Flat, ParameterSet};
use crate::unet::UNet;

/// What an adapter file is made of.
#[derive(Clone, Copy, Debug)]
pub struct AdapterParts<'a> {
    /// The UNet that it belongs to; none of its own weights are written.
    pub unet: &'a UNet,
    /// Projections of identity tokens.
    pub attention: &'a IdentityAttention,
    /// Makes identity tokens of features.
    pub projector: &'a Projector,
    /// ConsistentID's encoder of facial parts; makes the file one of ConsistentID's.
    pub facial: Option<&'a FacialEncoder>,
    /// What it changes in the UNet's own attention, and the factor (α/r) of the changes: `PATH.a`
    /// (`[out, rank]`) and `PATH.b` (`[rank, in]`) of every weight at `PATH`.
    pub lora: Option<(&'a ParameterSet, f64)>,
}

impl AdapterParts<'_> {
    /// Writes the file: without [`facial`](Self::facial) as IP-Adapter's files have it, with it as
    /// ConsistentID's.
    ///
    /// # Errors
    /// `Io` if the file cannot be written; `Invalid` if the low-rank changes are not those of attention
    /// layers.
    pub fn save(&self, path: &Path, storage: Storage) -> Result<()> {
        let layers = match self.facial {
            None => LAYERS[0],
            Some(_) => LAYERS[1],
        };
        let names = projector_names().prefix("", PROJECTOR[0]);
        let mut values = match self.projector {
            Projector::Image(network) => spelled(network, &names),
            Projector::Resampler(network) => spelled(network, &names),
            Projector::Face(network) => spelled(network, &names),
            Projector::FacePerceiver(network) => spelled(network, &names),
        };
        let names = layer_names(self.unet.config()).prefix("", layers);
        values.extend(spelled(self.attention, &names));
        if let Some(facial) = self.facial {
            values.extend(spelled(facial, &projector_names().prefix("", FACIAL)));
        }
        if let Some((factors, scale)) = self.lora {
            let pairs = processor_lora(self.unet, factors, scale)?;
            let below = |(name, flat)| (format!("{layers}.{name}"), flat);
            values.extend(pairs.into_iter().map(below));
        }
        save_values(path, values, &[], storage)
    }
}

/// All values of a module by their names in the file.
fn spelled<M: Module>(module: &M, names: &KeyMap) -> Vec<(String, Flat)> {
    let set = ParameterSet::of(module, |_| true);
    let spelled = |(path, flat): (&str, &Flat)| (names.key(path).name().to_owned(), flat.clone());
    set.iter().map(spelled).collect()
}

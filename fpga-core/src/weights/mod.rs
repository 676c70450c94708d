//! Checkpoints in, checkpoints out: foreign names and layouts stop here.
//!
//! A [`TensorSource`] is an open checkpoint, a [`KeyMap`] says how it spells our module paths, and
//! [`load`] fills a freshly built module from the two, one tensor at a time. [`save`] is the way
//! back. What became of every tensor is in the [`LoadReport`](crate::error::LoadReport).

mod adapter_file;
mod adapter_save;
mod checkpoint;
mod decode;
mod diffusers_folder;
mod diffusers_names;
mod face_networks;
mod identity_layers;
mod key_map;
mod ldm_names;
mod ldm_sizes;
mod load;
mod lora;
mod model_folder;
mod pickle;
mod pickle_limits;
mod projector_names;
mod projector_sizes;
mod random_read;
mod rep_controlnet;
mod safetensors_file;
mod save;
mod single_file;
mod source;

pub use adapter_file::{AdapterFile, AdapterKind};
pub use adapter_save::AdapterParts;
pub use checkpoint::Checkpoint;
pub use decode::Storage;
pub use diffusers_folder::DiffusersFolder;
pub use diffusers_names::{clip_text_names, clip_vision_names, unet_names, vae_names};
pub use face_networks::{arcface_from_file, bisenet_from_file, residual_names};
pub use identity_layers::{identity_attention, save_identity_attention};
pub use key_map::{Key, KeyMap, View};
pub use ldm_names::{ldm_controlnet_names, ldm_unet_names, ldm_vae_names, open_clip_text_names};
pub use ldm_sizes::Family;
pub use load::load;
pub use lora::{Lora, LoraPart, merge_text_loras, merge_unet_loras, save_unet_lora};
pub use model_folder::{ModelFolder, read_json};
pub use projector_names::projector_names;
pub use random_read::RandomRead;
pub use rep_controlnet::{
    delta_from_source, load_delta, load_rep_controlnet, rep_controlnet_from_source, save_delta,
    save_rep_controlnet,
};
pub use save::{save, save_json, save_values};
pub use single_file::{SingleFile, controlnet_from_file, controlnet_from_source, vae_from_file};
pub use source::TensorSource;

#[cfg(test)]
mod tests;

//! Checkpoints in, checkpoints out: foreign names and layouts stop here.
//!
//! A [`TensorSource`] is an open checkpoint, a [`KeyMap`] says how it spells our module paths, and
//! [`load`] fills a freshly built module from the two, one tensor at a time. [`save`] is the way
//! back. What became of every tensor is in the [`LoadReport`](crate::error::LoadReport).

mod decode;
mod key_map;
mod load;
mod module_path;
mod pickle;
mod safetensors_file;
mod save;
mod source;

pub use decode::Storage;
pub use key_map::{Key, KeyMap, View};
pub use load::load;
pub use save::save;
pub use source::TensorSource;

#[cfg(test)]
mod tests;

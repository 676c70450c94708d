//! From a prompt to what the UNet attends to: CLIP's text model and its tokenizer.

mod config;
mod model;

pub use config::{ClipTextConfig, Pooling};
pub use model::{ClipText, ClipTextTower, TextEmbeddings, TextOutput};

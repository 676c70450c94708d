//! From a picture to CLIP's description of it: the vision model and its preprocessing.

mod config;
mod model;

pub use config::ClipVisionConfig;
pub use model::{ClipVision, ClipVisionTower, VisionEmbeddings, VisionOutput};

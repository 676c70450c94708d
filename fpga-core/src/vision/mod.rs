//! From a picture to CLIP's description of it: the vision model and its preprocessing.

mod config;
mod model;
mod preprocess;

pub use config::ClipVisionConfig;
pub use model::{ClipVision, ClipVisionTower, VisionEmbeddings, VisionOutput};
pub use preprocess::preprocess;

//! Whole jobs: the part of this crate that most callers use.

mod device;
mod job;
mod picture;
mod preview;

pub use device::DeviceChoice;
pub use job::{CancelToken, Monitor, Phase, Progress};
pub use picture::{host_values, mask_to_tensor, picture_to_tensor, tensor_to_pictures};
pub use preview::LatentPreview;

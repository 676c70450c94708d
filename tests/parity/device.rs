//! Devices by name: `cpu`, `cuda:0`, `wgpu`.

use burn::tensor::Device;
use fpga_core::{Error, ErrorKind, Result};

/// The device of this name.
///
/// # Errors
/// There is none of this name in this build.
pub fn device(name: &str) -> Result<Device> {
    match name {
        #[cfg(feature = "flex")]
        "cpu" => Ok(Device::flex()),
        #[cfg(feature = "wgpu")]
        "wgpu" => Ok(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
        #[cfg(feature = "cuda")]
        _ if cuda_index(name).is_some() => Ok(Device::cuda(cuda_index(name).unwrap_or(0))),
        _ => Err(Error::new(ErrorKind::Device {
            device: name.to_owned(),
            why: format!("not in this build, which has {}", BUILT.join(", ")),
        })),
    }
}

const BUILT: &[&str] = &[
    #[cfg(feature = "flex")]
    "cpu",
    #[cfg(feature = "wgpu")]
    "wgpu",
    #[cfg(feature = "cuda")]
    "cuda:INDEX",
];

#[cfg(feature = "cuda")]
fn cuda_index(name: &str) -> Option<usize> {
    match name.strip_prefix("cuda")? {
        "" => Some(0),
        index => index.strip_prefix(':')?.parse().ok(),
    }
}

//! What kind of device tensors are on, what it calls itself, and what it says when it fails.

use burn::tensor::Device;

use crate::error::{Error, ErrorKind};

/// Whether it is the processor, with or without derivatives.
#[cfg(feature = "flex")]
pub(crate) fn is_cpu(device: &Device) -> bool {
    device.clone().inner() == Device::flex()
}

#[cfg(not(feature = "flex"))]
pub(crate) fn is_cpu(_device: &Device) -> bool {
    false
}

/// As its driver names it; `None` for what is no card.
#[cfg(any(feature = "cuda", feature = "wgsl"))]
pub(crate) fn card_name(device: &Device) -> Option<String> {
    device.identity().map(|identity| identity.name)
}

#[cfg(not(any(feature = "cuda", feature = "wgsl")))]
pub(crate) fn card_name(_device: &Device) -> Option<String> {
    None
}

/// How runtimes and drivers word it when memory is full, or when one buffer is larger than the device has any.
const FULL: [&str; 5] = [
    "out of device memory",
    "out of memory",
    "out-of-memory",
    "not enough memory",
    "can't allocate buffer",
];

/// Whether `told` are words of a runtime whose device has no memory left.
pub(crate) fn is_out_of_memory(told: &str) -> bool {
    let told = told.to_lowercase();
    FULL.iter().any(|words| told.contains(words))
}

/// The error for a device that failed, as it `told` us.
pub(crate) fn device_failure(device: &Device, told: &str) -> Error {
    let why = match is_out_of_memory(told) {
        true => {
            "ran out of memory; a smaller picture, fewer pictures at once, weights in half precision or an autoencoder \
             that works in tiles need less"
        }
        false => "failed while it computed",
    };
    Error::new(ErrorKind::Device {
        device: card_name(device).unwrap_or_else(|| format!("{device:?}")),
        why: why.to_owned(),
    })
    .with_source(told)
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;

    #[test]
    fn a_full_device_says_what_would_need_less() {
        for told in [
            "out of device memory allocating 4096 bytes\n<backtrace>",
            "An out-of-memory error happened during launch",
            "wgpu error: Out of Memory",
            "can't allocate buffer of size: 1099511627776",
        ] {
            let error = device_failure(&Device::flex(), told).to_string();
            assert!(error.contains("a smaller picture"), "{error}");
        }
        let error = device_failure(&Device::flex(), "illegal address").to_string();
        assert!(error.contains("failed while it computed"), "{error}");
        assert!(!error.contains("memory"), "{error}");
    }
}

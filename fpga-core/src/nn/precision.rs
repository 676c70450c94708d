//! In which type a network computes.

use std::fmt;
use std::str::FromStr;

use burn::tensor::{DType, Device};

use super::device::{device_name, is_cpu};
use crate::error::{Error, ErrorKind, Result};

/// The type of the UNet's and ControlNets' activations, and of their weights while they compute.
///
/// Always in f32: statistics of normalisations, softmax outside of fused attention (which sums in f32), what the
/// timestep is embedded by, the sampler's latents, text and image encoders, and the autoencoder, whose activations
/// leave the range of f16 and need more digits than bf16 has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Four bytes.
    #[default]
    F32,
    /// Two bytes, 11 bits of precision, up to 65504.
    F16,
    /// Two bytes, 8 bits of precision, the range of f32.
    Bf16,
}

impl Precision {
    /// What `device` makes of it: the CPU computes in f32 with weights that may be kept in half, so that a half
    /// precision saves memory there and no time; others compute in what was asked for.
    ///
    /// # Errors
    /// [`ErrorKind::Device`] if the device does not compute in this type.
    pub fn on(self, device: &Device) -> Result<Self> {
        if is_cpu(device) {
            return Ok(Self::F32);
        }
        match device.supports_dtype(self.dtype()) {
            true => Ok(self),
            false => Err(Error::new(ErrorKind::Device {
                device: device_name(device),
                why: format!("does not compute in {self}; f32 works everywhere"),
            })),
        }
    }

    /// As tensors have it.
    pub fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::F16 => DType::F16,
            Self::Bf16 => DType::BF16,
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        })
    }
}

impl FromStr for Precision {
    type Err = Error;

    /// Reads `f32`, `f16` or `bf16`.
    fn from_str(name: &str) -> Result<Self> {
        let known = [Self::F32, Self::F16, Self::Bf16].into_iter();
        let found = known.into_iter().find(|one| one.to_string() == name);
        found.ok_or_else(|| {
            Error::invalid(
                "precision",
                format!("needs f32, f16 or bf16, found {name:?}"),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_printed() {
        for name in ["f32", "f16", "bf16"] {
            assert_eq!(name.parse::<Precision>().unwrap().to_string(), name);
        }
        let error = "half".parse::<Precision>().unwrap_err().to_string();
        assert!(
            error.contains("f32, f16 or bf16") && error.contains("half"),
            "{error}"
        );
    }

    #[cfg(feature = "flex")]
    #[test]
    fn the_processor_computes_in_f32_whatever_is_asked_for() {
        for asked in [Precision::F32, Precision::F16, Precision::Bf16] {
            assert_eq!(asked.on(&Device::flex()).unwrap(), Precision::F32);
        }
    }
}

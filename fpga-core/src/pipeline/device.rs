//! Devices by name, read in one place: `cpu`, `cuda:0`, `wgpu:0`.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;

use crate::error::{Error, ErrorKind, Result};

/// Where models live and compute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// All cores of this machine.
    #[default]
    Cpu,
    /// The NVIDIA card of this index.
    Cuda(usize),
    /// The discrete card of this index, through Vulkan, Metal or DirectX 12.
    Wgpu(usize),
}

/// Cards that are looked for.
const MAX_CARDS: usize = 64;

impl FromStr for DeviceChoice {
    type Err = Error;

    /// Reads `cpu`, `cuda`, `cuda:INDEX`, `wgpu` or `wgpu:INDEX`.
    fn from_str(name: &str) -> Result<Self> {
        let (kind, index) = name.split_once(':').unwrap_or((name, "0"));
        let index = index.parse::<usize>().ok();
        match (kind, index) {
            ("cpu", Some(0)) => Ok(Self::Cpu),
            ("cuda", Some(index)) => Ok(Self::Cuda(index)),
            ("wgpu", Some(index)) => Ok(Self::Wgpu(index)),
            _ => Err(device_error(
                name,
                "no such device; known are cpu, cuda:INDEX, wgpu:INDEX",
            )),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => write!(f, "cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
            Self::Wgpu(index) => write!(f, "wgpu:{index}"),
        }
    }
}

/// A device of this machine that this build can use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceEntry {
    /// How it is asked for.
    pub choice: DeviceChoice,
    /// What it is, for people.
    pub name: String,
}

impl DeviceChoice {
    /// Every device that can be opened, the CPU first. Cards are opened to find that out, which may
    /// take seconds.
    pub fn list() -> Vec<DeviceEntry> {
        let kinds: [fn(usize) -> Self; 2] = [Self::Cuda, Self::Wgpu];
        let cards = kinds
            .into_iter()
            .flat_map(|kind| (0..MAX_CARDS).map(kind).map_while(Self::entry));
        Self::Cpu.entry().into_iter().chain(cards).collect()
    }

    fn entry(self) -> Option<DeviceEntry> {
        let device = self.open().ok()?;
        let name = match self {
            Self::Cpu => {
                let threads = std::thread::available_parallelism().map_or(1, usize::from);
                let set = crate::kernels::instruction_set();
                format!("CPU, {threads} threads, {set} kernels")
            }
            Self::Cuda(_) | Self::Wgpu(_) => card_name(&device).unwrap_or_default(),
        };
        Some(DeviceEntry { choice: self, name })
    }

    /// The device itself.
    ///
    /// # Errors
    /// [`ErrorKind::Device`] if it is not compiled in, has no driver, or no such index.
    pub fn open(self) -> Result<Device> {
        match self {
            #[cfg(feature = "flex")]
            Self::Cpu => Ok(Device::flex()),
            #[cfg(feature = "cuda")]
            Self::Cuda(index) => probed(self, move || Device::cuda(index)),
            #[cfg(feature = "wgpu")]
            Self::Wgpu(index) => {
                use burn::tensor::DeviceKind;
                probed(self, move || Device::wgpu(DeviceKind::DiscreteGpu(index)))
            }
            #[allow(
                unreachable_patterns,
                reason = "reachable unless every backend is built"
            )]
            missing => {
                let feature = match missing {
                    Self::Cpu => "flex",
                    Self::Cuda(_) => "cuda",
                    Self::Wgpu(_) => "wgpu",
                };
                let why = format!("not in this build; rebuild with the feature `{feature}`");
                Err(device_error(missing, why))
            }
        }
    }
}

#[cfg(any(feature = "cuda", feature = "wgpu"))]
fn card_name(device: &Device) -> Option<String> {
    device.identity().map(|identity| identity.name)
}

#[cfg(not(any(feature = "cuda", feature = "wgpu")))]
fn card_name(_device: &Device) -> Option<String> {
    None
}

/// GPU runtimes panic where a driver or card is missing; asked for one number, they show it here.
#[cfg(any(feature = "cuda", feature = "wgpu"))]
fn probed(
    choice: DeviceChoice,
    open: impl FnOnce() -> Device + std::panic::UnwindSafe,
) -> Result<Device> {
    use burn::tensor::Tensor;
    let probe = std::panic::catch_unwind(|| {
        let device = open();
        let one: f32 = Tensor::<1>::ones([1], &device).into_scalar();
        (one == 1.0).then_some(device)
    });
    match probe {
        Ok(Some(device)) => Ok(device),
        Ok(None) => Err(device_error(choice, "computes wrong results")),
        Err(_) => Err(device_error(
            choice,
            "no driver, or no card of that index; `cpu` always works",
        )),
    }
}

fn device_error(device: impl fmt::Display, why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Device {
        device: device.to_string(),
        why: why.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_printed() {
        for name in ["cpu", "cuda:0", "wgpu:3"] {
            assert_eq!(name.parse::<DeviceChoice>().unwrap().to_string(), name);
        }
        assert_eq!(
            "cuda".parse::<DeviceChoice>().unwrap(),
            DeviceChoice::Cuda(0)
        );
        for name in ["", "gpu", "cuda:x", "cuda:-1", "cpu:1"] {
            let error = name.parse::<DeviceChoice>().unwrap_err().to_string();
            assert!(error.contains("known are cpu"), "{name}: {error}");
        }
    }

    #[cfg(feature = "flex")]
    #[test]
    fn the_list_starts_with_the_processor_and_every_entry_opens() {
        let list = DeviceChoice::list();
        assert_eq!(list[0].choice, DeviceChoice::Cpu);
        assert!(list[0].name.starts_with("CPU, "), "{}", list[0].name);
        assert!(list.iter().all(|entry| entry.choice.open().is_ok()));
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_backend_that_is_not_built_says_how_to_build_it() {
        let error = DeviceChoice::Cuda(0).open().unwrap_err().to_string();
        assert_eq!(
            error,
            "device cuda:0: not in this build; rebuild with the feature `cuda`"
        );
    }
}

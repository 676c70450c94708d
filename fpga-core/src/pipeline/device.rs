//! Devices by name, read in one place: `cpu`, `cuda:0`, `wgpu:0`, `wgpu:discrete`, `wgpu:integrated`.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;

use crate::error::{Error, ErrorKind, Result};
use crate::nn::{Precision, card_name};

/// Where models live and compute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// All cores of this machine.
    #[default]
    Cpu,
    /// The NVIDIA card of this index.
    Cuda(usize),
    /// Whatever Vulkan, Metal or DirectX 12 reach.
    Wgpu(WgpuAdapter),
}

/// One of the adapters that graphics drivers offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WgpuAdapter {
    /// Of all, in the drivers' order; software rasterisers count too.
    Any(usize),
    /// Of the cards with memory of their own.
    Discrete(usize),
    /// Of those that share the processor's.
    Integrated(usize),
}

/// Cards that are looked for.
const MAX_CARDS: usize = 64;

impl FromStr for DeviceChoice {
    type Err = Error;

    /// Reads `cpu`, `cuda`, `cuda:INDEX`, `wgpu`, `wgpu:INDEX`, `wgpu:discrete`, `wgpu:discrete:INDEX`,
    /// `wgpu:integrated` or `wgpu:integrated:INDEX`.
    fn from_str(name: &str) -> Result<Self> {
        let (kind, index) = match name.rsplit_once(':') {
            Some((kind, index)) if index.starts_with(|first: char| first.is_ascii_digit()) => {
                (kind, index.parse::<usize>().ok())
            }
            _ => (name, Some(0)),
        };
        match (kind, index) {
            ("cpu", Some(0)) => Ok(Self::Cpu),
            ("cuda", Some(index)) => Ok(Self::Cuda(index)),
            ("wgpu", Some(index)) => Ok(Self::Wgpu(WgpuAdapter::Any(index))),
            ("wgpu:discrete", Some(index)) => Ok(Self::Wgpu(WgpuAdapter::Discrete(index))),
            ("wgpu:integrated", Some(index)) => Ok(Self::Wgpu(WgpuAdapter::Integrated(index))),
            _ => Err(device_error(
                name,
                "no such device; known are cpu, cuda:INDEX, wgpu:INDEX, wgpu:discrete, wgpu:integrated",
            )),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => write!(f, "cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
            Self::Wgpu(WgpuAdapter::Any(index)) => write!(f, "wgpu:{index}"),
            Self::Wgpu(WgpuAdapter::Discrete(index)) => write!(f, "wgpu:discrete:{index}"),
            Self::Wgpu(WgpuAdapter::Integrated(index)) => write!(f, "wgpu:integrated:{index}"),
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
    /// Bytes of its memory; `None` where nobody says, which is so for cards.
    pub memory: Option<u64>,
    /// In which types it computes; weights may be kept in any of them everywhere.
    pub precisions: Vec<Precision>,
}

impl DeviceChoice {
    /// Every device that can be opened, the CPU first. Cards are opened to find that out, which may
    /// take seconds.
    pub fn list() -> Vec<DeviceEntry> {
        let wgpu = |index| Self::Wgpu(WgpuAdapter::Any(index));
        let kinds: [fn(usize) -> Self; 2] = [Self::Cuda, wgpu];
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
        let all = [Precision::F32, Precision::F16, Precision::Bf16].into_iter();
        let computes = |one: &Precision| one.on(&device).is_ok_and(|found| found == *one);
        Some(DeviceEntry {
            choice: self,
            name,
            memory: match self {
                Self::Cpu => system_memory(),
                Self::Cuda(_) | Self::Wgpu(_) => None,
            },
            precisions: all.filter(computes).collect(),
        })
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
            Self::Cuda(index) => probed(self, move || Some(Device::cuda(index))),
            #[cfg(feature = "wgsl")]
            Self::Wgpu(adapter) => probed(self, move || adapter.open()),
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

#[cfg(feature = "wgsl")]
impl WgpuAdapter {
    /// `None` if there is no such adapter.
    fn open(self) -> Option<Device> {
        use burn::tensor::{DeviceKind, DeviceType};
        let mut found = Device::enumerate(DeviceType::Wgpu).into_vec().into_iter();
        let kind = match self {
            Self::Any(index) => return found.nth(index),
            Self::Discrete(index) => DeviceKind::DiscreteGpu(index),
            Self::Integrated(index) => DeviceKind::IntegratedGpu(index),
        };
        // One that is not there would be looked for on a thread of the runtime, which panics.
        let wanted = Device::wgpu(kind);
        found.find(|device| *device == wanted)
    }
}

/// GPU runtimes panic where a driver or card is missing; asked for one number, they show it here.
#[cfg(any(feature = "cuda", feature = "wgsl"))]
fn probed(
    choice: DeviceChoice,
    open: impl FnOnce() -> Option<Device> + std::panic::UnwindSafe,
) -> Result<Device> {
    use burn::tensor::Tensor;
    let probe = std::panic::catch_unwind(|| {
        let device = open()?;
        let one: f32 = Tensor::<1>::ones([1], &device).into_scalar();
        Some((one == 1.0).then_some(device))
    });
    match probe {
        Ok(Some(Some(device))) => Ok(device),
        Ok(Some(None)) => Err(device_error(choice, "computes wrong results")),
        Ok(None) | Err(_) => Err(device_error(
            choice,
            "no driver, or no card of that index; `cpu` always works",
        )),
    }
}

/// Of the whole machine, where the system tells.
fn system_memory() -> Option<u64> {
    let told = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = told
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
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
        for name in [
            "cpu",
            "cuda:0",
            "wgpu:3",
            "wgpu:discrete:1",
            "wgpu:integrated:0",
        ] {
            assert_eq!(name.parse::<DeviceChoice>().unwrap().to_string(), name);
        }
        assert_eq!(
            "cuda".parse::<DeviceChoice>().unwrap(),
            DeviceChoice::Cuda(0)
        );
        assert_eq!(
            "wgpu:discrete".parse::<DeviceChoice>().unwrap(),
            DeviceChoice::Wgpu(WgpuAdapter::Discrete(0))
        );
        for name in [
            "",
            "gpu",
            "cuda:x",
            "cuda:-1",
            "cpu:1",
            "wgpu:",
            "wgpu:slow:0",
        ] {
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
        assert_eq!(list[0].precisions, [Precision::F32]);
        assert_eq!(list[0].memory.is_some(), cfg!(target_os = "linux"));
        assert!(list.iter().all(|entry| entry.choice.open().is_ok()));
    }

    /// Few machines have 64 cards, and none that this runs on.
    #[test]
    fn a_card_that_is_not_there_is_an_error_that_says_what_to_do() {
        for (name, feature, built) in [
            ("cuda:63", "cuda", cfg!(feature = "cuda")),
            ("wgpu:63", "wgpu", cfg!(feature = "wgsl")),
        ] {
            let choice: DeviceChoice = name.parse().unwrap();
            let error = choice.open().unwrap_err().to_string();
            let why = match built {
                true => "no driver, or no card of that index; `cpu` always works".to_owned(),
                false => format!("not in this build; rebuild with the feature `{feature}`"),
            };
            assert_eq!(error, format!("device {name}: {why}"));
        }
    }
}

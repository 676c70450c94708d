//! Low-rank changes of weights (LoRA; Hu et al. 2021): `W′ = W + w · α/r · up · down`.
//!
//! Files come in many spellings; a [`Lora`] is an open file of any of them. Merging
//! makes a new network that shares every untouched weight with the base, and leaves the base as it is,
//! bit for bit: taking a LoRA off is dropping the merged network. Sums are made in f32 and rounded once
//! to the type in which the base is kept.

mod merge;
mod names;
mod save;
mod scaling;

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};

use super::decode::Storage;
use super::source::TensorSource;
use crate::error::{Error, Result};

pub use merge::{merge_text_loras, merge_unet_loras};
pub use names::LoraPart;
pub(super) use save::processor_lora;
pub use save::save_unet_lora;

use names::{Role, Target, split};
use scaling::Scaling;

/// An open LoRA file, with the values still in it.
#[derive(Clone, Debug)]
pub struct Lora {
    source: TensorSource,
    pairs: BTreeMap<Target, Pair>,
    scaling: Scaling,
}

/// Names of the tensors that change one weight.
#[derive(Clone, Debug, Default)]
struct Pair {
    down: Option<String>,
    up: Option<String>,
    alpha: Option<String>,
}

/// The change of one weight, complete.
struct Change {
    /// `[rank, inputs·kernel]`
    down: TensorData,
    /// `[outputs, rank]`
    up: TensorData,
    /// `α / r`, or what the file says instead.
    scale: f64,
}

/// Shape of a change, before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ChangeShape {
    rank: usize,
    outputs: usize,
    /// Inputs times kernel size.
    inputs: usize,
}

impl Lora {
    /// Opens a file.
    ///
    /// # Errors
    /// As [`TensorSource::open`]; `Unsupported` if it holds something other than LoRA pairs (LoHa,
    /// LoKr, DoRA); `Format` if half of a pair is missing.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::from_source(TensorSource::open(path)?)
    }

    /// What an open checkpoint holds, all of it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_source(source: TensorSource) -> Result<Self> {
        let mut pairs: BTreeMap<Target, Pair> = BTreeMap::new();
        for name in source.names() {
            let (target, role) = split(name).ok_or_else(|| refuse(&source, name))?;
            let pair = pairs.entry(target).or_default();
            let slot = match role {
                Role::Down => &mut pair.down,
                Role::Up => &mut pair.up,
                Role::Alpha => &mut pair.alpha,
            };
            if let Some(twin) = slot.replace(name.to_owned()) {
                let why = format!("{twin} and {name} change the same weight");
                return Err(Error::format(source.origin(), why));
            }
        }
        let half = pairs
            .values()
            .find(|pair| pair.down.is_none() || pair.up.is_none());
        if let Some(Pair { down, up, alpha }) = half {
            let found = down.as_ref().or(up.as_ref()).or(alpha.as_ref());
            let why = format!("{} has no other half", found.map_or("", String::as_str));
            return Err(Error::format(source.origin(), why));
        }
        Ok(Self {
            scaling: Scaling::read(&source)?,
            source,
            pairs,
        })
    }

    /// The same with all values in memory that do not lie in a file: what it was opened from may go.
    ///
    /// # Errors
    /// `Io` if they cannot be read.
    pub fn kept(self) -> Result<Self> {
        Ok(Self {
            source: self.source.kept()?,
            ..self
        })
    }

    /// The file that was opened.
    pub fn origin(&self) -> &Path {
        self.source.origin()
    }

    /// Number of weights that it changes in a part of the model.
    pub fn changes(&self, part: LoraPart) -> usize {
        self.of(part).count()
    }

    /// Bytes of the weights that it changes, in 32 bits: at most what a model with it does not share
    /// with the model without.
    ///
    /// # Errors
    /// As [`merge_unet_loras`], if a pair's shapes do not fit each other.
    pub fn changed_bytes(&self) -> Result<u64> {
        let bytes = |pair: &Pair| {
            let shape = self.shape(pair)?;
            Ok(4 * (shape.outputs as u64).saturating_mul(shape.inputs as u64))
        };
        let add = |sum: u64, pair| Ok(sum.saturating_add(bytes(pair)?));
        self.pairs.values().try_fold(0, add)
    }

    /// The same file without what it changes in text models.
    #[must_use]
    pub fn unet_only(mut self) -> Self {
        self.pairs.retain(|target, _| target.part == LoraPart::Unet);
        self
    }

    fn of(&self, part: LoraPart) -> impl Iterator<Item = (&Target, &Pair)> {
        self.pairs
            .iter()
            .filter(move |(target, _)| target.part == part)
    }

    /// Shape of the change that a pair stands for.
    fn shape(&self, pair: &Pair) -> Result<ChangeShape> {
        let (down, up) = pair.names();
        let shape = |name: &str| self.source.shape(name).unwrap_or_default().to_vec();
        let (down_shape, up_shape) = (shape(down), shape(up));
        match (down_shape.as_slice(), up_shape.as_slice()) {
            ([rank, inputs @ ..], [outputs, inner, ones @ ..])
                if *rank > 0
                    && rank == inner
                    && matches!(inputs.len(), 1 | 3)
                    && ones.iter().all(|n| *n == 1) =>
            {
                Ok(ChangeShape {
                    rank: *rank,
                    outputs: *outputs,
                    inputs: inputs.iter().product(),
                })
            }
            _ => {
                let needed = format!("[outputs, {}]", down_shape.first().unwrap_or(&0));
                Err(Error::shape(up, needed, up_shape))
            }
        }
    }

    fn read(&self, part: LoraPart, pair: &Pair) -> Result<Change> {
        let (down, up) = pair.names();
        let ChangeShape {
            rank,
            outputs,
            inputs,
        } = self.shape(pair)?;
        let values = |name: &str, shape: [usize; 2]| -> Result<TensorData> {
            let data = self.source.read(name, Storage::F32)?;
            let values = data.iter::<f32>().collect::<Vec<_>>();
            Ok(TensorData::new(values, shape))
        };
        let alpha = match &pair.alpha {
            None => None,
            Some(name) => {
                let data = self.source.read(name, Storage::F32)?;
                let found = data.iter::<f64>().next();
                Some(found.ok_or_else(|| Error::shape(name, "one number", data.shape()))?)
            }
        };
        Ok(Change {
            down: values(down, [rank, inputs])?,
            up: values(up, [outputs, rank])?,
            scale: self.scaling.scale((part, down), alpha, rank),
        })
    }
}

impl Pair {
    fn names(&self) -> (&str, &str) {
        let whole = "half pairs were refused at opening";
        let (down, up) = (self.down.as_deref(), self.up.as_deref());
        (down.expect(whole), up.expect(whole))
    }
}

impl Change {
    /// `w · α/r · up · down`, shaped like the weight.
    fn delta<const D: usize>(self, weight: f64, shape: [usize; D], device: &Device) -> Tensor<D> {
        let up = Tensor::<2>::from_data(self.up, device);
        let down = Tensor::<2>::from_data(self.down, device);
        (up.matmul(down) * (weight * self.scale)).reshape(shape)
    }
}

/// Why a tensor has no place in a LoRA.
fn refuse(source: &TensorSource, name: &str) -> Error {
    let kinds = [
        ("hada_", "LoHa"),
        ("lokr_", "LoKr"),
        ("dora_scale", "DoRA"),
        ("lora_magnitude_vector", "DoRA"),
        ("lora_mid", "LoRA with a middle convolution"),
    ];
    let kind = kinds.iter().find(|(mark, _)| name.contains(mark));
    let why = match kind {
        Some((_, kind)) => format!("{name} belongs to a {kind}; read are plain LoRA pairs"),
        None => format!("{name} is no part of a LoRA pair"),
    };
    Error::unsupported(source.origin().display().to_string(), why)
}

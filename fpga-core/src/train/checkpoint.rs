//! The state of a training as a folder that appears whole or not at all.
//!
//! | file | holds |
//! |---|---|
//! | `weights.safetensors` | parameters that learn, by path |
//! | `optimizer.safetensors` | their moments |
//! | `average.safetensors` | their slow average, where there is one |
//! | `state.json` | step, place in the data, counters |
//!
//! Everything that random numbers follow from (seed and step) is among them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::error::{Context, Error, Result};
use crate::nn::ParameterSet;
use crate::weights::{Storage, TensorSource, read_json, save_values};

/// Counters of a training.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    /// Steps that are done.
    pub(super) step: u64,
    /// Batches that were taken from the source.
    pub(super) position: u64,
    /// What all random numbers follow from.
    pub(super) seed: u64,
    /// Updates of the slow average.
    pub(super) average_updates: u64,
    /// Updates of each parameter.
    pub(super) times: BTreeMap<String, usize>,
    /// The loss as the log shows it.
    pub(super) smooth_loss: Option<f64>,
}

/// All that a training needs to go on.
pub(super) struct Snapshot {
    pub(super) state: State,
    pub(super) weights: ParameterSet,
    pub(super) moments: ParameterSet,
    pub(super) average: Option<ParameterSet>,
}

const PREFIX: &str = "checkpoint-";
const WEIGHTS: &str = "weights.safetensors";
const MOMENTS: &str = "optimizer.safetensors";
const AVERAGE: &str = "average.safetensors";
const STATE: &str = "state.json";

impl Snapshot {
    /// Writes a folder named after the step below `folder`, then removes all but the newest `keep`.
    pub(super) fn write(&self, folder: &Path, keep: usize) -> Result<PathBuf> {
        let name = format!("{PREFIX}{:08}", self.state.step);
        let (place, beside) = (folder.join(&name), folder.join(format!(".{name}.partial")));
        let failed = |error| Error::io(&beside, error);
        remove(&beside)?;
        fs::create_dir_all(&beside).map_err(failed)?;
        self.write_files(&beside)?;
        // A folder of this step can only be an older run's.
        remove(&place)?;
        fs::rename(&beside, &place).map_err(|error| Error::io(&place, error))?;
        sync(folder)?;
        for old in found(folder)?.iter().rev().skip(keep.max(1)) {
            remove(old)?;
        }
        Ok(place)
    }

    fn write_files(&self, folder: &Path) -> Result<()> {
        let write = |name: &str, set: &ParameterSet| {
            let values = set
                .iter()
                .map(|(path, flat)| (path.to_owned(), flat.clone()));
            save_values(&folder.join(name), values, &[], Storage::AsStored)
        };
        write(WEIGHTS, &self.weights)?;
        write(MOMENTS, &self.moments)?;
        if let Some(average) = &self.average {
            write(AVERAGE, average)?;
        }
        let path = folder.join(STATE);
        let failed = |error| Error::io(&path, error);
        let text = serde_json::to_vec_pretty(&self.state).map_err(|error| failed(error.into()))?;
        fs::write(&path, text).map_err(failed)?;
        File::open(&path)
            .and_then(|file| file.sync_all())
            .map_err(failed)?;
        sync(folder)
    }

    /// Reads the newest below `folder`, if there is one.
    pub(super) fn read_newest(folder: &Path, device: &Device) -> Result<Option<Self>> {
        let Some(newest) = found(folder)?.pop() else {
            return Ok(None);
        };
        let clause = || format!("checkpoint {}", newest.display());
        Self::read(&newest, device).map(Some).context(clause)
    }

    fn read(folder: &Path, device: &Device) -> Result<Self> {
        let path = folder.join(STATE);
        let state = serde_json::from_value(read_json(&path)?)
            .map_err(|error| Error::format(&path, error.to_string()))?;
        let average = folder.join(AVERAGE);
        Ok(Self {
            state,
            weights: read_set(&folder.join(WEIGHTS), device)?,
            moments: read_set(&folder.join(MOMENTS), device)?,
            average: match average.is_file() {
                true => Some(read_set(&average, device)?),
                false => None,
            },
        })
    }
}

/// Checkpoint folders below `folder`, the newest last.
fn found(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder).map_err(|error| Error::io(folder, error))?;
    let mut found: Vec<_> = entries
        .filter_map(|entry| entry.ok())
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    Ok(found)
}

fn read_set(path: &Path, device: &Device) -> Result<ParameterSet> {
    let source = TensorSource::open(path)?;
    let mut set = ParameterSet::default();
    for name in source.names() {
        let shape = source.shape(name).unwrap_or_default().to_vec();
        let data = source.read(name, Storage::AsStored)?;
        let dtype = data.dtype();
        let count: usize = shape.iter().product();
        let (bytes, ..) = data.into_parts();
        let flat = TensorData::from_bytes(bytes, [count], dtype);
        set.insert(name, Tensor::from_data(flat, (device, dtype)), shape);
    }
    Ok(set)
}

fn remove(folder: &Path) -> Result<()> {
    match folder.exists() {
        true => fs::remove_dir_all(folder).map_err(|error| Error::io(folder, error)),
        false => Ok(()),
    }
}

/// Makes the names in a folder durable.
fn sync(folder: &Path) -> Result<()> {
    match cfg!(unix) {
        true => File::open(folder)
            .and_then(|file| file.sync_all())
            .map_err(|error| Error::io(folder, error)),
        false => Ok(()),
    }
}

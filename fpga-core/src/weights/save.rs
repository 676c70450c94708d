//! Writes a module as a `.safetensors` file with the checkpoint's names.
//!
//! Tensors are written one after another, so saving costs one tensor of memory. The file appears
//! under its name only when it is complete and on disk: a crash leaves the old file untouched.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{DType, Tensor, TensorData};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use serde_json::Value;

use super::decode::Storage;
use super::key_map::{KeyMap, View};
use crate::error::{Error, Result};
use crate::nn::{Flat, ModulePath, read_data};

/// Writes every parameter of `module` to `path`, replacing a file that is there.
///
/// # Errors
/// `Io` if the file cannot be written; `Invalid` if the map cannot be written back (two parameters
/// with one key, or a key that is only part of a tensor).
pub fn save<M: Module>(module: &M, map: &KeyMap, path: &Path, storage: Storage) -> Result<()> {
    let mut collector = Collector {
        path: ModulePath::default(),
        map,
        storage,
        parts: Vec::new(),
        failure: None,
    };
    module.visit(&mut collector);
    if let Some(error) = collector.failure {
        return Err(error);
    }
    replace(path, collector.parts, &[])
}

/// Writes named values to `path`, replacing a file that is there, with `notes` in its header.
///
/// # Errors
/// `Io` if the file cannot be written; `Invalid` if two values have one name.
pub fn save_values(
    path: &Path,
    values: impl IntoIterator<Item = (String, Flat)>,
    notes: &[(&str, String)],
    storage: Storage,
) -> Result<()> {
    let part = |(name, Flat { values, shape }): (String, Flat)| {
        let (kept, dtype) = stored_type(storage, values.dtype());
        Part {
            name,
            dtype,
            shape,
            values: Box::new(move || read_data(values.cast(kept))),
        }
    };
    replace(path, values.into_iter().map(part).collect(), notes)
}

/// Writes a configuration to `path`, replacing a file that is there.
///
/// # Errors
/// `Io` if the file cannot be written.
pub fn save_json(value: &Value, path: &Path) -> Result<()> {
    let beside = beside(path);
    let text = format!("{value:#}\n");
    let written = fs::write(&beside, text).and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| {
        let _ = fs::remove_file(&beside);
        Error::io(path, error)
    })
}

/// Writes beside the file, then puts the new one in its place.
fn replace(path: &Path, mut parts: Vec<Part>, notes: &[(&str, String)]) -> Result<()> {
    // Wide types first keeps every tensor aligned, as the format's own library does.
    parts.sort_by(|a, b| b.dtype.cmp(&a.dtype).then_with(|| a.name.cmp(&b.name)));
    refuse_twins(&parts)?;

    let beside = beside(path);
    let failed = |error| Error::io(path, error);
    let placed = || fs::rename(&beside, path).and_then(|()| sync_folder(path));
    let written = write(&beside, parts, notes, failed).and_then(|()| placed().map_err(failed));
    written.inspect_err(|_| {
        // Best effort: the error that is reported is the one that matters.
        let _ = fs::remove_file(&beside);
    })
}

/// The type to convert to, and its name in the file.
fn stored_type(storage: Storage, found: DType) -> (DType, Dtype) {
    match (storage, found) {
        (Storage::F16, _) | (Storage::AsStored, DType::F16) => (DType::F16, Dtype::F16),
        (Storage::BF16, _) | (Storage::AsStored, DType::BF16) => (DType::BF16, Dtype::BF16),
        _ => (DType::F32, Dtype::F32),
    }
}

/// One parameter to write.
struct Part {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    /// Fetches the values from the device.
    values: Box<dyn FnOnce() -> Result<TensorData>>,
}

struct Collector<'a> {
    path: ModulePath,
    map: &'a KeyMap,
    storage: Storage,
    parts: Vec<Part>,
    failure: Option<Error>,
}

impl ModuleVisitor for Collector<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.path.exit(container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let key = self.map.key(&self.path.joined());
        if key.view() != View::Whole {
            let why = "only part of a tensor in this layout, which can be read but not written";
            self.failure = Some(Error::invalid(key.to_string(), why));
            return;
        }
        let tensor = param.base();
        let (kept, dtype) = stored_type(self.storage, tensor.dtype());
        self.parts.push(Part {
            name: key.name().to_owned(),
            dtype,
            shape: tensor.dims().to_vec(),
            values: Box::new(move || read_data(tensor.cast(kept))),
        });
    }
}

fn refuse_twins(parts: &[Part]) -> Result<()> {
    let mut seen = BTreeSet::new();
    match parts.iter().find(|part| !seen.insert(&part.name)) {
        None => Ok(()),
        Some(twin) => Err(Error::invalid(&twin.name, "two parameters have this key")),
    }
}

/// A name in the same folder that no other process uses.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.partial", std::process::id()))
}

fn write(
    path: &Path,
    parts: Vec<Part>,
    notes: &[(&str, String)],
    failed: impl Fn(io::Error) -> Error + Copy,
) -> Result<()> {
    let header = header(&parts, notes).map_err(failed)?;
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(true);
    let file = options.open(path).map_err(failed)?;
    let mut writer = BufWriter::with_capacity(1 << 20, file);
    let mut write = |bytes: &[u8]| writer.write_all(bytes).map_err(failed);
    write(&(header.len() as u64).to_le_bytes())?;
    write(header.as_bytes())?;
    for part in parts {
        write((part.values)()?.as_bytes())?;
    }
    let file = writer.into_inner().map_err(|error| failed(error.into()))?;
    file.sync_all().map_err(failed)
}

fn header(parts: &[Part], notes: &[(&str, String)]) -> io::Result<String> {
    let mut end = 0;
    let infos = parts.iter().map(|part| {
        let start = end;
        end += part.shape.iter().product::<usize>() * part.dtype.bitsize() / 8;
        let info = TensorInfo {
            dtype: part.dtype,
            shape: part.shape.clone(),
            data_offsets: (start, end),
        };
        (part.name.clone(), info)
    });
    // Readers refuse files that do not say which framework's layout they follow.
    let framework = ("format".to_owned(), "pt".to_owned());
    let noted = notes
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.clone()));
    let notes: HashMap<_, _> = noted.chain([framework]).collect();
    let metadata = Metadata::new(Some(notes), infos.collect()).map_err(io::Error::other)?;
    let mut text = serde_json::to_string(&metadata)?;
    // Values start on a multiple of eight.
    text.push_str(&" ".repeat(text.len().next_multiple_of(8) - text.len()));
    Ok(text)
}

/// Makes the new name itself durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    match cfg!(unix) {
        true => File::open(folder.unwrap_or(Path::new(".")))?.sync_all(),
        false => Ok(()),
    }
}

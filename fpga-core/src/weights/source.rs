//! An open checkpoint: names, shapes and element types, with the values still in the file.
//!
//! Values are streamed from the file in small pieces, straight into the one buffer that becomes
//! the tensor, so loading a model costs the model and no second copy of it. Files come from
//! strangers: every length and offset is checked against the file before anything is allocated.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use burn_store::pytorch_reader;
use safetensors::Dtype;

use super::decode::{Decoder, Storage, bits_per_element};
use super::key_map::{Key, View};
use super::pickle;
use super::random_read::RandomRead;
use super::safetensors_file::{self, Contents};
use crate::error::{Error, Result};

/// A checkpoint whose tensors are read when asked for.
///
/// Cheap to clone: clones and [scopes](Self::scoped) share the open files.
#[derive(Clone, Debug)]
pub struct TensorSource {
    origin: PathBuf,
    entries: BTreeMap<String, Entry>,
    notes: BTreeMap<String, String>,
}

/// One tensor that has not been read.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    pub(super) place: Place,
}

/// Where the bytes of a tensor lie.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// At an offset of a file.
    File { file: Arc<File>, start: u64 },
    /// At an offset of something that is no file.
    Reader {
        reader: Arc<dyn RandomRead>,
        start: u64,
    },
    /// Somewhere in a PyTorch archive.
    Pickle(Box<pytorch_reader::Tensor>),
}

/// Bytes read at a time; a multiple of every element size.
const PIECE: usize = 1 << 20;
/// Longest accepted `*.index.json`.
const MAX_INDEX: u64 = 100 << 20;

impl TensorSource {
    /// Opens `.safetensors`, a sharded model's `*.index.json`, or a PyTorch file (`.bin`, `.pth`,
    /// `.pt`, `.ckpt`). Nested dictionaries of PyTorch files are joined with dots.
    ///
    /// # Errors
    /// `Io` if a file cannot be read, `Format` if it is not a sound checkpoint.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let named = |ending: &str| path.to_string_lossy().ends_with(ending);
        let unnoted = |entries| Contents {
            entries,
            notes: BTreeMap::new(),
        };
        let Contents { entries, notes } = if named(".json") {
            unnoted(open_shards(path)?)
        } else if named(".safetensors") || safetensors_file::looks_like_one(path)? {
            safetensors_file::open(path)?
        } else {
            unnoted(pickle::open(path)?)
        };
        Ok(Self {
            origin: path.to_owned(),
            entries,
            notes,
        })
    }

    /// A `.safetensors` file that is already in memory; `name` stands for it in messages.
    ///
    /// # Errors
    /// `Format` if the bytes are not a sound safetensors file.
    pub fn from_bytes(name: impl Into<PathBuf>, bytes: Vec<u8>) -> Result<Self> {
        Self::from_reader(name, Arc::new(bytes))
    }

    /// A `.safetensors` file that is no file: its header is read now, its values when they are asked
    /// for. `name` stands for it in messages.
    ///
    /// # Errors
    /// `Io` if it cannot be read, `Format` if it is not a sound safetensors file.
    pub fn from_reader(name: impl Into<PathBuf>, reader: Arc<dyn RandomRead>) -> Result<Self> {
        let origin = name.into();
        let Contents { entries, notes } = safetensors_file::parse(&origin, &reader)?;
        Ok(Self {
            origin,
            entries,
            notes,
        })
    }

    /// Tensors of these names and shapes without values, for what only looks at shapes.
    #[cfg(test)]
    pub(super) fn of_shapes(shapes: impl IntoIterator<Item = (String, Vec<usize>)>) -> Self {
        let reader = Arc::new(Vec::new());
        let entry = |shape| Entry {
            dtype: Dtype::F32,
            shape,
            place: Place::Reader {
                reader: reader.clone(),
                start: 0,
            },
        };
        Self {
            origin: PathBuf::from("shapes"),
            entries: shapes
                .into_iter()
                .map(|(name, shape)| (name, entry(shape)))
                .collect(),
            notes: BTreeMap::new(),
        }
    }

    /// The file that was opened.
    pub fn origin(&self) -> &Path {
        &self.origin
    }

    /// What the writer of a `.safetensors` file noted under `key` in its header.
    pub fn note(&self, key: &str) -> Option<&str> {
        self.notes.get(key).map(String::as_str)
    }

    /// Names of all tensors, sorted.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Whether there is a tensor of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// Shape of a tensor.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.entries.get(name).map(|entry| entry.shape.as_slice())
    }

    /// Element type of a tensor in the file.
    pub fn dtype(&self, name: &str) -> Option<Dtype> {
        self.entries.get(name).map(|entry| entry.dtype)
    }

    /// The tensors below `prefix`, with `prefix` and the dot after it cut off.
    #[must_use]
    pub fn scoped(&self, prefix: &str) -> Self {
        let inside = |(name, entry): (&String, &Entry)| {
            let rest = name.strip_prefix(prefix)?.strip_prefix('.')?;
            Some((rest.to_owned(), entry.clone()))
        };
        Self {
            origin: self.origin.clone(),
            entries: self.entries.iter().filter_map(inside).collect(),
            notes: self.notes.clone(),
        }
    }

    /// The tensors whose names pass.
    pub(super) fn keeping(&self, passes: impl Fn(&str) -> bool) -> Self {
        let kept =
            |(name, entry): (&String, &Entry)| passes(name).then(|| (name.clone(), entry.clone()));
        Self {
            origin: self.origin.clone(),
            entries: self.entries.iter().filter_map(kept).collect(),
            notes: self.notes.clone(),
        }
    }

    /// The same tensors, with those that a [`RandomRead`] holds copied into memory: the reader may go.
    ///
    /// # Errors
    /// `Io` if it cannot be read.
    pub(super) fn kept(mut self) -> Result<Self> {
        for name in self.entries.keys().cloned().collect::<Vec<_>>() {
            let entry = &self.entries[&name];
            if matches!(entry.place, Place::Reader { .. }) {
                let mut bytes = Vec::new();
                self.stream(entry, View::Whole, &mut |piece| {
                    bytes.extend_from_slice(piece);
                    Ok(())
                })?;
                let place = Place::Reader {
                    reader: Arc::new(bytes),
                    start: 0,
                };
                self.entries
                    .entry(name)
                    .and_modify(|entry| entry.place = place);
            }
        }
        Ok(self)
    }

    /// Bytes that the tensors of floating-point numbers take once they are loaded.
    pub fn loaded_bytes(&self, storage: Storage) -> u64 {
        let bytes = |entry: &Entry| {
            let count = entry.shape.iter().product::<usize>() as u64;
            storage
                .bytes_per_value(entry.dtype)
                .map_or(0, |size| count * size)
        };
        self.entries.values().map(bytes).sum()
    }

    /// Whether no tensor is left.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Reads one tensor by name.
    ///
    /// # Errors
    /// `Invalid` if there is none of that name; `Unsupported` if it does not hold floating-point
    /// numbers; `NotFinite` if it holds NaN or infinity; `Io` or `Format` if reading fails.
    pub fn read(&self, name: &str, storage: Storage) -> Result<TensorData> {
        self.read_key(&Key::whole(name), storage)
    }

    /// Reads one tensor by name onto a device.
    ///
    /// # Errors
    /// As [`read`](Self::read); `Shape` if its rank is not `D`.
    pub fn tensor<const D: usize>(
        &self,
        name: &str,
        storage: Storage,
        device: &Device,
    ) -> Result<Tensor<D>> {
        let data = self.read(name, storage)?;
        if data.rank() != D {
            return Err(Error::shape(name, format!("rank {D}"), data.shape()));
        }
        let dtype = data.dtype();
        Ok(Tensor::from_data(data, (device, dtype)))
    }

    /// Shape of what a key stands for.
    pub(super) fn key_shape(&self, key: &Key) -> Option<Vec<usize>> {
        let shape = self.shape(key.name())?;
        match (key.view(), shape) {
            (View::Whole, _) => Some(shape.to_vec()),
            (View::Third(_), [rows, rest @ ..]) if rows % 3 == 0 => Some(
                std::iter::once(rows / 3)
                    .chain(rest.iter().copied())
                    .collect(),
            ),
            (View::Transposed, &[rows, columns]) => Some(vec![columns, rows]),
            _ => None,
        }
    }

    /// Reads what a key stands for.
    pub(super) fn read_key(&self, key: &Key, storage: Storage) -> Result<TensorData> {
        let name = key.name();
        let absent = || Error::invalid(name, format!("not in {}", self.origin.display()));
        let entry = self.entries.get(name).ok_or_else(absent)?;
        let shape = self.key_shape(key).ok_or_else(|| {
            let needed = format!("a tensor that can be read as {key}");
            Error::shape(name, needed, &entry.shape)
        })?;
        self.read_shaped(key, storage, &shape)
    }

    /// Reads what a key stands for as a tensor of `shape`, which has as many elements.
    pub(super) fn read_shaped(
        &self,
        key: &Key,
        storage: Storage,
        shape: &[usize],
    ) -> Result<TensorData> {
        let name = key.name();
        let absent = || Error::invalid(name, format!("not in {}", self.origin.display()));
        let entry = self.entries.get(name).ok_or_else(absent)?;
        let mut decoder = Decoder::new(name, entry.dtype, storage, shape.iter().product())?;
        self.stream(entry, key.view(), &mut |piece| decoder.push(piece))?;
        match key.view() {
            View::Transposed => decoder.finish_transposed(shape),
            View::Whole | View::Third(_) => decoder.finish(shape),
        }
    }

    /// Hands the viewed bytes of an entry to `each`, piece by piece.
    fn stream(
        &self,
        entry: &Entry,
        view: View,
        each: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let range = viewed_bytes(entry, view);
        match &entry.place {
            Place::Pickle(tensor) => {
                let bytes = pickle::read(&self.origin, tensor)?;
                bytes[range].chunks(PIECE).try_for_each(each)
            }
            Place::File { file, start } => {
                let read = |piece: &mut [u8], from| read_exact_at(file, piece, start + from);
                self.stream_range(range, read, each)
            }
            Place::Reader { reader, start } => {
                let read = |piece: &mut [u8], from| reader.read_exact_at(piece, start + from);
                self.stream_range(range, read, each)
            }
        }
    }

    /// Hands what `read` finds in `range` to `each`.
    fn stream_range(
        &self,
        range: Range<usize>,
        read: impl Fn(&mut [u8], u64) -> io::Result<()>,
        each: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut buffer = vec![0; PIECE.min(range.len())];
        for from in range.clone().step_by(PIECE) {
            let piece = &mut buffer[..PIECE.min(range.end - from)];
            read(piece, from as u64).map_err(|error| Error::io(&self.origin, error))?;
            each(piece)?;
        }
        Ok(())
    }
}

/// Which bytes of an entry a view covers. Sizes were checked when the entry was made.
fn viewed_bytes(entry: &Entry, view: View) -> Range<usize> {
    let len = entry.shape.iter().product::<usize>() * bits_per_element(entry.dtype) / 8;
    match view {
        View::Whole | View::Transposed => 0..len,
        View::Third(index) => index * (len / 3)..(index + 1) * (len / 3),
    }
}

/// Entries of all shards that an index names.
fn open_shards(path: &Path) -> Result<BTreeMap<String, Entry>> {
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let text = read_bounded(path, MAX_INDEX)?;
    let index: Index = serde_json::from_slice(&text)
        .map_err(|error| Error::format(path, format!("not an index of shards: {error}")))?;

    let folder = path.parent().unwrap_or(Path::new(""));
    let mut shards: BTreeMap<&str, BTreeMap<String, Entry>> = BTreeMap::new();
    for shard in index.weight_map.values() {
        if !shards.contains_key(shard.as_str()) {
            let plain = Path::new(shard)
                .file_name()
                .is_some_and(|name| name == shard.as_str());
            if !plain || shard.ends_with(".json") {
                let why = format!("names a shard outside its own folder: {shard:?}");
                return Err(Error::format(path, why));
            }
            shards.insert(shard, TensorSource::open(folder.join(shard))?.entries);
        }
    }

    let take = |(name, shard): (&String, &String)| {
        let entry = shards
            .get(shard.as_str())
            .and_then(|entries| entries.get(name));
        let entry = entry.ok_or_else(|| {
            Error::format(
                path,
                format!("says that {shard} holds {name}, which it does not"),
            )
        })?;
        Ok((name.clone(), entry.clone()))
    };
    index.weight_map.iter().map(take).collect()
}

/// The whole of a small file; longer ones are refused before they are read.
pub(super) fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let failed = |error| Error::io(path, error);
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(Error::format(path, format!("longer than {limit} bytes")));
    }
    Ok(bytes)
}

/// Reads at an offset, without a cursor that threads would share.
#[cfg(unix)]
fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

/// Reads at an offset; every caller gives its own, so the moved cursor does no harm.
#[cfg(windows)]
fn read_exact_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !buffer.is_empty() {
        match file.seek_read(buffer, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                buffer = &mut buffer[read..];
                offset += read as u64;
            }
        }
    }
    Ok(())
}

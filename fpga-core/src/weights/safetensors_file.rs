//! The header of a `.safetensors` file, read with suspicion.
//!
//! Layout: eight bytes with the header's length, a JSON header, then the values back to back. The
//! format's own library checks that shapes, types and offsets agree and leave no gap; here the
//! header's length is checked before it is allocated, and the values' extent against the file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use safetensors::tensor::Metadata;

use super::random_read::RandomRead;
use super::source::{Entry, Place};
use crate::error::{Error, Result};

/// Longest accepted header, the limit of the format's own library.
const MAX_HEADER: u64 = 100_000_000;
/// Bytes before the header.
const LENGTH_BYTES: u64 = 8;

/// What a header says.
pub(super) struct Contents {
    pub(super) entries: BTreeMap<String, Entry>,
    /// What the writer noted.
    pub(super) notes: BTreeMap<String, String>,
}

/// Contents of a file.
pub(super) fn open(path: &Path) -> Result<Contents> {
    let failed = |error| Error::io(path, error);
    let mut file = File::open(path).map_err(failed)?;
    let file_length = file.metadata().map_err(failed)?.len();
    let header_length = header_length(path, &mut file, file_length)?;

    let mut header = vec![0; header_length as usize];
    file.read_exact(&mut header).map_err(failed)?;
    let file = Arc::new(file);
    contents(path, &header, file_length, |start| Place::File {
        file: file.clone(),
        start,
    })
}

/// Contents of what is no file.
pub(super) fn parse(name: &Path, reader: &Arc<dyn RandomRead>) -> Result<Contents> {
    let failed = |error| Error::io(name, error);
    let size = reader.size();
    let mut start = [0; LENGTH_BYTES as usize];
    let found = size.min(LENGTH_BYTES) as usize;
    reader
        .read_exact_at(&mut start[..found], 0)
        .map_err(failed)?;
    let header_length = header_length(name, &mut &start[..found], size)?;

    let mut header = vec![0; header_length as usize];
    reader
        .read_exact_at(&mut header, LENGTH_BYTES)
        .map_err(failed)?;
    contents(name, &header, size, |start| Place::Reader {
        reader: reader.clone(),
        start,
    })
}

/// Whether a file without the right ending starts as this format does.
pub(super) fn looks_like_one(path: &Path) -> Result<bool> {
    let failed = |error| Error::io(path, error);
    let mut start = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(LENGTH_BYTES + 1)
        .read_to_end(&mut start)
        .map_err(failed)?;
    let length = start.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    Ok(start.get(8) == Some(&b'{') && length.is_some_and(|length| length <= MAX_HEADER))
}

fn header_length(path: &Path, reader: &mut impl Read, file_length: u64) -> Result<u64> {
    let mut bytes = [0; LENGTH_BYTES as usize];
    reader
        .read_exact(&mut bytes)
        .map_err(|_| Error::format(path, "shorter than a safetensors header"))?;
    let length = u64::from_le_bytes(bytes);
    if length > MAX_HEADER {
        let why = format!("claims a header of {length} bytes: not a safetensors file");
        return Err(Error::format(path, why));
    }
    if length > file_length - LENGTH_BYTES {
        let why = format!("claims a header of {length} bytes in a file of {file_length}");
        return Err(Error::format(path, why));
    }
    Ok(length)
}

fn contents(
    path: &Path,
    header: &[u8],
    file_length: u64,
    place: impl Fn(u64) -> Place,
) -> Result<Contents> {
    let metadata: Metadata = serde_json::from_slice(header)
        .map_err(|error| Error::format(path, format!("unsound safetensors header: {error}")))?;
    let data_start = LENGTH_BYTES + header.len() as u64;
    let (needed, found) = (metadata.data_len() as u64, file_length - data_start);
    if needed != found {
        let hint = if needed > found { " (cut off?)" } else { "" };
        let why = format!("needs {needed} bytes of values, holds {found}{hint}");
        return Err(Error::format(path, why));
    }

    let entry = |(name, info): (String, &safetensors::tensor::TensorInfo)| {
        let entry = Entry {
            dtype: info.dtype,
            shape: info.shape.clone(),
            place: place(data_start + info.data_offsets.0 as u64),
        };
        (name, entry)
    };
    let notes = metadata.metadata().iter().flatten();
    Ok(Contents {
        entries: metadata.tensors().into_iter().map(entry).collect(),
        notes: notes
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    })
}

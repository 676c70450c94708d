//! PyTorch's own files: `.bin`, `.pth`, `.pt`, `.ckpt`.
//!
//! Only data is read from the pickle, never code. Accepted are the ZIP container of PyTorch 1.6
//! and later and the plain stream before it. Every tensor must be able to lie in its file, so a
//! few bytes cannot claim gigabytes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use burn_store::pytorch_reader::{DType, PytorchError, PytorchReader, Tensor};
use safetensors::Dtype;

use super::pickle_limits::{check_archive, check_stream};
use super::source::{Entry, Place};
use crate::error::{Error, Result};

/// A tensor may be this much longer than its file: a broadcast constant is stored once.
const BROADCAST_ALLOWANCE: u64 = 1 << 20;

/// Entries of a file.
pub(super) fn open(path: &Path) -> Result<BTreeMap<String, Entry>> {
    let file_length = check_start(path)?;
    // The reader is a foreign parser of hostile bytes: a panic in it is this file's fault.
    let opened = catch_unwind(AssertUnwindSafe(|| PytorchReader::new(path)));
    let reader = opened
        .map_err(|_| Error::format(path, "not a sound PyTorch file"))?
        .map_err(|error| explain(path, error))?;

    let entry = |(name, tensor): (String, Tensor)| {
        let claimed = tensor.byte_len() as u64;
        if claimed > file_length + BROADCAST_ALLOWANCE {
            let why = format!("{name} claims {claimed} bytes in a file of {file_length}");
            return Err(Error::format(path, why));
        }
        let entry = Entry {
            dtype: dtype(tensor.dtype()),
            shape: tensor.shape().to_vec(),
            place: Place::Pickle(Box::new(tensor)),
        };
        Ok((name, entry))
    };
    let entries: BTreeMap<_, _> = reader
        .into_tensors()
        .into_iter()
        .map(entry)
        .collect::<Result<_>>()?;
    if entries.is_empty() {
        return Err(Error::format(path, "holds no tensors"));
    }
    Ok(entries)
}

/// All bytes of a tensor, contiguous.
pub(super) fn read(path: &Path, tensor: &Tensor) -> Result<Vec<u8>> {
    let bytes = catch_unwind(AssertUnwindSafe(|| tensor.read()))
        .map_err(|_| Error::format(path, format!("{} cannot be read", tensor.name)))?
        .map_err(|error| explain(path, error.into()))?;
    match bytes.len() == tensor.byte_len() {
        true => Ok(bytes),
        false => Err(Error::format(
            path,
            format!("{} is incomplete", tensor.name),
        )),
    }
}

/// The file's length, once it is a container that is read, and a modest one.
fn check_start(path: &Path) -> Result<u64> {
    let failed = |error| Error::io(path, error);
    let mut file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(Error::format(path, "is a folder, not a checkpoint file"));
    }
    let mut start = Vec::new();
    file.by_ref()
        .take(4)
        .read_to_end(&mut start)
        .map_err(failed)?;
    let checked = match start.as_slice() {
        b"PK\x03\x04" => check_archive(&mut file),
        [0x80, ..] => check_stream(&mut file),
        _ => {
            return Err(Error::format(
                path,
                "neither a safetensors nor a PyTorch file",
            ));
        }
    };
    checked.map_err(|error| explain(path, error.into()))?;
    Ok(metadata.len())
}

fn explain(path: &Path, error: PytorchError) -> Error {
    use std::io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    match error {
        PytorchError::Io(error)
            if !matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof) =>
        {
            Error::io(path, error)
        }
        PytorchError::Io(error) => Error::format(path, error.to_string()),
        other => Error::format(path, format!("not a sound PyTorch file: {other}")),
    }
}

fn dtype(dtype: DType) -> Dtype {
    match dtype {
        DType::F64 => Dtype::F64,
        DType::F32 => Dtype::F32,
        DType::F16 => Dtype::F16,
        DType::BF16 => Dtype::BF16,
        DType::I64 => Dtype::I64,
        DType::I32 => Dtype::I32,
        DType::I16 => Dtype::I16,
        DType::I8 => Dtype::I8,
        DType::U64 => Dtype::U64,
        DType::U32 => Dtype::U32,
        DType::U16 => Dtype::U16,
        DType::U8 => Dtype::U8,
        DType::Bool => Dtype::BOOL,
    }
}

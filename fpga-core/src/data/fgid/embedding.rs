//! Face embeddings as the data set stores them: a bare tensor that PyTorch saved, or a NumPy array.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use zip::ZipArchive;
use zip::result::ZipError;

use crate::data::array_file::read_array;
use crate::error::{Error, Result};

/// Numbers of a face embedding.
pub const EMBEDDING_WIDTH: usize = 512;

/// Reads 512 numbers from `.npy`, or from what `torch.save` makes of a contiguous `[1, 512]` or `[512]`
/// tensor of 32-bit floats (PyTorch 1.6 and later: a ZIP archive, whose one storage is read; the pickle
/// in it is not run).
///
/// # Errors
/// `Io` if the file cannot be read, `Format` if it holds something else, `NotFinite`-like values included.
pub fn read_embedding(path: &Path) -> Result<Vec<f32>> {
    let values = match path.extension().is_some_and(|ending| ending == "npy") {
        true => read_array(path)?,
        false => read_saved_tensor(path)?,
    };
    if values.len() != EMBEDDING_WIDTH || !values.iter().all(|value| value.is_finite()) {
        let why = format!(
            "needs {EMBEDDING_WIDTH} finite numbers, found {}",
            values.len()
        );
        return Err(Error::format(path, why));
    }
    Ok(values)
}

fn read_saved_tensor(path: &Path) -> Result<Vec<f32>> {
    let failed = |error: ZipError| match error {
        ZipError::Io(error) => Error::io(path, error),
        other => Error::format(path, format!("not a tensor that torch.save wrote: {other}")),
    };
    let file = File::open(path).map_err(|error| Error::io(path, error))?;
    let mut archive = ZipArchive::new(file).map_err(failed)?;
    let names: Vec<_> = archive
        .file_names()
        .map(|name| name.map(std::borrow::Cow::into_owned))
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    let storages: Vec<_> = names
        .iter()
        .filter(|name| name.contains("/data/"))
        .collect();
    let pickle = names.iter().find(|name| name.ends_with("/data.pkl"));
    let (Some(pickle), [storage]) = (pickle, storages.as_slice()) else {
        return Err(Error::format(
            path,
            format!("holds {} tensors, not one", storages.len()),
        ));
    };
    let mut read = |name: &str| -> Result<Vec<u8>> {
        let entry = archive.by_name(name).map_err(failed)?;
        let mut bytes = Vec::new();
        // One number more than is wanted: a longer storage shows.
        let limit = 4 * EMBEDDING_WIDTH as u64 + 4;
        entry
            .take(limit)
            .read_to_end(&mut bytes)
            .map_err(|error| Error::io(path, error))?;
        Ok(bytes)
    };
    let text = read(pickle)?;
    let is_float = text.windows(12).any(|window| window == b"FloatStorage");
    let bytes = read(storage)?;
    let (numbers, rest) = bytes.as_chunks::<4>();
    if !is_float || !rest.is_empty() {
        return Err(Error::format(path, "does not hold 32-bit floats"));
    }
    Ok(numbers
        .iter()
        .map(|number| f32::from_le_bytes(*number))
        .collect())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../tests/fixtures/fgid")
            .join(name)
    }

    /// `make.py` saved sin(0.1 i), i = 0 … 511.
    #[test]
    fn what_torch_saved_is_read() {
        let values = read_embedding(&fixture("embedding.bin")).unwrap();
        for (index, value) in values.iter().enumerate() {
            let expected = (0.1 * index as f64).sin();
            assert!((f64::from(*value) - expected).abs() < 1e-6, "{index}");
        }
        assert_eq!(values, read_embedding(&fixture("embedding.npy")).unwrap());
    }

    #[test]
    fn other_tensors_are_refused() {
        for name in ["double.bin", "longer.bin", "pair.bin"] {
            assert!(read_embedding(&fixture(name)).is_err(), "{name}");
        }
        assert!(read_embedding(&fixture("make.py")).is_err());
    }
}

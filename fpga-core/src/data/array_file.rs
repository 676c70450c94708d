//! Vectors as NumPy's `.npy` files (format 1.0), which every tool of the trade opens.

use std::fs;
use std::path::Path;

use super::files::write_whole;
use crate::error::{Error, Result};

const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";
/// Longer ones are no vectors of a face.
const MAX_BYTES: u64 = 64 << 20;

/// The file's bytes for a vector of little-endian 32-bit numbers.
pub(super) fn to_bytes(values: &[f32]) -> Vec<u8> {
    let dict = format!(
        "{{'descr': '<f4', 'fortran_order': False, 'shape': ({},), }}",
        values.len()
    );
    // Header and values together start on a multiple of 64 bytes, closed by a line feed.
    let length = (MAGIC.len() + 2 + dict.len() + 1).next_multiple_of(64) - MAGIC.len() - 2;
    let mut bytes = MAGIC.to_vec();
    bytes.extend((length as u16).to_le_bytes());
    bytes.extend(dict.as_bytes());
    bytes.resize(MAGIC.len() + 2 + length - 1, b' ');
    bytes.push(b'\n');
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

/// Writes a vector.
///
/// # Errors
/// `Io` if the file cannot be written.
pub fn write_array(path: &Path, values: &[f32]) -> Result<()> {
    write_whole(path, &to_bytes(values))
}

/// Reads all numbers of an array of 32-bit floats, whatever its shape.
///
/// # Errors
/// `Io` if the file cannot be read, `Format` if it is not such an array.
pub fn read_array(path: &Path) -> Result<Vec<f32>> {
    let size = fs::metadata(path)
        .map_err(|error| Error::io(path, error))?
        .len();
    if size > MAX_BYTES {
        return Err(Error::format(
            path,
            format!("{size} bytes are too many for a vector"),
        ));
    }
    let bytes = fs::read(path).map_err(|error| Error::io(path, error))?;
    from_bytes(&bytes).ok_or_else(|| {
        Error::format(
            path,
            "not a NumPy array of little-endian 32-bit floats in C order",
        )
    })
}

fn from_bytes(bytes: &[u8]) -> Option<Vec<f32>> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (header, values) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    let header = std::str::from_utf8(header).ok()?;
    let plain = header.contains("'<f4'") && header.contains("'fortran_order': False");
    let shape = header.split_once("'shape': (")?.1.split_once(')')?.0;
    let sizes = shape
        .split(',')
        .map(str::trim)
        .filter(|size| !size.is_empty());
    let count = sizes
        .map(|size| size.parse::<usize>().ok())
        .try_fold(1_usize, |product, size| product.checked_mul(size?))?;
    let (numbers, rest) = values.as_chunks::<4>();
    let whole = plain && rest.is_empty() && numbers.len() == count;
    whole.then(|| {
        numbers
            .iter()
            .map(|number| f32::from_le_bytes(*number))
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_come_back() {
        let values: Vec<f32> = (0..512).map(|i| i as f32 * 0.37 - 80.0).collect();
        let bytes = to_bytes(&values);
        assert_eq!((bytes.len() - 4 * 512) % 64, 0);
        assert_eq!(from_bytes(&bytes).unwrap(), values);
    }

    /// `numpy.save` of `numpy.arange(3, dtype='<f4').reshape(1, 3)`, NumPy 2.
    #[test]
    fn numpy_s_own_files_are_read() {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(118_u16.to_le_bytes());
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }";
        bytes.extend(format!("{header:<117}\n").as_bytes());
        bytes.extend(
            [0.0_f32, 1.0, 2.0]
                .iter()
                .flat_map(|value| value.to_le_bytes()),
        );
        assert_eq!(from_bytes(&bytes).unwrap(), [0.0, 1.0, 2.0]);
    }

    #[test]
    fn what_is_cut_or_of_another_kind_is_refused() {
        let bytes = to_bytes(&[1.0, 2.0]);
        assert!(from_bytes(&bytes[..bytes.len() - 1]).is_none());
        assert!(from_bytes(&bytes[..40]).is_none());
        let text = String::from_utf8_lossy(&bytes[8..]).replace("<f4", "<f8");
        assert!(from_bytes(text.as_bytes()).is_none());
    }
}

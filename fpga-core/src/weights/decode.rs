//! From the bytes of a checkpoint to numbers in the type that the model keeps.
//!
//! Bytes come in pieces and go straight into one exact-size buffer. NaN and infinity are caught on
//! the way: a picture of black squares would not say which tensor was broken.

use burn::tensor::TensorData;
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use safetensors::Dtype;

use crate::error::{Error, ErrorKind, Result};
use crate::nn::Precision;

/// The type in which weights are kept in memory and in written files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Storage {
    /// As the checkpoint has them; double precision becomes single.
    #[default]
    AsStored,
    /// Four bytes per weight.
    F32,
    /// Two bytes, 11 bits of precision, up to 65504.
    F16,
    /// Two bytes, 8 bits of precision, the range of f32.
    BF16,
}

impl Storage {
    /// How the weights of a network that computes in `precision` are kept: half as wide where that is enough, and
    /// as asked for where a type was asked for.
    #[must_use]
    pub fn for_precision(self, precision: Precision) -> Self {
        match (self, precision) {
            (Self::AsStored, Precision::F16) => Self::F16,
            (Self::AsStored, Precision::Bf16) => Self::BF16,
            (asked, _) => asked,
        }
    }

    /// Bytes of one kept value that is stored as `dtype`; `None` for what is no floating-point number.
    pub(super) fn bytes_per_value(self, dtype: Dtype) -> Option<u64> {
        let half = match dtype {
            Dtype::F16 | Dtype::BF16 => true,
            Dtype::F32 | Dtype::F64 => false,
            _ => return None,
        };
        Some(match self {
            Self::AsStored => 4 - 2 * u64::from(half),
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
        })
    }
}

/// Size of one element.
pub(super) fn bits_per_element(dtype: Dtype) -> usize {
    dtype.bitsize()
}

/// Values read so far.
enum Values {
    F32(Vec<f32>),
    F16(Vec<f16>),
    BF16(Vec<bf16>),
}

/// Turns pieces of stored bytes into one tensor.
pub(super) struct Decoder<'a> {
    name: &'a str,
    stored: Dtype,
    values: Values,
    /// One piece as f32, when stored and kept types differ.
    scratch: Vec<f32>,
}

impl<'a> Decoder<'a> {
    /// For `count` elements of the tensor `name`.
    pub(super) fn new(
        name: &'a str,
        stored: Dtype,
        storage: Storage,
        count: usize,
    ) -> Result<Self> {
        if !matches!(stored, Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64) {
            let why = format!("stored as {stored:?}; needed is F16, BF16, F32 or F64");
            return Err(Error::unsupported(name, why));
        }
        let values = match (storage, stored) {
            (Storage::F16, _) | (Storage::AsStored, Dtype::F16) => {
                Values::F16(Vec::with_capacity(count))
            }
            (Storage::BF16, _) | (Storage::AsStored, Dtype::BF16) => {
                Values::BF16(Vec::with_capacity(count))
            }
            (Storage::F32 | Storage::AsStored, _) => Values::F32(Vec::with_capacity(count)),
        };
        Ok(Self {
            name,
            stored,
            values,
            scratch: Vec::new(),
        })
    }

    /// Takes whole elements.
    pub(super) fn push(&mut self, piece: &[u8]) -> Result<()> {
        let finite = match (&mut self.values, self.stored) {
            (Values::F32(values), Dtype::F32) => {
                push_all(values, piece, f32::from_le_bytes, |v| v.is_finite())
            }
            (Values::F16(values), Dtype::F16) => {
                push_all(values, piece, f16::from_le_bytes, |v| v.is_finite())
            }
            (Values::BF16(values), Dtype::BF16) => {
                push_all(values, piece, bf16::from_le_bytes, |v| v.is_finite())
            }
            (values, stored) => {
                widen(&mut self.scratch, stored, piece);
                narrow(values, &self.scratch)
            }
        };
        match finite {
            true => Ok(()),
            false => Err(self.not_finite()),
        }
    }

    /// The tensor, once all pieces were taken.
    pub(super) fn finish(self, shape: &[usize]) -> Result<TensorData> {
        let count: usize = shape.iter().product();
        let found = self.values.len();
        if found != count {
            return Err(Error::shape(self.name, format!("{count} values"), found));
        }
        Ok(match self.values {
            Values::F32(values) => TensorData::new(values, shape),
            Values::F16(values) => TensorData::new(values, shape),
            Values::BF16(values) => TensorData::new(values, shape),
        })
    }

    /// The transpose of a stored matrix; `shape` is that of the result.
    pub(super) fn finish_transposed(mut self, shape: &[usize]) -> Result<TensorData> {
        if let &[rows, columns] = shape {
            self.values = match self.values {
                Values::F32(values) => Values::F32(transpose(&values, rows, columns)),
                Values::F16(values) => Values::F16(transpose(&values, rows, columns)),
                Values::BF16(values) => Values::BF16(transpose(&values, rows, columns)),
            };
        }
        self.finish(shape)
    }

    /// Why the last piece was refused.
    fn not_finite(&self) -> Error {
        let narrow = matches!(self.values, Values::F16(_)) && self.stored != Dtype::F16;
        if narrow && self.scratch.iter().all(|value| value.is_finite()) {
            let why = "holds values beyond 65504, which f16 cannot keep; load it as f32 or bf16";
            return Error::invalid(self.name, why);
        }
        Error::new(ErrorKind::NotFinite {
            what: self.name.to_owned(),
        })
    }
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F16(values) => values.len(),
            Self::BF16(values) => values.len(),
        }
    }
}

/// Appends little-endian elements; returns whether all are finite.
fn push_all<T: Copy, const N: usize>(
    values: &mut Vec<T>,
    piece: &[u8],
    decode: impl Fn([u8; N]) -> T,
    is_finite: impl Fn(&T) -> bool,
) -> bool {
    let old = values.len();
    let (elements, _) = piece.as_chunks::<N>();
    values.extend(elements.iter().map(|bytes| decode(*bytes)));
    // No early exit: the plain fold runs at memory speed.
    values[old..]
        .iter()
        .fold(true, |finite, value| finite & is_finite(value))
}

fn widen(scratch: &mut Vec<f32>, stored: Dtype, piece: &[u8]) {
    scratch.clear();
    match stored {
        Dtype::F16 => {
            let mut halves = Vec::new();
            push_all(&mut halves, piece, f16::from_le_bytes, |_| true);
            scratch.resize(halves.len(), 0.0);
            halves.convert_to_f32_slice(scratch);
        }
        Dtype::BF16 => {
            push_all(
                scratch,
                piece,
                |bytes| bf16::from_le_bytes(bytes).to_f32(),
                |_| true,
            );
        }
        Dtype::F64 => {
            push_all(
                scratch,
                piece,
                |bytes| f64::from_le_bytes(bytes) as f32,
                |_| true,
            );
        }
        _ => {
            push_all(scratch, piece, f32::from_le_bytes, |_| true);
        }
    }
}

/// Appends in the kept type; returns whether all are finite.
fn narrow(values: &mut Values, piece: &[f32]) -> bool {
    match values {
        Values::F32(values) => {
            values.extend_from_slice(piece);
            piece
                .iter()
                .fold(true, |finite, value| finite & value.is_finite())
        }
        Values::F16(values) => {
            let old = values.len();
            values.resize(old + piece.len(), f16::ZERO);
            values[old..].convert_from_f32_slice(piece);
            values[old..]
                .iter()
                .fold(true, |finite, value| finite & value.is_finite())
        }
        Values::BF16(values) => {
            let old = values.len();
            values.extend(piece.iter().map(|&value| bf16::from_f32(value)));
            values[old..]
                .iter()
                .fold(true, |finite, value| finite & value.is_finite())
        }
    }
}

/// `[columns, rows]` to `[rows, columns]`.
fn transpose<T: Copy>(values: &[T], rows: usize, columns: usize) -> Vec<T> {
    let at = |index: usize| values[(index % columns) * rows + index / columns];
    (0..rows * columns).map(at).collect()
}

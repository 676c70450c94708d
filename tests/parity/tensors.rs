//! Named arrays on the host, in and out of `.safetensors` files.
//!
//! All numbers are kept as `f64`: it holds every f16, bf16, f32, and every integer that a timestep
//! or a token can be, so one type serves inputs, outputs and their comparison.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use fpga_core::{Error, Result};
use half::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

/// An array in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// As many as the product of `shape`.
    pub values: Vec<f64>,
}

/// Arrays by name, in the order in which they were added.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tensors(Vec<(String, Array)>);

impl Array {
    /// What a tensor holds.
    pub fn from_tensor<const D: usize>(tensor: Tensor<D>) -> Self {
        let data = tensor.into_data();
        Self {
            shape: data.shape().to_vec(),
            values: data.iter::<f64>().collect(),
        }
    }

    fn from_view(view: &TensorView<'_>) -> Result<Self, Dtype> {
        let bytes = view.data();
        let values = match view.dtype() {
            Dtype::F64 => parse(bytes, f64::from_le_bytes),
            Dtype::F32 => parse(bytes, |b| f32::from_le_bytes(b).into()),
            Dtype::F16 => parse(bytes, |b| f16::from_le_bytes(b).into()),
            Dtype::BF16 => parse(bytes, |b| bf16::from_le_bytes(b).into()),
            Dtype::I64 => parse(bytes, |b| i64::from_le_bytes(b) as f64),
            Dtype::I32 => parse(bytes, |b| i32::from_le_bytes(b).into()),
            Dtype::I16 => parse(bytes, |b| i16::from_le_bytes(b).into()),
            Dtype::I8 => parse(bytes, |b| i8::from_le_bytes(b).into()),
            Dtype::U8 | Dtype::BOOL => parse(bytes, |b| u8::from_le_bytes(b).into()),
            other => return Err(other),
        };
        Ok(Self {
            shape: view.shape().to_vec(),
            values,
        })
    }
}

fn parse<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    let (elements, _) = bytes.as_chunks::<N>();
    elements.iter().map(|&element| value(element)).collect()
}

impl Tensors {
    /// Adds an array.
    pub fn push(&mut self, name: impl Into<String>, array: Array) {
        self.0.push((name.into(), array));
    }

    /// Adds what a tensor holds.
    pub fn push_tensor<const D: usize>(&mut self, name: impl Into<String>, tensor: Tensor<D>) {
        self.push(name, Array::from_tensor(tensor));
    }

    /// The array of this name.
    pub fn get(&self, name: &str) -> Option<&Array> {
        self.iter()
            .find(|(known, _)| *known == name)
            .map(|(_, array)| array)
    }

    /// All arrays in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Array)> {
        self.0.iter().map(|(name, array)| (name.as_str(), array))
    }

    /// The first array that holds NaN or infinity.
    pub fn not_finite(&self) -> Option<&str> {
        let bad = |array: &Array| array.values.iter().any(|value| !value.is_finite());
        self.iter()
            .find(|(_, array)| bad(array))
            .map(|(name, _)| name)
    }

    /// An input of rank `D`, if it is there.
    ///
    /// # Errors
    /// It has another rank, or holds NaN or infinity.
    pub fn optional<const D: usize>(
        &self,
        name: &str,
        device: &Device,
    ) -> Result<Option<Tensor<D>>> {
        let Some(array) = self.get(name) else {
            return Ok(None);
        };
        if array.values.iter().any(|value| !value.is_finite()) {
            return Err(Error::invalid(input(name), "holds NaN or infinity"));
        }
        let data = TensorData::new(array.values.clone(), dims::<D>(name, array)?);
        Ok(Some(Tensor::from_data(data.convert::<f32>(), device)))
    }

    /// An input of rank `D`.
    ///
    /// # Errors
    /// It is absent, has another rank, or holds NaN or infinity.
    pub fn tensor<const D: usize>(&self, name: &str, device: &Device) -> Result<Tensor<D>> {
        self.optional(name, device)?.ok_or_else(|| absent(name))
    }

    /// Shape and values of an input of rank `D` that holds whole numbers.
    ///
    /// # Errors
    /// It is absent, has another rank, or holds a fraction.
    pub fn integers<const D: usize>(&self, name: &str) -> Result<([usize; D], Vec<i64>)> {
        let array = self.get(name).ok_or_else(|| absent(name))?;
        if array.values.iter().any(|value| value.fract() != 0.0) {
            return Err(Error::invalid(input(name), "needs whole numbers"));
        }
        let values = array.values.iter().map(|&value| value as i64).collect();
        Ok((dims(name, array)?, values))
    }

    /// Reads a file, or nothing where there is none.
    ///
    /// # Errors
    /// The file cannot be read, is not a sound safetensors file, or holds numbers of a type that
    /// is not read.
    pub fn read_if_present(path: &Path) -> Result<Option<Self>> {
        match path.try_exists() {
            Ok(false) => Ok(None),
            Ok(true) => Self::read(path).map(Some),
            Err(error) => Err(Error::io(path, error)),
        }
    }

    /// Reads a file; names are in alphabetical order.
    ///
    /// # Errors
    /// As [`read_if_present`](Self::read_if_present), and if there is no file.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(|error| Error::io(path, error))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|error| {
            Error::format(path, "not a sound safetensors file").with_source(error)
        })?;
        let mut tensors = Self::default();
        for (name, view) in file.tensors() {
            let array = Array::from_view(&view).map_err(|dtype| {
                Error::format(
                    path,
                    format!("tensor {name} holds {dtype:?}, which is not read"),
                )
            })?;
            tensors.push(name, array);
        }
        tensors.0.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(tensors)
    }

    /// Writes all arrays as f32.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let narrow = |array: &Array| -> Vec<u8> {
            let values = array.values.iter();
            values
                .flat_map(|&value| (value as f32).to_le_bytes())
                .collect()
        };
        let bytes: Vec<_> = self.iter().map(|(_, array)| narrow(array)).collect();
        let mut views = HashMap::new();
        for ((name, array), bytes) in self.iter().zip(&bytes) {
            let view = TensorView::new(Dtype::F32, array.shape.clone(), bytes)
                .map_err(|error| Error::format(path, "cannot be written").with_source(error))?;
            views.insert(name, view);
        }
        let file = safetensors::serialize(views, None)
            .map_err(|error| Error::format(path, "cannot be written").with_source(error))?;
        fs::write(path, file).map_err(|error| Error::io(path, error))
    }
}

fn dims<const D: usize>(name: &str, array: &Array) -> Result<[usize; D]> {
    let shape = &array.shape;
    if array.values.is_empty() {
        return Err(Error::shape(input(name), "at least one number", shape));
    }
    let dims = <[usize; D]>::try_from(shape.as_slice());
    dims.map_err(|_| Error::shape(input(name), format!("{D} axes"), shape))
}

fn absent(name: &str) -> Error {
    Error::invalid(input(name), "is needed, and inputs.safetensors lacks it")
}

fn input(name: &str) -> String {
    format!("input {name}")
}

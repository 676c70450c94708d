//! Values from a device to the host.
//!
//! Devices compute behind the caller's back: what went wrong on one is known when something is read from it.

use std::fmt;

use burn::tensor::{Device, Tensor, TensorData};

use super::device::Trouble;
use crate::error::{Error, Result};

/// The values of `tensor` as f32, the last dimension changing fastest.
///
/// # Errors
/// [`Device`](crate::ErrorKind::Device) if the device failed at them, most often because its memory is full.
pub fn read_values<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    let values = read_data(tensor)?.convert::<f32>().try_into_vec();
    Ok(values.expect("the data was just converted to f32"))
}

/// The only value of `tensor`.
///
/// # Errors
/// As [`read_values`].
pub fn read_number(tensor: Tensor<1>) -> Result<f64> {
    debug_assert_eq!(tensor.dims(), [1]);
    Ok(f64::from(read_values(tensor)?[0]))
}

/// Values in the type that `tensor` has.
pub(crate) fn read_data<const D: usize>(tensor: Tensor<D>) -> Result<TensorData> {
    let device = tensor.device();
    let data = tensor.try_into_data();
    data.map_err(|failure| failed(&device, failure))
}

/// Waits until `device` has done what it was asked for.
///
/// # Errors
/// As [`read_values`].
pub(crate) fn settle(device: &Device) -> Result<()> {
    let done = device.sync();
    done.map_err(|failure| failed(device, failure))
}

fn failed(device: &Device, failure: impl fmt::Display) -> Error {
    let words = failure.to_string();
    let trouble = Trouble::told_by(&words).unwrap_or(Trouble::Other);
    trouble.on(device, &words)
}

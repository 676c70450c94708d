//! Failures of cards that their runtimes do not hand on as errors.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use burn::tensor::Device;

use crate::error::Result;
use crate::nn::{device_failure, is_cpu, is_out_of_memory};

/// Runs `work`, which computes on `device`.
///
/// Some runtimes of cards panic where memory runs out while others hand an error to whoever reads a result. Both
/// become [`ErrorKind::Device`](crate::ErrorKind::Device) here. Every other panic is a bug and goes on.
pub(super) fn on_device<T>(device: &Device, work: impl FnOnce() -> Result<T>) -> Result<T> {
    if is_cpu(device) {
        return work();
    }
    // A failed job leaves nothing behind but what its monitor was told.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| match words(&*payload) {
        Some(told) if is_out_of_memory(told) => Err(device_failure(device, told)),
        _ => resume_unwind(payload),
    })
}

fn words(payload: &(dyn Any + Send)) -> Option<&str> {
    let fixed = payload.downcast_ref::<&str>().copied();
    fixed.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

//! Failures of cards that their runtimes do not hand on as errors.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use burn::tensor::Device;

use crate::error::Result;
use crate::nn::{Trouble, is_cpu};

/// Runs `work`, which computes on `device`.
///
/// Where memory runs out or an operation is too large, some runtimes of cards panic, and others hand an error to whoever
/// reads a result. Both become [`ErrorKind::Device`](crate::ErrorKind::Device). Every other panic is a bug and goes on.
pub(super) fn on_device<T>(device: &Device, work: impl FnOnce() -> Result<T>) -> Result<T> {
    if is_cpu(device) {
        return work();
    }
    // A failed job leaves nothing behind but what its monitor was told.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        let told = words(&*payload).and_then(|told| Some((Trouble::told_by(told)?, told)));
        match told {
            Some((trouble, told)) => Err(trouble.on(device, told)),
            None => resume_unwind(payload),
        }
    })
}

fn words(payload: &(dyn Any + Send)) -> Option<&str> {
    let fixed = payload.downcast_ref::<&str>().copied();
    fixed.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

//! Strings and lists of numbers out: the caller asks for the size, then brings the buffer.

use std::ffi::c_char;

use crate::fault::{Fault, Outcome};
use crate::status::fpga_status;
use crate::view::aligned;

/// Copies `text` and a NUL to `buffer`, or only says how many bytes that takes.
///
/// `needed` is written on success and when the buffer is too small.
///
/// # Safety
/// `buffer` is NULL or valid for writes of `capacity` bytes; `needed` is NULL or valid for a write.
pub(crate) unsafe fn copy_out(
    text: &str,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> Outcome {
    aligned(needed, "needed")?;
    if buffer.is_null() && capacity > 0 {
        return Err(Fault::null("buffer"));
    }
    if buffer.is_null() && needed.is_null() {
        return Err(Fault::null("buffer and needed"));
    }
    let size = text.len() + 1;
    if !needed.is_null() {
        // SAFETY: not NULL, aligned, valid by this function's contract.
        unsafe { needed.write(size) };
    }
    if buffer.is_null() {
        return Ok(());
    }
    if capacity < size {
        let why = format!("buffer holds {capacity} bytes, the text needs {size}");
        return Err(Fault::new(fpga_status::BufferTooSmall, why));
    }
    // SAFETY: the buffer has at least `size` bytes.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr(), buffer.cast::<u8>(), text.len());
        buffer.add(text.len()).write(0);
    }
    Ok(())
}

/// Copies `numbers` to `buffer`, or only says how many there are. `what` names the buffer.
///
/// `needed` is written on success and when the buffer is too small.
///
/// # Safety
/// `buffer` is NULL or valid for writes of `capacity` numbers; `needed` is NULL or valid for a write.
pub(crate) unsafe fn copy_numbers(
    numbers: &[f32],
    what: &str,
    buffer: *mut f32,
    capacity: usize,
    needed: *mut usize,
) -> Outcome {
    aligned(needed, "needed")?;
    aligned(buffer, what)?;
    if buffer.is_null() && (capacity > 0 || needed.is_null()) {
        return Err(Fault::null(what));
    }
    if !needed.is_null() {
        // SAFETY: not NULL, aligned, valid by this function's contract.
        unsafe { needed.write(numbers.len()) };
    }
    if buffer.is_null() {
        return Ok(());
    }
    if capacity < numbers.len() {
        let count = numbers.len();
        let why = format!("{what}: the buffer holds {capacity} numbers, needed are {count}");
        return Err(Fault::new(fpga_status::BufferTooSmall, why));
    }
    // SAFETY: the buffer has at least as many numbers.
    unsafe { std::ptr::copy_nonoverlapping(numbers.as_ptr(), buffer, numbers.len()) };
    Ok(())
}

/// A report as JSON text.
pub(crate) fn json(report: &impl serde::Serialize) -> Outcome<String> {
    serde_json::to_string(report)
        .map_err(|error| Fault::new(fpga_status::Internal, format!("report: {error}")))
}

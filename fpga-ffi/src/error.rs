//! The text of the last failure.

use std::ffi::c_char;

use crate::guard::{contain, last_error};
use crate::status::fpga_status;
use crate::text::copy_out;

/// Copies the message of the last call of this thread that did not return `FPGA_STATUS_OK`.
///
/// It names the thing, what was needed and what was found, outermost first. Empty if no call of
/// this thread has failed. It stays until the next failure; this function itself never changes it.
/// Messages are for people and change between versions: decide by status.
///
/// With `buffer` NULL and `capacity` 0 it only writes the size to `needed`, the final NUL included.
///
/// Ownership: the text is copied into `buffer`, which stays the caller's.
/// Threads: any; every thread has its own message. For a job that ran on another thread see
/// `fpga_job_error_message`.
/// NULL: either `buffer` or `needed` may be NULL, not both.
/// Errors: `FPGA_STATUS_BUFFER_TOO_SMALL` (then only `needed` is written),
/// `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_last_error_message(
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> fpga_status {
    // SAFETY: the caller's contract for `buffer` and `needed`.
    let copied = contain(|_| unsafe { copy_out(&last_error(), buffer, capacity, needed) });
    copied.map_or_else(|fault| fault.status, |()| fpga_status::Ok)
}

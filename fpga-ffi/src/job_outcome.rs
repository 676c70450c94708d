//! How far a `fpga_job` came, and what came of it.

use std::ffi::c_char;

use crate::generation::fpga_generation;
use crate::growing::{self, Growing};
use crate::guard::guard;
use crate::handle::borrow;
use crate::job::fpga_job;
use crate::progress::fpga_progress;
use crate::restoration::fpga_restoration;
use crate::status::fpga_status;
use crate::task::Product;
use crate::text::copy_out;
use crate::view::Out;

/// Writes where the job stands, one of `fpga_job_state`.
///
/// Ownership: both pointers are borrowed for the call.
/// Threads: any, also while the job runs.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_job_get_state(job: *const fpga_job, state: *mut u32) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output and a handle.
        let (out, job) = unsafe { (Out::new(state, "state")?, borrow(job)?) };
        out.set(job.standing() as u32);
        Ok(())
    })
}

/// Writes the last message of the job's progress, also after it was cancelled; `phase` is 0 if there was
/// none yet.
///
/// `size` is `sizeof *progress`; it becomes `struct_size`.
///
/// Ownership: both pointers are borrowed for the call.
/// Threads: any, also while the job runs.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_job_get_progress(
    job: *const fpga_job,
    progress: *mut fpga_progress,
    size: usize,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for a handle and a struct of `size` bytes.
        unsafe {
            let last = borrow(job)?.course.last();
            let message = last.map_or_else(fpga_progress::defaults, |(message, _)| message);
            growing::write(&message, progress, size)
        }
    })
}

/// Writes how many faces (of a restoration) or pictures (of a generation) were finished, also when the
/// job was cancelled or failed after them.
///
/// Ownership: both pointers are borrowed for the call.
/// Threads: any, also while the job runs.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_job_num_finished(
    job: *const fpga_job,
    num_finished: *mut usize,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output and a handle.
        let (out, job) = unsafe { (Out::new(num_finished, "num_finished")?, borrow(job)?) };
        out.set(job.finished());
        Ok(())
    })
}

/// Copies the message of a job that failed or was cancelled; empty in every other state.
///
/// With `buffer` NULL and `capacity` 0 it only writes the size to `needed`, the final NUL included.
///
/// Ownership: the text is copied into `buffer`, which stays the caller's.
/// Threads: any, whichever ran the job.
/// NULL: `job` must not be NULL; either `buffer` or `needed` may be, not both.
/// Errors: `FPGA_STATUS_BUFFER_TOO_SMALL` (then only `needed` is written),
/// `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_job_error_message(
    job: *const fpga_job,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for a handle, `buffer` and `needed`.
        unsafe { copy_out(&borrow(job)?.message(), buffer, capacity, needed) }
    })
}

/// Hands over the result of a restoration that is done. It can be taken once.
///
/// Ownership: `*restoration` is the caller's; free it with `fpga_restoration_free`. It does not need
/// the job, the model or the context any more.
/// Threads: any.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_INVALID_STATE` if there is no result, or no more, or one of another kind;
/// `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_job_take_restoration(
    job: *mut fpga_job,
    restoration: *mut *mut fpga_restoration,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output and a handle.
        let (out, job) = unsafe { (Out::handle(restoration)?, borrow(job)?) };
        out.give(job.take(|product| match product {
            Product::Restoration(result) => Ok(result),
            other => Err(other),
        })?);
        Ok(())
    })
}

/// Hands over the result of a generation that is done. It can be taken once.
///
/// Ownership: `*generation` is the caller's; free it with `fpga_generation_free`. It does not need the
/// job, the model or the context any more.
/// Threads: any.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_INVALID_STATE` if there is no result, or no more, or one of another kind;
/// `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_job_take_generation(
    job: *mut fpga_job,
    generation: *mut *mut fpga_generation,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output and a handle.
        let (out, job) = unsafe { (Out::handle(generation)?, borrow(job)?) };
        out.give(job.take(|product| match product {
            Product::Generation(result) => Ok(result),
            other => Err(other),
        })?);
        Ok(())
    })
}

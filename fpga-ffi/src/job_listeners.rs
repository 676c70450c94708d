//! Who hears from a `fpga_job` while it runs, and what can stop it.

use std::ffi::c_void;

use fpga_core::pipeline::CancelToken;

use crate::cancel::fpga_cancel_token;
use crate::guard::guard;
use crate::handle::borrow;
use crate::job::fpga_job;
use crate::progress::{Callback, fpga_log_callback, fpga_preview_callback, fpga_progress_callback};
use crate::status::fpga_status;

/// Says who hears about the job's progress; NULL for nobody. Call it before the job runs.
///
/// Ownership: `userdata` stays the caller's, must live until `fpga_job_run` returns, and must allow
/// being used on another thread.
/// Threads: any.
/// NULL: `job` must not be NULL; `callback` and `userdata` may be.
/// Errors: `FPGA_STATUS_INVALID_STATE`, `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_job_set_progress_callback(
    job: *mut fpga_job,
    callback: fpga_progress_callback,
    userdata: *mut c_void,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for a handle.
        let job = unsafe { borrow(job) }?;
        job.prepare(|watch| watch.progress = Callback::new(callback, userdata))
    })
}

/// Says who sees the picture so far; NULL for nobody. Call it before the job runs.
///
/// Ownership: `userdata` stays the caller's, must live until `fpga_job_run` returns, and must allow
/// being used on another thread.
/// Threads: any.
/// NULL: `job` must not be NULL; `callback` and `userdata` may be.
/// Errors: `FPGA_STATUS_INVALID_STATE`, `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_job_set_preview_callback(
    job: *mut fpga_job,
    callback: fpga_preview_callback,
    userdata: *mut c_void,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for a handle.
        let job = unsafe { borrow(job) }?;
        job.prepare(|watch| watch.preview = Callback::new(callback, userdata))
    })
}

/// Says who hears what the job has to say; NULL for nobody. Call it before the job runs.
///
/// Ownership: `userdata` stays the caller's, must live until `fpga_job_run` returns, and must allow
/// being used on another thread.
/// Threads: any.
/// NULL: `job` must not be NULL; `callback` and `userdata` may be.
/// Errors: `FPGA_STATUS_INVALID_STATE`, `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_job_set_log_callback(
    job: *mut fpga_job,
    callback: fpga_log_callback,
    userdata: *mut c_void,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for a handle.
        let job = unsafe { borrow(job) }?;
        job.prepare(|watch| watch.log = Callback::new(callback, userdata))
    })
}

/// Says what can stop the job; NULL for nothing but its callback. Call it before the job runs.
///
/// Ownership: the job keeps its own reference to the token.
/// Threads: any.
/// NULL: `job` must not be NULL; `token` may be.
/// Errors: `FPGA_STATUS_INVALID_STATE`, `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_job_set_cancel_token(
    job: *mut fpga_job,
    token: *const fpga_cancel_token,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for handles.
        let (job, token) = unsafe { (borrow(job)?, token.as_ref()) };
        let cancel = token.map_or_else(CancelToken::new, |token| token.token.clone());
        job.prepare(|watch| watch.cancel = cancel)
    })
}

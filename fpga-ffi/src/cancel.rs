//! `fpga_cancel_token`: stops jobs from any thread.

use std::sync::Arc;

use fpga_core::pipeline::CancelToken;

use crate::guard::{guard, release};
use crate::handle::{Handle, borrow, share};
use crate::status::fpga_status;
use crate::view::Out;

/// Stops every job that it is given to.
///
/// Once cancelled it stays cancelled; the library never resets it. A job that is started with a
/// cancelled token ends at once. A token may serve many jobs.
#[derive(Default)]
pub struct fpga_cancel_token {
    pub(crate) token: CancelToken,
}

impl Handle for fpga_cancel_token {
    const NAME: &'static str = "cancel token";
}

/// Makes a token that nobody has cancelled yet.
///
/// Ownership: `*token` is the caller's; free it with `fpga_cancel_token_free`.
/// Threads: any.
/// NULL: `token` must not be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_cancel_token_new(token: *mut *mut fpga_cancel_token) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output.
        let out = unsafe { Out::handle(token) }?;
        out.give(Arc::default());
        Ok(())
    })
}

/// Makes a second reference to the same token, for another owner.
///
/// Ownership: `*copy` is the caller's; free it with `fpga_cancel_token_free`, like `token` itself.
/// Threads: any.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_cancel_token_ref(
    token: *const fpga_cancel_token,
    copy: *mut *mut fpga_cancel_token,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output.
        let out = unsafe { Out::handle(copy) }?;
        // SAFETY: the caller's contract for a handle.
        out.give(unsafe { share(token) }?);
        Ok(())
    })
}

/// Asks every job with this token to stop. Jobs look after every step.
///
/// Ownership: `token` is borrowed for the call.
/// Threads: any, also while a job runs, inside a callback, and in a signal handler: it takes no
/// lock and allocates nothing.
/// NULL: `token` must not be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`, without a message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_cancel_token_cancel(token: *mut fpga_cancel_token) -> fpga_status {
    // No guard: it may allocate, which a signal handler must not, and nothing here can panic.
    // SAFETY: the caller's contract for a handle.
    match unsafe { token.as_ref() } {
        Some(token) => {
            token.token.cancel();
            fpga_status::Ok
        }
        None => fpga_status::NullPointer,
    }
}

/// Writes 1 to `cancelled` if somebody has cancelled the token, else 0.
///
/// Ownership: both pointers are borrowed for the call.
/// Threads: any.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_cancel_token_is_cancelled(
    token: *const fpga_cancel_token,
    cancelled: *mut u32,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output.
        let out = unsafe { Out::new(cancelled, "cancelled") }?;
        // SAFETY: the caller's contract for a handle.
        let token = unsafe { borrow(token) }?;
        out.set(u32::from(token.token.is_cancelled()));
        Ok(())
    })
}

/// Drops a reference to a token. Jobs that have it keep their own.
///
/// Threads: any.
/// NULL: does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_cancel_token_free(token: *mut fpga_cancel_token) {
    release(token);
}

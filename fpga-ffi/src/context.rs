//! `fpga_context`: a device, and how many threads work for it.

use std::ffi::c_char;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fpga_core::pipeline::DeviceChoice;

use crate::fault::{Fault, Outcome};
use crate::growing::{self, Growing};
use crate::guard::{contain, guard, release};
use crate::handle::{Handle, borrow};
use crate::memory::Ledger;
use crate::status::fpga_status;
use crate::view::{Out, optional_text, zero};
use crate::workers;

/// How a context is made. Start from `FPGA_CONTEXT_PARAMS_INIT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fpga_context_params {
    /// Size of this struct.
    pub struct_size: usize,
    /// `"cpu"`, `"cuda:INDEX"` or `"wgpu:INDEX"`; NULL for `"cpu"`. Borrowed for the call.
    pub device: *const c_char,
    /// CPU threads of every call that loads or runs; at most 1024, 0 for as many as the machine has.
    pub num_threads: u32,
    /// Must be 0.
    pub reserved: u32,
    /// Bytes that models and running jobs may take together, by the library's estimates; 0 for no limit.
    /// What would take more is refused before anything is allocated, with
    /// `FPGA_STATUS_MEMORY_BUDGET`.
    pub memory_budget: u64,
}

// SAFETY: `repr(C)`, `struct_size` first, one pointer and integers.
unsafe impl Growing for fpga_context_params {
    const NAME: &'static str = "fpga_context_params";
    const FIRST_SIZE: usize = size_of::<usize>() + size_of::<*const c_char>() + 8;

    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            device: std::ptr::null(),
            num_threads: 0,
            reserved: 0,
            memory_budget: 0,
        }
    }
}

/// More threads than any machine should be asked for: such a number was never set.
const MOST_THREADS: u32 = 1024;

/// A device, and how many threads work for it. Everything else is made from a context.
pub struct fpga_context {
    pub(crate) device: DeviceChoice,
    pub(crate) ledger: Arc<Ledger>,
    num_threads: u32,
    poisoned: AtomicBool,
}

impl Handle for fpga_context {
    const NAME: &'static str = "context";
}

impl fpga_context {
    fn open(device: &str, num_threads: u32, memory_budget: u64) -> Outcome<Self> {
        if num_threads > MOST_THREADS {
            let why = format!("needs 0 to {MOST_THREADS}, found {num_threads}");
            return Err(Fault::argument("fpga_context_params.num_threads", why));
        }
        let device: DeviceChoice = device.parse()?;
        device.open()?;
        Ok(Self {
            device,
            ledger: Ledger::new(Some(memory_budget).filter(|&budget| budget > 0)),
            num_threads,
            poisoned: AtomicBool::new(false),
        })
    }

    /// Runs `work` with the threads of this context. A panic is caught on the thread where it
    /// happened, which knows the place.
    pub(crate) fn run<T: Send>(
        self: &Arc<Self>,
        work: impl FnOnce() -> Outcome<T> + Send,
    ) -> Outcome<T> {
        workers::run_on(self.num_threads, || {
            contain(|scope| {
                scope.enter(self)?;
                work()
            })
        })?
    }

    /// Refuses what lives on another device than this context's.
    pub(crate) fn check_device(&self, what: &str, other: &Self) -> Outcome {
        if other.device == self.device {
            return Ok(());
        }
        let why = format!("is on {}, the model on {}", other.device, self.device);
        Err(Fault::argument(what, why))
    }

    /// Refuses to work after a panic: what was half done then is not known.
    pub(crate) fn check(&self) -> Outcome {
        if self.poisoned.load(Ordering::Acquire) {
            let why = "an internal error has made this context unusable; free it";
            return Err(Fault::new(fpga_status::Poisoned, why));
        }
        Ok(())
    }

    pub(crate) fn poison(&self) {
        self.poisoned.store(true, Ordering::Release);
    }
}

/// Sets every field to its default, as `FPGA_CONTEXT_PARAMS_INIT` does.
///
/// `size` is `sizeof *params`; it becomes `struct_size`.
///
/// Ownership: `params` stays the caller's.
/// Threads: any.
/// NULL: `params` must not be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_context_params_init(
    params: *mut fpga_context_params,
    size: usize,
) -> fpga_status {
    // SAFETY: the caller says that `params` has `size` bytes.
    guard(|_| unsafe { growing::write(&fpga_context_params::defaults(), params, size) })
}

/// Opens a device.
///
/// Ownership: `params` is borrowed for the call. `*context` is the caller's; free it with
/// `fpga_context_free`. Models keep their context alive, so it may be freed before them.
/// Threads: any. A context may be used by many threads at once.
/// NULL: `params` may be NULL for the defaults; `context` must not be NULL.
/// Errors: `FPGA_STATUS_DEVICE` if the device is unknown, not in this build, or has no driver;
/// `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_INVALID_UTF8`,
/// `FPGA_STATUS_UNSUPPORTED`, `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_context_new(
    params: *const fpga_context_params,
    context: *mut *mut fpga_context,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output.
        let out = unsafe { Out::handle(context) }?;
        // SAFETY: the caller's contract for a params struct.
        let (device, threads, budget) = unsafe { settings(params) }?;
        out.give(Arc::new(fpga_context::open(device, threads, budget)?));
        Ok(())
    })
}

/// # Safety
/// `params` is NULL, or a struct whose string lives during `'a`.
unsafe fn settings<'a>(params: *const fpga_context_params) -> Outcome<(&'a str, u32, u64)> {
    if params.is_null() {
        return Ok(("cpu", 0, 0));
    }
    // SAFETY: this function's contract.
    let params = unsafe { growing::read(params) }?;
    zero(params.reserved, "fpga_context_params.reserved")?;
    // SAFETY: this function's contract.
    let device = unsafe { optional_text(params.device, "fpga_context_params.device") }?;
    let device = device.unwrap_or("cpu");
    Ok((device, params.num_threads, params.memory_budget))
}

/// Writes how many bytes are promised to the models and running jobs of a context, by the library's
/// estimates; counted with and without a budget.
///
/// Ownership: both pointers are borrowed for the call.
/// Threads: any.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_context_memory_in_use(
    context: *const fpga_context,
    bytes: *mut u64,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output and a handle.
        let (out, context) = unsafe { (Out::new(bytes, "bytes")?, borrow(context)?) };
        out.set(context.ledger.promised());
        Ok(())
    })
}

/// Gives up the caller's reference to a context.
///
/// The device goes when the last model is gone too.
///
/// Threads: any, but not while another thread still calls with this pointer.
/// NULL: does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_context_free(context: *mut fpga_context) {
    release(context);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::last_error;

    fn context() -> Arc<fpga_context> {
        Arc::new(fpga_context::open("cpu", 2, 0).unwrap())
    }

    #[test]
    fn a_panic_becomes_a_code_and_poisons_its_context_only() {
        let (broken, healthy) = (context(), context());
        let status = guard(|scope| {
            scope.enter(&broken)?;
            panic!("boom {}", 7)
        });
        assert_eq!(status, fpga_status::Panic);
        let text = last_error();
        assert!(
            text.starts_with("internal error at ") && text.ends_with(": boom 7"),
            "{text}"
        );
        assert_eq!(guard(|scope| scope.enter(&broken)), fpga_status::Poisoned);
        assert_eq!(guard(|scope| scope.enter(&healthy)), fpga_status::Ok);
    }

    #[test]
    fn a_panic_on_a_worker_thread_is_caught_with_its_place() {
        let context = context();
        let fault = context.run::<()>(|| panic!("boom")).unwrap_err();
        assert_eq!(fault.status, fpga_status::Panic);
        assert!(fault.message.contains("context.rs"), "{}", fault.message);
        assert_eq!(context.check().unwrap_err().status, fpga_status::Poisoned);
    }

    #[test]
    fn failures_keep_their_text_until_the_next_failure() {
        guard(|_| Err(Fault::argument("steps", "too many")));
        guard(|_| Ok(()));
        assert_eq!(last_error(), "steps: too many");
        let elsewhere = std::thread::spawn(last_error).join().unwrap();
        assert_eq!(elsewhere, "");
    }
}

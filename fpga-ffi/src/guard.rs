//! The border that no panic crosses.
//!
//! Every exported function runs its body in [`guard`]. A failure leaves its text with the thread,
//! a panic becomes [`fpga_status::Panic`] and poisons the context that the body had entered.
//! While a body runs, the panic hook of the process keeps silent: this library prints nothing.

use std::any::Any;
use std::cell::{Cell, OnceCell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Once};

use crate::context::fpga_context;
use crate::fault::{Fault, Outcome};
use crate::handle::Handle;
use crate::status::fpga_status;

thread_local! {
    static LAST_ERROR: RefCell<String> = const { RefCell::new(String::new()) };
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
    /// How many bodies of this library are on the stack of this thread.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// The context that a body works on, once it knows it.
#[derive(Default)]
pub(crate) struct Scope {
    context: OnceCell<Arc<fpga_context>>,
}

impl Scope {
    /// Says that the rest of the body works on `context`, so that a panic poisons it.
    pub(crate) fn enter(&self, context: &Arc<fpga_context>) -> Outcome {
        context.check()?;
        self.context.get_or_init(|| Arc::clone(context));
        Ok(())
    }
}

/// Runs the body of an exported function.
pub(crate) fn guard(body: impl FnOnce(&Scope) -> Outcome) -> fpga_status {
    match contain(body) {
        Ok(()) => fpga_status::Ok,
        Err(fault) => {
            LAST_ERROR.with_borrow_mut(|text| *text = fault.message);
            fault.status
        }
    }
}

/// Runs `body` and turns a panic into a fault.
pub(crate) fn contain<T>(body: impl FnOnce(&Scope) -> Outcome<T>) -> Outcome<T> {
    silence_panics();
    let scope = Scope::default();
    let _inside = Inside::enter();
    LAST_PANIC.with_borrow_mut(String::clear);
    match panic::catch_unwind(AssertUnwindSafe(|| body(&scope))) {
        Ok(outcome) => outcome,
        Err(payload) => {
            if let Some(context) = scope.context.get() {
                context.poison();
            }
            Err(Fault::new(fpga_status::Panic, panic_text(&*payload)))
        }
    }
}

/// Drops the caller's reference to a handle; a panic in a destructor must not cross the border.
pub(crate) fn release<T: Handle>(pointer: *mut T) {
    let freed = contain(|_| {
        // SAFETY: the C contract of every `_free`: NULL, or a handle that was not freed before.
        unsafe { crate::handle::drop_handle(pointer) };
        Ok(())
    });
    // `_free` has no way to report, and the object is gone either way.
    drop(freed);
}

/// The text of this thread's last failure.
pub(crate) fn last_error() -> String {
    LAST_ERROR.with_borrow(Clone::clone)
}

/// Declares the calling thread a worker of this library: its panics are reported, not printed.
pub(crate) fn adopt_thread() {
    DEPTH.set(DEPTH.get() + 1);
}

struct Inside;

impl Inside {
    fn enter() -> Self {
        DEPTH.set(DEPTH.get() + 1);
        Self
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

/// Chains a hook that keeps panics inside this library off stderr and notes where they happened.
fn silence_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let outer = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if DEPTH.get() == 0 {
                return outer(info);
            }
            let place = info.location().map(ToString::to_string);
            LAST_PANIC.with_borrow_mut(|text| *text = place.unwrap_or_default());
        }));
    });
}

fn panic_text(payload: &(dyn Any + Send)) -> String {
    let words = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    // A panic on another thread noted its place there: then it is unknown here.
    match LAST_PANIC.take() {
        place if place.is_empty() => format!("internal error: {words}"),
        place => format!("internal error at {place}: {words}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Needs a process of its own: the test harness prints, and hooks belong to the process.
    #[test]
    #[ignore = "run by the test below"]
    fn panic_inside() {
        assert_eq!(guard(|_| panic!("boom")), fpga_status::Panic);
        assert_eq!(crate::workers::run_on(2, last_error).unwrap(), "");
        let on_worker = contain(|_| crate::workers::run_on::<()>(2, || panic!("boom")));
        assert_eq!(on_worker.unwrap_err().status, fpga_status::Panic);
    }

    #[test]
    fn a_panic_inside_prints_nothing_and_one_outside_does() {
        let run = |name: &str| {
            let program = std::env::current_exe().unwrap();
            let mut command = std::process::Command::new(program);
            command.args(["--exact", name, "--ignored", "--nocapture"]);
            let output = command.output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).contains("boom");
            (output.status.success(), said)
        };
        assert_eq!(run("guard::tests::panic_inside"), (true, false));
        assert_eq!(run("guard::tests::panic_outside"), (false, true));
    }

    #[test]
    #[ignore = "run by the test above"]
    fn panic_outside() {
        guard(|_| Ok(()));
        panic!("boom");
    }
}

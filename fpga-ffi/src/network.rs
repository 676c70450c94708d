//! What face networks share: where they run, what they take, and callbacks of the caller's in their place.

use std::ffi::c_void;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ThreadId};

use fpga_core::{Error, Result};

use crate::context::fpga_context;
use crate::fault::{Fault, Outcome};
use crate::guard::Scope;
use crate::memory::Reservation;

/// Where a network runs.
pub(crate) struct Home {
    /// `None` for a callback, which brings its own device and threads.
    context: Option<Arc<fpga_context>>,
    /// What its weights take.
    _memory: Option<Reservation>,
    /// Bytes that a call takes beyond them, roughly.
    pub(crate) working: u64,
}

impl Home {
    /// The caller's.
    pub(crate) const ELSEWHERE: Self = Self {
        context: None,
        _memory: None,
        working: 0,
    };

    /// Loads a network, unless its weights do not fit the budget.
    pub(crate) fn load<T: Send>(
        context: &Arc<fpga_context>,
        (what, bytes): (&str, u64),
        load: impl FnOnce() -> Outcome<T> + Send,
    ) -> Outcome<(Self, T)> {
        let memory = context.ledger.reserve(bytes, what)?;
        let network = context.run(load)?;
        let home = Self {
            context: Some(Arc::clone(context)),
            _memory: Some(memory),
            working: 0,
        };
        Ok((home, network))
    }

    /// Says what a call takes.
    pub(crate) fn taking(self, working: u64) -> Self {
        Self { working, ..self }
    }

    /// Says that the body works on this network.
    pub(crate) fn enter(&self, scope: &Scope) -> Outcome {
        self.context
            .as_ref()
            .map_or(Ok(()), |context| scope.enter(context))
    }

    /// Runs a call that belongs to no job.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> Outcome<T> + Send) -> Outcome<T> {
        match &self.context {
            Some(context) => context.run(work),
            None => work(),
        }
    }
}

/// Whether a file is one of ONNX, by its name.
pub(crate) fn is_onnx(path: &str) -> bool {
    let ending = Path::new(path).extension();
    ending.is_some_and(|ending| ending.eq_ignore_ascii_case("onnx"))
}

/// Bytes of a file.
pub(crate) fn size_of_file(path: &str) -> Outcome<u64> {
    let data = std::fs::metadata(path).map_err(|error| Error::io(path, error))?;
    Ok(data.len())
}

/// A function of the caller's that stands for a network. Calls take turns.
pub(crate) struct Callback<F> {
    turn: Mutex<(F, Userdata)>,
    /// Whose turn it is.
    inside: Mutex<Option<ThreadId>>,
}

struct Userdata(*mut c_void);

// SAFETY: the header says that the callback runs on other threads: its userdata must allow that.
unsafe impl Send for Userdata {}

impl<F: Copy> Callback<F> {
    pub(crate) fn new(function: Option<F>, userdata: *mut c_void, name: &str) -> Outcome<Self> {
        let function = function.ok_or_else(|| Fault::null(name))?;
        Ok(Self {
            turn: Mutex::new((function, Userdata(userdata))),
            inside: Mutex::new(None),
        })
    }

    /// Calls it; another result than 0 is an error that names `what`.
    pub(crate) fn call(&self, what: &str, call: impl FnOnce(F, *mut c_void) -> i32) -> Result<()> {
        let inside = || self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let me = thread::current().id();
        if *inside() == Some(me) {
            return Err(Error::invalid(what, "a callback used its own network"));
        }
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        *inside() = Some(me);
        let code = call(turn.0, turn.1.0);
        *inside() = None;
        match code {
            0 => Ok(()),
            code => Err(Error::invalid(what, "the caller's callback failed")
                .with_source(CallbackFailed { code })),
        }
    }
}

/// A callback of the caller's said that it failed: travels through the core as the cause of an error.
#[derive(Debug)]
pub(crate) struct CallbackFailed {
    code: i32,
}

impl fmt::Display for CallbackFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it returned {}", self.code)
    }
}

impl std::error::Error for CallbackFailed {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::fpga_status;

    #[test]
    fn a_callback_that_fails_has_its_own_status_wherever_the_error_goes() {
        let callback = Callback::new(Some(3), std::ptr::null_mut(), "find").unwrap();
        assert!(callback.call("face detector", |_, _| 0).is_ok());
        let error = callback.call("face detector", |code, _| code).unwrap_err();
        let fault = Fault::from(error.context("finding faces"));
        assert_eq!(fault.status, fpga_status::Callback);
        let words = "finding faces: face detector: the caller's callback failed: it returned 3";
        assert_eq!(fault.message, words);
        let within = callback.call("face detector", |_, _| {
            let again = callback.call("face detector", |_, _| 0).unwrap_err();
            assert!(
                again.to_string().contains("used its own network"),
                "{again}"
            );
            0
        });
        assert!(within.is_ok() && callback.call("face detector", |_, _| 0).is_ok());
        assert!(Callback::<i32>::new(None, std::ptr::null_mut(), "find").is_err());
    }

    #[test]
    fn onnx_files_are_known_by_their_ending() {
        assert!(is_onnx("a/b.onnx") && is_onnx("B.ONNX"));
        assert!(!is_onnx("onnx") && !is_onnx("b.onnx.pth"));
    }
}

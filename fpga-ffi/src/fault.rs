//! A failed call on its way to C: a status code and the text for the caller.

use crate::network::CallbackFailed;
use crate::status::fpga_status;

/// Why a call fails.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) status: fpga_status,
    pub(crate) message: String,
}

/// Result of a function body.
pub(crate) type Outcome<T = ()> = Result<T, Fault>;

impl Fault {
    pub(crate) fn new(status: fpga_status, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status, message }
    }

    pub(crate) fn null(what: &str) -> Self {
        Self::new(fpga_status::NullPointer, format!("{what} is NULL"))
    }

    pub(crate) fn argument(what: &str, why: impl std::fmt::Display) -> Self {
        Self::new(fpga_status::InvalidArgument, format!("{what}: {why}"))
    }

    pub(crate) fn state(why: &str) -> Self {
        Self::new(fpga_status::InvalidState, why)
    }

    /// Puts one clause in front of the message.
    pub(crate) fn context(self, clause: impl std::fmt::Display) -> Self {
        let message = format!("{clause}: {}", self.message);
        Self { message, ..self }
    }
}

impl From<fpga_core::Error> for Fault {
    fn from(error: fpga_core::Error) -> Self {
        let failed = error.cause().and_then(|cause| cause.downcast_ref());
        let status = match failed {
            Some(CallbackFailed { .. }) => fpga_status::Callback,
            None => error.kind().into(),
        };
        Self::new(status, error.to_string())
    }
}

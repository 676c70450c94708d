//! Status codes, and the total map from the core's error kinds.
//!
//! 0 is success; 1–99 mean that the call itself was wrong, 100–199 that its work could not be done,
//! 200 and up that the library failed.

use std::ffi::{CStr, c_char};

use fpga_core::ErrorKind;

/// What became of a call.
///
/// Codes are only ever appended; a code keeps its number and its meaning. Treat a code that you
/// do not know as a failure.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum fpga_status {
    /// The call did its work.
    Ok = 0,
    /// A pointer that must not be NULL is NULL.
    NullPointer = 1,
    /// An argument or field has a value outside its documented range, or two values contradict each
    /// other.
    InvalidArgument = 2,
    /// `struct_size` is smaller than the first version of the struct, or absurdly large.
    InvalidStructSize = 3,
    /// A string is not UTF-8.
    InvalidUtf8 = 4,
    /// The caller's buffer is too small for the output; nothing was written to it.
    BufferTooSmall = 5,
    /// The object is not in a state that allows the call, for example a job that has already run.
    InvalidState = 6,
    /// A picture, mask or tensor has another shape than the operation needs.
    Shape = 100,
    /// A model or request asks for something that this library does not build.
    Unsupported = 101,
    /// A checkpoint lacks tensors, or holds them in other shapes.
    Weights = 102,
    /// A file is truncated, hostile, or of another format than its name says.
    Format = 103,
    /// A file or folder could not be read or written.
    Io = 104,
    /// The device does not exist, has no driver, or ran out of memory.
    Device = 105,
    /// A computation produced NaN or infinity.
    NotFinite = 106,
    /// The caller asked to stop: by a cancel token, or by the return value of a callback.
    Cancelled = 107,
    /// The work needs more memory than the budget of its context leaves, by the library's estimate,
    /// which the message names. Nothing was allocated.
    MemoryBudget = 108,
    /// A callback of the caller's that stands for a network said that it failed.
    Callback = 109,
    /// The library ran into its own bug. The context of the call is unusable from now on.
    Panic = 200,
    /// An earlier call on this context ended with `FPGA_STATUS_PANIC`; free the context.
    Poisoned = 201,
    /// An error that has no code of its own in this version; the message says what happened.
    Internal = 202,
}

impl fpga_status {
    const ALL: [Self; 20] = [
        Self::Ok,
        Self::NullPointer,
        Self::InvalidArgument,
        Self::InvalidStructSize,
        Self::InvalidUtf8,
        Self::BufferTooSmall,
        Self::InvalidState,
        Self::Shape,
        Self::Unsupported,
        Self::Weights,
        Self::Format,
        Self::Io,
        Self::Device,
        Self::NotFinite,
        Self::Cancelled,
        Self::MemoryBudget,
        Self::Callback,
        Self::Panic,
        Self::Poisoned,
        Self::Internal,
    ];

    fn from_code(code: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|status| *status as u32 == code)
    }

    fn name(self) -> &'static CStr {
        match self {
            Self::Ok => c"FPGA_STATUS_OK",
            Self::NullPointer => c"FPGA_STATUS_NULL_POINTER",
            Self::InvalidArgument => c"FPGA_STATUS_INVALID_ARGUMENT",
            Self::InvalidStructSize => c"FPGA_STATUS_INVALID_STRUCT_SIZE",
            Self::InvalidUtf8 => c"FPGA_STATUS_INVALID_UTF8",
            Self::BufferTooSmall => c"FPGA_STATUS_BUFFER_TOO_SMALL",
            Self::InvalidState => c"FPGA_STATUS_INVALID_STATE",
            Self::Shape => c"FPGA_STATUS_SHAPE",
            Self::Unsupported => c"FPGA_STATUS_UNSUPPORTED",
            Self::Weights => c"FPGA_STATUS_WEIGHTS",
            Self::Format => c"FPGA_STATUS_FORMAT",
            Self::Io => c"FPGA_STATUS_IO",
            Self::Device => c"FPGA_STATUS_DEVICE",
            Self::NotFinite => c"FPGA_STATUS_NOT_FINITE",
            Self::Cancelled => c"FPGA_STATUS_CANCELLED",
            Self::MemoryBudget => c"FPGA_STATUS_MEMORY_BUDGET",
            Self::Callback => c"FPGA_STATUS_CALLBACK",
            Self::Panic => c"FPGA_STATUS_PANIC",
            Self::Poisoned => c"FPGA_STATUS_POISONED",
            Self::Internal => c"FPGA_STATUS_INTERNAL",
        }
    }
}

impl From<&ErrorKind> for fpga_status {
    fn from(kind: &ErrorKind) -> Self {
        match kind {
            ErrorKind::Shape { .. } => Self::Shape,
            ErrorKind::Invalid { .. } => Self::InvalidArgument,
            ErrorKind::Unsupported { .. } => Self::Unsupported,
            ErrorKind::Weights(_) => Self::Weights,
            ErrorKind::Format { .. } => Self::Format,
            ErrorKind::Io { .. } => Self::Io,
            ErrorKind::Device { .. } => Self::Device,
            ErrorKind::NotFinite { .. } => Self::NotFinite,
            ErrorKind::Cancelled => Self::Cancelled,
            _ => Self::Internal,
        }
    }
}

/// The name of a status code as it stands in this header, for example `"FPGA_STATUS_OK"`.
///
/// A code that this library does not know gives `"FPGA_STATUS_UNKNOWN"`.
///
/// Ownership: the string is static; never free it. Never NULL.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn fpga_status_name(status: u32) -> *const c_char {
    fpga_status::from_code(status)
        .map_or(c"FPGA_STATUS_UNKNOWN", fpga_status::name)
        .as_ptr()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use fpga_core::error::LoadReport;

    use super::*;

    /// One error of every kind, with the code that it must keep for ever.
    fn kinds() -> Vec<(ErrorKind, u32)> {
        let text = String::new;
        vec![
            (
                ErrorKind::Shape {
                    what: text(),
                    expected: text(),
                    found: text(),
                },
                100,
            ),
            (
                ErrorKind::Invalid {
                    what: text(),
                    why: text(),
                },
                2,
            ),
            (
                ErrorKind::Unsupported {
                    what: text(),
                    why: text(),
                },
                101,
            ),
            (ErrorKind::Weights(LoadReport::default()), 102),
            (
                ErrorKind::Format {
                    path: text().into(),
                    why: text(),
                },
                103,
            ),
            (
                ErrorKind::Io {
                    path: text().into(),
                },
                104,
            ),
            (
                ErrorKind::Device {
                    device: text(),
                    why: text(),
                },
                105,
            ),
            (ErrorKind::NotFinite { what: text() }, 106),
            (ErrorKind::Cancelled, 107),
        ]
    }

    #[test]
    fn every_kind_has_its_code() {
        for (kind, code) in kinds() {
            assert_eq!(fpga_status::from(&kind) as u32, code, "{kind:?}");
        }
    }

    /// `ErrorKind` may grow, and a match in this crate would not notice: so its source is read.
    #[test]
    fn the_test_above_knows_every_kind() {
        let source = include_str!("../../fpga-core/src/error/mod.rs");
        let (_, rest) = source.split_once("pub enum ErrorKind {").unwrap();
        let (body, _) = rest.split_once("\n}").unwrap();
        let variants: BTreeSet<&str> = body
            .lines()
            .filter(|line| {
                line.starts_with("    ") && line[4..].starts_with(|c: char| c.is_uppercase())
            })
            .filter_map(|line| line.trim().split(|c: char| !c.is_alphanumeric()).next())
            .collect();
        let listed: Vec<String> = kinds()
            .iter()
            .map(|(kind, _)| format!("{kind:?}"))
            .collect();
        let known: BTreeSet<&str> = listed
            .iter()
            .filter_map(|kind| kind.split(|c: char| !c.is_alphanumeric()).next())
            .collect();
        assert_eq!(known, variants);
    }

    #[test]
    fn names_and_numbers_are_unique() {
        let names: BTreeSet<_> = fpga_status::ALL.iter().map(|s| s.name()).collect();
        let codes: BTreeSet<_> = fpga_status::ALL.iter().map(|s| *s as u32).collect();
        assert_eq!(names.len(), fpga_status::ALL.len());
        assert_eq!(codes.len(), fpga_status::ALL.len());
    }
}

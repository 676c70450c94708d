//! The one error of this crate: what went wrong, and the trail that led there.
//!
//! An [`ErrorKind`] names the thing, what was needed and what was found; every caller on the way
//! up may add one clause with [`Context::context`]. The C layer maps kinds to status codes.

mod load_report;

use std::fmt;
use std::path::{Path, PathBuf};

pub use load_report::{LoadReport, Mismatch};

/// Result of everything that can fail in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong, with the trail that led there.
///
/// Printed as `outermost clause: …: innermost clause: what, needed, found`.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    /// Clauses added on the way up, innermost first.
    trail: Vec<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What went wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A tensor, picture or list has another shape than the operation needs.
    Shape {
        /// The thing whose shape is wrong.
        what: String,
        /// What was needed.
        expected: String,
        /// What was found.
        found: String,
    },
    /// A value is outside its documented range, or two values contradict each other.
    Invalid {
        /// The field or argument.
        what: String,
        /// What was needed and what was found.
        why: String,
    },
    /// A model configuration asks for something that this crate does not build.
    Unsupported {
        /// The configuration key or feature.
        what: String,
        /// What was asked, and what exists.
        why: String,
    },
    /// A checkpoint lacks tensors, or holds them in other shapes; the report names them.
    Weights(LoadReport),
    /// A file is not what its name or place says: truncated, hostile, or of another format.
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A file or folder could not be read or written.
    Io {
        /// The file or folder.
        path: PathBuf,
    },
    /// The device does not exist, has no driver, or ran out of memory.
    Device {
        /// The device as it was asked for.
        device: String,
        /// What is wrong, and what to do.
        why: String,
    },
    /// A computation produced NaN or infinity.
    NotFinite {
        /// The tensor.
        what: String,
    },
    /// The caller asked to stop.
    Cancelled,
}

impl Error {
    /// An error of this kind with an empty trail.
    pub fn new(kind: ErrorKind) -> Self {
        Self(Box::new(Inner {
            kind,
            trail: Vec::new(),
            source: None,
        }))
    }

    /// `what` has another shape than needed.
    pub fn shape(
        what: impl Into<String>,
        expected: impl Into<String>,
        found: impl fmt::Debug,
    ) -> Self {
        let (what, expected, found) = (what.into(), expected.into(), format!("{found:?}"));
        Self::new(ErrorKind::Shape {
            what,
            expected,
            found,
        })
    }

    /// `what` is outside its range or contradicts another value.
    pub fn invalid(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid {
            what: what.into(),
            why: why.into(),
        })
    }

    /// `what` asks for something that this crate does not build.
    pub fn unsupported(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported {
            what: what.into(),
            why: why.into(),
        })
    }

    /// The file at `path` is not what it should be.
    pub fn format(path: impl AsRef<Path>, why: impl Into<String>) -> Self {
        Self::new(ErrorKind::Format {
            path: path.as_ref().to_owned(),
            why: why.into(),
        })
    }

    /// The file at `path` could not be read or written.
    pub fn io(path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::new(ErrorKind::Io {
            path: path.as_ref().to_owned(),
        })
        .with_source(source)
    }

    /// The caller asked to stop.
    pub fn cancelled() -> Self {
        Self::new(ErrorKind::Cancelled)
    }

    /// Adds the foreign error that caused this one.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds one clause to the trail.
    #[must_use]
    pub fn context(mut self, clause: impl Into<String>) -> Self {
        self.0.trail.push(clause.into());
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The foreign error that caused this one.
    pub fn cause(&self) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
        self.0.source.as_deref()
    }

    /// Whether the caller's own cancel request ended the job.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Cancelled)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for clause in self.0.trail.iter().rev() {
            write!(f, "{clause}: ")?;
        }
        write!(f, "{}", self.0.kind)?;
        match &self.0.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape {
                what,
                expected,
                found,
            } => {
                write!(f, "{what}: expected {expected}, found {found}")
            }
            Self::Invalid { what, why } => write!(f, "{what}: {why}"),
            Self::Unsupported { what, why } => write!(f, "{what} is not supported: {why}"),
            Self::Weights(report) => write!(f, "weights do not fit the model: {report}"),
            Self::Format { path, why } => write!(f, "{}: {why}", path.display()),
            Self::Io { path } => write!(f, "cannot access {}", path.display()),
            Self::Device { device, why } => write!(f, "device {device}: {why}"),
            Self::NotFinite { what } => write!(f, "{what} holds NaN or infinity"),
            Self::Cancelled => write!(f, "cancelled"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({self})")
    }
}

/// The message is whole: it ends with what the foreign error said, so [`source`] stays empty and
/// printers of chains do not say it twice. [`Error::cause`] gives the foreign error itself.
///
/// [`source`]: std::error::Error::source
impl std::error::Error for Error {}

/// Adds a clause to the error of a [`Result`].
pub trait Context<T> {
    /// Adds the clause that `clause` makes; it runs only on failure.
    ///
    /// # Errors
    /// The error that was already there.
    fn context<S: Into<String>>(self, clause: impl FnOnce() -> S) -> Result<T>;
}

impl<T> Context<T> for Result<T> {
    fn context<S: Into<String>>(self, clause: impl FnOnce() -> S) -> Self {
        self.map_err(|error| error.context(clause()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_the_trail_from_outside_in() {
        let failed: Result<()> = Err(Error::shape("mask", "[64, 64]", [1, 64]));
        let error = failed
            .context(|| "face 1")
            .context(|| "restoring")
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "restoring: face 1: mask: expected [64, 64], found [1, 64]"
        );
    }
}

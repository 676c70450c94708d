//! A place in the middle of a stream.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Everything that a stream needs to go on; a few bytes per buffered row in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamPosition {
    pub(super) epoch: u64,
    pub(super) draws: u64,
    pub(super) opened: usize,
    pub(super) open: Vec<RowPlace>,
    pub(super) buffer: Vec<RowPlace>,
    pub(super) given: u64,
    pub(super) broken: u64,
}

/// Where a row starts. In JSON: `[file, offset, line]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(usize, u64, u64)", into = "(usize, u64, u64)")]
pub struct RowPlace {
    /// Place of the file in the list.
    pub file: usize,
    /// In bytes.
    pub offset: u64,
    /// From 1.
    pub line: u64,
}

impl RowPlace {
    pub(super) fn start(file: usize) -> Self {
        Self {
            file,
            offset: 0,
            line: 1,
        }
    }
}

impl From<(usize, u64, u64)> for RowPlace {
    fn from((file, offset, line): (usize, u64, u64)) -> Self {
        Self { file, offset, line }
    }
}

impl From<RowPlace> for (usize, u64, u64) {
    fn from(place: RowPlace) -> Self {
        (place.file, place.offset, place.line)
    }
}

impl StreamPosition {
    /// The pass it belongs to.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) fn check(&self, files: usize) -> Result<()> {
        let places = self.open.iter().chain(&self.buffer);
        if self.opened > files || places.clone().any(|place| place.file >= files) {
            let why = format!("belongs to a stream over other files than these {files}");
            return Err(Error::invalid("stream position", why));
        }
        Ok(())
    }
}

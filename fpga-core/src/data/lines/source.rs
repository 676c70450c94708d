//! Lines of one file, each with its place.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::position::RowPlace;
use crate::error::{Error, Result};

/// Longer lines are not held: they are broken rows.
pub(super) const LONGEST_ROW: usize = 8 << 20;
/// Small, because many files are open at a time.
const READ_AHEAD: usize = 1 << 16;

/// A line that has not been parsed.
pub(super) struct RawRow {
    pub(super) place: RowPlace,
    /// Without its end, or why it could not be held.
    pub(super) text: Result<Vec<u8>, String>,
}

pub(super) struct OpenFile {
    path: PathBuf,
    reader: BufReader<File>,
    next: RowPlace,
}

impl OpenFile {
    pub(super) fn at(path: &Path, place: &RowPlace) -> Result<Self> {
        let opened = File::open(path).and_then(|mut file| {
            file.seek(SeekFrom::Start(place.offset))?;
            Ok(BufReader::with_capacity(READ_AHEAD, file))
        });
        let reader = opened.map_err(|error| Error::io(path, error))?;
        Ok(Self {
            path: path.to_owned(),
            reader,
            next: *place,
        })
    }

    /// Where the next line starts.
    pub(super) fn place(&self) -> RowPlace {
        self.next
    }

    /// The next line that is not blank.
    pub(super) fn next(&mut self) -> Result<Option<RawRow>> {
        loop {
            let place = self.next;
            let mut text = Vec::new();
            let limit = LONGEST_ROW as u64 + 1;
            let read = self
                .reader
                .by_ref()
                .take(limit)
                .read_until(b'\n', &mut text);
            let mut length = read.map_err(|error| Error::io(&self.path, error))? as u64;
            if length == 0 {
                return Ok(None);
            }
            let cut = length == limit && !text.ends_with(b"\n");
            if cut {
                length +=
                    self.reader
                        .skip_until(b'\n')
                        .map_err(|error| Error::io(&self.path, error))? as u64;
            }
            self.next = RowPlace {
                offset: place.offset + length,
                line: place.line + 1,
                ..place
            };
            if cut {
                let why = format!("longer than {LONGEST_ROW} bytes");
                return Ok(Some(RawRow {
                    place,
                    text: Err(why),
                }));
            }
            let end = text.trim_ascii_end().len();
            text.truncate(end);
            if !text.is_empty() {
                text.shrink_to_fit();
                return Ok(Some(RawRow {
                    place,
                    text: Ok(text),
                }));
            }
        }
    }
}

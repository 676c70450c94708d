//! Rows of JSON Lines files, streamed and shuffled in flat memory, with a place to go on from.
//!
//! Several files are open at a time; a buffer holds rows drawn from them at random and gives them
//! away at random (order and buffer come from the seed). What is in memory is the buffer, however
//! long the files are. A position lists where every buffered row lies, so that a resumed stream goes
//! on with exactly the row that would have come next.

mod position;
mod source;

use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

pub use position::{RowPlace, StreamPosition};
use source::{OpenFile, RawRow};

use super::draws::{Draws, Purpose};
use crate::error::{Error, Result};

/// How a stream reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSettings {
    /// Shuffled by this seed; `None` for the files' own order.
    pub seed: Option<u64>,
    /// Rows that are held to be drawn from.
    pub buffer: usize,
    /// Files that are read in turns.
    pub interleave: usize,
    /// Of a row that is not what it should be.
    pub on_broken: OnBroken,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self {
            seed: None,
            buffer: 4096,
            interleave: 8,
            on_broken: OnBroken::Refuse,
        }
    }
}

/// What becomes of a broken row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnBroken {
    /// It is counted, noted, and left out.
    Skip,
    /// It is an error.
    Refuse,
}

/// Where a row comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file.
    pub file: PathBuf,
    /// Its line, from 1.
    pub line: u64,
}

/// A row and its origin.
#[derive(Clone, Debug)]
pub struct StreamedRow<T> {
    /// What it says.
    pub row: T,
    /// Where it says so.
    pub origin: Origin,
}

/// A row that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenRow {
    /// Where it is.
    pub origin: Origin,
    /// What is wrong with it.
    pub why: String,
}

/// Broken rows are all counted; so many are remembered.
const REMEMBERED: usize = 100;

/// One pass over the rows of some files.
pub struct RowStream<T> {
    files: Vec<PathBuf>,
    settings: StreamSettings,
    epoch: u64,
    /// The order in which files are opened.
    order: Vec<usize>,
    /// How many of `order` have been opened.
    opened: usize,
    open: Vec<OpenFile>,
    buffer: Vec<RawRow>,
    draws: Draws,
    given: u64,
    broken: u64,
    noted: Vec<BrokenRow>,
    rows: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> RowStream<T> {
    /// Pass number `epoch`: each has another order under the same seed.
    ///
    /// # Errors
    /// If there are no files, or buffer or interleave is 0.
    pub fn new(files: &[PathBuf], settings: StreamSettings, epoch: u64) -> Result<Self> {
        let counts = [
            ("files", files.len()),
            ("buffer", settings.buffer),
            ("interleave", settings.interleave),
        ];
        if let Some((field, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Err(Error::invalid(*field, "must be at least 1, found 0"));
        }
        let seed = settings.seed.unwrap_or(0);
        let mut draws = Draws::new(
            seed.wrapping_add(epoch.wrapping_mul(0x9E37_79B9)),
            Purpose::Shuffle,
        );
        let mut order: Vec<_> = (0..files.len()).collect();
        if settings.seed.is_some() {
            shuffle(&mut order, &mut draws);
        }
        Ok(Self {
            files: files.to_vec(),
            settings,
            epoch,
            order,
            opened: 0,
            open: Vec::new(),
            buffer: Vec::new(),
            draws,
            given: 0,
            broken: 0,
            noted: Vec::new(),
            rows: PhantomData,
        })
    }

    /// Goes on from a position of a stream over the same files with the same settings.
    ///
    /// # Errors
    /// As [`new`](Self::new); `Invalid` if the position does not fit the files, `Io` or `Format` if a
    /// file cannot be read there any more.
    pub fn resume(
        files: &[PathBuf],
        settings: StreamSettings,
        position: &StreamPosition,
    ) -> Result<Self> {
        let mut stream = Self::new(files, settings, position.epoch)?;
        position.check(files.len())?;
        stream.draws = Draws::resume(position.draws);
        (stream.opened, stream.given, stream.broken) =
            (position.opened, position.given, position.broken);
        let reopen = |place: &RowPlace| OpenFile::at(&files[place.file], place);
        stream.open = position.open.iter().map(reopen).collect::<Result<_>>()?;
        for place in &position.buffer {
            let row = reopen(place)?.next()?;
            let gone = || Error::format(&files[place.file], format!("line {} is gone", place.line));
            stream.buffer.push(row.ok_or_else(gone)?);
        }
        Ok(stream)
    }

    /// Where to go on after the rows that were given so far.
    pub fn position(&self) -> StreamPosition {
        StreamPosition {
            epoch: self.epoch,
            draws: self.draws.state(),
            opened: self.opened,
            open: self.open.iter().map(OpenFile::place).collect(),
            buffer: self.buffer.iter().map(|row| row.place).collect(),
            given: self.given,
            broken: self.broken,
        }
    }

    /// Rows given so far.
    pub fn given(&self) -> u64 {
        self.given
    }

    /// Rows left out so far.
    pub fn broken(&self) -> u64 {
        self.broken
    }

    /// The first hundred rows that were left out since this stream was made or resumed.
    pub fn broken_rows(&self) -> &[BrokenRow] {
        &self.noted
    }

    /// The next row, sound or broken.
    pub(super) fn next_or_broken(&mut self) -> Result<Option<Result<StreamedRow<T>, BrokenRow>>> {
        let Some(raw) = self.draw()? else {
            return Ok(None);
        };
        let row = self.read(raw);
        match row {
            Ok(_) => self.given += 1,
            Err(_) => self.broken += 1,
        }
        Ok(Some(row))
    }

    /// Draws a row out of the buffer and another into it.
    fn draw(&mut self) -> Result<Option<RawRow>> {
        self.fill()?;
        if self.buffer.is_empty() {
            return Ok(None);
        }
        if self.settings.seed.is_none() {
            return Ok(Some(self.buffer.remove(0)));
        }
        let place = self.draws.index(self.buffer.len());
        Ok(Some(self.buffer.swap_remove(place)))
    }

    fn fill(&mut self) -> Result<()> {
        let (wanted, interleave) = match self.settings.seed {
            Some(_) => (self.settings.buffer, self.settings.interleave),
            None => (1, 1),
        };
        while self.buffer.len() < wanted {
            while self.open.len() < interleave && self.opened < self.order.len() {
                let file = self.order[self.opened];
                self.open
                    .push(OpenFile::at(&self.files[file], &RowPlace::start(file))?);
                self.opened += 1;
            }
            if self.open.is_empty() {
                return Ok(());
            }
            let turn = self.draws.index(self.open.len());
            match self.open[turn].next()? {
                Some(row) => self.buffer.push(row),
                None => drop(self.open.swap_remove(turn)),
            }
        }
        Ok(())
    }

    fn read(&self, raw: RawRow) -> Result<StreamedRow<T>, BrokenRow> {
        let origin = Origin {
            file: self.files[raw.place.file].clone(),
            line: raw.place.line,
        };
        let parsed = raw.text.and_then(|text| {
            serde_json::from_slice(&text).map_err(|error| {
                // The parser counts lines within the row: its "line 1" would mislead.
                error
                    .to_string()
                    .replace(" at line 1 column ", " at column ")
            })
        });
        match parsed {
            Ok(row) => Ok(StreamedRow { row, origin }),
            Err(why) => Err(BrokenRow { origin, why }),
        }
    }
}

impl<T: DeserializeOwned> Iterator for RowStream<T> {
    type Item = Result<StreamedRow<T>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let broken = match self.next_or_broken() {
                Ok(row) => match row? {
                    Ok(row) => return Some(Ok(row)),
                    Err(broken) => broken,
                },
                Err(error) => return Some(Err(error)),
            };
            if self.settings.on_broken == OnBroken::Refuse {
                return Some(Err(broken.to_error()));
            }
            if self.noted.len() < REMEMBERED {
                self.noted.push(broken);
            }
        }
    }
}

impl BrokenRow {
    fn to_error(&self) -> Error {
        Error::format(
            &self.origin.file,
            format!("line {}: {}", self.origin.line, self.why),
        )
    }
}

/// Fisher–Yates.
fn shuffle(list: &mut [usize], draws: &mut Draws) {
    for last in (1..list.len()).rev() {
        list.swap(last, draws.index(last + 1));
    }
}

/// Every row of one file in its order.
pub(super) fn rows_of<T: DeserializeOwned>(
    file: &Path,
    on_broken: OnBroken,
) -> Result<RowStream<T>> {
    let settings = StreamSettings {
        on_broken,
        ..StreamSettings::default()
    };
    RowStream::new(&[file.to_owned()], settings, 0)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde::Deserialize;
    use tempfile::TempDir;

    use super::*;

    #[derive(Clone, Debug, Deserialize)]
    struct Row {
        id: u64,
    }

    fn files(count: u64, rows: u64) -> (TempDir, Vec<PathBuf>) {
        let folder = tempfile::tempdir().unwrap();
        let file = |index: u64| {
            let path = folder.path().join(format!("{index}.jsonl"));
            let line = |row: u64| format!("{{\"id\": {}}}\n", index * rows + row);
            fs::write(&path, (0..rows).map(line).collect::<String>()).unwrap();
            path
        };
        let files = (0..count).map(file).collect();
        (folder, files)
    }

    fn shuffled(seed: u64) -> StreamSettings {
        StreamSettings {
            seed: Some(seed),
            buffer: 20,
            interleave: 3,
            ..StreamSettings::default()
        }
    }

    fn ids(stream: RowStream<Row>) -> Vec<u64> {
        stream.map(|row| row.unwrap().row.id).collect()
    }

    #[test]
    fn without_a_seed_rows_come_in_order() {
        let (_folder, files) = files(3, 5);
        let stream = RowStream::new(&files, StreamSettings::default(), 0).unwrap();
        assert_eq!(ids(stream), (0..15).collect::<Vec<_>>());
    }

    #[test]
    fn a_shuffled_pass_gives_every_row_once_and_each_epoch_another_order() {
        let (_folder, files) = files(7, 40);
        let pass = |seed, epoch| ids(RowStream::new(&files, shuffled(seed), epoch).unwrap());
        let first = pass(1, 0);
        assert_eq!(first, pass(1, 0));
        assert_ne!(first, pass(1, 1));
        assert_ne!(first, pass(2, 0));
        let mut sorted = first.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..280).collect::<Vec<_>>());
        let neighbours = first
            .windows(2)
            .filter(|pair| pair[0] + 1 == pair[1])
            .count();
        assert!(neighbours < 30, "{neighbours} neighbours stayed together");
        let early: std::collections::BTreeSet<_> = first[..40].iter().map(|id| id / 40).collect();
        assert!(early.len() >= 3, "the first rows come from files {early:?}");
    }

    #[test]
    fn a_resumed_stream_goes_on_as_the_uninterrupted_one() {
        let (_folder, files) = files(5, 30);
        let whole = ids(RowStream::new(&files, shuffled(9), 2).unwrap());
        for stop in [0, 1, 37, 149, 150] {
            let mut stream = RowStream::<Row>::new(&files, shuffled(9), 2).unwrap();
            let mut seen: Vec<_> = stream
                .by_ref()
                .take(stop)
                .map(|row| row.unwrap().row.id)
                .collect();
            let text = serde_json::to_string(&stream.position()).unwrap();
            drop(stream);
            let position = serde_json::from_str(&text).unwrap();
            let resumed = RowStream::<Row>::resume(&files, shuffled(9), &position).unwrap();
            assert_eq!(resumed.given(), stop as u64);
            seen.extend(ids(resumed));
            assert_eq!(seen, whole, "stopped after {stop}");
        }
    }

    #[test]
    fn a_broken_row_is_named_by_its_line_and_refused_or_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rows.jsonl");
        fs::write(
            &file,
            "{\"id\": 1}\n\n{\"id\": \n{\"id\": 2}\n\"\u{fe}\"\n{\"id\": 3}",
        )
        .unwrap();
        let mut strict = rows_of::<Row>(&file, OnBroken::Refuse).unwrap();
        assert_eq!(strict.next().unwrap().unwrap().origin.line, 1);
        let error = strict.next().unwrap().unwrap_err().to_string();
        assert!(
            error.contains("rows.jsonl: line 3: EOF while parsing a value at column 6"),
            "{error}"
        );
        let mut lenient = rows_of::<Row>(&file, OnBroken::Skip).unwrap();
        let rows: Vec<_> = lenient
            .by_ref()
            .map(|row| row.unwrap())
            .map(|r| (r.row.id, r.origin.line))
            .collect();
        assert_eq!(rows, [(1, 1), (2, 4), (3, 6)]);
        assert_eq!(lenient.broken(), 2);
        assert_eq!(lenient.broken_rows()[1].origin.line, 5);
    }

    #[test]
    fn an_endless_line_is_broken_and_does_not_fill_memory() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rows.jsonl");
        let mut text = vec![b' '; source::LONGEST_ROW + 10];
        text.extend(b"\n{\"id\": 5}\n");
        fs::write(&file, text).unwrap();
        let mut stream = rows_of::<Row>(&file, OnBroken::Skip).unwrap();
        let row = stream.next().unwrap().unwrap();
        assert_eq!((row.row.id, row.origin.line), (5, 2));
        assert!(stream.broken_rows()[0].why.contains("longer than"));
    }

    #[test]
    fn missing_files_and_foreign_positions_are_refused() {
        let (folder, files) = files(2, 3);
        assert!(RowStream::<Row>::new(&[], StreamSettings::default(), 0).is_err());
        let gone = vec![folder.path().join("gone.jsonl")];
        let mut stream = RowStream::<Row>::new(&gone, StreamSettings::default(), 0).unwrap();
        assert!(
            stream
                .next()
                .unwrap()
                .unwrap_err()
                .to_string()
                .contains("gone.jsonl")
        );
        let mut stream = RowStream::<Row>::new(&files, shuffled(0), 0).unwrap();
        stream.next();
        let position = stream.position();
        assert!(RowStream::<Row>::resume(&files[..1], shuffled(0), &position).is_err());
    }
}

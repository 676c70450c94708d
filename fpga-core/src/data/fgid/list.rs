//! The whole data set as one JSON list, read record by record.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::FgidRecord;
use crate::data::files::write_whole;
use crate::error::{Error, Result};

/// Longer records are refused.
const LONGEST_RECORD: usize = 8 << 20;

/// Records of a list such as `JSON_all.json`, of one record alone, or of one record per line. What is
/// in memory is one record. A record that cannot be understood is an error that names its place in the
/// list; the next call goes on behind it.
pub struct FgidReader {
    path: PathBuf,
    reader: BufReader<File>,
    read: u64,
    ended: bool,
}

impl FgidReader {
    /// # Errors
    /// `Io` if the file cannot be opened.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let file = File::open(&path).map_err(|error| Error::io(&path, error))?;
        Ok(Self {
            path,
            reader: BufReader::with_capacity(1 << 18, file),
            read: 0,
            ended: false,
        })
    }

    /// The text of the next object at the top of the file or in its list.
    fn object(&mut self) -> Result<Option<Vec<u8>>> {
        let mut scan = Scan::default();
        loop {
            let available = self
                .reader
                .fill_buf()
                .map_err(|error| Error::io(&self.path, error))?;
            if available.is_empty() {
                return match scan.text.is_empty() {
                    true => Ok(None),
                    false => Err(self.broken("the file ends within it")),
                };
            }
            let mut used = 0;
            let mut whole = false;
            for &byte in available {
                used += 1;
                whole = scan.take(byte);
                if whole || scan.text.len() > LONGEST_RECORD {
                    break;
                }
            }
            self.reader.consume(used);
            if whole {
                return Ok(Some(scan.text));
            }
            if scan.text.len() > LONGEST_RECORD {
                return Err(self.broken(&format!("it is longer than {LONGEST_RECORD} bytes")));
            }
            if scan.foreign {
                return Err(self.broken("it is not an object"));
            }
        }
    }

    fn broken(&self, why: &str) -> Error {
        Error::format(&self.path, format!("record {}: {why}", self.read))
    }

    fn record(&mut self) -> Result<Option<FgidRecord>> {
        let Some(text) = self.object().inspect_err(|_| self.ended = true)? else {
            self.ended = true;
            return Ok(None);
        };
        let parsed = serde_json::from_slice(&text).map_err(|error| self.broken(&error.to_string()));
        self.read += 1;
        parsed.map(Some)
    }
}

/// Finds where an object ends.
#[derive(Default)]
struct Scan {
    text: Vec<u8>,
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// Something else than an object stood where one should.
    foreign: bool,
}

impl Scan {
    /// Whether the byte completes an object.
    fn take(&mut self, byte: u8) -> bool {
        if self.depth == 0 {
            match byte {
                b'{' => (self.depth, self.text) = (1, vec![byte]),
                b'[' | b']' | b',' => {}
                _ if byte.is_ascii_whitespace() => {}
                _ => self.foreign = true,
            }
            return false;
        }
        self.text.push(byte);
        if self.in_string {
            self.in_string = self.escaped || byte != b'"';
            self.escaped = !self.escaped && byte == b'\\';
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' => self.depth += 1,
            b'}' => self.depth -= 1,
            _ => {}
        }
        self.depth == 0
    }
}

impl Iterator for FgidReader {
    type Item = Result<FgidRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        self.record().transpose()
    }
}

/// Writes records as one list, one record per line.
///
/// # Errors
/// `Io` if the file cannot be written.
pub fn write_list(path: &Path, records: &[FgidRecord]) -> Result<()> {
    let lines = records
        .iter()
        .map(serde_json::to_string)
        .collect::<Result<Vec<_>, _>>();
    let lines = lines.map_err(|error| Error::format(path, error.to_string()))?;
    write_whole(path, format!("[\n{}\n]\n", lines.join(",\n")).as_bytes())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn record(index: usize) -> FgidRecord {
        FgidRecord {
            original: format!("/data/{index}.png"),
            caption: "A \"quoted\" brace } and a backslash \\ at the end\\".to_owned(),
            embedding_of_original: (index % 2 == 0).then(|| format!("/data/{index}.bin")),
            ..FgidRecord::default()
        }
    }

    fn read(text: &str) -> Vec<Result<FgidRecord>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("all.json");
        fs::write(&path, text).unwrap();
        FgidReader::open(path).unwrap().collect()
    }

    #[test]
    fn a_list_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("all.json");
        let records: Vec<_> = (0..4).map(record).collect();
        write_list(&path, &records).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let found: Vec<_> = FgidReader::open(path)
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(found, records);
        let whole: Vec<FgidRecord> = serde_json::from_str(&text).unwrap();
        assert_eq!(whole, records);
    }

    #[test]
    fn one_record_alone_and_one_per_line_are_read_too() {
        let one = serde_json::to_string_pretty(&record(1)).unwrap();
        assert_eq!(read(&one).len(), 1);
        assert_eq!(
            read(&format!("{one}\n{one}\n"))
                .into_iter()
                .filter(Result::is_ok)
                .count(),
            2
        );
        assert!(read("[]").is_empty());
    }

    #[test]
    fn a_broken_record_is_named_and_the_next_is_read() {
        let found = read(r#"[{"origin_IMG": 5}, {"origin_IMG": "b"}, {"origin_IMG": "c""#);
        let error = found[0].as_ref().unwrap_err().to_string();
        assert!(
            error.contains("all.json: record 0: invalid type"),
            "{error}"
        );
        assert_eq!(found[1].as_ref().unwrap().original, "b");
        assert!(
            found[2]
                .as_ref()
                .unwrap_err()
                .to_string()
                .contains("record 2: the file ends within it")
        );
        assert_eq!(found.len(), 3);
        assert!(
            read("[5]")[0]
                .as_ref()
                .unwrap_err()
                .to_string()
                .contains("not an object")
        );
    }
}

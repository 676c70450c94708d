//! The manifest while it grows: what is in it, what was left out, and never half a row.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::data::lines::{OnBroken, rows_of};
use crate::data::manifest::ManifestRow;
use crate::error::{Error, Result};

/// A picture that was left out.
#[derive(Serialize)]
struct Skipped<'a> {
    image: &'a str,
    why: &'a str,
}

/// What of a row says which picture it is of.
#[derive(Deserialize)]
struct Named {
    image: String,
}

pub(super) struct Journal {
    manifest: List,
    skipped: List,
    known: HashSet<String>,
}

/// A growing file of rows.
struct List {
    path: PathBuf,
    file: File,
    /// Rows that were there when it was opened.
    rows: usize,
}

impl Journal {
    pub(super) fn open(out: &Path) -> Result<Self> {
        fs::create_dir_all(out).map_err(|error| Error::io(out, error))?;
        let mut known = HashSet::new();
        let manifest = List::open(out.join("manifest.jsonl"), &mut known)?;
        let skipped = List::open(out.join("skipped.jsonl"), &mut known)?;
        Ok(Self {
            manifest,
            skipped,
            known,
        })
    }

    pub(super) fn knows(&self, image: &str) -> bool {
        self.known.contains(image)
    }

    /// In the manifest and left out, when it was opened.
    pub(super) fn counts(&self) -> [usize; 2] {
        [self.manifest.rows, self.skipped.rows]
    }

    pub(super) fn add(&mut self, row: &ManifestRow) -> Result<()> {
        self.manifest.append(row)
    }

    pub(super) fn skip(&mut self, image: &str, why: &str) -> Result<()> {
        self.skipped.append(&Skipped { image, why })
    }
}

impl List {
    /// Cuts off a last row that an interruption left unfinished, and notes which pictures are there.
    fn open(path: PathBuf, known: &mut HashSet<String>) -> Result<Self> {
        let opened = || {
            let mut file = OpenOptions::new()
                .read(true)
                .append(true)
                .create(true)
                .open(&path)?;
            let length = file.seek(SeekFrom::End(0))?;
            let end = end_of_last_line(&mut file, length)?;
            if end < length {
                file.set_len(end)?;
            }
            Ok(file)
        };
        let file = opened().map_err(|error| Error::io(&path, error))?;
        let mut rows = 0;
        for row in rows_of::<Named>(&path, OnBroken::Refuse)? {
            known.insert(row?.row.image);
            rows += 1;
        }
        Ok(Self { path, file, rows })
    }

    /// One write per row: it is there whole or, after a crash, cut off by the next build.
    fn append(&mut self, row: &impl Serialize) -> Result<()> {
        let line = serde_json::to_string(row)
            .map_err(|error| Error::format(&self.path, error.to_string()))?;
        let file = &mut self.file;
        let written = file
            .write_all(format!("{line}\n").as_bytes())
            .and_then(|()| file.sync_data());
        written.map_err(|error| Error::io(&self.path, error))
    }
}

fn end_of_last_line(file: &mut File, length: u64) -> std::io::Result<u64> {
    const PIECE: u64 = 1 << 16;
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(PIECE);
        let mut piece = vec![0; (end - start) as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut piece)?;
        if let Some(place) = piece.iter().rposition(|&byte| byte == b'\n') {
            return Ok(start + place as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

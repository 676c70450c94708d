//! Writing shards.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use tar::{Builder, Header};

use super::{Sample, split};
use crate::data::files::draft;
use crate::error::{Error, Result};

/// When a shard is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardLimits {
    /// Most samples.
    pub samples: usize,
    /// Most bytes, unless one sample alone has more.
    pub bytes: u64,
}

impl Default for ShardLimits {
    fn default() -> Self {
        Self {
            samples: 10_000,
            bytes: 1 << 30,
        }
    }
}

/// Writes `shard-000000.tar`, `shard-000001.tar`, … into a folder. The same samples give the same
/// bytes: members carry no times and no owners. A shard appears under its name when it is complete.
pub struct ShardWriter {
    folder: PathBuf,
    limits: ShardLimits,
    current: Option<Shard>,
    finished: Vec<PathBuf>,
}

struct Shard {
    path: PathBuf,
    draft: PathBuf,
    tar: Builder<BufWriter<File>>,
    samples: usize,
    bytes: u64,
}

impl ShardWriter {
    /// # Errors
    /// `Io` if the folder cannot be made, `Invalid` if a limit is 0.
    pub fn new(folder: impl Into<PathBuf>, limits: ShardLimits) -> Result<Self> {
        let folder = folder.into();
        if limits.samples == 0 || limits.bytes == 0 {
            return Err(Error::invalid(
                "shard limits",
                format!("must be at least 1, found {limits:?}"),
            ));
        }
        fs::create_dir_all(&folder).map_err(|error| Error::io(&folder, error))?;
        Ok(Self {
            folder,
            limits,
            current: None,
            finished: Vec::new(),
        })
    }

    /// Appends a sample; begins another shard when this one is full.
    ///
    /// # Errors
    /// `Invalid` if key and endings do not make member names that can be told apart again or the
    /// sample is empty; `Io` if the shard cannot be written.
    pub fn write(&mut self, sample: &Sample) -> Result<()> {
        check(sample)?;
        let size: u64 = sample.parts.values().map(|part| part.len() as u64).sum();
        let full = |shard: &Shard| {
            shard.samples >= self.limits.samples || shard.bytes + size > self.limits.bytes
        };
        if let Some(shard) = self.current.take_if(|shard| full(shard)) {
            self.finished.push(shard.finish()?);
        }
        let shard = match &mut self.current {
            Some(shard) => shard,
            None => {
                let name = format!("shard-{:06}.tar", self.finished.len());
                self.current.insert(Shard::create(&self.folder.join(name))?)
            }
        };
        shard.append(sample, size)
    }

    /// Completes the last shard; returns all of them.
    ///
    /// # Errors
    /// `Io` if it cannot be written.
    pub fn finish(mut self) -> Result<Vec<PathBuf>> {
        if let Some(shard) = self.current.take() {
            self.finished.push(shard.finish()?);
        }
        Ok(self.finished)
    }
}

fn check(sample: &Sample) -> Result<()> {
    if sample.parts.is_empty() {
        return Err(Error::invalid(
            "sample",
            format!("{:?} has no parts", sample.key),
        ));
    }
    for ending in sample.parts.keys() {
        let name = format!("{}.{ending}", sample.key);
        let clean =
            !name.starts_with('/') && !name.split('/').any(|part| part.is_empty() || part == "..");
        if !clean || split(&name) != Some((&sample.key, ending)) {
            let why = format!(
                "{name:?} cannot be split into the key {:?} and the ending {ending:?} again",
                sample.key
            );
            return Err(Error::invalid("sample", why));
        }
    }
    Ok(())
}

impl Shard {
    fn create(path: &Path) -> Result<Self> {
        let draft = draft(path);
        let file = File::create(&draft).map_err(|error| Error::io(path, error))?;
        let tar = Builder::new(BufWriter::with_capacity(1 << 20, file));
        Ok(Self {
            path: path.to_owned(),
            draft,
            tar,
            samples: 0,
            bytes: 0,
        })
    }

    fn append(&mut self, sample: &Sample, size: u64) -> Result<()> {
        for (ending, part) in &sample.parts {
            let mut header = Header::new_gnu();
            header.set_size(part.len() as u64);
            header.set_mode(0o644);
            let name = format!("{}.{ending}", sample.key);
            let appended = self.tar.append_data(&mut header, name, part.as_slice());
            appended.map_err(|error| Error::io(&self.path, error))?;
        }
        self.samples += 1;
        self.bytes += size;
        Ok(())
    }

    fn finish(self) -> Result<PathBuf> {
        let Self {
            path, draft, tar, ..
        } = self;
        let finished = tar.into_inner().and_then(|mut writer| {
            writer.flush()?;
            writer.get_ref().sync_all()?;
            fs::rename(&draft, &path)
        });
        finished.map_err(|error| Error::io(&path, error))?;
        Ok(path)
    }
}

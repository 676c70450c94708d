//! Reading shards, one sample at a time.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use tar::Archive;

use super::{Sample, split};
use crate::error::{Error, Result};

/// A member beyond it is refused: samples are held in memory.
const LARGEST_PART: u64 = 1 << 30;
const TAR_BLOCK: u64 = 512;

/// The samples of one shard, in order. What is in memory is one sample.
///
/// After an error the reader is at its end.
pub struct ShardReader {
    path: PathBuf,
    archive: BufReader<File>,
    /// The first member of the next sample.
    ahead: Option<(String, String, Vec<u8>)>,
    ended: bool,
}

impl ShardReader {
    /// # Errors
    /// `Io` if the file cannot be opened.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let file = File::open(&path).map_err(|error| Error::io(&path, error))?;
        Ok(Self {
            path,
            archive: BufReader::with_capacity(1 << 18, file),
            ahead: None,
            ended: false,
        })
    }

    /// The shard.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn sample(&mut self) -> Result<Option<Sample>> {
        let mut sample = Sample::default();
        loop {
            let member = match self.ahead.take() {
                Some(member) => Some(member),
                None => self.member()?,
            };
            let Some((key, ending, content)) = member else {
                return Ok((!sample.parts.is_empty()).then_some(sample));
            };
            if sample.parts.is_empty() {
                sample.key.clone_from(&key);
            }
            if key != sample.key {
                self.ahead = Some((key, ending, content));
                return Ok(Some(sample));
            }
            if sample.parts.insert(ending.clone(), content).is_some() {
                return Err(self.broken(format!("{key}.{ending} is there twice in a row")));
            }
        }
    }

    /// The next file of the archive that belongs to a sample: key, ending, content.
    fn member(&mut self) -> Result<Option<(String, String, Vec<u8>)>> {
        loop {
            let Some((name, size, content)) = self.entry()? else {
                return Ok(None);
            };
            let padding = size.next_multiple_of(TAR_BLOCK) - size;
            let skipped = std::io::copy(
                &mut self.archive.by_ref().take(padding),
                &mut std::io::sink(),
            );
            skipped.map_err(|error| Error::io(&self.path, error))?;
            if let Some((key, ending)) = content.as_ref().and_then(|_| split(&name)) {
                let (key, ending) = (key.to_owned(), ending.to_owned());
                return Ok(Some((key, ending, content.unwrap_or_default())));
            }
        }
    }

    /// One entry: name, size, and content if it is a file.
    fn entry(&mut self) -> Result<Option<(String, u64, Option<Vec<u8>>)>> {
        let path = self.path.clone();
        let failed =
            |error: std::io::Error| Error::format(&path, format!("not a sound tar file: {error}"));
        // One entry per archive object: an iterator over all of them could not be kept beside its file.
        let mut archive = Archive::new(&mut self.archive);
        let mut entries = archive.entries().map_err(&failed)?;
        let Some(entry) = entries.next() else {
            return Ok(None);
        };
        let mut entry = entry.map_err(&failed)?;
        let name = entry
            .path()
            .map_err(&failed)?
            .to_string_lossy()
            .into_owned();
        let size = entry.size();
        if size > LARGEST_PART {
            return Err(Error::format(
                &path,
                format!("{name} has {size} bytes, more than {LARGEST_PART}"),
            ));
        }
        let is_file = entry.header().entry_type().is_file();
        let mut content = Vec::new();
        let read = entry.read_to_end(&mut content).map_err(&failed)? as u64;
        if read != size {
            return Err(Error::format(
                &path,
                format!("{name} ends after {read} of {size} bytes"),
            ));
        }
        Ok(Some((name, size, is_file.then_some(content))))
    }

    fn broken(&self, why: String) -> Error {
        Error::format(&self.path, why)
    }
}

impl Iterator for ShardReader {
    type Item = Result<Sample>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let sample = self.sample().transpose();
        self.ended = !matches!(sample, Some(Ok(_)));
        sample
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::{ShardLimits, ShardWriter};
    use super::*;

    fn sample(index: usize) -> Sample {
        let key = format!("people/{index:04}");
        let parts = [
            ("png", vec![index as u8; 700 + index]),
            ("json", b"{}".to_vec()),
            ("0.npy", vec![1, 2]),
        ];
        Sample {
            key,
            parts: parts.map(|(ending, part)| (ending.to_owned(), part)).into(),
        }
    }

    fn write(folder: &Path, count: usize, limits: ShardLimits) -> Vec<PathBuf> {
        let mut writer = ShardWriter::new(folder, limits).unwrap();
        (0..count).for_each(|index| writer.write(&sample(index)).unwrap());
        writer.finish().unwrap()
    }

    #[test]
    fn samples_come_back_from_several_shards() {
        let folder = tempfile::tempdir().unwrap();
        let shards = write(
            folder.path(),
            10,
            ShardLimits {
                samples: 4,
                bytes: 1 << 20,
            },
        );
        let names: Vec<_> = shards
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(
            names,
            ["shard-000000.tar", "shard-000001.tar", "shard-000002.tar"]
        );
        let read: Vec<_> = shards
            .iter()
            .flat_map(|path| ShardReader::open(path).unwrap())
            .map(Result::unwrap)
            .collect();
        assert_eq!(read, (0..10).map(sample).collect::<Vec<_>>());
        let bytes = fs::read(&shards[1]).unwrap();
        let again = tempfile::tempdir().unwrap();
        assert_eq!(
            bytes,
            fs::read(
                &write(
                    again.path(),
                    10,
                    ShardLimits {
                        samples: 4,
                        bytes: 1 << 20
                    }
                )[1]
            )
            .unwrap()
        );
        assert_eq!(
            write(
                again.path(),
                3,
                ShardLimits {
                    samples: 9,
                    bytes: 800
                }
            )
            .len(),
            3
        );
    }

    #[test]
    fn long_names_and_odd_members_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("odd.tar");
        let mut tar = tar::Builder::new(File::create(&path).unwrap());
        let key = "k".repeat(180);
        for (name, content) in [
            ("readme", "x"),
            (&format!("{key}.txt"), "one"),
            (&format!("{key}.cls"), "2"),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, name, content.as_bytes())
                .unwrap();
        }
        tar.into_inner().unwrap();
        let samples: Vec<_> = ShardReader::open(&path)
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(samples.len(), 1);
        assert_eq!(
            (samples[0].key.len(), samples[0].parts["txt"].as_slice()),
            (180, b"one".as_slice())
        );
    }

    #[test]
    fn a_cut_shard_is_told_and_ends() {
        let folder = tempfile::tempdir().unwrap();
        let shard = &write(folder.path(), 3, ShardLimits::default())[0];
        let bytes = fs::read(shard).unwrap();
        fs::write(shard, &bytes[..3000]).unwrap();
        let results: Vec<_> = ShardReader::open(shard).unwrap().collect();
        let error = results.last().unwrap().as_ref().unwrap_err().to_string();
        assert!(error.contains("shard-000000.tar"), "{error}");
        assert!(results.len() <= 2);
    }

    #[test]
    fn samples_that_could_not_be_told_apart_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = ShardWriter::new(folder.path(), ShardLimits::default()).unwrap();
        for (key, ending) in [
            ("a.b", "png"),
            ("/a", "png"),
            ("../a", "png"),
            ("a/", "png"),
            ("", "png"),
            ("a", ""),
        ] {
            let parts = [(ending.to_owned(), vec![1])].into();
            assert!(
                writer
                    .write(&Sample {
                        key: key.to_owned(),
                        parts
                    })
                    .is_err(),
                "{key:?} {ending:?}"
            );
        }
        assert!(
            writer
                .write(&Sample {
                    key: "a".to_owned(),
                    parts: [].into()
                })
                .is_err()
        );
        assert!(writer.finish().unwrap().is_empty());
    }
}

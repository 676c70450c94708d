//! From a folder of pictures to a manifest.
//!
//! Pictures are analysed in the order of their names; every row is on disk before the next picture
//! is opened. A build that was interrupted goes on where it stopped and ends with the same manifest.

mod analyse;
mod journal;

use std::path::{Path, PathBuf};

use image::RgbImage;

use super::picture::{pictures_below, read};
use crate::data::files::relative;
use crate::error::{Context, ErrorKind, Result};
use crate::face::{FaceDetector, FaceEmbedder, FaceParser, LandmarkDetector, PoseEstimator};
use journal::Journal;

/// Who looks at the pictures; what is missing is left out of the rows.
pub struct Analysers<'a> {
    /// Where faces are.
    pub detector: &'a dyn FaceDetector,
    /// Whose they are; needs a detector that gives landmarks.
    pub embedder: Option<&'a dyn FaceEmbedder>,
    /// Their parts.
    pub parser: Option<&'a dyn FaceParser>,
    /// Their many points.
    pub landmarks: Option<&'a dyn LandmarkDetector>,
    /// Joints.
    pub poses: Option<&'a dyn PoseEstimator>,
    /// Words.
    pub captioner: Option<&'a dyn Captioner>,
}

/// Says what a picture shows.
///
/// Any `Fn(&Path, &RgbImage) -> Result<String>` is one.
pub trait Captioner: Send + Sync {
    /// # Errors
    /// What the captioner cannot do.
    fn caption(&self, path: &Path, picture: &RgbImage) -> Result<String>;
}

impl<F> Captioner for F
where
    F: Fn(&Path, &RgbImage) -> Result<String> + Send + Sync,
{
    fn caption(&self, path: &Path, picture: &RgbImage) -> Result<String> {
        self(path, picture)
    }
}

/// What goes into a manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct BuildSettings {
    /// Where the pictures come from, for every row.
    pub source: String,
    /// Under which they may be used, for every row.
    pub license: String,
    /// Detections below it are dropped.
    pub least_score: f32,
    /// Faces whose longer side is shorter are dropped.
    pub least_face: f32,
    /// Side of a zoom crop, relative to the face's longer side.
    pub zoom: f32,
    /// Whether pictures without any face left are dropped.
    pub need_face: bool,
}

impl Default for BuildSettings {
    fn default() -> Self {
        Self {
            source: String::new(),
            license: String::new(),
            least_score: 0.5,
            least_face: 32.0,
            zoom: 2.0,
            need_face: true,
        }
    }
}

/// How far a build is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildProgress {
    /// Pictures that need no more work.
    pub done: usize,
    /// All pictures.
    pub total: usize,
    /// The picture that was just finished.
    pub picture: PathBuf,
}

/// What a build did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildReport {
    /// Rows in the manifest, earlier ones included.
    pub rows: usize,
    /// Pictures that were left out, earlier ones included; `skipped.jsonl` says why.
    pub skipped: usize,
    /// Pictures that an earlier build had done.
    pub resumed: usize,
}

/// Analyses every picture below `pictures` into `out/manifest.jsonl`, with embeddings and masks
/// beside it. `progress` may end the build with an error; it can be resumed.
///
/// # Errors
/// `Io` if a folder cannot be read or written; `Cancelled` or what else `progress` returns; whatever
/// an analyser returns. A picture that cannot be read is left out and noted.
pub fn build(
    pictures: &Path,
    out: &Path,
    analysers: &Analysers,
    settings: &BuildSettings,
    mut progress: impl FnMut(&BuildProgress) -> Result<()>,
) -> Result<BuildReport> {
    let files = pictures_below(pictures)?;
    let mut journal = Journal::open(out)?;
    let [rows, skipped] = journal.counts();
    let mut report = BuildReport {
        rows,
        skipped,
        resumed: 0,
    };
    for (index, file) in files.iter().enumerate() {
        let name = relative(out, file)?;
        if journal.knows(&name) {
            report.resumed += 1;
            continue;
        }
        match row(file, &name, out, analysers, settings)? {
            Ok(row) => {
                journal.add(&row)?;
                report.rows += 1;
            }
            Err(why) => {
                journal.skip(&name, &why)?;
                report.skipped += 1;
            }
        }
        progress(&BuildProgress {
            done: index + 1,
            total: files.len(),
            picture: file.clone(),
        })?;
    }
    Ok(report)
}

/// A row, or why there is none.
fn row(
    file: &Path,
    name: &str,
    out: &Path,
    analysers: &Analysers,
    settings: &BuildSettings,
) -> Result<Result<super::ManifestRow, String>> {
    let picture = match read(file) {
        Ok(picture) => picture,
        Err(error) if matches!(error.kind(), ErrorKind::Format { .. }) => {
            return Ok(Err(error.to_string()));
        }
        Err(error) => return Err(error),
    };
    let analysis = analyse::Analysis {
        file,
        name,
        out,
        analysers,
        settings,
        picture: &picture,
    };
    analysis
        .row()
        .context(|| format!("analysing {}", file.display()))
}

/// Embeddings and masks are named after the picture, and after a digest of its path, because pictures
/// of several folders may share a name.
fn stem(name: &str) -> String {
    let mut digest: u64 = 0xCBF2_9CE4_8422_2325;
    for byte in name.bytes() {
        digest = (digest ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    }
    let plain = Path::new(name)
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy();
    format!("{plain}-{digest:016x}")
}

#[cfg(test)]
mod tests;

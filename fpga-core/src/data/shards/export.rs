//! From a manifest to shards.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Sample, ShardLimits, ShardWriter};
use crate::data::lines::{OnBroken, rows_of};
use crate::data::manifest::ManifestRow;
use crate::error::{Context, Error, Result};

/// Puts every row of a manifest, with its files, into shards; paths in the rows become the endings
/// under which the files lie in the sample. `progress` gets the number of rows done and may end it.
///
/// # Errors
/// `Format` if a row is broken, `Io` if a file cannot be read or written, what `progress` returns.
pub fn export(
    manifest: &Path,
    folder: &Path,
    limits: ShardLimits,
    mut progress: impl FnMut(u64) -> Result<()>,
) -> Result<Vec<PathBuf>> {
    let root = manifest.parent().unwrap_or(Path::new("."));
    let mut writer = ShardWriter::new(folder, limits)?;
    let mut done = 0;
    for row in rows_of::<ManifestRow>(manifest, OnBroken::Refuse)? {
        let row = row?;
        let sample = sample(row.row, root, done).context(|| format!("line {}", row.origin.line))?;
        writer.write(&sample)?;
        done += 1;
        progress(done)?;
    }
    writer.finish()
}

fn sample(mut row: ManifestRow, root: &Path, index: u64) -> Result<Sample> {
    let mut parts = BTreeMap::new();
    let mut take = |file: &mut String, ending: String| {
        let path = root.join(&*file);
        let content = fs::read(&path).map_err(|error| Error::io(&path, error))?;
        parts.insert(ending.clone(), content);
        *file = ending;
        Ok::<_, Error>(())
    };
    let ending = Path::new(&row.image).extension().unwrap_or_default();
    let ending = ending.to_string_lossy().to_lowercase();
    take(&mut row.image, ending)?;
    for (index, face) in row.faces.iter_mut().enumerate() {
        if let Some(file) = &mut face.id_embed {
            take(file, format!("{index}.npy"))?;
        }
        if let Some(file) = &mut face.parsing_mask {
            take(file, format!("{index}.mask.png"))?;
        }
    }
    parts.insert("txt".to_owned(), row.caption.clone().into_bytes());
    let json =
        serde_json::to_vec(&row).map_err(|error| Error::invalid("row", error.to_string()))?;
    parts.insert("json".to_owned(), json);
    Ok(Sample {
        key: format!("{index:09}"),
        parts,
    })
}

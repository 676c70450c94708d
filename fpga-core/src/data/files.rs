//! Files that appear whole or not at all, and paths that survive moving a data set.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Component, Path, PathBuf};

use crate::error::{Error, Result};

/// Writes a file under its name only when it is complete, and makes the folders above it.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |error| Error::io(path, error);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let draft = draft(path);
    let written = File::create(&draft).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_data()
    });
    written
        .and_then(|()| fs::rename(&draft, path))
        .map_err(|error| {
            // Best effort: the error that is reported is the one that matters.
            let _ = fs::remove_file(&draft);
            failed(error)
        })
}

/// A name in the same folder that no other process uses.
pub(super) fn draft(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.partial", std::process::id()))
}

/// How to get from a folder to a file; both exist. Separated by slashes on every system.
pub(super) fn relative(folder: &Path, file: &Path) -> Result<String> {
    let absolute = |path: &Path| path.canonicalize().map_err(|error| Error::io(path, error));
    let (folder, target) = (absolute(folder)?, absolute(file)?);
    let shared = folder
        .components()
        .zip(target.components())
        .take_while(|(a, b)| a == b)
        .count();
    let up = folder.components().skip(shared).map(|_| Ok(".."));
    let down = target.components().skip(shared).map(|part| match part {
        Component::Normal(name) => name.to_str().ok_or_else(|| {
            Error::format(
                file,
                "its name is not valid Unicode, which a manifest cannot hold",
            )
        }),
        _ => Err(Error::format(
            file,
            "lies on another drive than the manifest",
        )),
    });
    Ok(up.chain(down).collect::<Result<Vec<_>>>()?.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_from_the_manifest_to_the_file() {
        let root = tempfile::tempdir().unwrap();
        let (pictures, lists) = (root.path().join("pictures/a"), root.path().join("lists"));
        fs::create_dir_all(&lists).unwrap();
        let file = pictures.join("1.png");
        write_whole(&file, b"x").unwrap();
        assert_eq!(relative(&lists, &file).unwrap(), "../pictures/a/1.png");
        assert_eq!(relative(&pictures, &file).unwrap(), "1.png");
        assert_eq!(fs::read(lists.join("../pictures/a/1.png")).unwrap(), b"x");
        assert_eq!(fs::read_dir(&pictures).unwrap().count(), 1);
    }
}

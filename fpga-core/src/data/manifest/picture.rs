//! Picture files of a folder.

use std::fs;
use std::path::{Path, PathBuf};

use image::RgbImage;

use crate::error::{Error, Result};

/// Endings of the files that are pictures.
const ENDINGS: [&str; 4] = ["png", "jpg", "jpeg", "webp"];

/// Whether a file's name says that it is a picture that this crate reads.
pub fn is_picture(path: &Path) -> bool {
    let ending = path
        .extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    ENDINGS.contains(&ending.as_str())
}

/// Every picture below a folder, sorted; hidden files and folders are left out.
pub(super) fn pictures_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut pictures = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| Error::io(&folder, error))?;
        for entry in entries {
            let entry = entry.map_err(|error| Error::io(&folder, error))?;
            let path = entry.path();
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            let kind = entry.file_type().map_err(|error| Error::io(&path, error))?;
            if hidden {
                continue;
            }
            if kind.is_dir() {
                folders.push(path);
            } else if is_picture(&path) {
                pictures.push(path);
            }
        }
    }
    pictures.sort();
    Ok(pictures)
}

pub(super) fn read(path: &Path) -> Result<RgbImage> {
    let opened = image::open(path).map_err(|error| match error {
        image::ImageError::IoError(error) => Error::io(path, error),
        other => Error::format(path, format!("not a picture that can be read: {other}")),
    })?;
    Ok(opened.into_rgb8())
}

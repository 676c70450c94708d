//! Faces as a JSON file lists them.
//!
//! ```json
//! [{"box": [84, 76, 175, 178],
//!   "landmarks": [[107, 102], [151, 103], [127, 128], [107, 140], [148, 141]],
//!   "mask": "first_face.png",
//!   "prompt": "an old man"}]
//! ```
//!
//! Only `box` is required. A mask is a picture as large as the one to restore, white where the face may
//! change; its path is relative to the file.

use std::fs;
use std::path::{Path, PathBuf};

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::request::{Face, in_face};
use crate::error::{Context, Error, Result};
use crate::face::{FaceBox, Landmarks5};
use crate::pipeline::prompt::Prompt;

/// One face of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceEntry {
    /// Left, top, right, bottom.
    #[serde(rename = "box")]
    pub region: FaceBox,
    /// Left eye, right eye, nose tip, left and right mouth corner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub landmarks: Option<Landmarks5>,
    /// Picture of the mask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<PathBuf>,
    /// What the face looks like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
}

impl FaceEntry {
    /// The face, with its mask loaded from a path relative to `folder`.
    ///
    /// # Errors
    /// The mask cannot be read as a picture.
    pub fn load(&self, folder: impl AsRef<Path>) -> Result<Face> {
        let mask = self
            .mask
            .as_ref()
            .map(|path| load_mask(&folder.as_ref().join(path)));
        Ok(Face {
            region: self.region,
            landmarks: self.landmarks,
            mask: mask.transpose()?,
            prompt: self.prompt.as_deref().map(Prompt::from),
            identity: None,
        })
    }
}

/// Reads a list of faces with their masks.
///
/// # Errors
/// The file cannot be read, is not a list of faces, or a mask cannot be read.
pub fn read_faces(path: impl AsRef<Path>) -> Result<Vec<Face>> {
    let path = path.as_ref();
    let text = fs::read_to_string(path).map_err(|error| Error::io(path, error))?;
    let entries: Vec<FaceEntry> =
        serde_json::from_str(&text).map_err(|error| Error::format(path, error.to_string()))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    (entries.iter().enumerate())
        .map(|(index, entry)| entry.load(folder).context(|| in_face(index)))
        .collect()
}

fn load_mask(path: &Path) -> Result<Array2<f32>> {
    let bytes = fs::read(path).map_err(|error| Error::io(path, error))?;
    let picture = image::load_from_memory(&bytes)
        .map_err(|error| Error::format(path, format!("is no picture: {error}")))?
        .to_luma8();
    let (width, height) = picture.dimensions();
    Ok(Array2::from_shape_fn(
        (height as usize, width as usize),
        |(y, x)| f32::from(picture.get_pixel(x as u32, y as u32)[0]) / 255.0,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_with_their_masks() {
        let folder = tempfile::tempdir().unwrap();
        let mask =
            image::GrayImage::from_fn(5, 3, |x, _| image::Luma([if x < 2 { 255 } else { 0 }]));
        mask.save(folder.path().join("m.png")).unwrap();
        let list = folder.path().join("faces.json");
        let text = r#"[{"box": [1, 2, 3, 4]},
            {"box": [0, 0, 5, 3], "landmarks": [[1, 1], [3, 1], [2, 1.5], [1, 2], [3, 2]],
             "mask": "m.png", "prompt": "smiling"}]"#;
        fs::write(&list, text).unwrap();
        let faces = read_faces(&list).unwrap();
        assert_eq!(faces[0].region.edges(), [1.0, 2.0, 3.0, 4.0]);
        assert!(faces[0].mask.is_none() && faces[0].landmarks.is_none());
        let mask = faces[1].mask.as_ref().unwrap();
        assert_eq!(
            (mask.dim(), mask.row(1).to_vec()),
            ((3, 5), vec![1.0, 1.0, 0.0, 0.0, 0.0])
        );
        assert_eq!(faces[1].landmarks.unwrap().points()[2], [2.0, 1.5]);
    }

    #[test]
    fn mistakes_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("faces.json");
        let fails = |text: &str| {
            fs::write(&list, text).unwrap();
            read_faces(&list).unwrap_err().to_string()
        };
        assert!(fails(r#"[{"box": [3, 2, 1, 4]}]"#).contains("left < right"));
        assert!(fails(r#"[{"box": [1, 2, 3]}]"#).contains("invalid length 3"));
        assert!(fails(r#"[{"box": [1, 2, 3, 4], "eyes": 2}]"#).contains("unknown field `eyes`"));
        assert!(fails(r#"[{"landmarks": []}]"#).contains("invalid length 0"));
        assert!(
            fails(r#"[{"box": [1, 2, 3, 4], "mask": "none.png"}]"#)
                .starts_with("face 0: cannot access")
        );
        fs::write(folder.path().join("text.png"), "text").unwrap();
        assert!(fails(r#"[{"box": [1, 2, 3, 4], "mask": "text.png"}]"#).contains("is no picture"));
        assert!(read_faces(folder.path().join("absent.json")).is_err());
    }
}

//! What a row says of a picture.

use serde::{Deserialize, Serialize};

use crate::face::{DenseLandmarks, FaceBox, Landmarks5, Skeleton};

/// Version of the rows that are written; lower ones are read.
pub const MANIFEST_VERSION: u32 = 1;

/// One picture. Paths are relative to the manifest's folder; lengths are in picture pixels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManifestRow {
    /// Of the fields; rows without it are of version 1.
    #[serde(default = "first_version")]
    pub version: u32,
    /// The picture's file.
    pub image: String,
    /// Of the picture.
    pub width: u32,
    /// Of the picture.
    pub height: u32,
    /// What it shows.
    #[serde(default)]
    pub caption: String,
    /// Where it comes from.
    #[serde(default)]
    pub source: String,
    /// Under which it may be used.
    #[serde(default)]
    pub license: String,
    /// Joints of everybody.
    #[serde(default)]
    pub skeleton: SkeletonRecord,
    /// Faces.
    #[serde(default)]
    pub faces: Vec<FaceRecord>,
    /// Enlarged views of faces.
    #[serde(default)]
    pub zoom_crops: Vec<ZoomCrop>,
}

fn first_version() -> u32 {
    1
}

/// Joints of the people of a picture.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SkeletonRecord {
    /// Which joints there are.
    #[serde(default)]
    pub format: SkeletonFormat,
    /// One list of `[x, y, score]` per person.
    #[serde(default)]
    pub persons: Vec<Skeleton>,
}

/// Which joints a skeleton has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SkeletonFormat {
    /// 18 points of the body.
    #[default]
    #[serde(rename = "openpose18")]
    OpenPose18,
    /// Body, feet, face and hands: 134 points, the whole-body models' 133 and the neck.
    #[serde(rename = "wholebody133")]
    WholeBody133,
}

/// One face of a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaceRecord {
    /// Where it is.
    pub bbox: FaceBox,
    /// How sure the detector is, 0–1.
    pub score: f32,
    /// Eyes, nose tip, corners of the mouth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kps5: Option<Landmarks5>,
    /// 106 points, or 68.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lmk106: Option<DenseLandmarks>,
    /// File of the raw face embedding (`.npy`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_embed: Option<String>,
    /// 8-bit PNG of part numbers, covering the face's zoom crop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parsing_mask: Option<String>,
    /// Longer side of the box.
    pub face_px: f32,
    /// Place in the list of skeletons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person_index: Option<usize>,
    /// Who it is, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_label: Option<String>,
}

/// A square or cut-off square round a face.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ZoomCrop {
    /// Place in the list of faces.
    pub face_index: usize,
    /// On whole pixels, inside the picture.
    pub crop_box: FaceBox,
    /// Longer side of the crop, relative to the face's.
    pub scale: f32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_row_and_a_full_one_are_read() {
        let least: ManifestRow =
            serde_json::from_str(r#"{"image": "a.jpg", "width": 8, "height": 6}"#).unwrap();
        assert_eq!((least.version, least.faces.len()), (1, 0));
        let text = r#"{"image": "a.jpg", "width": 640, "height": 480, "caption": "two people",
            "source": "s", "license": "CC0", "skeleton": {"format": "openpose18", "persons": []},
            "faces": [{"bbox": [1, 2, 30, 40], "score": 0.9, "kps5": [[5, 9], [20, 9], [12, 15], [6, 22], [18, 22]],
                       "id_embed": "e/0.npy", "face_px": 38, "person_index": 0}],
            "zoom_crops": [{"face_index": 0, "crop_box": [0, 0, 64, 64], "scale": 1.7}]}"#;
        let row: ManifestRow = serde_json::from_str(text).unwrap();
        assert_eq!(row.faces[0].id_embed.as_deref(), Some("e/0.npy"));
        let again = serde_json::to_string(&row).unwrap();
        assert!(!again.contains("id_label") && again.contains("openpose18"));
        assert_eq!(serde_json::from_str::<ManifestRow>(&again).unwrap(), row);
    }

    #[test]
    fn boxes_are_checked_while_reading() {
        let text = r#"{"image": "a", "width": 8, "height": 6, "faces": [{"bbox": [3, 2, 1, 4], "score": 1, "face_px": 2}]}"#;
        let error = serde_json::from_str::<ManifestRow>(text)
            .unwrap_err()
            .to_string();
        assert!(error.contains("left < right"), "{error}");
    }
}

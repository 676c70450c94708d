//! The fields of one picture.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::embedding::{EMBEDDING_WIDTH, read_embedding};
use super::text::training_text;
use crate::error::Result;

/// One picture. Paths are as they stand in the file: usually absolute, on another machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FgidRecord {
    /// The picture as it was found.
    #[serde(rename = "origin_IMG", default)]
    pub original: String,
    /// The picture at 512×512 (PNG).
    #[serde(rename = "resize_IMG", default)]
    pub resized: String,
    /// Its parts in colours, for people to look at.
    #[serde(rename = "parsing_color_IMG", default)]
    pub parts_in_colour: String,
    /// Its parts as 8-bit class numbers (PNG).
    #[serde(rename = "parsing_mask_IMG", default)]
    pub parts: String,
    /// What the person looks like as a whole.
    #[serde(rename = "vqa_llva", default)]
    pub caption: String,
    /// What the face looks like, part by part.
    #[serde(
        rename = "vqa_llva_more_face_detail",
        alias = "vqa_llva_face_caption",
        alias = "vqa_llva_facial",
        default
    )]
    pub face_caption: String,
    /// File of the face embedding of the 512×512 picture, where a face was found.
    #[serde(
        rename = "id_embed_file_resize",
        default,
        deserialize_with = "unless_empty"
    )]
    pub embedding_of_resized: Option<String>,
    /// File of the face embedding of the picture as it was found, where a face was found.
    #[serde(
        rename = "id_embed_file_origin",
        default,
        deserialize_with = "unless_empty"
    )]
    pub embedding_of_original: Option<String>,
}

/// Missing files are absent, `null`, empty or `"None"`, depending on the script.
fn unless_empty<'de, D: serde::Deserializer<'de>>(field: D) -> Result<Option<String>, D::Error> {
    let file = Option::<String>::deserialize(field)?;
    Ok(file.filter(|file| !file.is_empty() && file != "None"))
}

impl FgidRecord {
    /// A file of the record below `root`: the folders that lead to the data set on the machine where
    /// it was made are exchanged.
    pub fn place(&self, file: &str, made_below: &str, root: &Path) -> PathBuf {
        let inside = file.strip_prefix(made_below).unwrap_or(file);
        root.join(inside.trim_start_matches('/'))
    }

    /// The face embedding: that of the resized picture, else that of the original, else zeros.
    ///
    /// # Errors
    /// `Io` or `Format` if a file that is named cannot be read.
    pub fn embedding(&self, made_below: &str, root: &Path) -> Result<Vec<f32>> {
        match self
            .embedding_of_resized
            .as_ref()
            .or(self.embedding_of_original.as_ref())
        {
            Some(file) => read_embedding(&self.place(file, made_below, root)),
            None => Ok(vec![0.0; EMBEDDING_WIDTH]),
        }
    }

    /// The text that the model is trained with; see [`training_text`].
    pub fn text(&self, aligned_face_text: &str, count_tokens: impl Fn(&str) -> usize) -> String {
        training_text(
            &self.caption,
            aligned_face_text,
            &self.face_caption,
            count_tokens,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_face_caption_is_read() {
        for name in [
            "vqa_llva_more_face_detail",
            "vqa_llva_face_caption",
            "vqa_llva_facial",
        ] {
            let text =
                format!(r#"{{"origin_IMG": "/d/a.png", "{name}": "one nose", "unknown": [1]}}"#);
            let record: FgidRecord = serde_json::from_str(&text).unwrap();
            assert_eq!(record.face_caption, "one nose", "{name}");
            let again = serde_json::to_string(&record).unwrap();
            assert!(again.contains(r#""vqa_llva_more_face_detail":"one nose""#));
            assert_eq!(serde_json::from_str::<FgidRecord>(&again).unwrap(), record);
        }
    }

    #[test]
    fn without_a_face_the_embedding_is_zero() {
        for field in [
            "",
            r#", "id_embed_file_resize": null"#,
            r#", "id_embed_file_resize": """#,
            r#", "id_embed_file_resize": "None""#,
        ] {
            let record: FgidRecord =
                serde_json::from_str(&format!(r#"{{"resize_IMG": "a"{field}}}"#)).unwrap();
            assert_eq!(
                record.embedding("", Path::new("/nowhere")).unwrap(),
                [0.0; 512]
            );
        }
        let record: FgidRecord =
            serde_json::from_str(r#"{"id_embed_file_origin": "/data/x.bin"}"#).unwrap();
        let error = record
            .embedding("/data", Path::new("/nowhere"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("/nowhere/x.bin"), "{error}");
    }
}

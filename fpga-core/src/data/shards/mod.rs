//! WebDataset shards: plain tar files in which consecutive members of one name are one sample.
//!
//! A member is called `key.part`; the key ends at the first dot of the file's name, so `a/7.0.npy` is
//! part `0.npy` of sample `a/7`. Written by [`ShardWriter`], read by [`ShardReader`] and by the usual
//! tools; a manifest becomes shards with [`export`]: `png`/`jpg`/`webp` (the picture), `json` (its row),
//! `txt` (its caption), and for face `i` `i.npy` (embedding) and `i.mask.png`.

mod export;
mod reader;
mod writer;

pub use export::export;
pub use reader::ShardReader;
pub use writer::{ShardLimits, ShardWriter};

use std::collections::BTreeMap;

/// One sample: its parts by their endings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Of its members, without a dot in the last segment.
    pub key: String,
    /// Ending (without the first dot) to content.
    pub parts: BTreeMap<String, Vec<u8>>,
}

/// Key and ending of a member.
fn split(name: &str) -> Option<(&str, &str)> {
    let file = name.rfind('/').map_or(0, |slash| slash + 1);
    let dot = file + name[file..].find('.')?;
    (dot > file && dot + 1 < name.len()).then(|| (&name[..dot], &name[dot + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_ends_at_the_first_dot_of_the_file_s_name() {
        assert_eq!(split("a.b/7.0.npy"), Some(("a.b/7", "0.npy")));
        assert_eq!(split("000.jpg"), Some(("000", "jpg")));
        for name in ["noending", "a/.hidden", "a.", "x.y/z"] {
            assert_eq!(split(name), None, "{name}");
        }
    }
}

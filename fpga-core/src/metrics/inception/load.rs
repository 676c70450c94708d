//! The network from pytorch-fid's file (`pt_inception-2015-12-05-6726825d.pth`).

use std::path::Path;

use burn::tensor::Device;

use super::Inception;
use crate::error::{Context, LoadReport, Result};
use crate::weights::{KeyMap, Storage, TensorSource, load};

/// Loads the network; its classifier is left unread.
///
/// # Errors
/// `Io` or `Format` if the file is not a sound checkpoint; what [`load`] refuses.
pub fn inception_from_file(
    path: impl AsRef<Path>,
    storage: Storage,
    device: &Device,
) -> Result<(Inception, LoadReport)> {
    from_source(&TensorSource::open(path)?, storage, device)
}

pub(super) fn from_source(
    source: &TensorSource,
    storage: Storage,
    device: &Device,
) -> Result<(Inception, LoadReport)> {
    load(Inception::new(device), source, &names(), storage, device).context(|| "Inception network")
}

/// The file's names begin with capitals.
pub(super) fn names() -> KeyMap {
    let convolutions = ["1a_3x3", "2a_3x3", "2b_3x3", "3b_1x1", "4a_3x3"];
    let blocks = [
        "5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c",
    ];
    let named = |ours: &str, theirs: &str, place: &str| {
        (format!("{ours}_{place}"), format!("{theirs}_{place}"))
    };
    let convolutions = convolutions
        .iter()
        .map(|place| named("conv2d", "Conv2d", place));
    let blocks = blocks.iter().map(|place| named("mixed", "Mixed", place));
    let all = convolutions.chain(blocks);
    all.fold(KeyMap::new(), |names, (ours, theirs)| {
        names.prefix(&ours, &theirs)
    })
}

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
    load(
        Inception::new(device),
        source,
        &KeyMap::new(),
        storage,
        device,
    )
    .context(|| "Inception network")
}

//! How adapter files spell the parameters of identity projectors: PyTorch's numbers for what stands in
//! a sequence.

use super::key_map::KeyMap;

/// IP-Adapter's and ConsistentID's projectors, and ConsistentID's `FacialEncoder`.
pub fn projector_names() -> KeyMap {
    KeyMap::new()
        .rename("perceiver", "") // a resampler's layers lie beside its latents
        .prefix("face", "") // so does what a face perceiver starts from
        .rename("layers.*.attention", "layers.*.0")
        .rename("layers.*.feed_forward", "layers.*.1")
        .rename("layers.*.1.norm", "layers.*.1.0")
        .rename("layers.*.1.inner", "layers.*.1.1")
        .rename("layers.*.1.out", "layers.*.1.3") // 2 is the activation
        .rename("proj.inner", "proj.0")
        .rename("proj.out", "proj.2") // 1 is the activation
}

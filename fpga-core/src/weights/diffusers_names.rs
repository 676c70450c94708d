//! How diffusers and transformers spell the parameters of our networks.
//!
//! Our fields have the checkpoint's names, so each list holds only the differences.

use super::key_map::KeyMap;

/// `UNet2DConditionModel` and `ControlNetModel`.
pub fn unet_names() -> KeyMap {
    KeyMap::new()
        .prefix("encoder", "") // one half of the network, shared by both models
        .rename("to_out", "to_out.0") // 1 is a dropout
        .rename("ff.proj", "ff.net.0.proj") // 0 is the gated activation, 1 a dropout
        .rename("ff.out", "ff.net.2")
        .rename("downsampler", "downsamplers.0")
        .rename("upsampler", "upsamplers.0")
}

/// `AutoencoderKL`, as diffusers writes it and as it did before 0.16.
pub fn vae_names() -> KeyMap {
    current_vae_names()
        .or_rename("to_q", "query")
        .or_rename("to_k", "key")
        .or_rename("to_v", "value")
        .or_rename("to_out.0", "proj_attn")
}

/// `AutoencoderKL` without the old names.
pub(super) fn current_vae_names() -> KeyMap {
    KeyMap::new()
        .rename("to_out", "to_out.0") // 1 is a dropout
        .rename("downsampler", "downsamplers.0")
        .rename("upsampler", "upsamplers.0")
}

/// `CLIPTextModel` and `CLIPTextModelWithProjection`, with and without the tower's own name.
pub fn clip_text_names() -> KeyMap {
    KeyMap::new().or_prefix("text_model", "")
}

/// `CLIPVisionModel` and `CLIPVisionModelWithProjection`, with and without the tower's own name.
pub fn clip_vision_names() -> KeyMap {
    KeyMap::new().or_prefix("vision_model", "")
}

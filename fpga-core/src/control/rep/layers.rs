//! Which layers of a UNet have a modal copy.
//!
//! Convolutions and linear layers of residual blocks and transformers, in the whole UNet. Not: first and
//! last convolution, time embedding, down- and upsampling, norms. A copy sees the same input as its
//! layer and is added before anything nonlinear, which is what makes merging exact; GEGLU's projection
//! is therefore one layer, added before it is split into value and gate.

use serde::{Deserialize, Serialize};

/// How much of the UNet is copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModalLayers {
    /// Every convolution and linear layer of the blocks.
    #[default]
    Full,
    /// Queries, keys, values, and the two convolutions of each residual block.
    Lite,
    /// Those of [`Lite`](Self::Lite) on the way down and in the middle, the part that a ControlNet copies: less than
    /// half as much. Our own variant.
    Encoder,
}

/// Layers that both have: the owner's name, then the layer's.
const LITE: [[&str; 2]; 8] = [
    ["*", "conv1"],
    ["*", "conv2"],
    ["attn1", "to_q"],
    ["attn1", "to_k"],
    ["attn1", "to_v"],
    ["attn2", "to_q"],
    ["attn2", "to_k"],
    ["attn2", "to_v"],
];

/// Layers that only [`ModalLayers::Full`] has.
const FULL_ONLY: [[&str; 2]; 7] = [
    ["*", "conv_shortcut"],
    ["*", "proj_in"],
    ["*", "proj_out"],
    ["attn1", "to_out"],
    ["attn2", "to_out"],
    ["ff", "proj"],
    ["ff", "out"],
];

/// What stands before the paths of everything on the way down and in the middle.
const ENCODER: &str = "encoder.";

impl ModalLayers {
    /// All, the smallest first.
    pub const ALL: [Self; 3] = [Self::Encoder, Self::Lite, Self::Full];

    /// Whether the parameter at this path of a [`UNet`](crate::unet::UNet) has a modal copy.
    pub fn include(self, path: &str) -> bool {
        match self {
            Self::Full => LITE.iter().chain(&FULL_ONLY).any(|layer| at(path, layer)),
            Self::Lite => LITE.iter().any(|layer| at(path, layer)),
            Self::Encoder => path.starts_with(ENCODER) && Self::Lite.include(path),
        }
    }
}

/// Whether `path` is weight or bias of this layer.
fn at(path: &str, [owner, layer]: &[&str; 2]) -> bool {
    let mut parts = path.rsplit('.');
    let parameter = matches!(parts.next(), Some("weight" | "bias"));
    let same_layer = parts.next() == Some(layer);
    let found = parts.next();
    parameter && same_layer && (*owner == "*" || found == Some(owner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_copied_and_their_surroundings_are_not() {
        let block = "encoder.down_blocks.1.attentions.0.transformer_blocks.0";
        for (path, full, lite) in [
            (format!("{block}.attn1.to_q.weight"), true, true),
            (format!("{block}.attn2.to_out.bias"), true, false),
            (format!("{block}.ff.proj.weight"), true, false),
            (format!("{block}.ff.out.bias"), true, false),
            (format!("{block}.norm1.weight"), false, false),
            (
                "up_blocks.0.attentions.1.proj_in.weight".into(),
                true,
                false,
            ),
            (
                "up_blocks.0.resnets.2.conv_shortcut.bias".into(),
                true,
                false,
            ),
            ("encoder.mid_block.resnets.1.conv2.bias".into(), true, true),
            ("up_blocks.1.resnets.0.conv1.weight".into(), true, true),
            (
                "encoder.mid_block.resnets.1.norm2.bias".into(),
                false,
                false,
            ),
            (
                "encoder.mid_block.resnets.1.time_emb_proj.weight".into(),
                false,
                false,
            ),
            (
                "encoder.down_blocks.0.downsampler.conv.weight".into(),
                false,
                false,
            ),
            ("encoder.conv_in.weight".into(), false, false),
            ("conv_out.weight".into(), false, false),
        ] {
            assert_eq!(ModalLayers::Full.include(&path), full, "{path}");
            assert_eq!(ModalLayers::Lite.include(&path), lite, "{path}");
            let encoder = lite && path.starts_with("encoder.");
            assert_eq!(ModalLayers::Encoder.include(&path), encoder, "{path}");
        }
    }
}

//! DINO's networks from the files that people have: its own (`dino_deitsmall16_pretrain.pth`, and
//! whole training checkpoints) and transformers' `ViTModel`.

use std::path::Path;

use burn::tensor::Device;

use super::{Dino, DinoConfig};
use crate::error::{Context, Error, LoadReport, Result};
use crate::weights::{KeyMap, Storage, TensorSource, load};

/// Width of one head in all published networks.
const HEAD_WIDTH: usize = 64;
/// Where training code puts the network.
const WRAPPERS: [&str; 6] = [
    "teacher.backbone",
    "teacher.module.backbone",
    "module.backbone",
    "backbone",
    "module",
    "vit",
];

/// Loads a network; sizes are read off its tensors.
///
/// - `heads`: where heads are not 64 wide
///
/// # Errors
/// `Io` or `Format` if the file is not a sound checkpoint; `Unsupported` if it holds another network;
/// what [`load`] refuses.
pub fn dino_from_file(
    path: impl AsRef<Path>,
    heads: Option<usize>,
    storage: Storage,
    device: &Device,
) -> Result<(Dino, LoadReport)> {
    let source = unwrapped(TensorSource::open(path)?);
    let layout = Layout::of(&source);
    let config = layout.sizes(&source, heads).context(|| "DINO network")?;
    load(
        config.init(device),
        &source,
        &layout.names(),
        storage,
        device,
    )
    .context(|| "DINO network")
}

fn unwrapped(source: TensorSource) -> TensorSource {
    let inner = WRAPPERS.iter().map(|wrapper| source.scoped(wrapper));
    inner
        .into_iter()
        .find(|inner| Layout::known(inner))
        .unwrap_or(source)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    Original,
    Transformers,
}

impl Layout {
    fn known(source: &TensorSource) -> bool {
        source.contains("cls_token") || source.contains("embeddings.cls_token")
    }

    fn of(source: &TensorSource) -> Self {
        match source.contains("embeddings.cls_token") {
            true => Self::Transformers,
            false => Self::Original,
        }
    }

    /// Class token, positions, patches, first layer of the first feed-forward part, all layers.
    fn places(self) -> [&'static str; 5] {
        match self {
            Self::Original => [
                "cls_token",
                "pos_embed",
                "patch_embed.proj.weight",
                "blocks.0.mlp.fc1.weight",
                "blocks",
            ],
            Self::Transformers => [
                "embeddings.cls_token",
                "embeddings.position_embeddings",
                "embeddings.patch_embeddings.projection.weight",
                "encoder.layer.0.intermediate.dense.weight",
                "encoder.layer",
            ],
        }
    }

    fn names(self) -> KeyMap {
        match self {
            Self::Original => KeyMap::new()
                .third("attn.query", "attn.qkv", 0)
                .third("attn.key", "attn.qkv", 1)
                .third("attn.value", "attn.qkv", 2),
            Self::Transformers => KeyMap::new()
                .prefix("cls_token", "embeddings.cls_token")
                .prefix("pos_embed", "embeddings.position_embeddings")
                .prefix("patch_embed.proj", "embeddings.patch_embeddings.projection")
                .prefix("norm", "layernorm")
                .prefix("blocks", "encoder.layer")
                .rename("norm1", "layernorm_before")
                .rename("norm2", "layernorm_after")
                .rename("attn.proj", "attention.output.dense")
                .rename("attn", "attention.attention")
                .rename("mlp.fc1", "intermediate.dense")
                .rename("mlp.fc2", "output.dense"),
        }
    }

    fn sizes(self, source: &TensorSource, heads: Option<usize>) -> Result<DinoConfig> {
        let [class, positions, patches, inner, layers] = self.places();
        let shape = |name: &str| {
            let absent = || {
                Error::unsupported(
                    source.origin().display().to_string(),
                    format!("{name} is not there: another network"),
                )
            };
            source.shape(name).ok_or_else(absent)
        };
        let wrong = |name: &str| {
            let why = format!(
                "{name} has the shape {:?}",
                source.shape(name).unwrap_or_default()
            );
            Error::unsupported(source.origin().display().to_string(), why)
        };
        let &[1, 1, width] = shape(class)? else {
            return Err(wrong(class));
        };
        let &[1, tokens, _] = shape(positions)? else {
            return Err(wrong(positions));
        };
        let &[_, 3, patch, _] = shape(patches)? else {
            return Err(wrong(patches));
        };
        let &[inner_width, _] = shape(inner)? else {
            return Err(wrong(inner));
        };
        let grid = (tokens.max(1) - 1).isqrt();
        if grid == 0 || grid * grid + 1 != tokens {
            return Err(wrong(positions));
        }
        let heads = heads.unwrap_or(width / HEAD_WIDTH);
        if heads == 0 || width % heads != 0 {
            return Err(Error::invalid(
                "heads",
                format!("{heads} do not divide the width {width}"),
            ));
        }
        let count = (0..).take_while(|layer| {
            let start = format!("{layers}.{layer}.");
            source.names().any(|name| name.starts_with(&start))
        });
        Ok(DinoConfig {
            width,
            inner_width,
            heads,
            layers: count.count(),
            patch,
            grid,
        })
    }
}

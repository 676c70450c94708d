//! Key and value projections of identity tokens, in IP-Adapter's naming.
//!
//! `{index}.to_k_ip.weight` and `{index}.to_v_ip.weight`: the index counts a UNet's attention
//! processors in diffusers' order of registration, which is down, up, middle, and self-attention and
//! cross-attention in turn; so cross-attention has the odd ones. IP-Adapters keep them below
//! `ip_adapter.`, ConsistentID below `adapter_modules.`; what else lies there is left alone.

use std::path::Path;

use burn::tensor::Device;

use super::decode::Storage;
use super::key_map::KeyMap;
use super::load::load;
use super::save::save;
use super::source::TensorSource;
use crate::error::{Error, LoadReport, Result};
use crate::identity::{IdentityAttention, IdentityAttentionConfig};
use crate::unet::{UNetConfig, Way};

/// Loads the projections for a UNet from a section whose names start with the index.
///
/// Tokens may have any width. The report lists what else the section holds as unused.
///
/// # Errors
/// The section holds no such projections, or they were made for a UNet of other sizes; otherwise as
/// [`load`].
pub fn identity_attention(
    section: &TensorSource,
    unet: &UNetConfig,
    storage: Storage,
    device: &Device,
) -> Result<(IdentityAttention, LoadReport)> {
    let found = Found::read(section)?;
    let order = FileOrder::of(unet);
    found.check(section, unet, &order)?;
    let config = IdentityAttentionConfig {
        token_width: found.token_width,
        widths: order.widths.clone(),
    };
    load(
        config.init(device),
        section,
        &order.names(),
        storage,
        device,
    )
}

/// Writes the projections below `ip_adapter.`, numbered as files have them.
///
/// # Errors
/// `Io` if the file cannot be written.
pub fn save_identity_attention(
    adapter: &IdentityAttention,
    unet: &UNetConfig,
    path: &Path,
    storage: Storage,
) -> Result<()> {
    save(
        adapter,
        &layer_names(unet).prefix("", "ip_adapter"),
        path,
        storage,
    )
}

/// How a section of attention layers spells the projections of this UNet.
pub(super) fn layer_names(unet: &UNetConfig) -> KeyMap {
    FileOrder::of(unet).names()
}

/// The layers of a section, in the order of the file.
struct Found {
    indices: Vec<usize>,
    widths: Vec<usize>,
    token_width: usize,
}

impl Found {
    fn read(section: &TensorSource) -> Result<Self> {
        let index =
            |name: &str| -> Option<usize> { name.strip_suffix(".to_k_ip.weight")?.parse().ok() };
        let mut indices: Vec<_> = section.names().filter_map(index).collect();
        indices.sort_unstable();
        let mut shapes = Vec::with_capacity(indices.len());
        for index in &indices {
            let name = format!("{index}.to_k_ip.weight");
            match section.shape(&name) {
                Some(&[width, token_width]) => shapes.push((width, token_width)),
                other => return Err(Error::shape(name, "[width, token width]", other)),
            }
        }
        let Some(&(_, token_width)) = shapes.first() else {
            let why = "holds no identity projections (1.to_k_ip.weight, 3.to_k_ip.weight, …)";
            return Err(Error::format(section.origin(), why));
        };
        Ok(Self {
            indices,
            widths: shapes.into_iter().map(|(width, _)| width).collect(),
            token_width,
        })
    }

    /// Refuses what was made for another UNet, in words instead of a list of tensors.
    fn check(&self, section: &TensorSource, unet: &UNetConfig, order: &FileOrder) -> Result<()> {
        let needed = order.widths_in_file();
        let odd = |(place, index): (usize, &usize)| *index == 2 * place + 1;
        let numbered = self.indices.iter().enumerate().all(odd);
        if numbered && self.widths == needed {
            return Ok(());
        }
        let what = format!("identity adapter {}", section.origin().display());
        if !numbered && self.widths.len() == needed.len() {
            let why = format!(
                "needs cross-attention layers numbered 1, 3, 5, …, found {:?}",
                self.indices
            );
            return Err(Error::invalid(what, why));
        }
        let text = unet.cross_attention();
        let context_width = text.first().map_or(0, |layer| layer.context_width);
        let why = format!(
            "was made for {}, and this model is {}",
            family(&self.widths, self.token_width),
            family(&needed, context_width),
        );
        Err(Error::invalid(what, why))
    }
}

/// A UNet in words.
fn family(widths: &[usize], token_width: usize) -> String {
    let name = match (token_width, widths.len()) {
        (768, 16) => "Stable Diffusion 1",
        (1024, 16) => "Stable Diffusion 2",
        (2048, 70) => "SDXL",
        _ => "a UNet",
    };
    let mut sizes = widths.to_vec();
    sizes.sort_unstable();
    sizes.dedup();
    let count = widths.len();
    format!("{name} ({count} cross-attention layers of widths {sizes:?}, tokens of {token_width})")
}

/// Where each layer, in the order of use, stands in the file.
struct FileOrder {
    widths: Vec<usize>,
    places: Vec<usize>,
}

impl FileOrder {
    fn of(unet: &UNetConfig) -> Self {
        let layers = unet.cross_attention();
        let rank = |way| match way {
            Way::Down => 0,
            Way::Up => 1,
            Way::Mid => 2,
        };
        let mut by_file: Vec<usize> = (0..layers.len()).collect();
        by_file.sort_by_key(|&used| rank(layers[used].way));
        let mut places = vec![0; layers.len()];
        for (place, used) in by_file.into_iter().enumerate() {
            places[used] = place;
        }
        Self {
            widths: layers.iter().map(|layer| layer.width).collect(),
            places,
        }
    }

    fn widths_in_file(&self) -> Vec<usize> {
        let mut widths = vec![0; self.widths.len()];
        for (&place, &width) in self.places.iter().zip(&self.widths) {
            widths[place] = width;
        }
        widths
    }

    fn names(&self) -> KeyMap {
        let places = self.places.iter().enumerate();
        places.fold(KeyMap::new(), |names, (used, place)| {
            names.prefix(&format!("layers.{used}"), &(2 * place + 1).to_string())
        })
    }
}

#[cfg(test)]
mod tests {
    use safetensors::Dtype;
    use safetensors::tensor::{TensorView, serialize};
    use serde_json::json;

    use super::*;

    /// One stage down, a middle of another width, one stage up.
    fn small() -> UNetConfig {
        let json = json!({
            "block_out_channels": [4, 6],
            "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
            "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
            "layers_per_block": 1,
            "cross_attention_dim": 3,
            "attention_head_dim": 2,
            "norm_num_groups": 2,
        });
        UNetConfig::from_json(&json).unwrap()
    }

    /// A section whose tensors are filled with their own index, negative for values.
    fn section(widths: &[usize], tokens: usize, first: usize) -> TensorSource {
        let mut all = Vec::new();
        for (place, &width) in widths.iter().enumerate() {
            let index = first + 2 * place;
            for (name, sign) in [("to_k_ip", 1.0f32), ("to_v_ip", -1.0)] {
                let value = (sign * index as f32).to_le_bytes();
                let bytes = value.repeat(width * tokens);
                all.push((format!("{index}.{name}.weight"), vec![width, tokens], bytes));
            }
        }
        all.push(("0.to_q_lora.down.weight".into(), vec![1, 1], vec![0; 4]));
        let views = all.iter().map(|(name, shape, bytes)| {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap();
            (name.as_str(), view)
        });
        let bytes = serialize(views.collect::<Vec<_>>(), None).unwrap();
        TensorSource::from_bytes("adapter.safetensors", bytes).unwrap()
    }

    fn read(section: &TensorSource) -> Result<(IdentityAttention, LoadReport)> {
        identity_attention(section, &small(), Storage::AsStored, &Device::flex())
    }

    #[test]
    fn the_middle_comes_last_in_the_file_and_between_in_use() {
        // down 4, 6; up 4, 4; middle 6
        let (attention, report) = read(&section(&[4, 6, 4, 4, 6], 5, 1)).unwrap();
        assert_eq!(attention.widths(), [4, 6, 6, 4, 4]);
        assert_eq!(attention.token_width(), 5);
        let value =
            |layer: &crate::nn::Linear| -> f32 { layer.weight.val().max().into_scalar::<f32>() };
        let keys: Vec<_> = attention.layers.iter().map(|l| value(&l.to_k_ip)).collect();
        let values: Vec<_> = attention.layers.iter().map(|l| value(&l.to_v_ip)).collect();
        assert_eq!(keys, [1.0, 3.0, 9.0, 5.0, 7.0]);
        assert_eq!(values, [-1.0, -3.0, -9.0, -5.0, -7.0]);
        assert_eq!(report.unused, ["0.to_q_lora.down.weight"]);
    }

    #[test]
    fn what_belongs_to_another_model_is_refused_in_words() {
        let refused = |section: TensorSource| read(&section).unwrap_err().to_string();
        let sdxl: Vec<usize> = std::iter::repeat_n(640, 10)
            .chain(std::iter::repeat_n(1280, 60))
            .collect();
        let shapes = sdxl.iter().enumerate().flat_map(|(place, &width)| {
            ["to_k_ip", "to_v_ip"].map(|name| {
                let name = format!("{}.{name}.weight", 2 * place + 1);
                (name, vec![width, 2048])
            })
        });
        let error = refused(TensorSource::of_shapes(shapes));
        assert_eq!(
            error,
            "identity adapter shapes: was made for SDXL (70 cross-attention layers of widths \
             [640, 1280], tokens of 2048), and this model is a UNet (5 cross-attention layers of \
             widths [4, 6], tokens of 3)"
        );
        let error = refused(section(&[4, 6, 4, 4, 6], 5, 2));
        assert!(error.contains("numbered 1, 3, 5"), "{error}");
        let error = refused(section(&[], 5, 1));
        assert!(error.contains("no identity projections"), "{error}");
    }
}

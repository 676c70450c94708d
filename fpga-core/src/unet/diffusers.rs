//! Reads diffusers' `config.json` of a UNet or ControlNet into typed sizes.
//!
//! Absent keys take diffusers' defaults. A key whose value would change the network in a way that
//! this crate does not build is refused by name; keys that only matter for training are ignored.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::config::{AddedConfig, EncoderConfig, StageConfig, TransformerConfig, UNetConfig};
use crate::error::{Context, Error, Result};
use crate::nn::SinusoidalEmbedding;

/// A value for all stages, or one per stage.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum PerStage {
    All(usize),
    Each(Vec<usize>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum BlockType {
    DownBlock2D,
    CrossAttnDownBlock2D,
    UpBlock2D,
    CrossAttnUpBlock2D,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum MidBlockType {
    UNetMidBlock2DCrossAttn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum AddedType {
    #[serde(rename = "text_time")]
    TextTime,
}

#[derive(Debug, Deserialize)]
#[serde(default)]
struct Keys {
    in_channels: usize,
    out_channels: usize,
    flip_sin_to_cos: bool,
    freq_shift: f64,
    down_block_types: Vec<BlockType>,
    mid_block_type: Option<MidBlockType>,
    up_block_types: Vec<BlockType>,
    block_out_channels: Vec<usize>,
    layers_per_block: PerStage,
    norm_num_groups: usize,
    norm_eps: f64,
    cross_attention_dim: PerStage,
    transformer_layers_per_block: PerStage,
    /// In these models the number of heads, whatever its name says.
    attention_head_dim: PerStage,
    num_attention_heads: Option<PerStage>,
    use_linear_projection: bool,
    addition_embed_type: Option<AddedType>,
    addition_time_embed_dim: Option<usize>,
    projection_class_embeddings_input_dim: Option<usize>,
    time_embedding_dim: Option<usize>,
}

impl Default for Keys {
    fn default() -> Self {
        use BlockType::{CrossAttnDownBlock2D, CrossAttnUpBlock2D, DownBlock2D, UpBlock2D};
        Self {
            in_channels: 4,
            out_channels: 4,
            flip_sin_to_cos: true,
            freq_shift: 0.0,
            down_block_types: [[CrossAttnDownBlock2D; 3].as_slice(), &[DownBlock2D]].concat(),
            mid_block_type: Some(MidBlockType::UNetMidBlock2DCrossAttn),
            up_block_types: [[UpBlock2D].as_slice(), &[CrossAttnUpBlock2D; 3]].concat(),
            block_out_channels: vec![320, 640, 1280, 1280],
            layers_per_block: PerStage::All(2),
            norm_num_groups: 32,
            norm_eps: 1e-5,
            cross_attention_dim: PerStage::All(1280),
            transformer_layers_per_block: PerStage::All(1),
            attention_head_dim: PerStage::All(8),
            num_attention_heads: None,
            use_linear_projection: false,
            addition_embed_type: None,
            addition_time_embed_dim: None,
            projection_class_embeddings_input_dim: None,
            time_embedding_dim: None,
        }
    }
}

/// Keys that must keep the value next to them: any other would be another network.
fn fixed_keys() -> [(&'static str, Value); 25] {
    [
        ("act_fn", "silu".into()),
        ("attention_type", "default".into()),
        ("center_input_sample", false.into()),
        ("class_embed_type", Value::Null),
        ("class_embeddings_concat", false.into()),
        ("conv_in_kernel", 3.into()),
        ("conv_out_kernel", 3.into()),
        ("cross_attention_norm", Value::Null),
        ("downsample_padding", 1.into()),
        ("dual_cross_attention", false.into()),
        ("encoder_hid_dim", Value::Null),
        ("encoder_hid_dim_type", Value::Null),
        ("mid_block_only_cross_attention", Value::Null),
        ("mid_block_scale_factor", 1.into()),
        ("num_class_embeds", Value::Null),
        ("only_cross_attention", false.into()),
        ("resnet_out_scale_factor", 1.into()),
        ("resnet_skip_time_act", false.into()),
        ("resnet_time_scale_shift", "default".into()),
        ("reverse_transformer_layers_per_block", Value::Null),
        ("time_cond_proj_dim", Value::Null),
        ("time_embedding_act_fn", Value::Null),
        ("time_embedding_type", "positional".into()),
        ("timestep_post_act", Value::Null),
        ("norm_type", Value::Null),
    ]
}

impl UNetConfig {
    /// Reads a diffusers `UNet2DConditionModel` configuration.
    ///
    /// # Errors
    /// A key of the wrong type, a combination that is impossible, or a variant of the network
    /// that this crate does not build; each names the key.
    pub fn from_json(json: &Value) -> Result<Self> {
        let (keys, encoder) = read(json)?;
        let transformers: Vec<_> = keys.transformers(keys.block_out_channels.len())?;
        let layers = keys
            .layers_per_block
            .each("layers_per_block", transformers.len())?;
        same_count(
            "up_block_types",
            keys.up_block_types.len(),
            transformers.len(),
        )?;
        let inside_out = keys
            .block_out_channels
            .iter()
            .zip(layers)
            .zip(transformers)
            .rev();
        let up_stages = inside_out
            .zip(&keys.up_block_types)
            .map(|(((&channels, layers), transformer), block)| {
                let transformer = match block {
                    BlockType::CrossAttnUpBlock2D => Some(transformer),
                    BlockType::UpBlock2D => None,
                    other => return Err(misplaced("up_block_types", *other)),
                };
                Ok(StageConfig {
                    channels,
                    layers: layers.saturating_add(1),
                    transformer,
                })
            })
            .collect::<Result<_>>()?;
        let config = Self {
            encoder,
            up_stages,
            out_channels: keys.out_channels,
        };
        config.check().context(|| "unet config.json")?;
        Ok(config)
    }
}

impl EncoderConfig {
    /// Reads the keys that UNet and ControlNet share.
    ///
    /// # Errors
    /// As [`UNetConfig::from_json`].
    pub fn from_json(json: &Value) -> Result<Self> {
        let (_, encoder) = read(json)?;
        encoder.check().context(|| "config.json")?;
        Ok(encoder)
    }
}

fn read(json: &Value) -> Result<(Keys, EncoderConfig)> {
    let object = json
        .as_object()
        .ok_or_else(|| Error::invalid("config.json", "expected an object of keys and values"))?;
    refuse_other_networks(object)?;
    let keys: Keys = serde_json::from_value(json.clone())
        .map_err(|error| Error::invalid("config.json", error.to_string()))?;
    let encoder = keys.encoder()?;
    Ok((keys, encoder))
}

fn refuse_other_networks(object: &Map<String, Value>) -> Result<()> {
    for (key, needed) in fixed_keys() {
        let Some(found) = object.get(key) else {
            continue;
        };
        let equal_numbers =
            matches!((found.as_f64(), needed.as_f64()), (Some(a), Some(b)) if a == b);
        // `only_cross_attention` may list one `false` per stage.
        let all_equal = found
            .as_array()
            .is_some_and(|all| all.iter().all(|one| *one == needed));
        if !(*found == needed || found.is_null() || equal_numbers || all_equal) {
            return Err(Error::unsupported(
                key,
                format!("expected {needed}, found {found}"),
            ));
        }
    }
    Ok(())
}

impl Keys {
    fn encoder(&self) -> Result<EncoderConfig> {
        let count = self.block_out_channels.len();
        let transformers = self.transformers(count)?;
        let layers = self.layers_per_block.each("layers_per_block", count)?;
        same_count("down_block_types", self.down_block_types.len(), count)?;
        let stages = self
            .down_block_types
            .iter()
            .zip(&self.block_out_channels)
            .zip(layers.into_iter().zip(&transformers))
            .map(|((block, &channels), (layers, &transformer))| {
                let transformer = match block {
                    BlockType::CrossAttnDownBlock2D => Some(transformer),
                    BlockType::DownBlock2D => None,
                    other => return Err(misplaced("down_block_types", *other)),
                };
                Ok(StageConfig {
                    channels,
                    layers,
                    transformer,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let Some(&first) = self.block_out_channels.first() else {
            return Err(Error::invalid(
                "block_out_channels",
                "needs at least one stage",
            ));
        };
        Ok(EncoderConfig {
            in_channels: self.in_channels,
            stages,
            mid: self.mid_block_type.and(transformers.last().copied()),
            timestep: SinusoidalEmbedding {
                width: first,
                cosine_first: self.flip_sin_to_cos,
                frequency_shift: self.freq_shift,
            },
            time_width: self.time_embedding_dim.unwrap_or(first.saturating_mul(4)),
            added: self.added()?,
            norm_groups: self.norm_num_groups,
            norm_epsilon: self.norm_eps,
        })
    }

    /// The transformer that each stage would have.
    fn transformers(&self, count: usize) -> Result<Vec<TransformerConfig>> {
        let heads = self
            .num_attention_heads
            .as_ref()
            .unwrap_or(&self.attention_head_dim);
        let heads = heads.each("attention_head_dim", count)?;
        let depths = self
            .transformer_layers_per_block
            .each("transformer_layers_per_block", count)?;
        let widths = self
            .cross_attention_dim
            .each("cross_attention_dim", count)?;
        let all = heads.into_iter().zip(depths).zip(widths);
        let linear_projection = self.use_linear_projection;
        Ok(all
            .map(|((heads, depth), context_width)| TransformerConfig {
                heads,
                depth,
                context_width,
                linear_projection,
            })
            .collect())
    }

    fn added(&self) -> Result<Option<AddedConfig>> {
        let Some(AddedType::TextTime) = self.addition_embed_type else {
            return Ok(None);
        };
        let needed = |value: Option<usize>, key: &str| {
            value.ok_or_else(|| Error::invalid(key, "needed by addition_embed_type text_time"))
        };
        Ok(Some(AddedConfig {
            size_width: needed(self.addition_time_embed_dim, "addition_time_embed_dim")?,
            input_width: needed(
                self.projection_class_embeddings_input_dim,
                "projection_class_embeddings_input_dim",
            )?,
        }))
    }
}

impl PerStage {
    fn each(&self, key: &str, count: usize) -> Result<Vec<usize>> {
        match self {
            Self::All(value) => Ok(vec![*value; count]),
            Self::Each(values) => {
                same_count(key, values.len(), count)?;
                Ok(values.clone())
            }
        }
    }
}

fn same_count(key: &str, found: usize, stages: usize) -> Result<()> {
    if found == stages {
        return Ok(());
    }
    let why =
        format!("expected one value per stage of block_out_channels ({stages}), found {found}");
    Err(Error::invalid(key, why))
}

fn misplaced(key: &str, block: BlockType) -> Error {
    Error::unsupported(key, format!("{block:?} cannot stand there"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn absent_keys_are_diffusers_defaults() {
        let config = UNetConfig::from_json(&json!({ "cross_attention_dim": 768 })).unwrap();
        assert_eq!(config.encoder.stages.len(), 4);
        assert_eq!(config.encoder.stages[0].transformer.unwrap().heads, 8);
        assert_eq!(config.encoder.stages[3].transformer, None);
        assert_eq!(
            config.up_stages[0],
            StageConfig {
                channels: 1280,
                layers: 3,
                transformer: None
            }
        );
        assert_eq!(config.encoder.time_width, 1280);
    }

    #[test]
    fn other_networks_are_refused_by_name() {
        for (key, value) in [
            ("class_embed_type", json!("projection")),
            ("resnet_time_scale_shift", json!("scale_shift")),
            ("only_cross_attention", json!([true, true, true, false])),
            ("conv_in_kernel", json!(5)),
            ("norm_num_groups", json!(7)),
            ("attention_head_dim", json!([5, 10])),
            ("down_block_types", json!(["AttnDownBlock2D"])),
            ("layers_per_block", json!(-1)),
            ("block_out_channels", json!([])),
        ] {
            let error = UNetConfig::from_json(&json!({ key: value }))
                .unwrap_err()
                .to_string();
            let named = error.contains(key) || error.contains("AttnDownBlock2D");
            assert!(named || key == "layers_per_block", "{key}: {error}");
        }
    }
}

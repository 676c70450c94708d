//! Writes typed sizes as diffusers' `config.json`, so that other programs load what was trained here.

use serde_json::{Map, Value, json};

use super::config::{EncoderConfig, TransformerConfig, UNetConfig};
use crate::error::{Error, Result};

impl UNetConfig {
    /// A diffusers `UNet2DConditionModel` configuration that reads back as this one.
    ///
    /// # Errors
    /// `Unsupported` for a network that diffusers' keys cannot say: stages with transformers of their own
    /// on the way up, or a middle stage unlike the innermost one.
    pub fn to_json(&self) -> Result<Value> {
        let up = self.up_stages.iter().rev().map(|stage| stage.transformer);
        let mut keys = self.encoder.keys(up.collect());
        keys.insert("_class_name".into(), "UNet2DConditionModel".into());
        keys.insert("out_channels".into(), self.out_channels.into());
        let blocks = self.up_stages.iter().map(|stage| match stage.transformer {
            Some(_) => "CrossAttnUpBlock2D",
            None => "UpBlock2D",
        });
        keys.insert("up_block_types".into(), blocks.collect());
        let written = Value::Object(keys);
        match Self::from_json(&written) {
            Ok(read) if read == *self => Ok(written),
            _ => Err(unsaid()),
        }
    }
}

impl EncoderConfig {
    /// The keys that UNet and ControlNet share.
    ///
    /// # Errors
    /// As [`UNetConfig::to_json`].
    pub fn to_json(&self) -> Result<Value> {
        let written = Value::Object(self.keys(vec![None; self.stages.len()]));
        match Self::from_json(&written) {
            Ok(read) if read == *self => Ok(written),
            _ => Err(unsaid()),
        }
    }

    /// `up` holds the transformers on the way up, outermost first: one entry of diffusers' lists speaks for
    /// both ways of a stage.
    fn keys(&self, up: Vec<Option<TransformerConfig>>) -> Map<String, Value> {
        let down = self.stages.iter().map(|stage| stage.transformer);
        let mut both: Vec<_> = down
            .zip(up.into_iter().chain(std::iter::repeat(None)))
            .map(|(down, up)| down.or(up))
            .collect();
        if let Some(innermost) = both.last_mut() {
            *innermost = innermost.or(self.mid);
        }
        // Stages without any take the numbers of another: nobody reads them.
        let any = both.iter().flatten().next().copied();
        let all: Vec<_> = both.into_iter().map(|one| one.or(any)).collect();
        let each = |value: fn(&TransformerConfig) -> usize| -> Value {
            let values = all.iter().flatten().map(value);
            values.collect::<Vec<_>>().into()
        };
        let blocks = self.stages.iter().map(|stage| match stage.transformer {
            Some(_) => "CrossAttnDownBlock2D",
            None => "DownBlock2D",
        });
        let stages = |value: fn(&super::StageConfig) -> usize| -> Vec<usize> {
            self.stages.iter().map(value).collect()
        };
        let mut keys = json!({
            "in_channels": self.in_channels,
            "flip_sin_to_cos": self.timestep.cosine_first,
            "freq_shift": self.timestep.frequency_shift,
            "down_block_types": blocks.collect::<Vec<_>>(),
            "mid_block_type": self.mid.map(|_| "UNetMidBlock2DCrossAttn"),
            "block_out_channels": stages(|stage| stage.channels),
            "layers_per_block": stages(|stage| stage.layers),
            "norm_num_groups": self.norm_groups,
            "norm_eps": self.norm_epsilon,
            "time_embedding_dim": self.time_width,
            "use_linear_projection": any.is_some_and(|one| one.linear_projection),
        });
        let keys = keys.as_object_mut().map(std::mem::take);
        let mut keys = keys.expect("made as an object");
        if any.is_some() {
            keys.insert("attention_head_dim".into(), each(|one| one.heads));
            keys.insert("cross_attention_dim".into(), each(|one| one.context_width));
            let depths = each(|one| one.depth);
            keys.insert("transformer_layers_per_block".into(), depths);
        }
        if let Some(added) = self.added {
            keys.insert("addition_embed_type".into(), "text_time".into());
            let sizes = added.size_width;
            keys.insert("addition_time_embed_dim".into(), sizes.into());
            let width = added.input_width.into();
            keys.insert("projection_class_embeddings_input_dim".into(), width);
        }
        keys
    }
}

fn unsaid() -> Error {
    let why = "these sizes have no words in diffusers' config.json";
    Error::unsupported("network", why)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stable Diffusion 1.5, 2.1 and XL in small, and one without a middle.
    fn known() -> [Value; 4] {
        [
            json!({ "cross_attention_dim": 768, "block_out_channels": [32, 64, 64, 96] }),
            json!({
                "cross_attention_dim": 1024, "attention_head_dim": [5, 10, 20, 20],
                "block_out_channels": [320, 640, 1280, 1280], "use_linear_projection": true,
            }),
            json!({
                "block_out_channels": [320, 640, 1280], "cross_attention_dim": 2048,
                "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
                "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
                "transformer_layers_per_block": [1, 2, 10], "attention_head_dim": [5, 10, 20],
                "use_linear_projection": true, "addition_embed_type": "text_time",
                "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816,
            }),
            json!({
                "block_out_channels": [32, 64], "mid_block_type": null, "freq_shift": 1,
                "down_block_types": ["DownBlock2D", "DownBlock2D"], "layers_per_block": [1, 3],
                "up_block_types": ["UpBlock2D", "UpBlock2D"], "in_channels": 9,
            }),
        ]
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        for json in known() {
            let config = UNetConfig::from_json(&json).unwrap();
            let written = config.to_json().unwrap();
            assert_eq!(UNetConfig::from_json(&written).unwrap(), config);
            let encoder = config.encoder.to_json().unwrap();
            assert_eq!(EncoderConfig::from_json(&encoder).unwrap(), config.encoder);
        }
    }

    #[test]
    fn what_diffusers_cannot_say_is_refused() {
        let mut config = UNetConfig::from_json(&known()[0]).unwrap();
        let transformer = config.up_stages[1].transformer.as_mut().unwrap();
        transformer.heads *= 2;
        let error = config.to_json().unwrap_err().to_string();
        assert!(error.contains("config.json"), "{error}");
    }
}

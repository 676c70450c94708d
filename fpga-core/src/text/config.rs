//! Sizes of a CLIP text model, as transformers' `config.json` states them.

use serde_json::Value;

use crate::error::{Error, Result};
use crate::nn::{ClipActivation, ClipEncoderConfig, DEPTHS, Fields, Reach, WIDTHS};

/// Sizes of a [`ClipText`](super::ClipText).
#[derive(Clone, Debug, PartialEq)]
pub struct ClipTextConfig {
    /// Number of token ids.
    pub vocabulary: usize,
    /// Longest sequence.
    pub positions: usize,
    /// The layers.
    pub encoder: ClipEncoderConfig,
    /// Width of the text embedding, where the model has a projection.
    pub projection_width: Option<usize>,
    /// Which token the pooled output is read at.
    pub pooling: Pooling,
}

/// Which token stands for the whole text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// The one with the highest id: configs that state the wrong end id 2 were trained so.
    HighestId,
    /// The first one with this id; the first of all where it does not occur.
    FirstOf(i64),
}

impl ClipTextConfig {
    /// Reads the configuration of a text model, or the text half of a whole CLIP model's.
    ///
    /// The projection is there if `architectures` says so, since the width alone is written by
    /// models without one, too.
    ///
    /// # Errors
    /// A size out of range, sizes that contradict each other, or an activation that is not built.
    pub fn from_json(config: &Value) -> Result<Self> {
        let whole = Fields::new("text", config)?;
        let half = whole.nested("text_config")?;
        let fields = half.unwrap_or(whole);
        let projects = half.is_some() || names_architecture(config, "CLIPTextModelWithProjection");
        let projection_width = match projects {
            true => Some(whole.count("projection_dim", 512, WIDTHS)?),
            false => None,
        };
        Ok(Self {
            vocabulary: fields.count("vocab_size", 49_408, 1..=4_194_304)?,
            positions: fields.count("max_position_embeddings", 77, 3..=65_536)?,
            encoder: read_encoder(fields)?,
            projection_width,
            pooling: read_pooling(fields)?,
        })
    }

    /// Whether the model can take these ids.
    ///
    /// # Errors
    /// A sequence longer than the positions, or an id outside the vocabulary.
    pub fn check_ids(&self, sequence: &[i64]) -> Result<()> {
        if sequence.is_empty() || sequence.len() > self.positions {
            let needed = format!("1 to {} token ids", self.positions);
            return Err(Error::shape("input_ids", needed, sequence.len()));
        }
        let known = |id: &&i64| usize::try_from(**id).is_ok_and(|id| id < self.vocabulary);
        match sequence.iter().find(|id| !known(id)) {
            Some(id) => Err(Error::invalid(
                "input_ids",
                format!("ids are 0 to {}, found {id}", self.vocabulary - 1),
            )),
            None => Ok(()),
        }
    }
}

fn names_architecture(config: &Value, name: &str) -> bool {
    let names = config["architectures"].as_array();
    names
        .into_iter()
        .flatten()
        .any(|found| found.as_str() == Some(name))
}

fn read_encoder(fields: Fields<'_>) -> Result<ClipEncoderConfig> {
    let encoder = ClipEncoderConfig {
        width: fields.count("hidden_size", 512, WIDTHS)?,
        inner_width: fields.count("intermediate_size", 2048, WIDTHS)?,
        heads: fields.count("num_attention_heads", 8, DEPTHS)?,
        layers: fields.count("num_hidden_layers", 12, DEPTHS)?,
        norm_epsilon: fields.number("layer_norm_eps", 1e-5)?,
        activation: fields.choice("hidden_act", &ClipActivation::NAMES)?,
        reach: Reach::Causal,
    };
    encoder.check(fields)?;
    Ok(encoder)
}

fn read_pooling(fields: Fields<'_>) -> Result<Pooling> {
    let id = fields.count("eos_token_id", 49_407, 0..=4_194_304)?;
    Ok(match id {
        2 => Pooling::HighestId,
        id => Pooling::FirstOf(id as i64),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn absent_keys_take_the_published_defaults() {
        let config = ClipTextConfig::from_json(&json!({ "projection_dim": 9 })).unwrap();
        assert_eq!((config.vocabulary, config.positions), (49_408, 77));
        assert_eq!(config.pooling, Pooling::FirstOf(49_407));
        // the width alone does not make a projection
        assert_eq!(config.projection_width, None);
    }

    #[test]
    fn the_text_half_of_a_whole_model_projects() {
        let whole = json!({
            "architectures": ["CLIPModel"],
            "projection_dim": 24,
            "text_config": { "hidden_size": 32, "num_attention_heads": 4, "eos_token_id": 2 },
            "vision_config": { "hidden_size": 48 },
        });
        let config = ClipTextConfig::from_json(&whole).unwrap();
        assert_eq!(config.encoder.width, 32);
        assert_eq!(config.projection_width, Some(24));
        assert_eq!(config.pooling, Pooling::HighestId);
    }

    #[test]
    fn what_is_not_built_or_not_possible_is_refused_by_name() {
        for (key, value) in [
            ("hidden_size", json!(0)),
            ("hidden_size", json!(u64::MAX)),
            ("num_attention_heads", json!(7)),
            ("num_hidden_layers", json!(1_000_000_000)),
            ("vocab_size", json!(1u64 << 40)),
            ("max_position_embeddings", json!(2)),
            ("layer_norm_eps", json!(0)),
            ("hidden_act", json!("gelu_new")),
            ("eos_token_id", json!([1, 2])),
            ("text_config", json!(3)),
        ] {
            let mut config = json!({});
            config[key] = value;
            let error = ClipTextConfig::from_json(&config).unwrap_err().to_string();
            assert!(error.contains(key), "{error}");
        }
        assert!(ClipTextConfig::from_json(&json!([])).is_err());
    }

    #[test]
    fn ids_outside_the_tables_are_refused() {
        let config = ClipTextConfig::from_json(&json!({ "vocab_size": 10 })).unwrap();
        assert!(config.check_ids(&[0, 9]).is_ok());
        for ids in [&[0, 10][..], &[-1], &[], &[0; 78]] {
            assert!(config.check_ids(ids).is_err(), "{ids:?}");
        }
    }
}

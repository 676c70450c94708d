//! How strongly pairs act that carry no alpha of their own.
//!
//! PEFT keeps alphas beside the tensors: in `adapter_config.json`, or, where diffusers wrote the file,
//! in its header under the part's name. `α/r` scales a pair, `α/√r` where the training was rank
//! stabilised (Kalajdzievski 2023). A file that says nothing means `α = r`.

use std::path::Path;

use serde_json::{Map, Value};

use super::names::LoraPart;
use crate::error::{Error, Result};
use crate::weights::model_folder::read_json;
use crate::weights::source::TensorSource;

/// Where diffusers notes what it knows.
const NOTE: &str = "lora_adapter_metadata";
/// Names that PEFT writes by itself start so.
const PEFT: &str = "base_model.model.";
/// PEFT's file beside such weights.
const CONFIG: &str = "adapter_config.json";

/// What is noted about a file's pairs.
#[derive(Clone, Debug, Default)]
pub(super) struct Scaling {
    /// PEFT's settings, by part.
    settings: Vec<(LoraPart, Map<String, Value>)>,
}

impl Scaling {
    /// What the file, or the file beside it, says.
    pub(super) fn read(source: &TensorSource) -> Result<Self> {
        if let Some(note) = source.note(NOTE) {
            let all: Map<String, Value> = serde_json::from_str(note).map_err(|error| {
                Error::format(source.origin(), format!("unsound note {NOTE}: {error}"))
            })?;
            let part = |(prefix, part): (&str, LoraPart)| {
                let inside = |(key, value): (&String, &Value)| {
                    let key = key.strip_prefix(prefix)?.strip_prefix('.')?;
                    Some((key.to_owned(), value.clone()))
                };
                (part, all.iter().filter_map(inside).collect())
            };
            let parts = [
                ("unet", LoraPart::Unet),
                ("text_encoder", LoraPart::Text),
                ("text_encoder_2", LoraPart::SecondText),
            ];
            return Ok(Self {
                settings: parts.into_iter().map(part).collect(),
            });
        }
        let config = source.origin().parent().map(|folder| folder.join(CONFIG));
        match config.filter(|_| source.names().any(|name| name.starts_with(PEFT))) {
            Some(config) if config.is_file() => Self::beside(&config),
            _ => Ok(Self::default()),
        }
    }

    fn beside(path: &Path) -> Result<Self> {
        match read_json(path)? {
            Value::Object(settings) => Ok(Self {
                settings: vec![(LoraPart::Unet, settings)],
            }),
            _ => Err(Error::format(path, "needs an object of keys and values")),
        }
    }

    /// What a pair of this rank is multiplied by; `alpha` is its own, if it has one.
    pub(super) fn scale(
        &self,
        (part, name): (LoraPart, &str),
        alpha: Option<f64>,
        rank: usize,
    ) -> f64 {
        let rank = rank as f64;
        let settings = self.settings.iter().find(|(known, _)| *known == part);
        let settings = settings.map(|(_, settings)| settings);
        let number = |key: &str| settings.and_then(|settings| settings.get(key)?.as_f64());
        let pattern = settings
            .and_then(|settings| settings.get("alpha_pattern")?.as_object())
            .and_then(|patterns| {
                let fits = |(layer, _): &(&String, &Value)| names_layer(name, layer);
                patterns.iter().find(fits)?.1.as_f64()
            });
        let noted = alpha.or(pattern).or(number("lora_alpha"));
        let stabilised = settings
            .and_then(|settings| settings.get("use_rslora")?.as_bool())
            .unwrap_or(false);
        let divisor = if stabilised { rank.sqrt() } else { rank };
        noted.map_or(1.0, |alpha| alpha / divisor)
    }
}

/// Whether a tensor's name belongs to a layer, or to one whose name ends so.
fn names_layer(tensor: &str, layer: &str) -> bool {
    let ends = [
        ".lora_A.weight",
        ".lora_A.default.weight",
        ".lora_down.weight",
    ];
    let stem = ends.iter().find_map(|end| tensor.strip_suffix(end));
    stem.is_some_and(|stem| {
        stem.strip_suffix(layer)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(json: &str) -> Scaling {
        let Value::Object(settings) = serde_json::from_str(json).unwrap() else {
            panic!("an object was given");
        };
        Scaling {
            settings: vec![(LoraPart::Unet, settings)],
        }
    }

    #[test]
    fn a_pair_s_own_alpha_comes_first_and_silence_is_one() {
        let name = (LoraPart::Unet, "unet.mid.attn1.to_q.lora_A.weight");
        let silent = Scaling::default();
        assert_eq!(silent.scale(name, None, 8), 1.0);
        assert_eq!(silent.scale(name, Some(4.0), 8), 0.5);
        let noted = noted(r#"{"lora_alpha": 16, "alpha_pattern": {"attn1.to_q": 2, "to_k": 6}}"#);
        assert_eq!(noted.scale(name, Some(4.0), 8), 0.5);
        assert_eq!(noted.scale(name, None, 8), 0.25);
        let other = (LoraPart::Unet, "unet.mid.attn1.to_v.lora_A.weight");
        assert_eq!(noted.scale(other, None, 8), 2.0);
        let text = (LoraPart::Text, "text_encoder.q_proj.lora_A.weight");
        assert_eq!(noted.scale(text, None, 8), 1.0);
    }

    #[test]
    fn rank_stabilised_pairs_are_divided_by_the_root() {
        let name = (LoraPart::Unet, "unet.to_q.lora_A.weight");
        let noted = noted(r#"{"lora_alpha": 8, "use_rslora": true}"#);
        assert_eq!(noted.scale(name, None, 16), 2.0);
        assert!(names_layer("unet.a.to_q.lora_A.weight", "to_q"));
        assert!(!names_layer("unet.a.no_to_q.lora_A.weight", "to_q"));
    }
}

//! Sizes of a CLIP vision model, as transformers' `config.json` states them.

use serde_json::Value;

use crate::error::{Error, Result};
use crate::nn::{ClipActivation, ClipEncoderConfig, DEPTHS, Fields, Reach, WIDTHS};

/// Sizes of a [`ClipVision`](super::ClipVision).
#[derive(Clone, Debug, PartialEq)]
pub struct ClipVisionConfig {
    /// Channels of the picture.
    pub channels: usize,
    /// Side of the square picture in pixels.
    pub image_size: usize,
    /// Side of the square patch that becomes one token, in pixels.
    pub patch_size: usize,
    /// The layers.
    pub encoder: ClipEncoderConfig,
    /// Width of the image embedding, where the model has a projection.
    pub projection_width: Option<usize>,
}

impl ClipVisionConfig {
    /// Reads the configuration of a vision model, or the vision half of a whole CLIP model's.
    ///
    /// The projection is there unless `architectures` names the model without one.
    ///
    /// # Errors
    /// A size out of range, sizes that contradict each other, or an activation that is not built.
    pub fn from_json(config: &Value) -> Result<Self> {
        let whole = Fields::new("vision", config)?;
        let fields = whole.nested("vision_config")?.unwrap_or(whole);
        let bare = |name: &Value| name.as_str() == Some("CLIPVisionModel");
        let architectures = config["architectures"].as_array();
        let projects = !architectures.into_iter().flatten().any(bare);
        let projection_width = match projects {
            true => Some(whole.count("projection_dim", 512, WIDTHS)?),
            false => None,
        };
        let encoder = ClipEncoderConfig {
            width: fields.count("hidden_size", 768, WIDTHS)?,
            inner_width: fields.count("intermediate_size", 3072, WIDTHS)?,
            heads: fields.count("num_attention_heads", 12, DEPTHS)?,
            layers: fields.count("num_hidden_layers", 12, DEPTHS)?,
            norm_epsilon: fields.number("layer_norm_eps", 1e-5)?,
            activation: fields.choice("hidden_act", &ClipActivation::NAMES)?,
            reach: Reach::Full,
        };
        encoder.check(fields)?;
        let image_size = fields.count("image_size", 224, 1..=4096)?;
        Ok(Self {
            channels: fields.count("num_channels", 3, 1..=1024)?,
            image_size,
            patch_size: fields.count("patch_size", 32, 1..=image_size)?,
            encoder,
            projection_width,
        })
    }

    /// Patches along one side; a rest that fills no patch is not looked at.
    pub fn grid(&self) -> usize {
        self.image_size / self.patch_size
    }

    /// Whether the model can take a picture of this shape.
    ///
    /// # Errors
    /// Any other size than the model's.
    pub fn check_pixels(&self, shape: [usize; 4]) -> Result<()> {
        let Self {
            channels,
            image_size: side,
            ..
        } = self;
        let [batch, rest @ ..] = shape;
        if batch == 0 || rest != [*channels, *side, *side] {
            let needed = format!("[b, {channels}, {side}, {side}]");
            return Err(Error::shape("pixel_values", needed, shape));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_vision_half_of_a_whole_model_is_read() {
        let whole = json!({
            "architectures": ["CLIPModel"],
            "projection_dim": 24,
            "vision_config": { "image_size": 30, "patch_size": 7 },
        });
        let config = ClipVisionConfig::from_json(&whole).unwrap();
        assert_eq!((config.grid(), config.encoder.width), (4, 768));
        assert_eq!(config.projection_width, Some(24));
        assert!(config.check_pixels([2, 3, 30, 30]).is_ok());
        for shape in [[0, 3, 30, 30], [2, 1, 30, 30], [2, 3, 30, 31]] {
            assert!(config.check_pixels(shape).is_err(), "{shape:?}");
        }
    }

    #[test]
    fn a_bare_model_has_no_projection() {
        let bare = json!({ "architectures": ["CLIPVisionModel"], "projection_dim": 24 });
        let config = ClipVisionConfig::from_json(&bare).unwrap();
        assert_eq!(config.projection_width, None);
    }

    #[test]
    fn what_is_not_built_or_not_possible_is_refused_by_name() {
        for (key, value) in [
            ("image_size", json!(100_000)),
            ("image_size", json!([224, 224])),
            ("patch_size", json!(225)),
            ("patch_size", json!(0)),
            ("num_attention_heads", json!(5)),
            ("hidden_act", json!("relu")),
            ("projection_dim", json!("wide")),
        ] {
            let mut config = json!({});
            config[key] = value;
            let error = ClipVisionConfig::from_json(&config)
                .unwrap_err()
                .to_string();
            assert!(error.contains(key), "{error}");
        }
    }
}

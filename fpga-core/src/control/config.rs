//! Sizes of a ControlNet, read from diffusers' `config.json` and written as one.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::{Context, Error, Result};
use crate::unet::EncoderConfig;

/// Order of the condition picture's channels that the network was trained on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelOrder {
    /// Red first.
    #[default]
    Rgb,
    /// Blue first.
    Bgr,
}

/// Sizes of a [`ControlNet`](super::ControlNet).
#[derive(Clone, Debug, PartialEq)]
pub struct ControlNetConfig {
    /// The copied half of the UNet.
    pub encoder: EncoderConfig,
    /// Channels of the condition picture.
    pub condition_channels: usize,
    /// Order in which the network expects them.
    pub channel_order: ChannelOrder,
    /// Widths of the condition encoder, from the picture's size to the latents'.
    pub condition_widths: Vec<usize>,
    /// Whether residuals are averaged over the picture, so that they carry style but no places.
    pub global_pool: bool,
}

#[derive(Debug, Deserialize)]
#[serde(default)]
struct Keys {
    conditioning_channels: usize,
    controlnet_conditioning_channel_order: ChannelOrder,
    conditioning_embedding_out_channels: Option<Vec<usize>>,
    global_pool_conditions: bool,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            conditioning_channels: 3,
            controlnet_conditioning_channel_order: ChannelOrder::Rgb,
            conditioning_embedding_out_channels: None,
            global_pool_conditions: false,
        }
    }
}

impl ControlNetConfig {
    /// Reads a diffusers `ControlNetModel` configuration.
    ///
    /// # Errors
    /// As [`UNetConfig::from_json`](crate::unet::UNetConfig::from_json).
    pub fn from_json(json: &Value) -> Result<Self> {
        let encoder = EncoderConfig::from_json(json).context(|| "controlnet")?;
        let keys: Keys = serde_json::from_value(json.clone())
            .map_err(|error| Error::invalid("controlnet config.json", error.to_string()))?;
        let widths = keys.conditioning_embedding_out_channels;
        let config = Self {
            encoder,
            condition_channels: keys.conditioning_channels,
            channel_order: keys.controlnet_conditioning_channel_order,
            condition_widths: widths.unwrap_or_else(|| vec![16, 32, 96, 256]),
            global_pool: keys.global_pool_conditions,
        };
        config.check()?;
        Ok(config)
    }

    /// A diffusers `ControlNetModel` configuration that reads back as this one.
    ///
    /// # Errors
    /// As [`EncoderConfig::to_json`].
    pub fn to_json(&self) -> Result<Value> {
        let mut written = self.encoder.to_json()?;
        written["_class_name"] = json!("ControlNetModel");
        written["conditioning_channels"] = json!(self.condition_channels);
        written["controlnet_conditioning_channel_order"] = json!(self.channel_order);
        written["conditioning_embedding_out_channels"] = json!(self.condition_widths);
        written["global_pool_conditions"] = json!(self.global_pool);
        Ok(written)
    }

    /// Checks that every size is possible.
    ///
    /// # Errors
    /// [`Error::invalid`] names the first impossible value.
    pub fn check(&self) -> Result<()> {
        self.encoder.check()?;
        let widths = &self.condition_widths;
        let possible = |width: &usize| (1..=1 << 16).contains(width);
        if !(1..=16).contains(&widths.len()) || !widths.iter().all(possible) {
            let why = format!("needs 1 to 16 widths from 1 to 65536, found {widths:?}");
            return Err(Error::invalid("conditioning_embedding_out_channels", why));
        }
        if !(1..=64).contains(&self.condition_channels) {
            let why = format!("must be from 1 to 64, found {}", self.condition_channels);
            return Err(Error::invalid("conditioning_channels", why));
        }
        Ok(())
    }

    /// How many times smaller the latents are than the condition picture.
    pub fn shrinkage(&self) -> usize {
        1 << (self.condition_widths.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_the_same() {
        let config = ControlNetConfig::from_json(&json!({
            "block_out_channels": [32, 64],
            "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
            "conditioning_embedding_out_channels": [8, 16, 24],
            "controlnet_conditioning_channel_order": "bgr",
            "conditioning_channels": 1,
            "global_pool_conditions": true,
        }))
        .unwrap();
        let written = config.to_json().unwrap();
        assert_eq!(ControlNetConfig::from_json(&written).unwrap(), config);
    }
}

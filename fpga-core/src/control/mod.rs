//! Spatial guidance: a trainable copy of the UNet's encoder speaks through zero convolutions
//! (ControlNet, Zhang et al. 2023), or copies of its layers are merged into the UNet itself
//! (RepControlNet, Deng et al. 2024).

mod condition;
mod config;
mod drawing;
mod rep;

use burn::module::Module;
use burn::tensor::{DType, Device, Tensor};

pub use condition::ConditionEncoder;
pub use config::{ChannelOrder, ControlNetConfig};
pub use drawing::{draw_hands, draw_landmarks5, draw_landmarks68, draw_skeleton};
pub use rep::{
    Coefficients, ModalBranch, ModalDelta, ModalLayers, ModalUNet, RepControlNet, blend,
};

use crate::error::{Error, Result};
use crate::nn::{Conv2d, Precision, Window, cast_to};
use crate::unet::{
    Conditioning, ControlResiduals, Encoded, PreparedConditioning, UNet, UNetEncoder,
};

/// Makes residuals for a UNet's skip connections from a condition picture.
#[derive(Module, Debug)]
pub struct ControlNet {
    encoder: UNetEncoder,
    controlnet_cond_embedding: ConditionEncoder,
    controlnet_down_blocks: Vec<Conv2d>,
    controlnet_mid_block: Conv2d,
    #[module(skip)]
    config: ControlNetConfig,
}

impl ControlNetConfig {
    /// A network whose weights are zero until they are loaded; so are its residuals.
    ///
    /// # Errors
    /// As [`ControlNetConfig::check`].
    pub fn init(&self, device: &Device) -> Result<ControlNet> {
        self.check()?;
        let stages = &self.encoder.stages;
        let tap = |channels| Conv2d::new(channels, channels, Window::POINT, device);
        let widths = &self.condition_widths;
        let condition =
            ConditionEncoder::new(self.condition_channels, widths, stages[0].channels, device);
        Ok(ControlNet {
            encoder: self.encoder.init(device),
            controlnet_cond_embedding: condition,
            controlnet_down_blocks: self.encoder.skip_channels().into_iter().map(tap).collect(),
            controlnet_mid_block: tap(stages[stages.len() - 1].channels),
            config: self.clone(),
        })
    }
}

impl ControlNet {
    /// As training starts: the UNet's own encoder, and silent taps; the condition encoder is random but
    /// for its last layer. `widths` are the condition encoder's (16, 32, 96, 256 in the paper).
    ///
    /// # Errors
    /// As [`ControlNetConfig::check`].
    pub fn from_unet(unet: &UNet, widths: &[usize], seed: u64) -> Result<Self> {
        let config = ControlNetConfig {
            encoder: unet.config().encoder.clone(),
            condition_channels: 3,
            channel_order: ChannelOrder::Rgb,
            condition_widths: widths.to_vec(),
            global_pool: false,
        };
        let device = unet.devices().into_iter().next();
        let device = device.expect("a UNet has parameters");
        let silent = config.init(&device)?;
        let outputs = silent.controlnet_cond_embedding.outputs();
        Ok(Self {
            encoder: unet.encoder().clone(),
            controlnet_cond_embedding: ConditionEncoder::fresh(
                config.condition_channels,
                widths,
                outputs,
                (seed, &device),
            ),
            ..silent
        })
    }

    /// The same network, with activations in this type; what comes in and goes out stays f32.
    /// [`Precision::on`] says what a device can do.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self {
            encoder: self.encoder.with_precision(precision),
            ..self
        }
    }

    /// The sizes that this network was built from.
    pub fn config(&self) -> &ControlNetConfig {
        &self.config
    }

    /// What encodes the condition picture; a RepControlNet may start from it.
    pub fn condition_encoder(&self) -> &ConditionEncoder {
        &self.controlnet_cond_embedding
    }

    /// Encodes the condition picture, once per job.
    ///
    /// # Shapes
    /// - `condition`: `[b, condition_channels, H, W]`, values 0..1, red first
    /// - returns the hint `[b, channels₀, H/8, W/8]`
    pub fn encode_condition(&self, condition: Tensor<4>) -> Tensor<4> {
        let condition = match self.config.channel_order {
            ChannelOrder::Rgb => condition,
            ChannelOrder::Bgr => condition.flip([1]),
        };
        self.controlnet_cond_embedding.forward(condition)
    }

    /// What of `conditioning` stays the same at every step, computed once per job.
    pub fn prepare(&self, conditioning: &Conditioning) -> PreparedConditioning {
        self.encoder.prepare(conditioning)
    }

    /// # Shapes
    /// - `latents`: `[b, in_channels, h, w]`; `timesteps`: `[b]`
    /// - `conditioning`: from [`prepare`](Self::prepare), for the same batch
    /// - `hint`: from [`encode_condition`](Self::encode_condition)
    /// - returns residuals for a UNet of the same sizes; `[b, c, 1, 1]` each with `global_pool`
    pub fn forward(
        &self,
        latents: Tensor<4>,
        timesteps: Tensor<1>,
        conditioning: &PreparedConditioning,
        hint: Tensor<4>,
    ) -> ControlResiduals {
        let Encoded { skips, hidden } = self.encoder.encode(latents, timesteps, hint, conditioning);

        let speak = |(tap, hidden): (&Conv2d, Tensor<4>)| {
            let residual = cast_to(tap.forward(hidden), DType::F32);
            match self.config.global_pool {
                true => residual.mean_dims(&[2, 3]),
                false => residual,
            }
        };
        ControlResiduals {
            down: self
                .controlnet_down_blocks
                .iter()
                .zip(skips)
                .map(speak)
                .collect(),
            mid: speak((&self.controlnet_mid_block, hidden)),
        }
    }

    /// Checks that latents, conditioning and condition picture fit this network and each other.
    ///
    /// # Errors
    /// Names the first input that does not fit, what was needed and what was found.
    pub fn check(
        &self,
        latents: [usize; 4],
        conditioning: &Conditioning,
        condition: [usize; 4],
    ) -> Result<()> {
        self.config.encoder.check_inputs(latents, conditioning)?;
        let [batch, _, height, width] = latents;
        let shrinkage = self.config.shrinkage();
        let [rows, channels, tall, wide] = condition;
        let fits = channels == self.config.condition_channels
            && [tall, wide] == [height * shrinkage, width * shrinkage]
            && (rows == 1 || rows == batch);
        if fits {
            return Ok(());
        }
        let size = [height * shrinkage, width * shrinkage];
        let expected = format!(
            "[{batch}, {}, {}, {}]",
            self.config.condition_channels, size[0], size[1]
        );
        Err(Error::shape("condition picture", expected, condition))
    }
}

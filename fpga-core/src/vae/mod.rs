//! The autoencoder between pictures and latents (Kingma & Welling 2013; Rombach et al. 2022,
//! section 3.1), in the layout of diffusers' `AutoencoderKL`.
//!
//! Pictures are `[b, 3, H, W]` in −1..1, latents `[b, latent_channels, h, w]` with `h` = `H`
//! divided by [`VaeConfig::reduction`], rounded down. [`AutoencoderKl::encode`] and
//! [`AutoencoderKl::decode`] work in the autoencoder's own units; the UNet sees
//! [`AutoencoderKl::scale`]d latents. Large pictures go through [`AutoencoderKl::encode_tiled`] and
//! [`AutoencoderKl::decode_tiled`], which need the memory of one tile.

mod coder;
mod config;
mod picture;
mod stage;
mod tiling;

use burn::module::Module;
use burn::tensor::{Device, Tensor};

pub use coder::{Decoder, Encoder};
pub use config::{LatentScaling, VaeConfig};
pub(crate) use picture::pad_to_multiple;
pub use picture::{
    host_values, mask_to_tensor, picture_to_tensor, tensor_to_pictures, to_unit_range,
};
pub use stage::{DownStage, MidStage, SpatialAttention, UpStage};
pub use tiling::Tiling;

use crate::error::{Error, Result};
use crate::nn::{Conv2d, Window};

/// Encoder and decoder with the 1×1 convolutions between them.
#[derive(Module, Debug)]
pub struct AutoencoderKl {
    /// Picture to latent distribution.
    pub encoder: Encoder,
    /// Latents to picture.
    pub decoder: Decoder,
    /// After the encoder.
    pub quant_conv: Option<Conv2d>,
    /// Before the decoder.
    pub post_quant_conv: Option<Conv2d>,
    #[module(skip)]
    config: VaeConfig,
}

/// The normal distribution of latents that a picture stands for.
#[derive(Clone, Debug)]
pub struct LatentDistribution {
    /// `[b, latent_channels, h, w]`; also the most probable latents.
    pub mean: Tensor<4>,
    /// `[b, latent_channels, h, w]`, logarithm of the variance, within −30..20.
    pub logvar: Tensor<4>,
}

impl VaeConfig {
    /// Zero until weights are loaded.
    pub fn init(&self, device: &Device) -> AutoencoderKl {
        let point = |channels| Conv2d::new(channels, channels, Window::POINT, device);
        AutoencoderKl {
            encoder: Encoder::new(self, device),
            decoder: Decoder::new(self, device),
            quant_conv: self.quant_conv.then(|| point(2 * self.latent_channels)),
            post_quant_conv: self.post_quant_conv.then(|| point(self.latent_channels)),
            config: self.clone(),
        }
    }
}

impl AutoencoderKl {
    /// The sizes that it was built with.
    pub fn config(&self) -> &VaeConfig {
        &self.config
    }

    /// # Shapes
    /// - `picture`: `[b, in_channels, H, W]` in −1..1, see [`check_picture`](Self::check_picture)
    pub fn encode(&self, picture: Tensor<4>) -> LatentDistribution {
        let moments = self.encoder.forward(picture);
        let moments = match &self.quant_conv {
            Some(conv) => conv.forward(moments),
            None => moments,
        };
        let channels = self.config.latent_channels;
        LatentDistribution {
            mean: moments.clone().narrow(1, 0, channels),
            logvar: moments.narrow(1, channels, channels).clamp(-30.0, 20.0),
        }
    }

    /// # Shapes
    /// - `latents`: `[b, latent_channels, h, w]`, not scaled
    /// - returns `[b, out_channels, H, W]`, about −1..1
    pub fn decode(&self, latents: Tensor<4>) -> Tensor<4> {
        let latents = match &self.post_quant_conv {
            Some(conv) => conv.forward(latents),
            None => latents,
        };
        self.decoder.forward(latents)
    }

    /// From the autoencoder's units to the diffusion model's.
    ///
    /// # Shapes
    /// - `latents` and result: `[b, latent_channels, h, w]`
    pub fn scale(&self, latents: Tensor<4>) -> Tensor<4> {
        let [shift, scale] = self.scaling_tensors(&latents.device());
        (latents - shift) * scale
    }

    /// From the diffusion model's units to the autoencoder's.
    ///
    /// # Shapes
    /// - `latents` and result: `[b, latent_channels, h, w]`
    pub fn unscale(&self, latents: Tensor<4>) -> Tensor<4> {
        let [shift, scale] = self.scaling_tensors(&latents.device());
        latents / scale + shift
    }

    /// Whether [`encode`](Self::encode) can take a picture of this shape.
    ///
    /// # Errors
    /// Another number of channels, an empty batch, or a side shorter than one latent pixel.
    pub fn check_picture(&self, shape: [usize; 4]) -> Result<()> {
        let (channels, side) = (self.config.in_channels, self.config.reduction());
        let [batch, found, height, width] = shape;
        if batch == 0 || found != channels || height < side || width < side {
            let needed = format!("[b, {channels}, at least {side}, at least {side}]");
            return Err(Error::shape("picture", needed, shape));
        }
        Ok(())
    }

    /// Whether [`decode`](Self::decode) can take latents of this shape.
    ///
    /// # Errors
    /// Another number of channels, or nothing to decode.
    pub fn check_latents(&self, shape: [usize; 4]) -> Result<()> {
        let channels = self.config.latent_channels;
        if shape[1] != channels || shape.contains(&0) {
            let needed = format!("[b, {channels}, h, w], none empty");
            return Err(Error::shape("latents", needed, shape));
        }
        Ok(())
    }

    fn scaling_tensors(&self, device: &Device) -> [Tensor<4>; 2] {
        let LatentScaling { shift, scale } = &self.config.scaling;
        [shift, scale].map(|list| {
            let list: Vec<f32> = list.iter().map(|number| *number as f32).collect();
            Tensor::<1>::from_floats(list.as_slice(), device).reshape([1, list.len(), 1, 1])
        })
    }
}

impl LatentDistribution {
    /// Latents drawn with standard normal `noise`.
    ///
    /// # Shapes
    /// - `noise` and result: `[b, latent_channels, h, w]`
    pub fn sample(&self, noise: Tensor<4>) -> Tensor<4> {
        self.mean.clone() + (self.logvar.clone() * 0.5).exp() * noise
    }
}

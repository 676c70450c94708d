//! What a job starts from: nothing, a picture, or a picture with a mask.

use burn::tensor::Tensor;
use image::{Rgb, RgbImage};
use ndarray::Array2;

use super::model::StableDiffusion;
use crate::diffusion::NoiseSource;
use crate::error::{Error, Result};
use crate::sampler::{Keep, Sampler};
use crate::vae::{mask_to_tensor, pad_to_multiple, picture_to_tensor};

/// What a job starts from.
#[derive(Clone, Copy, Debug)]
pub enum Canvas<'a> {
    /// Noise.
    Blank {
        /// Pixels; a multiple of the VAE's reduction (8).
        width: u32,
        /// Pixels; a multiple of the VAE's reduction (8).
        height: u32,
    },
    /// A picture of any size, to be changed.
    Picture {
        /// The picture.
        picture: &'a RgbImage,
        /// How much: 0 hardly, 1 wholly.
        strength: f64,
    },
    /// A picture of any size, to be repainted where the mask says.
    Masked {
        /// The picture.
        picture: &'a RgbImage,
        /// `[height, width]`, 1 where it may change; pixels with 0 keep their bytes.
        mask: &'a Array2<f32>,
        /// How much: 0 hardly, 1 wholly.
        strength: f64,
    },
}

/// Where the sampler starts, and what it must leave alone.
pub(crate) struct PreparedCanvas {
    pub(crate) latents: Tensor<4>,
    pub(crate) keep: Option<Keep>,
    pub(crate) extra_channels: Option<Tensor<4>>,
}

/// Largest side in pixels; beyond it even the latents' attention maps do not fit anywhere.
const MAX_SIDE: u32 = 1 << 14;

impl Canvas<'_> {
    /// How much of a given picture may change.
    pub(crate) fn strength(&self) -> Option<f64> {
        match *self {
            Self::Blank { .. } => None,
            Self::Picture { strength, .. } | Self::Masked { strength, .. } => Some(strength),
        }
    }

    /// Width and height of the result.
    pub(crate) fn size(&self) -> [u32; 2] {
        match *self {
            Self::Blank { width, height } => [width, height],
            Self::Picture { picture, .. } | Self::Masked { picture, .. } => {
                picture.dimensions().into()
            }
        }
    }

    /// Width and height that the model works on.
    ///
    /// # Errors
    /// A blank canvas whose sides are not multiples of the VAE's reduction, an empty or enormous
    /// one, or a mask of another size than its picture.
    pub(crate) fn padded_size(&self, model: &StableDiffusion) -> Result<[u32; 2]> {
        let unit = model.vae.config().reduction() as u32;
        let [width, height] = self.size();
        if width == 0 || height == 0 || width > MAX_SIDE || height > MAX_SIDE {
            let why = format!("sides must be from 1 to {MAX_SIDE} pixels, found {width}×{height}");
            return Err(Error::invalid("size", why));
        }
        if let Self::Blank { .. } = self
            && !(width.is_multiple_of(unit) && height.is_multiple_of(unit))
        {
            let nearest = [width, height].map(|side| side.next_multiple_of(unit));
            let why = format!(
                "sides must be multiples of {unit}, found {width}×{height}; \
                 {}×{} would do",
                nearest[0], nearest[1]
            );
            return Err(Error::invalid("size", why));
        }
        if let Self::Masked { mask, .. } = self {
            check_mask(mask, [width, height])?;
        }
        Ok([width, height].map(|side| side.next_multiple_of(unit)))
    }

    /// Draws and encodes what the sampler starts from.
    pub(crate) fn prepare(
        &self,
        model: &StableDiffusion,
        count: usize,
        sampler: &Sampler,
        noise: &mut dyn NoiseSource,
    ) -> Result<PreparedCanvas> {
        let [width, height] = self.padded_size(model)?.map(|side| side as usize);
        let config = model.vae.config();
        let unit = config.reduction();
        let shape = [count, config.latent_channels, height / unit, width / unit];
        let device = &model.device;
        let blank = |noise: &mut dyn NoiseSource| {
            noise.latents(shape, device) * sampler.initial_noise_scale()
        };
        match *self {
            Self::Blank { .. } => Ok(PreparedCanvas {
                latents: blank(noise),
                keep: None,
                extra_channels: None,
            }),
            Self::Picture { picture, .. } => {
                let clean = encode(model, picture, count, noise);
                let start = noise.latents(shape, device);
                let latents = sampler.add_noise(clean, start);
                Ok(PreparedCanvas {
                    latents,
                    keep: None,
                    extra_channels: None,
                })
            }
            Self::Masked {
                picture,
                mask,
                strength,
            } => {
                let clean = encode(model, picture, count, noise);
                let start = noise.latents(shape, device);
                let mask = latent_mask(mask, [width, height], unit);
                let mask = mask_to_tensor(&mask, device);
                // At full strength nothing of the picture may show through the noise.
                let latents = match strength >= 1.0 {
                    true => start.clone() * sampler.initial_noise_scale(),
                    false => sampler.add_noise(clean.clone(), start.clone()),
                };
                let extra_channels = match model.unet.config().encoder.in_channels {
                    channels if channels == 2 * config.latent_channels + 1 => {
                        let hidden = blacken(picture, self);
                        let masked = encode(model, &hidden, count, noise);
                        Some(Tensor::cat(
                            vec![mask.clone().repeat_dim(0, count), masked],
                            1,
                        ))
                    }
                    _ => None,
                };
                let keep = extra_channels.is_none().then_some(Keep {
                    mask,
                    clean,
                    noise: start,
                });
                Ok(PreparedCanvas {
                    latents,
                    keep,
                    extra_channels,
                })
            }
        }
    }

    /// Crops padding away and puts back every byte that the mask protects.
    pub(crate) fn finish(&self, made: RgbImage) -> RgbImage {
        match *self {
            Self::Blank { .. } => made,
            Self::Picture { picture, .. } => crop(&made, picture.dimensions()),
            Self::Masked { picture, mask, .. } => {
                RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
                    let weight = mask[[y as usize, x as usize]];
                    let (old, new) = (picture.get_pixel(x, y), made.get_pixel(x, y));
                    blend(*old, *new, weight)
                })
            }
        }
    }
}

fn check_mask(mask: &Array2<f32>, [width, height]: [u32; 2]) -> Result<()> {
    let expected = [height as usize, width as usize];
    if [mask.dim().0, mask.dim().1] != expected {
        let expected = format!("[{height}, {width}] like the picture");
        return Err(Error::shape("mask", expected, mask.dim()));
    }
    if mask.iter().all(|weight| (0.0..=1.0).contains(weight)) {
        return Ok(());
    }
    Err(Error::invalid("mask", "values must be from 0 to 1"))
}

/// A sample of the picture's latents, scaled, once per wanted result.
fn encode(
    model: &StableDiffusion,
    picture: &RgbImage,
    count: usize,
    noise: &mut dyn NoiseSource,
) -> Tensor<4> {
    let padded = pad_to_multiple(picture, model.vae.config().reduction() as u32);
    let distribution = model.vae.encode(picture_to_tensor(&padded, &model.device));
    let draw = noise.latents(distribution.mean.dims(), &model.device);
    model
        .vae
        .scale(distribution.sample(draw))
        .repeat_dim(0, count)
}

/// The mask at the latents' size: nearest pixel, as the 9-channel models were trained.
fn latent_mask(mask: &Array2<f32>, [width, height]: [usize; 2], unit: usize) -> Array2<f32> {
    let (tall, wide) = mask.dim();
    Array2::from_shape_fn((height / unit, width / unit), |(y, x)| {
        mask[[(y * unit).min(tall - 1), (x * unit).min(wide - 1)]]
    })
}

/// The picture with everything that may change in mid grey, the zero of the VAE.
fn blacken(picture: &RgbImage, canvas: &Canvas<'_>) -> RgbImage {
    let Canvas::Masked { mask, .. } = canvas else {
        return picture.clone();
    };
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        if mask[[y as usize, x as usize]] < 0.5 {
            *picture.get_pixel(x, y)
        } else {
            Rgb([128; 3])
        }
    })
}

fn crop(picture: &RgbImage, (width, height): (u32, u32)) -> RgbImage {
    image::imageops::crop_imm(picture, 0, 0, width, height).to_image()
}

fn blend(old: Rgb<u8>, new: Rgb<u8>, weight: f32) -> Rgb<u8> {
    let mix = |channel: usize| {
        let (old, new) = (f32::from(old[channel]), f32::from(new[channel]));
        (old + (new - old) * weight).round() as u8
    };
    if weight == 0.0 {
        old
    } else {
        Rgb([mix(0), mix(1), mix(2)])
    }
}

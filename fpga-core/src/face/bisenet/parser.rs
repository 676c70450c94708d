//! BiSeNet as a [`FaceParser`]: resize, normalise, take the likeliest class.

use burn::tensor::{Device, Tensor, TensorData};
use image::RgbImage;

use super::BiSeNet;
use crate::error::{Error, Result};
use crate::face::parts::{FaceParser, FacePart, PartMap};
use crate::face::planes::Levels;
use crate::face::portrait::{likeliest, resize};
use crate::nn::read_values;

/// A face parsing network that labels pictures.
#[derive(Clone, Debug)]
pub struct BiSeNetParser {
    network: BiSeNet,
    side: u32,
    device: Device,
}

impl BiSeNetParser {
    /// Works at 512×512, the size of its training; `device` is the one that the weights are on.
    ///
    /// # Errors
    /// If the network does not tell the 19 classes of [`FacePart`].
    pub fn new(network: BiSeNet, device: &Device) -> Result<Self> {
        let (needed, found) = (FacePart::ALL.len(), network.config().classes);
        if found != needed {
            let why = format!("{needed} classes are known, it tells {found}");
            return Err(Error::unsupported("face parsing network", why));
        }
        Ok(Self {
            network,
            side: 512,
            device: device.clone(),
        })
    }

    /// Works at `side`×`side` pixels.
    ///
    /// # Errors
    /// Unless it is a multiple of 32 up to 4096.
    pub fn at_side(self, side: u32) -> Result<Self> {
        if side == 0 || !side.is_multiple_of(32) || side > 4096 {
            let why = format!("needs a multiple of 32 from 32 to 4096, found {side}");
            return Err(Error::invalid("side of face parsing", why));
        }
        Ok(Self { side, ..self })
    }
}

impl FaceParser for BiSeNetParser {
    fn parse(&self, portrait: &RgbImage) -> Result<PartMap> {
        let resized = resize(portrait, [self.side; 2])?;
        let side = self.side as usize;
        let pixels = TensorData::new(Levels::IMAGENET.planes(&resized), [1, 3, side, side]);
        let logits = self
            .network
            .forward(Tensor::from_data(pixels, &self.device));
        PartMap::new(likeliest(&read_values(logits)?, [side, side])?)
    }
}

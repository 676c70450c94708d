//! ArcFace as a [`FaceEmbedder`]: align, normalise, ask the network.

use burn::tensor::{Device, Tensor, TensorData};
use image::RgbImage;

use super::ArcFace;
use crate::error::{Error, Result};
use crate::face::align::{ALIGNED_SIZE, align_face};
use crate::face::embedding::{FaceEmbedder, FaceEmbedding};
use crate::face::landmarks::Landmarks5;
use crate::face::planes::Levels;
use crate::nn::read_values;

/// An ArcFace network that embeds faces of pictures.
#[derive(Clone, Debug)]
pub struct ArcFaceEmbedder {
    network: ArcFace,
    device: Device,
}

impl ArcFaceEmbedder {
    /// `device` is the one that the network's weights are on.
    ///
    /// # Errors
    /// If the network was made for another size than the 112 pixels of aligned faces.
    pub fn new(network: ArcFace, device: &Device) -> Result<Self> {
        let side = network.config().side;
        if side != ALIGNED_SIZE as usize {
            let why = format!("faces are aligned at {ALIGNED_SIZE} pixels, it needs {side}");
            return Err(Error::unsupported("ArcFace network", why));
        }
        Ok(Self {
            network,
            device: device.clone(),
        })
    }

    /// Of a face that is aligned already.
    ///
    /// # Errors
    /// If it is not 112×112; `NotFinite` if the network makes NaN of it.
    pub fn embed_aligned(&self, face: &RgbImage) -> Result<FaceEmbedding> {
        let (width, height) = face.dimensions();
        let shape = [1, 3, height as usize, width as usize];
        self.network.config().check_pixels(shape)?;
        let pixels = TensorData::new(Levels::CENTRED.planes(face), shape);
        let features = self
            .network
            .forward(Tensor::from_data(pixels, &self.device));
        FaceEmbedding::new(read_values(features)?)
    }
}

impl FaceEmbedder for ArcFaceEmbedder {
    fn embed(&self, picture: &RgbImage, landmarks: &Landmarks5) -> Result<FaceEmbedding> {
        self.embed_aligned(&align_face(picture, landmarks)?)
    }
}

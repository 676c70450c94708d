//! ArcFace as a [`FaceEmbedder`].

use std::path::Path;

use image::RgbImage;

use super::network::Network;
use crate::error::Result;
use crate::face::align::{ALIGNED_SIZE, align_face};
use crate::face::embedding::{FaceEmbedder, FaceEmbedding};
use crate::face::landmarks::Landmarks5;
use crate::face::planes::Levels;

/// An ArcFace network (InsightFace's `w600k_r50.onnx`, `glintr100.onnx`).
#[derive(Clone, Debug)]
pub struct OnnxEmbedder {
    network: Network,
}

impl OnnxEmbedder {
    /// Opens a file.
    ///
    /// # Errors
    /// `Io` or `Format` if it is no readable ONNX file; `Unsupported` if it does not make one vector of
    /// a face of 112×112 pixels.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let network = Network::open(path, [ALIGNED_SIZE; 2])?;
        if network.size() != [ALIGNED_SIZE; 2] || network.outputs() != 1 {
            let (size, outputs) = (network.size(), network.outputs());
            let why = format!("needs one output of faces of 112×112, found {outputs} of {size:?}");
            return Err(network.unsupported(why));
        }
        Ok(Self { network })
    }

    /// Of a face that is aligned already.
    ///
    /// # Errors
    /// If the output is no vector with a direction.
    fn embed_aligned(&self, face: &RgbImage) -> Result<FaceEmbedding> {
        let levels = match self.network.scales_itself() {
            true => Levels::PLAIN,
            false => Levels::CENTRED,
        };
        let outputs = self.network.run(&levels.planes(face))?;
        let values = outputs.into_iter().next().map(|output| output.values);
        FaceEmbedding::new(values.unwrap_or_default())
    }
}

impl FaceEmbedder for OnnxEmbedder {
    fn embed(&self, picture: &RgbImage, landmarks: &Landmarks5) -> Result<FaceEmbedding> {
        self.embed_aligned(&align_face(picture, landmarks)?)
    }
}

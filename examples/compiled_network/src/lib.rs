//! A face embedder whose network is part of the program: no ONNX file and no ONNX runtime when it runs.
//!
//! `build.rs` turns the ONNX file into a Burn module; what is left to write is the preparation that the
//! network was trained with, here ArcFace's: an aligned face of 112×112 pixels, channels first, levels
//! 0–255 brought to −1…1. The result is a [`FaceEmbedder`] like any other.

use burn::tensor::{Device, Tensor, TensorData};
use fpga_core::error::{Error, Result};
use fpga_core::face::{FaceEmbedder, FaceEmbedding, Landmarks5, RgbImage, align_face};

#[allow(clippy::all, missing_docs, unused, reason = "generated")]
mod network {
    include!(concat!(env!("OUT_DIR"), "/network/arcface.rs"));
}

/// The network that was compiled in, on one device.
#[derive(Debug)]
pub struct CompiledEmbedder {
    network: network::Model,
    device: Device,
}

impl CompiledEmbedder {
    /// Puts the weights on `device`.
    pub fn new(device: &Device) -> Self {
        Self {
            network: network::Model::from_embedded(device),
            device: device.clone(),
        }
    }
}

impl FaceEmbedder for CompiledEmbedder {
    fn embed(&self, picture: &RgbImage, landmarks: &Landmarks5) -> Result<FaceEmbedding> {
        let face = align_face(picture, landmarks)?;
        let [width, height] = [face.width(), face.height()].map(|side| side as usize);
        let levels: Vec<f32> = face.into_raw().into_iter().map(f32::from).collect();
        let pixels = TensorData::new(levels, [1, height, width, 3]);
        let pixels = Tensor::<4>::from_data(pixels, &self.device).permute([0, 3, 1, 2]);
        let features = self.network.forward((pixels - 127.5) / 127.5);
        let values = features.into_data().convert::<f32>().try_to_vec::<f32>();
        let values = values.map_err(|why| Error::invalid("face embedding", format!("{why:?}")))?;
        FaceEmbedding::new(values)
    }
}

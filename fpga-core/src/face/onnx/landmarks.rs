//! InsightFace's landmark networks as [`LandmarkDetector`]s.

use std::path::Path;

use image::RgbImage;

use super::network::Network;
use crate::error::Result;
use crate::face::dense_crop::DenseCrop;
use crate::face::dense_landmarks::{DenseLandmarks, LandmarkDetector};
use crate::face::face_box::FaceBox;
use crate::face::planes::Levels;

/// `2d106det.onnx` or `1k3d68.onnx`.
#[derive(Clone, Debug)]
pub struct OnnxLandmarks {
    network: Network,
}

/// Side where the file leaves it open.
const SIDE: u32 = 192;

impl OnnxLandmarks {
    /// Opens a file.
    ///
    /// # Errors
    /// `Io` or `Format` if it is no readable ONNX file; `Unsupported` if it does not take squares or has
    /// several outputs.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let network = Network::open(path, [SIDE; 2])?;
        let ([width, height], outputs) = (network.size(), network.outputs());
        if width != height || outputs != 1 {
            let why = format!("needs one output of a square, found {outputs} of {width}×{height}");
            return Err(network.unsupported(why));
        }
        Ok(Self { network })
    }
}

impl LandmarkDetector for OnnxLandmarks {
    fn landmarks(&self, picture: &RgbImage, bounds: &FaceBox) -> Result<DenseLandmarks> {
        let crop = DenseCrop::new(bounds, self.network.size()[0])?;
        let levels = match self.network.scales_itself() {
            true => Levels::PLAIN,
            false => Levels::CENTRED_128,
        };
        let outputs = self.network.run(&levels.planes(&crop.extract(picture)))?;
        let values = outputs.first().map(|output| output.values.as_slice());
        crop.decode(values.unwrap_or_default())
    }
}

//! SCRFD as a [`FaceDetector`].

use std::path::Path;

use image::RgbImage;

use super::network::Network;
use crate::error::{Error, Result};
use crate::face::detection::{DetectedFace, FaceDetector};
use crate::face::letterbox::Letterbox;
use crate::face::planes::Levels;
use crate::face::scrfd::{DetectionLimits, ScrfdLayout};

/// How an [`OnnxDetector`] works.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DetectorSettings {
    /// Width and height of the canvas, multiples of the coarsest stride, if the file leaves them open.
    /// Larger finds smaller faces.
    pub size: [u32; 2],
    /// Which detections count.
    pub limits: DetectionLimits,
}

impl Default for DetectorSettings {
    /// 640×640, score 0.5, overlap 0.4.
    fn default() -> Self {
        Self {
            size: [640, 640],
            limits: DetectionLimits::default(),
        }
    }
}

/// An SCRFD network (InsightFace's `det_10g.onnx`, `scrfd_*.onnx`).
#[derive(Clone, Debug)]
pub struct OnnxDetector {
    network: Network,
    layout: ScrfdLayout,
    limits: DetectionLimits,
}

impl OnnxDetector {
    /// Opens a file.
    ///
    /// # Errors
    /// `Io` or `Format` if it is no readable ONNX file; `Unsupported` or `Shape` if it is no SCRFD;
    /// a setting out of range.
    pub fn open(path: impl AsRef<Path>, settings: &DetectorSettings) -> Result<Self> {
        settings.limits.check()?;
        let network = Network::open(path, settings.size)?;
        let layout = ScrfdLayout::of_outputs(network.outputs())?;
        let stride = layout.coarsest() as u32;
        if network
            .size()
            .iter()
            .any(|side| !side.is_multiple_of(stride))
        {
            let found = network.size();
            return Err(Error::shape(
                "canvas of the detector",
                format!("multiples of {stride}"),
                found,
            ));
        }
        Ok(Self {
            network,
            layout,
            limits: settings.limits,
        })
    }
}

impl FaceDetector for OnnxDetector {
    fn detect(&self, picture: &RgbImage) -> Result<Vec<DetectedFace>> {
        let size = self.network.size();
        let letterbox = Letterbox::scrfd(picture, size)?;
        let outputs = self
            .network
            .run(&Levels::CENTRED_128.planes(&letterbox.canvas))?;
        let outputs: Vec<&[f32]> = outputs
            .iter()
            .map(|output| output.values.as_slice())
            .collect();
        let canvas = (size.map(|side| side as usize), letterbox.scale);
        self.layout.decode(&outputs, canvas, &self.limits)
    }
}

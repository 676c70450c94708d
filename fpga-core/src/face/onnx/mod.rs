//! Face networks from ONNX files, run on the CPU by tract (feature `onnx`).
//!
//! InsightFace's packs (SCRFD, ArcFace, `2d106det`, `1k3d68`), DWPose (YOLOX and RTMPose) and BiSeNet
//! work as they are, with their projects' own preparation of pictures and reading of outputs. No weights
//! come with this crate, and many of these files have licences of their own.

mod detector;
mod embedder;
mod landmarks;
mod network;
mod parser;
mod pose;

pub use detector::{DetectorSettings, OnnxDetector};
pub use embedder::OnnxEmbedder;
pub use landmarks::OnnxLandmarks;
pub use parser::OnnxParser;
pub use pose::OnnxPose;

#[cfg(test)]
mod tests;

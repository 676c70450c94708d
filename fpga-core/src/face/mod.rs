//! Where a face is in a picture, and how to take it out and put it back without a trace.
//!
//! Restoring one face goes: [`FaceBox`] and [`Landmarks5`] → [`CropPlan`] (one [`Affine`], kept
//! exactly) → [`FaceMask`] → the model changes the crop → [`match_colour`] → [`paste`].
//!
//! What is in a picture comes from whoever can tell: [`FaceDetector`], [`FaceEmbedder`],
//! [`FaceParser`], [`LandmarkDetector`], [`PoseEstimator`] are traits, each also met by a plain function.
//!
//! Coordinates are continuous picture pixels: x to the right, y down, (0, 0) the outer corner of
//! the first pixel, so that pixel (i, j) has its centre at (i + ½, j + ½). Pictures are 8-bit
//! [`RgbImage`]s; crops are `[height, width, 3]` in levels 0–255; masks hold 0–1, 1 = acts here.

mod affine;
mod align;
mod arcface;
mod assign;
mod back_projection;
mod bisenet;
mod choose;
mod colour;
mod crop;
mod dense_crop;
mod dense_landmarks;
mod detection;
mod distance;
mod embedding;
mod face_box;
mod lab;
mod landmarks;
mod letterbox;
mod mask;
#[cfg(feature = "onnx")]
mod onnx;
mod parsed_faces;
mod parts;
mod paste;
mod planes;
mod portrait;
mod pose_crop;
mod region;
mod resample;
mod residual;
mod scrfd;
mod skeleton;
mod suppress;
mod warp;
mod whole_body;
mod yolox;

pub use affine::Affine;
pub use align::{ALIGNED_SIZE, ARCFACE_TEMPLATE, align_face, align_face_to, alignment};
pub use arcface::{ArcFace, ArcFaceConfig, ArcFaceEmbedder, IResBlock};
pub use assign::{Assigned, AssignmentRules, Evidence, KnownPerson, Sighting, assign_faces};
#[cfg(feature = "train")]
pub(crate) use bisenet::enlarge;
pub use bisenet::{
    AttentionRefinement, Backbone, BackboneBlock, BiSeNet, BiSeNetConfig, BiSeNetParser,
    ContextPath, FeatureFusion, Head,
};
pub use choose::{ChosenFaces, DropReason, FaceFilter, FaceOrder, reference_face};
pub use colour::{ColourShift, match_colour};
pub use crop::{CropPlan, CropSettings};
pub use dense_crop::DenseCrop;
pub use dense_landmarks::{DenseLandmarks, LandmarkDetector, LandmarkOrder};
pub use detection::{DetectedFace, FaceDetector};
pub use embedding::{FaceEmbedder, FaceEmbedding};
pub use face_box::FaceBox;
pub use image::RgbImage;
pub use lab::{Lab, delta_e_2000};
pub use landmarks::Landmarks5;
pub use letterbox::Letterbox;
pub use mask::{FaceMask, MaskShape, split_overlaps};
#[cfg(feature = "onnx")]
pub use onnx::{DetectorSettings, OnnxDetector, OnnxEmbedder, OnnxLandmarks, OnnxParser, OnnxPose};
pub use parsed_faces::{ParsedFaces, faces_of};
pub use parts::{FaceParser, FacePart, PartMap};
pub use paste::{PasteReport, changed_outside, paste};
pub use pose_crop::PoseCrop;
pub use region::{face_region, head_of_body};
pub use residual::ResidualStage;
pub use scrfd::{DetectionLimits, ScrfdLayout};
pub use skeleton::{Extremities, Keypoint, PoseEstimator, SEEN, Skeleton};
#[cfg(feature = "train")]
pub(crate) use warp::warp_pixels;
pub use whole_body::{WHOLE_BODY_POINTS, from_whole_body};
pub use yolox::decode_people;

#[cfg(test)]
mod reference;

/// The photograph that the room's tests share.
#[cfg(test)]
mod photograph {
    use std::path::{Path, PathBuf};

    use super::{FaceBox, Landmarks5, RgbImage};

    pub(super) fn fixture(path: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../tests/fixtures")
            .join(path)
    }

    pub(super) fn astronaut() -> RgbImage {
        image::open(fixture("pictures/astronaut.png"))
            .unwrap()
            .to_rgb8()
    }

    pub(super) fn face() -> (FaceBox, Landmarks5) {
        let points = [
            [107.0, 102.0],
            [151.0, 103.0],
            [127.0, 128.0],
            [107.0, 140.0],
            [148.0, 141.0],
        ];
        (
            FaceBox::new(84.0, 76.0, 175.0, 178.0).unwrap(),
            Landmarks5::new(points).unwrap(),
        )
    }

    /// The mean difference in levels, and the largest.
    pub(super) fn difference(one: &[f32], other: &[f32]) -> (f32, f32) {
        assert_eq!(one.len(), other.len());
        let steps = one.iter().zip(other).map(|(p, q)| (p - q).abs());
        (
            steps.clone().sum::<f32>() / one.len() as f32,
            steps.fold(0.0, f32::max),
        )
    }
}

//! How good pictures are: likeness, agreement with the text, distance between sets, pixel errors.
//!
//! | measure | what it compares | here |
//! |---|---|---|
//! | FaceSim | ArcFace vectors of two faces | [`FaceSimilarity`] |
//! | CLIP-I, CLIP-T | CLIP vectors of two pictures, of picture and text | [`ClipScore`] |
//! | DINO | class tokens of two pictures | [`Dino`] |
//! | FGIS (our definition) | DINO vectors of masked parts of two faces | [`fgis`] |
//! | FID | Gaussians over Inception features of two sets | [`Inception`], [`frechet_distance`] |
//! | PSNR, SSIM | pixels of two pictures | [`psnr`], [`ssim`] |
//! | leakage | each face with everybody's reference | [`IdentityTable`] |
//!
//! Cosines are of vectors from the same network; 1 = equal direction.

mod clip_score;
mod cosine;
mod dino;
mod face_similarity;
mod fgis;
mod frechet;
mod inception;
mod leakage;
mod pixels;
mod resize;
mod ssim;

pub use clip_score::ClipScore;
pub use cosine::{Summary, cosine};
pub use dino::{
    Dino, DinoAttention, DinoBlock, DinoConfig, DinoFeedForward, DinoPatches, dino_from_file,
    dino_pixels,
};
pub use face_similarity::FaceSimilarity;
pub use fgis::{FGIS_PARTS, FgisReport, fgis, part_pictures};
pub use frechet::{FeatureStatistics, frechet_distance};
pub use inception::{
    BranchPool, Inception, InceptionConv, LineKernel, MixedA, MixedB, MixedC, MixedD, MixedE,
    WideConv, inception_from_file, inception_pixels,
};
pub use leakage::IdentityTable;
pub use pixels::{mean_squared_error, psnr};
pub use ssim::{SsimWindow, ssim};

//! Every number of the trainings.

use fpga_core::face::{ArcFaceConfig, ResidualStage};
use fpga_core::train::{AngularMargin, Course, LearnerConfig, LearningRate, Reconstruction};
use serde_json::{Value, json};

/// What all random numbers follow from.
pub(crate) const SEED: u64 = 2408;
/// People that are trained on have smaller numbers.
pub(crate) const PEOPLE: u64 = 4096;
/// People to look at and to measure with have numbers from here on.
pub(crate) const HELD_OUT: u64 = 1_000_000;
/// Side of whole pictures in pixels.
pub(crate) const SIDE: u32 = 128;

/// A training of the recipe.
pub(crate) fn course(steps: u64, peak: f64) -> LearnerConfig {
    LearnerConfig {
        seed: SEED,
        rate: LearningRate {
            peak,
            warm_up: steps / 50,
            course: Course::Cosine { least: 0.02 },
        },
        average: Some(0.998),
        checkpoint_every: 250,
        sample_every: Some(500),
        ..LearnerConfig::new(steps, peak)
    }
}

/// A quarter of the side: a face in a group picture still has a dozen latents across.
pub(crate) fn vae() -> Value {
    json!({
        "_class_name": "AutoencoderKL", "in_channels": 3, "out_channels": 3, "latent_channels": 4,
        "down_block_types": vec!["DownEncoderBlock2D"; 3],
        "up_block_types": vec!["UpDecoderBlock2D"; 3],
        "block_out_channels": [24, 48, 64], "layers_per_block": 1, "norm_num_groups": 8,
        "mid_block_add_attention": false, "sample_size": SIDE, "scaling_factor": 1.0,
    })
}

/// Side of the cut-outs that the autoencoder learns from.
pub(crate) const VAE_SIDE: u32 = 64;
pub(crate) const VAE_BATCH: u64 = 8;
pub(crate) const VAE_STEPS: u64 = 6000;
pub(crate) const VAE_RATE: f64 = 1e-3;
pub(crate) const VAE_LOSS: Reconstruction = Reconstruction {
    edges: 1.0,
    divergence: 1e-3,
};

/// ArcFace's architecture with a block per stage; embeddings as long as everybody's.
pub(crate) fn face() -> ArcFaceConfig {
    ArcFaceConfig {
        side: 112,
        stem_width: 16,
        stages: [16, 32, 48, 24].map(|width| ResidualStage { blocks: 1, width }),
        features: 512,
    }
}

pub(crate) const FACE_BATCH: u64 = 32;
pub(crate) const FACE_STEPS: u64 = 6000;
pub(crate) const FACE_RATE: f64 = 1e-3;
/// Drawn people are fewer and more alike than photographed ones: a smaller scale and margin than the paper's.
pub(crate) const FACE_LOSS: AngularMargin = AngularMargin {
    scale: 24.0,
    margin: 0.3,
};

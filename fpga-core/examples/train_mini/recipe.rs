//! Every number of the trainings.

use std::ops::Range;

use fpga_core::face::{ArcFaceConfig, BiSeNetConfig, ResidualStage};
use fpga_core::identity::projector::FaceProjectionConfig;
use fpga_core::nn::PerceiverConfig;
use fpga_core::train::diffusion::{CloneFaceTuning, LoraConfig, LoraLayers};
use fpga_core::train::{
    AngularMargin, Course, LearnerConfig, LearningRate, Parsing, Reconstruction,
};
use serde_json::{Value, json};

/// What all random numbers follow from.
pub(crate) const SEED: u64 = 2408;
/// People whom the face recogniser learns to tell apart: from number 0 on.
pub(crate) const KNOWN: u64 = 2048;
/// People to look at and to measure with have numbers from here on.
pub(crate) const HELD_OUT: u64 = 1_000_000;
/// The people of pictures to learn from.
pub(crate) const TRAINED: Range<u64> = 0..HELD_OUT;
/// The people of pictures to look at.
pub(crate) const STRANGERS: Range<u64> = HELD_OUT..HELD_OUT + 4096;
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
        "block_out_channels": [24, 48, 48], "layers_per_block": 1, "norm_num_groups": 8,
        "mid_block_add_attention": false, "sample_size": SIDE, "scaling_factor": 1.0,
    })
}

/// Side of the cut-outs that the autoencoder learns from.
pub(crate) const VAE_SIDE: u32 = 64;
pub(crate) const VAE_BATCH: u64 = 8;
pub(crate) const VAE_STEPS: u64 = 4000;
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
        stages: [16, 32, 48, 12].map(|width| ResidualStage { blocks: 1, width }),
        features: 512,
    }
}

/// One that only judges: as deep, and wider at its end.
pub(crate) fn judge() -> ArcFaceConfig {
    ArcFaceConfig {
        stages: [16, 32, 64, 16].map(|width| ResidualStage { blocks: 1, width }),
        ..face()
    }
}

/// People whom it learns to tell apart: few, so that it sees each often.
pub(crate) const JUDGE_KNOWN: u64 = 1024;
pub(crate) const JUDGE_STEPS: u64 = 3000;
pub(crate) const JUDGE_RATE: f64 = 2e-3;
pub(crate) const FACE_BATCH: u64 = 32;
pub(crate) const FACE_STEPS: u64 = 3000;
pub(crate) const FACE_RATE: f64 = 1e-3;
/// People whom it is refined with; more than half of them it has never seen.
pub(crate) const REFINE_KNOWN: u64 = 4096;
/// How often somebody has another's hair then: hair says little about whose face it is.
pub(crate) const OTHER_HAIR: f32 = 0.5;
pub(crate) const REFINE_FACE_STEPS: u64 = 3000;
pub(crate) const REFINE_FACE_RATE: f64 = 1e-3;
/// Drawn people are fewer and more alike than photographed ones: a smaller scale and margin than the paper's.
pub(crate) const FACE_LOSS: AngularMargin = AngularMargin {
    scale: 24.0,
    margin: 0.3,
};

/// Merged pairs of letters in the tokenizer, if the captions have as many.
pub(crate) const MERGES: usize = 400;
/// Tokens of a text.
pub(crate) const WINDOW: usize = 77;

/// The smaller half of CLIP that reads.
pub(crate) fn text(vocabulary: usize) -> Value {
    json!({
        "architectures": ["CLIPTextModelWithProjection"], "model_type": "clip_text_model",
        "vocab_size": vocabulary, "bos_token_id": vocabulary - 2, "eos_token_id": vocabulary - 1,
        "pad_token_id": vocabulary - 1, "max_position_embeddings": WINDOW, "hidden_size": WIDTH,
        "intermediate_size": 4 * WIDTH, "num_attention_heads": 4, "num_hidden_layers": 2,
        "hidden_act": "gelu", "layer_norm_eps": 1e-5, "projection_dim": WIDTH,
    })
}

/// The half that sees.
pub(crate) fn vision() -> Value {
    json!({
        "architectures": ["CLIPVisionModelWithProjection"], "model_type": "clip_vision_model",
        "image_size": CLIP_SIDE, "patch_size": 8, "num_channels": 3, "hidden_size": WIDTH,
        "intermediate_size": 4 * WIDTH, "num_attention_heads": 4, "num_hidden_layers": 3,
        "hidden_act": "gelu", "layer_norm_eps": 1e-5, "projection_dim": WIDTH,
    })
}

/// Width of text tokens, and of identity tokens with them.
pub(crate) const WIDTH: usize = 64;
/// Side of what CLIP sees.
pub(crate) const CLIP_SIDE: usize = 64;
pub(crate) const CLIP_BATCH: u64 = 32;
pub(crate) const CLIP_STEPS: u64 = 3000;
pub(crate) const CLIP_RATE: f64 = 1e-3;

/// Three sizes: 32×32 without attention, 16×16 and 8×8 with it.
pub(crate) fn unet() -> Value {
    json!({
        "_class_name": "UNet2DConditionModel", "sample_size": SIDE / 4, "in_channels": 4,
        "out_channels": 4, "block_out_channels": [32, 48, 72], "layers_per_block": 1,
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        "cross_attention_dim": WIDTH, "attention_head_dim": 2, "norm_num_groups": 8,
    })
}

/// As IP-Adapter-FaceID has it, with a narrower middle.
pub(crate) fn face_projection() -> FaceProjectionConfig {
    FaceProjectionConfig {
        input_width: face().features,
        inner_width: 256,
        tokens: 4,
        token_width: WIDTH,
    }
}

/// Stable Diffusion's noise, and velocities instead of noise as what is predicted.
pub(crate) fn scheduler() -> Value {
    json!({
        "_class_name": "DDIMScheduler", "num_train_timesteps": 1000, "beta_start": 0.00085,
        "beta_end": 0.012, "beta_schedule": "scaled_linear", "prediction_type": "v_prediction",
        "clip_sample": false, "set_alpha_to_one": false, "steps_offset": 1,
    })
}

/// Different scenes that are learned from.
pub(crate) const POOL: u64 = 16_384;
pub(crate) const BASE_BATCH: u64 = 16;
pub(crate) const BASE_STEPS: u64 = 4000;
pub(crate) const BASE_RATE: f64 = 8e-4;
pub(crate) const REFINE_STEPS: u64 = 1800;
pub(crate) const REFINE_RATE: f64 = 5e-4;
pub(crate) const ADAPT_STEPS: u64 = 7000;
pub(crate) const ADAPT_RATE: f64 = 6e-4;
/// How much more faces count than everything else; then, when the rest of the picture is learned, still more.
pub(crate) const FACES: f64 = 1.0;
pub(crate) const ADAPT_FACES: f64 = 3.0;

/// When a recogniser is asked about the faces, how much its answer counts.
pub(crate) const LIKENESS: f64 = 0.1;
pub(crate) const LIKENESS_STEPS: u64 = 4500;
pub(crate) const LIKENESS_RATE: f64 = 4e-4;
/// How far faces are shaken at last before it sees them.
pub(crate) const SHAKE: f64 = 0.1;
pub(crate) const FINISH_STEPS: u64 = 3000;
pub(crate) const FINISH_RATE: f64 = 4e-4;

/// What the UNet learns beside itself for faces that are cut out to be made anew: more of the picture is face then than
/// it has ever seen.
pub(crate) const FACE_ADDITIONS: LoraConfig = LoraConfig {
    layers: LoraLayers::All,
    ..LoraConfig::new(8, 8.0)
};
pub(crate) const FACE_ADDITIONS_STEPS: u64 = 5000;
pub(crate) const FACE_ADDITIONS_RATE: f64 = 3e-3;
/// Side of these cut-outs in sides of the face, and by which share it is more or less.
pub(crate) const REACH: (f32, f32) = (1.35, 0.12);
/// How far the face lies from the middle at most, in its sides.
pub(crate) const ASIDE: f32 = 0.06;

/// Widths of what reads condition pictures, which are four times as large as latents.
pub(crate) const CONDITION_WIDTHS: [usize; 3] = [8, 16, 32];
pub(crate) const CONTROL_BATCH: u64 = 16;
pub(crate) const CONTROL_STEPS: u64 = 1000;
pub(crate) const CONTROL_RATE: f64 = 8e-4;

pub(crate) const CLONE_BATCH: u64 = 16;
pub(crate) const CLONE_STEPS: u64 = 700;
pub(crate) const CLONE_RATE: f64 = 4e-4;
/// A little is asked of the rest of the picture, so that it does not fall apart.
pub(crate) const CLONE_TUNING: CloneFaceTuning = CloneFaceTuning {
    face: 1.0,
    elsewhere: 0.1,
    clone: 0.2,
};

/// What reads CLIP's hidden states for an identity, and for a part of a face: one layer.
pub(crate) fn perceiver() -> PerceiverConfig {
    PerceiverConfig {
        context_width: WIDTH,
        width: WIDTH,
        attention_width: WIDTH,
        heads: 1,
        inner_width: 2 * WIDTH,
        layers: 1,
        output_width: WIDTH,
    }
}

pub(crate) const LOCAL_POOL: u64 = 4096;
pub(crate) const LOCAL_BATCH: u64 = 16;
pub(crate) const LOCAL_STEPS: u64 = 1000;
pub(crate) const LOCAL_RATE: f64 = 5e-4;

/// An eighth as wide as the released parser, with a block per stage.
pub(crate) fn parser() -> BiSeNetConfig {
    BiSeNetConfig {
        stem_width: 12,
        stages: [12, 24, 32, 48].map(|width| ResidualStage { blocks: 1, width }),
        context_width: 24,
        fusion_width: 32,
        head_widths: [32, 16, 16],
        classes: 19,
    }
}

/// Small pictures are enlarged, since the parser answers at an eighth of what it sees.
pub(crate) const PARSER_SIDE: u32 = 256;
pub(crate) const PARSER_BATCH: u64 = 8;
pub(crate) const PARSER_STEPS: u64 = 3000;
pub(crate) const PARSER_RATE: f64 = 2e-3;
/// Pictures are drawn this large when it is refined, and cut out; most lost detail before.
pub(crate) const REFINE_PARSER_SIDES: [u32; 3] = [256, 384, 512];
pub(crate) const REFINE_PARSER_STEPS: u64 = 3000;
pub(crate) const REFINE_PARSER_RATE: f64 = 1e-3;
pub(crate) const PARSER_LOSS: Parsing = Parsing {
    hard_below: 0.7,
    least: 1.0 / 16.0,
    stride: 2,
};

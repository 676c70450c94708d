//! Whole trainings of tiny networks.

mod files;
mod learning;
mod resume;
mod workers;

use burn::tensor::{Device, Tensor};
use ndarray::Array2;

use super::diffusion::{
    DiffusionBatch, DiffusionObjective, FaceTarget, Modality, Networks, PartTarget,
};
use crate::control::{ConditionEncoder, ControlNet};
use crate::diffusion::{NoiseSchedule, NoiseSource, PhiloxNoise, Prediction, ScheduleConfig};
use crate::identity::{IdentityAttention, IdentityAttentionConfig};
use crate::nn::{SinusoidalEmbedding, randomize};
use crate::unet::{Conditioning, EncoderConfig, StageConfig, TransformerConfig, UNet, UNetConfig};

const TEXT_WIDTH: usize = 6;
const TOKEN_WIDTH: usize = 5;

fn device() -> Device {
    Device::flex().autodiff()
}

fn unet() -> UNet {
    unet_on(&device())
}

fn unet_on(device: &Device) -> UNet {
    let transformer = TransformerConfig {
        heads: 2,
        depth: 1,
        context_width: TEXT_WIDTH,
        linear_projection: false,
    };
    let stage = |channels, layers, transformer| StageConfig {
        channels,
        layers,
        transformer,
    };
    let config = UNetConfig {
        encoder: EncoderConfig {
            in_channels: 4,
            stages: vec![stage(16, 1, Some(transformer)), stage(24, 1, None)],
            mid: Some(transformer),
            timestep: SinusoidalEmbedding {
                width: 16,
                cosine_first: true,
                frequency_shift: 0.0,
            },
            time_width: 32,
            added: None,
            norm_groups: 8,
            norm_epsilon: 1e-5,
        },
        up_stages: vec![stage(24, 2, None), stage(16, 2, Some(transformer))],
        out_channels: 4,
    };
    randomize(config.init(device).unwrap(), 3)
}

fn adapter(unet: &UNet) -> IdentityAttention {
    let layers = unet.config().cross_attention();
    let config = IdentityAttentionConfig {
        token_width: TOKEN_WIDTH,
        widths: layers.iter().map(|layer| layer.width).collect(),
    };
    randomize(config.init(&device()), 4)
}

fn networks() -> Networks {
    let unet = unet();
    Networks {
        identity: Some(adapter(&unet)),
        controlnet: Some(ControlNet::from_unet(&unet, &[4, 6], 6).unwrap()),
        encoder: Some(ConditionEncoder::fresh(3, &[4, 6], 16, (5, &device()))),
        ..Networks::new(unet)
    }
}

fn objective() -> DiffusionObjective {
    let schedule = NoiseSchedule::from_config(&ScheduleConfig::stable_diffusion()).unwrap();
    DiffusionObjective::new(schedule, Prediction::Epsilon)
}

/// Two pictures with everything that can be known of them.
fn batch(seed: u64, modality: Modality) -> DiffusionBatch {
    let device = Device::flex();
    let mut noise = PhiloxNoise::new(seed);
    let mut draw = |shape: [usize; 4]| noise.latents(shape, &device);
    let latents = draw([2, 4, 6, 6]);
    let text = draw([1, 2, 5, TEXT_WIDTH]).reshape([2, 5, TEXT_WIDTH]);
    let condition = draw([2, 3, 12, 12]).clamp(0.0, 1.0);
    let mut face = |left: usize| FaceTarget {
        region: Array2::from_shape_fn((48, 48), |(y, x)| {
            f32::from((8..24).contains(&y) && (left..left + 16).contains(&x))
        }),
        tokens: Some(draw([1, 1, 2, TOKEN_WIDTH]).reshape([2, TOKEN_WIDTH])),
        features: None,
        likeness: None,
    };
    let faces = vec![vec![face(0), face(24)], vec![face(12)]];
    let part = |token, row: usize| PartTarget {
        token,
        region: faces[row][0].region.clone(),
        look: None,
    };
    DiffusionBatch {
        condition: Some(condition),
        modality,
        parts: vec![vec![part(1, 0), part(3, 0)], vec![part(2, 1)]],
        faces,
        ..DiffusionBatch::new(latents, Conditioning::text(text))
    }
}

fn empty_text() -> Tensor<3> {
    Tensor::ones([1, 5, TEXT_WIDTH], &Device::flex())
}

//! Fifty steps take no more memory than five: results of the CPU kernels are used again.

#![cfg(target_os = "linux")]

use burn::tensor::{Device, Distribution, Tensor};
use fpga_core::nn::{SinusoidalEmbedding, randomize};
use fpga_core::unet::{Conditioning, EncoderConfig, StageConfig, TransformerConfig, UNetConfig};
use fpga_tests::process::memory;

/// Bytes that a process may gain without growing: allocators round and keep.
const SLACK: usize = 8 << 20;

#[test]
fn fifty_steps_do_not_grow() {
    let device = Device::flex();
    let unet = randomize(config().init(&device).unwrap(), 1);
    let random = |shape: [usize; 4]| Tensor::<4>::random(shape, Distribution::Default, &device);
    let context = Tensor::<3>::random([2, 77, 64], Distribution::Default, &device);
    let prepared = unet.prepare(&Conditioning::text(context));
    let mut latents = random([2, 4, 64, 64]);
    let mut step = |count: usize| {
        for _ in 0..count {
            let timesteps = Tensor::from_floats([501.0, 501.0], &device);
            let noise = unet.forward(latents.clone(), timesteps, &prepared, None);
            latents = latents.clone() * 0.9 - noise * 0.01;
        }
    };

    step(5);
    let early = memory("VmRSS");
    step(45);
    let late = memory("VmRSS");
    assert!(latents.into_data().iter::<f32>().all(f32::is_finite));
    assert!(
        late <= early + SLACK,
        "{early} bytes resident after 5 steps, {late} after 50"
    );
}

/// Two stages of 64 and 128 channels, the outer one with a transformer; 64×64 latents give results that are
/// large enough to be used again.
fn config() -> UNetConfig {
    let transformer = TransformerConfig {
        heads: 4,
        depth: 1,
        context_width: 64,
        linear_projection: false,
    };
    let stage = |channels, layers, transformer| StageConfig {
        channels,
        layers,
        transformer,
    };
    UNetConfig {
        encoder: EncoderConfig {
            in_channels: 4,
            stages: vec![stage(64, 1, Some(transformer)), stage(128, 1, None)],
            mid: Some(transformer),
            timestep: SinusoidalEmbedding {
                width: 64,
                cosine_first: true,
                frequency_shift: 0.0,
            },
            time_width: 256,
            added: None,
            norm_groups: 32,
            norm_epsilon: 1e-5,
        },
        up_stages: vec![stage(128, 2, None), stage(64, 2, Some(transformer))],
        out_channels: 4,
    }
}

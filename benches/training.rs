//! One training step of a small UNet on the CPU: forward, mean squared error, backward.
//!
//! `cargo bench -p fpga-benches --features train --bench training`. Threads follow `RAYON_NUM_THREADS`.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use fpga_core::nn::{SinusoidalEmbedding, randomize};
use fpga_core::unet::{
    Conditioning, EncoderConfig, StageConfig, TransformerConfig, UNet, UNetConfig,
};

criterion_group!(benches, steps);
criterion_main!(benches);

fn steps(criterion: &mut Criterion) {
    let device = Device::flex().autodiff();
    let unet = randomize(config().init(&device).expect("a valid config"), 1);
    let numbers = |shape: &[usize]| {
        let count = shape.iter().product::<usize>();
        let values: Vec<f32> = (0..count)
            .map(|i| ((i * 7919) % 1009) as f32 / 504.5 - 1.0)
            .collect();
        TensorData::new(values, shape.to_vec())
    };
    let latents = Tensor::<4>::from_data(numbers(&[16, 4, 16, 16]), &device);
    let noise = Tensor::<4>::from_data(numbers(&[16, 4, 16, 16]), &device);
    let context = Tensor::<3>::from_data(numbers(&[16, 16, 64]), &device);
    let timesteps: Vec<f32> = (0..16u8).map(|i| f32::from(i) * 50.0).collect();
    let timesteps = Tensor::<1>::from_floats(timesteps.as_slice(), &device);
    let conditioning = Conditioning::text(context);

    let name = format!("step of {:.1} M parameters", unet.num_params() as f64 / 1e6);
    let forward = |unet: &UNet| {
        let prepared = unet.prepare(&conditioning);
        let found = unet.forward(latents.clone(), timesteps.clone(), &prepared, None);
        (found - noise.clone()).square().mean()
    };
    let mut group = criterion.benchmark_group("training");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.bench_function("forward only", |bencher| bencher.iter(|| forward(&unet)));
    group.bench_function(name, |bencher| bencher.iter(|| forward(&unet).backward()));
    group.finish();
}

/// Two stages of 64 and 128 channels, the outer one with a transformer.
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

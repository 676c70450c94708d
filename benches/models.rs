//! Time of every part of Stable Diffusion 1.5 with random weights, and of its layers' shapes.
//!
//! `cargo bench -p fpga-benches --bench models [-- FILTER]`; needs 10 GB of memory without a filter.

use std::cell::LazyCell;
use std::hint::black_box;
use std::time::Duration;

use burn::tensor::Device;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, criterion_group, criterion_main};
use fpga_benches::{ClipTextInput, Op, UNetInput, clip_text, controlnet, unet, vae};
use fpga_core::diffusion::{NoiseSource, TorchCpuNoise};

/// What the UNet at 64×64 latents and the VAE at 512×512 spend their time on.
const OPS: [&str; 18] = [
    "attention:2,4096,4096,8,40",
    "attention:2,1024,1024,8,80",
    "attention:2,256,256,8,160",
    "attention:2,4096,77,8,40",
    "attention:1,4096,4096,1,512",
    "conv:2,320,64,64,320,3,1",
    "conv:2,640,32,32,640,3,1",
    "conv:2,1280,16,16,1280,3,1",
    "conv:2,1280,8,8,1280,3,1",
    "conv:1,128,256,256,128,3,1",
    "conv:2,320,64,64,320,3,2",
    "conv:2,4,64,64,320,3,1",
    "conv:2,320,64,64,320,1,1",
    "group_norm_silu:2,320,64,64",
    "gated_linear:8192,320,1280",
    "geglu:2,4096,2560",
    "linear:4096,320,2560",
    "linear:4096,1280,1280",
];

const SOUND: &str = "the configuration is compiled in";

type Group<'a> = BenchmarkGroup<'a, WallTime>;

fn parts(criterion: &mut Criterion) {
    let device = Device::flex();
    let mut group = criterion.benchmark_group("part");
    // A step takes seconds: criterion's least number of samples, one run each.
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.warm_up_time(Duration::from_millis(1));

    let input = UNetInput::draw(&device);
    step(&mut group, &device, &input);
    control(&mut group, &device, &input);
    decode(&mut group, &device);
    text(&mut group, &device);
    group.finish();
}

fn layers(criterion: &mut Criterion) {
    let device = Device::flex();
    let mut group = criterion.benchmark_group("layer");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200));
    for name in OPS {
        let op: Op = name.parse().expect("every name above has its sizes");
        let run = LazyCell::new(|| op.build(&device));
        group.bench_function(name, |bencher| bencher.iter(|| black_box(run())));
    }
    group.finish();
}

// Networks are built when they are first run, so that a filter saves their memory too.

fn step(group: &mut Group<'_>, device: &Device, input: &UNetInput) {
    let network = LazyCell::new(|| {
        let network = unet(device).expect(SOUND);
        let conditioning = network.prepare(&input.conditioning);
        (network, conditioning)
    });
    group.bench_function("unet step", |bencher| {
        let (network, conditioning) = &*network;
        bencher.iter(|| {
            let (latents, timesteps) = (input.latents.clone(), input.timesteps.clone());
            black_box(network.forward(latents, timesteps, conditioning, None))
        });
    });
}

fn control(group: &mut Group<'_>, device: &Device, input: &UNetInput) {
    let network = LazyCell::new(|| {
        let network = controlnet(device).expect(SOUND);
        let hint = network.encode_condition(input.condition.clone());
        let conditioning = network.prepare(&input.conditioning);
        (network, conditioning, hint)
    });
    group.bench_function("controlnet step", |bencher| {
        let (network, conditioning, hint) = &*network;
        bencher.iter(|| {
            let (latents, timesteps) = (input.latents.clone(), input.timesteps.clone());
            black_box(network.forward(latents, timesteps, conditioning, hint.clone()))
        });
    });
}

fn decode(group: &mut Group<'_>, device: &Device) {
    let network = LazyCell::new(|| vae(device).expect(SOUND));
    let latents = TorchCpuNoise::new(0).latents([1, 4, 64, 64], device);
    group.bench_function("vae decode 512", |bencher| {
        let network = &*network;
        bencher.iter(|| black_box(network.decode(latents.clone())));
    });
}

fn text(group: &mut Group<'_>, device: &Device) {
    let network = LazyCell::new(|| clip_text(device).expect(SOUND));
    let ids = ClipTextInput::new(device).ids;
    group.bench_function("clip text", |bencher| {
        let network = &*network;
        bencher.iter(|| black_box(network.forward(ids.clone())));
    });
}

criterion_group!(benches, layers, parts);
criterion_main!(benches);

//! What three people cost: a UNet step of Stable Diffusion 1.5's sizes at 512×512 with and without them,
//! and their part alone, with 4 tokens each (IP-Adapter, FaceID) and 16 (IP-Adapter-Plus).
//!
//! `cargo bench -p fpga-benches --bench identity [-- FILTER]`; needs 5 GB of memory, `part` alone 1 GB.

use std::cell::LazyCell;
use std::hint::black_box;
use std::time::Duration;

use burn::tensor::{Device, Tensor};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, criterion_group, criterion_main};
use fpga_benches::{UNetInput, unet, unet_config};
use fpga_core::diffusion::{NoiseSource, TorchCpuNoise};
use fpga_core::identity::{
    Identity, IdentityAttention, IdentityAttentionConfig, IdentitySet, LayerSite,
    PreparedIdentities, RegionMask,
};
use fpga_core::nn::randomize;
use fpga_core::unet::CrossAttention;

const SOUND: &str = "the configuration is compiled in";
const LATENTS: [usize; 2] = [64, 64];
const TOKEN_WIDTH: usize = 768;

type Group<'a> = BenchmarkGroup<'a, WallTime>;

fn identity(criterion: &mut Criterion) {
    let device = Device::flex();
    let mut group = criterion.benchmark_group("identity");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.warm_up_time(Duration::from_millis(1));
    for tokens in [4, 16] {
        part(&mut group, &device, tokens);
    }
    steps(&mut group, &device);
    group.finish();
}

/// Whole steps, with guidance.
fn steps(group: &mut Group<'_>, device: &Device) {
    let input = UNetInput::draw(device);
    let network = LazyCell::new(|| unet(device).expect(SOUND));
    for tokens in [0, 4, 16] {
        let name = match tokens {
            0 => "unet step".to_owned(),
            _ => format!("unet step, 3 people of {tokens} tokens"),
        };
        group.bench_function(name, |bencher| {
            let network = &*network;
            let plain = network.prepare(&input.conditioning);
            let conditioning = match tokens {
                0 => plain,
                _ => plain
                    .with_identities(three_people(tokens, device))
                    .expect("as many rows as the prompts"),
            };
            bencher.iter(|| {
                let (latents, timesteps) = (input.latents.clone(), input.timesteps.clone());
                black_box(network.forward(latents, timesteps, &conditioning, None))
            });
        });
    }
}

/// Only what people add to a step: all sixteen layers.
fn part(group: &mut Group<'_>, device: &Device, tokens: usize) {
    let setup = LazyCell::new(|| (three_people(tokens, device), queries(device)));
    group.bench_function(format!("part, 3 people of {tokens} tokens"), |bencher| {
        let (people, queries) = &*setup;
        bencher.iter(|| {
            for (layer, query) in queries.iter().enumerate() {
                black_box(people.add_to(query.clone(), query.clone(), layer));
            }
        });
    });
}

fn layers() -> Vec<CrossAttention> {
    unet_config().expect(SOUND).cross_attention()
}

fn queries(device: &Device) -> Vec<Tensor<3>> {
    let mut noise = TorchCpuNoise::new(1);
    let mut query = |layer: &CrossAttention| {
        let [height, width] = layer.grid(LATENTS);
        let map = noise.latents([2, 1, height * width, layer.width], device);
        map.squeeze_dim::<3>(1)
    };
    layers().iter().map(&mut query).collect()
}

/// Three upright regions side by side that cover three quarters of the picture.
fn three_people(tokens: usize, device: &Device) -> PreparedIdentities {
    let mut noise = TorchCpuNoise::new(2);
    let mut person = |index: usize| {
        let left = 170.0 * index as f32 + 10.0;
        let region = RegionMask::from_box([left, 60.0, left + 155.0, 490.0], [512, 512]);
        let map = noise.latents([2, 1, tokens, TOKEN_WIDTH], device);
        Identity::new(map.squeeze_dim::<3>(1), region.expect("inside the picture"))
    };
    let people =
        IdentitySet::new((0..3).map(&mut person).collect()).expect("apart from each other");
    let site = |layer: &CrossAttention| LayerSite {
        width: layer.width,
        heads: layer.heads,
        grid: layer.grid(LATENTS),
    };
    let sites: Vec<_> = layers().iter().map(site).collect();
    let prepared = adapter(device).prepare(&people, &sites);
    prepared.expect("made for these layers")
}

fn adapter(device: &Device) -> IdentityAttention {
    let config = IdentityAttentionConfig {
        token_width: TOKEN_WIDTH,
        widths: layers().iter().map(|layer| layer.width).collect(),
    };
    randomize(config.init(device), 3)
}

criterion_group!(benches, identity);
criterion_main!(benches);

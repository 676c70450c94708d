//! What three people cost: a UNet step of Stable Diffusion 1.5's sizes at 512×512 with and without them,
//! and their part alone, with 4 tokens each (IP-Adapter, FaceID) and 16 (IP-Adapter-Plus).
//!
//! `cargo bench -p fpga-benches --bench identity`; needs 5 GB of memory.

use burn::tensor::{Device, Tensor};
use fpga_benches::{Turns, UNetInput, unet, unet_config};
use fpga_core::diffusion::{NoiseSource, TorchCpuNoise};
use fpga_core::error::Result;
use fpga_core::identity::{
    Identity, IdentityAttention, IdentityAttentionConfig, IdentitySet, LayerSite,
    PreparedIdentities, RegionMask,
};
use fpga_core::nn::randomize;
use fpga_core::unet::CrossAttention;

const SOUND: &str = "the configuration is compiled in";
const LATENTS: [usize; 2] = [64, 64];
const TOKEN_WIDTH: usize = 768;
/// Turns that are counted.
const TURNS: usize = 9;

fn main() -> Result<()> {
    let device = Device::flex();
    let part = |tokens| {
        let (people, queries) = (three_people(tokens, &device), queries(&device));
        move || added(&people, &queries)
    };
    let parts = Turns::default()
        .and("part, 3 people of 4 tokens", part(4))
        .and("part, 3 people of 16 tokens", part(16));
    print!("{}", parts.take(TURNS));

    let (network, input) = (unet(&device)?, UNetInput::draw(&device));
    let step = |tokens| -> Result<_> {
        let plain = network.prepare(&input.conditioning);
        let conditioning = match tokens {
            0 => plain,
            _ => plain.with_identities(three_people(tokens, &device))?,
        };
        let (network, input) = (&network, &input);
        Ok(move || {
            let (latents, timesteps) = (input.latents.clone(), input.timesteps.clone());
            network.forward(latents, timesteps, &conditioning, None)
        })
    };
    let steps = Turns::default()
        .and("unet step", step(0)?)
        .and("unet step, 3 people of 4 tokens", step(4)?)
        .and("unet step, 3 people of 16 tokens", step(16)?);
    print!("{}", steps.take(TURNS));
    Ok(())
}

/// Only what people add to a step: all sixteen layers.
fn added(people: &PreparedIdentities, queries: &[Tensor<3>]) -> Tensor<3> {
    let layers = queries.iter().enumerate();
    let added = layers.map(|(layer, query)| people.add_to(query.clone(), query.clone(), layer));
    added.reduce(|_, last| last).expect("there are layers")
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

//! What spatial guidance costs: a step of Stable Diffusion 1.5's UNet alone, with a ControlNet beside it,
//! and with a RepControlNet merged into it.
//!
//! `cargo bench -p fpga-benches --bench control_overhead [-- SIDE]`; SIDE is the picture's (512). Weights are
//! random. The three take turns, so that a slow minute of the machine hits all of them; needs 12 GB.

use std::hint::black_box;
use std::time::Instant;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use fpga_benches::{UNetInput, controlnet, unet};
use fpga_core::control::{ConditionEncoder, ControlNet, ModalLayers, RepControlNet};
use fpga_core::error::Result;
use fpga_core::unet::{PreparedConditioning, UNet};

/// Turns that are counted; one before them is not.
const TURNS: usize = 5;
const WIDTHS: [usize; 4] = [16, 32, 96, 256];

fn main() -> Result<()> {
    let side = std::env::args()
        .filter_map(|word| word.parse::<usize>().ok())
        .next();
    let device = Device::flex();
    let step = Step::draw(side.unwrap_or(512), &device);

    let base = unet(&device)?;
    let encoder = ConditionEncoder::fresh(3, &WIDTHS, 320, (1, &device));
    let net = RepControlNet::fresh(&base, encoder, ModalLayers::Full, 0.1)?;
    let merged = net.merge(base.clone())?;
    let hint = net.encode_condition(step.condition.clone());
    drop(net);
    let classic = controlnet(&device)?;
    let classic_hint = classic.encode_condition(step.condition.clone());

    let alone = base.prepare(&step.input.conditioning);
    let beside = classic.prepare(&step.input.conditioning);
    let told = merged.prepare(&step.input.conditioning).with_hint(hint);
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..=TURNS {
        times[0].push(seconds(|| step.plain(&base, &alone)));
        times[1].push(seconds(|| {
            step.guided(&base, &alone, (&classic, &beside, &classic_hint))
        }));
        times[2].push(seconds(|| step.plain(&merged, &told)));
    }

    let sizes = [
        base.num_params(),
        base.num_params() + classic.num_params(),
        merged.num_params(),
    ];
    let base_time = median(&times[0]);
    println!(
        "{:<28} {:>10} {:>22} {:>8}",
        "step", "parameters", "seconds (min-max)", "ratio"
    );
    let names = ["UNet", "UNet and ControlNet", "UNet with merged control"];
    for ((name, parameters), times) in names.iter().zip(sizes).zip(&times) {
        let (middle, [least, most]) = (median(times), range(times));
        let spread = format!("{middle:.2} ({least:.2}-{most:.2})");
        let ratio = middle / base_time;
        println!(
            "{name:<28} {:>8.1} M {spread:>22} {ratio:>8.3}",
            parameters as f64 / 1e6
        );
    }
    Ok(())
}

/// One step of prompt and negative prompt.
struct Step {
    input: UNetInput,
    latents: Tensor<4>,
    condition: Tensor<4>,
}

impl Step {
    fn draw(side: usize, device: &Device) -> Self {
        let input = UNetInput::draw(device);
        let cut =
            |map: &Tensor<4>, side: usize| map.clone().slice_dim(2, 0..side).slice_dim(3, 0..side);
        let side = side.min(512) / 64 * 64;
        Self {
            latents: cut(&input.latents, side / 8),
            condition: cut(&input.condition, side).slice_dim(0, 0..1),
            input,
        }
    }

    fn plain(&self, unet: &UNet, conditioning: &PreparedConditioning) -> Tensor<4> {
        let timesteps = self.input.timesteps.clone();
        unet.forward(self.latents.clone(), timesteps, conditioning, None)
    }

    fn guided(
        &self,
        unet: &UNet,
        conditioning: &PreparedConditioning,
        (net, beside, hint): (&ControlNet, &PreparedConditioning, &Tensor<4>),
    ) -> Tensor<4> {
        let (latents, timesteps) = (self.latents.clone(), self.input.timesteps.clone());
        let residuals = net.forward(latents.clone(), timesteps.clone(), beside, hint.clone());
        unet.forward(latents, timesteps, conditioning, Some(&residuals))
    }
}

fn seconds(run: impl FnOnce() -> Tensor<4>) -> f64 {
    let start = Instant::now();
    // A lazy device is done when its values are here.
    black_box(run().sum().into_scalar::<f32>());
    start.elapsed().as_secs_f64()
}

/// Without the first turn, which warms caches.
fn median(times: &[f64]) -> f64 {
    let mut counted = times[1..].to_vec();
    counted.sort_by(f64::total_cmp);
    counted[counted.len() / 2]
}

fn range(times: &[f64]) -> [f64; 2] {
    let counted = &times[1..];
    let least = counted.iter().copied().fold(f64::MAX, f64::min);
    [least, counted.iter().copied().fold(0.0, f64::max)]
}

//! What spatial guidance costs: a step of Stable Diffusion 1.5's UNet alone, with a ControlNet beside it,
//! and with a RepControlNet merged into it.
//!
//! `cargo bench -p fpga-benches --bench control_overhead [-- SIDE]`; SIDE is the picture's (512). Weights are
//! random. The three take turns, so that a slow minute of the machine hits all of them; needs 12 GB.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use fpga_benches::{Turns, UNetInput, controlnet, unet};
use fpga_core::control::{ConditionEncoder, ControlNet, ModalLayers, RepControlNet};
use fpga_core::error::Result;
use fpga_core::unet::{PreparedConditioning, UNet};

/// Turns that are counted.
const TURNS: usize = 7;
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
    for (name, parameters) in [
        ("UNet", base.num_params()),
        ("ControlNet beside it", classic.num_params()),
        ("UNet with merged control", merged.num_params()),
    ] {
        println!("{name:<34} {:>8.1} M parameters", parameters as f64 / 1e6);
    }
    let turns = Turns::default()
        .and("UNet", || step.plain(&base, &alone))
        .and("UNet and ControlNet", || {
            step.guided(&base, &alone, (&classic, &beside, &classic_hint))
        })
        .and("UNet with merged control", || step.plain(&merged, &told));
    print!("{}", turns.take(TURNS));
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

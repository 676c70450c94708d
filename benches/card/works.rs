//! What is timed, by name.

use burn::tensor::Tensor;
use fpga_core::RgbImage;
use fpga_core::control::{ConditionEncoder, ControlNet, ModalLayers, RepControlNet};
use fpga_core::diffusion::TorchCpuNoise;
use fpga_core::error::Result;
use fpga_core::face::FaceBox;
use fpga_core::pipeline::{
    Canvas, Face, FaceIdentity, FaceRestorer, Gate, GenerateRequest, Monitor, People, Place,
    PortraitGenerator, PortraitIdentity, RestoreRequest, StableDiffusion,
};

use crate::Settings;
use crate::networks::{adapter, conditioning, drawn, kept_in, person, prompt};

/// Made ready once; runs again and again.
type Run<'a> = Box<dyn FnMut() -> Result<()> + 'a>;
pub(crate) type Work = for<'a> fn(&'a StableDiffusion, &'a Settings) -> Result<Run<'a>>;

pub(crate) const WORKS: &[(&str, Work)] = &[
    ("matmul", matmul),
    ("unet", unet),
    ("unet_controlnet", unet_controlnet),
    ("unet_merged", unet_merged),
    ("txt2img", txt2img),
    ("two_people", two_people),
    ("restore_two", restore_two),
];

/// Channels of the condition encoder, as published.
const WIDTHS: [usize; 4] = [16, 32, 96, 256];

/// Side of a square product that shows what the device's matrix units can do; as long as sixteen pictures are wide
/// at most.
fn matmul<'a>(model: &'a StableDiffusion, settings: &'a Settings) -> Result<Run<'a>> {
    let side = (16 * settings.side).min(8192);
    let factor = drawn(&mut TorchCpuNoise::new(0), [side, side], &model.device);
    let factor: Tensor<2> = factor.cast(model.unet.precision().dtype());
    Ok(Box::new(move || {
        drop(factor.clone().matmul(factor.clone()));
        Ok(())
    }))
}

/// Latents, timesteps and condition picture of a step with classifier-free guidance.
struct Step {
    latents: Tensor<4>,
    timesteps: Tensor<1>,
    condition: Tensor<4>,
}

impl Step {
    fn draw(model: &StableDiffusion, settings: &Settings) -> Self {
        let (side, device) = (settings.side, &model.device);
        let mut noise = TorchCpuNoise::new(0);
        Self {
            latents: drawn(&mut noise, [2, 4, side / 8, side / 8], device),
            timesteps: Tensor::from_floats([501.0, 501.0], device),
            condition: drawn(&mut noise, [1, 3, side, side], device),
        }
    }
}

fn unet<'a>(model: &'a StableDiffusion, settings: &'a Settings) -> Result<Run<'a>> {
    let step = Step::draw(model, settings);
    let told = model.unet.prepare(&conditioning(model, 2));
    Ok(Box::new(move || {
        let (latents, timesteps) = (step.latents.clone(), step.timesteps.clone());
        drop(model.unet.forward(latents, timesteps, &told, None));
        Ok(())
    }))
}

fn unet_controlnet<'a>(model: &'a StableDiffusion, settings: &'a Settings) -> Result<Run<'a>> {
    let step = Step::draw(model, settings);
    let precision = model.unet.precision();
    let net = ControlNet::from_unet(&model.unet, &WIDTHS, 1)?;
    let net = kept_in(precision, net).with_precision(precision);
    let conditioning = conditioning(model, 2);
    let (told, beside) = (
        model.unet.prepare(&conditioning),
        net.prepare(&conditioning),
    );
    let hint = net.encode_condition(step.condition.clone());
    Ok(Box::new(move || {
        let (latents, timesteps) = (step.latents.clone(), step.timesteps.clone());
        let residuals = net.forward(latents.clone(), timesteps.clone(), &beside, hint.clone());
        let output = model
            .unet
            .forward(latents, timesteps, &told, Some(&residuals));
        drop(output);
        Ok(())
    }))
}

fn unet_merged<'a>(model: &'a StableDiffusion, settings: &'a Settings) -> Result<Run<'a>> {
    let step = Step::draw(model, settings);
    let channels = model.unet.config().encoder.stages[0].channels;
    let encoder = ConditionEncoder::fresh(3, &WIDTHS, channels, (1, &model.device));
    let net = RepControlNet::fresh(&model.unet, encoder, ModalLayers::Full, 0.1)?;
    let merged = net.merge(model.unet.clone())?;
    let hint = net.encode_condition(step.condition.clone());
    let told = merged.prepare(&conditioning(model, 2)).with_hint(hint);
    Ok(Box::new(move || {
        let (latents, timesteps) = (step.latents.clone(), step.timesteps.clone());
        drop(merged.forward(latents, timesteps, &told, None));
        Ok(())
    }))
}

fn txt2img<'a>(model: &'a StableDiffusion, settings: &'a Settings) -> Result<Run<'a>> {
    Ok(Box::new(move || generate(model, settings, None)))
}

fn two_people<'a>(model: &'a StableDiffusion, settings: &'a Settings) -> Result<Run<'a>> {
    let adapter = adapter(model);
    let places = boxes(settings.side)?.map(Place::Box);
    let identity = |(seed, place)| PortraitIdentity::new(person(model, seed), place);
    let identities: Vec<_> = (2..).zip(places).map(identity).collect();
    Ok(Box::new(move || {
        let people = People::new(&adapter, identities.clone());
        generate(model, settings, Some(people))
    }))
}

fn generate(
    model: &StableDiffusion,
    settings: &Settings,
    people: Option<People<'_>>,
) -> Result<()> {
    let side = settings.side as u32;
    let canvas = Canvas::Blank {
        width: side,
        height: side,
    };
    let request = GenerateRequest {
        negative_prompt: prompt(model),
        steps: settings.steps,
        seed: Some(0),
        people,
        ..GenerateRequest::new(prompt(model), canvas)
    };
    let generator = PortraitGenerator::new(model);
    generator.generate(&request, &mut Monitor::none()).map(drop)
}

/// Two faces of a picture that is twice as wide as a crop.
fn restore_two<'a>(model: &'a StableDiffusion, settings: &'a Settings) -> Result<Run<'a>> {
    let adapter = adapter(model);
    let side = settings.side as u32;
    let bytes = (0..3 * 2 * side * side)
        .map(|at| (at % 199) as u8)
        .collect();
    let picture = RgbImage::from_raw(2 * side, side, bytes).expect("three bytes per pixel");
    let face = |(seed, region)| Face {
        identity: Some(FaceIdentity::new(person(model, seed))),
        ..Face::new(region)
    };
    let faces: Vec<_> = (4..).zip(boxes(2 * settings.side)?).map(face).collect();
    Ok(Box::new(move || {
        let mut request = RestoreRequest::new(&picture, faces.clone(), prompt(model));
        request.negative_prompt = prompt(model);
        request.adapter = Some(&adapter);
        request.steps = settings.steps;
        request.seed = Some(0);
        request.crop.size = side;
        // Noise would never pass as an improvement.
        request.gate = Gate::OPEN;
        let restorer = FaceRestorer::new(model);
        restorer.restore(&request, &mut Monitor::none()).map(drop)
    }))
}

/// A face at the left, one at the right of a picture of this width.
fn boxes(width: usize) -> Result<[FaceBox; 2]> {
    let unit = width as f32 / 16.0;
    Ok([
        FaceBox::new(2.0 * unit, 2.0 * unit, 6.0 * unit, 6.0 * unit)?,
        FaceBox::new(10.0 * unit, 2.0 * unit, 14.0 * unit, 6.0 * unit)?,
    ])
}

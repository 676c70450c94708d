//! Local features: an adapter in ConsistentID's manner, whose words know the parts of the face.

use std::path::PathBuf;

use anyhow::{Result, bail};
use burn::module::Param;
use burn::tensor::{Device, Tensor};
use fpga_core::identity::projector::{
    FacePerceiverConfig, FacialEncoderConfig, Projector, ResamplerConfig, ResamplerInput, Shortcut,
};
use fpga_core::nn::randomize;
use fpga_core::train::Computed;
use fpga_core::train::diffusion::{DiffusionObjective, Localisation, Networks, Trainable, Trainee};
use fpga_core::weights::Storage;

use crate::base::{held_out_loss, objective};
use crate::closely::Closely;
use crate::recipe::{
    HELD_OUT, LOCAL_BATCH, LOCAL_RATE, LOCAL_STEPS, SEED, STRANGERS, WIDTH, course,
    face_projection, perceiver,
};
use crate::scenes::Scenes;
use crate::stage::Place;

/// What learns here.
const LEARNS: Trainable = Trainable::Identity { lora: None };

/// Trains it; gives back what was written.
pub(crate) fn train(place: &Place, device: &Device) -> Result<Vec<PathBuf>> {
    let scenes = Scenes::open(&place.into, device)?;
    let looks = Closely::open(&scenes, &place.into)?;
    let model = LEARNS.prepare(fresh(place, &device.clone().autodiff())?, SEED)?;
    let objective = DiffusionObjective {
        localisation: Some(Localisation::default()),
        ..objective(&scenes)?
    };
    let source = Computed::new(|at| looks.batch(at, LOCAL_BATCH));
    let nothing = |_: &Trainee| Ok(Vec::new());
    let start = (objective.clone(), model, source);
    let Some(model) = place.train(start, course(LOCAL_STEPS, LOCAL_RATE), nothing)? else {
        return Ok(Vec::new());
    };
    let strangers = looks.of(STRANGERS);
    let batch = |at| strangers.batch(HELD_OUT + at, LOCAL_BATCH);
    println!("held-out {}", held_out_loss(&objective, &model, batch)?);
    Ok(LEARNS.save(&model, place.into.join("local"), Storage::F16)?)
}

/// The adapter that was trained before, whose tokens read CLIP's picture as well, and a new encoder of parts.
fn fresh(place: &Place, device: &Device) -> Result<Networks> {
    let known = place.people(device)?;
    let Some(Projector::Face(face)) = known.projector else {
        bail!("the adapter that was trained before reads faces and nothing else");
    };
    let config = FacePerceiverConfig {
        face: face_projection(),
        perceiver: perceiver(),
    };
    let mut projector = randomize(config.init(device), SEED + 3);
    projector.face = face;
    // What is read of the picture is silent at first.
    let last = &mut projector.perceiver_resampler.norm_out;
    let silent = Tensor::zeros([WIDTH], device);
    last.weight = Param::from_tensor(silent.clone()).set_require_grad(true);
    last.bias = Param::from_tensor(silent).set_require_grad(true);
    let facial = FacialEncoderConfig {
        visual_projection: ResamplerConfig {
            tokens: 1,
            perceiver: perceiver(),
            input: ResamplerInput::Picture,
        },
        text_width: WIDTH,
        inner_widths: [2 * WIDTH; 2],
    };
    let facial = randomize(facial.init(device), SEED + 4);
    let shortcut = Shortcut::Scaled(1.0);
    Ok(Networks {
        projector: Some(Projector::FacePerceiver(projector.with_shortcut(shortcut))),
        facial: Some(facial),
        ..known
    })
}

//! Clone Face Tuning: the identity adapter learns to act on one face among several.

use std::path::PathBuf;

use anyhow::Result;
use burn::tensor::Device;
use fpga_core::train::Computed;
use fpga_core::train::diffusion::{DiffusionObjective, Trainable, Trainee};
use fpga_core::weights::Storage;

use crate::base::{held_out_loss, objective};
use crate::recipe::{
    CLONE_BATCH, CLONE_RATE, CLONE_STEPS, CLONE_TUNING, HELD_OUT, SEED, STRANGERS, course,
};
use crate::scenes::{Motif, Scenes};
use crate::stage::Place;

/// What learns here.
const LEARNS: Trainable = Trainable::Identity { lora: None };

/// Trains it; gives back what was written.
pub(crate) fn train(place: &Place, device: &Device) -> Result<Vec<PathBuf>> {
    let scenes = Scenes::open(&place.into, device)?.showing(Motif::Crowds);
    let tracked = device.clone().autodiff();
    let model = LEARNS.prepare(place.people(&tracked)?, SEED)?;
    let objective = DiffusionObjective {
        clone_face: Some(CLONE_TUNING),
        ..objective(&scenes)?
    };
    let source = Computed::new(|at| scenes.batch(at, CLONE_BATCH));
    let nothing = |_: &Trainee| Ok(Vec::new());
    let start = (objective.clone(), model, source);
    let Some(model) = place.train(start, course(CLONE_STEPS, CLONE_RATE), nothing)? else {
        return Ok(Vec::new());
    };
    let strangers = scenes.of(STRANGERS);
    let batch = |at| strangers.batch(HELD_OUT + at, CLONE_BATCH);
    println!("held-out {}", held_out_loss(&objective, &model, batch)?);
    Ok(LEARNS.save(&model, place.into.join("clone_face"), Storage::F16)?)
}

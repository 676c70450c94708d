//! Where limbs and faces are, told by condition pictures: a classic ControlNet, and branches that are merged
//! into the UNet afterwards. Both learn by Multi-Mode Fusion.

use std::path::PathBuf;

use anyhow::Result;
use burn::tensor::Device;
use fpga_core::control::{ConditionEncoder, ControlNet, ModalLayers};
use fpga_core::train::diffusion::{
    ConditionDrop, DiffusionObjective, ModalSets, Modality, Networks, Trainable, Trainee,
};
use fpga_core::train::{Alternating, Computed};
use fpga_core::unet::UNet;
use fpga_core::weights::Storage;

use crate::base::{held_out_loss, objective};
use crate::recipe::{
    CONDITION_WIDTHS, CONTROL_BATCH, CONTROL_RATE, CONTROL_STEPS, HELD_OUT, SEED, STRANGERS, course,
};
use crate::scenes::Scenes;
use crate::stage::Place;

/// Trains the ControlNet; gives back what was written.
pub(crate) fn controlnet(place: &Place, device: &Device) -> Result<Vec<PathBuf>> {
    let fresh = |unet: UNet, _: &Device| {
        Ok(Networks {
            controlnet: Some(ControlNet::from_unet(&unet, &CONDITION_WIDTHS, SEED)?),
            ..Networks::new(unet)
        })
    };
    train(Trainable::ControlNet, "controlnet", fresh, (place, device))
}

/// Trains the RepControlNet; gives back what was written.
pub(crate) fn rep_controlnet(place: &Place, device: &Device) -> Result<Vec<PathBuf>> {
    let learns = Trainable::Modal {
        layers: ModalLayers::Lite,
        share: 0.1,
        sets: ModalSets::Shared,
    };
    let fresh = |unet: UNet, device: &Device| {
        let channels = unet.config().encoder.stages[0].channels;
        let encoder = ConditionEncoder::fresh(3, &CONDITION_WIDTHS, channels, (SEED, device));
        Ok(Networks {
            encoder: Some(encoder),
            ..Networks::new(unet)
        })
    };
    train(learns, "repcontrolnet", fresh, (place, device))
}

fn train(
    learns: Trainable,
    folder: &str,
    fresh: impl Fn(UNet, &Device) -> Result<Networks>,
    (place, device): (&Place, &Device),
) -> Result<Vec<PathBuf>> {
    let scenes = Scenes::open(&place.into, device)?;
    let tracked = device.clone().autodiff();
    // Who it is does not matter here: the adapter is silent, as control has to work without it, too.
    let model = learns.prepare(fresh(place.unet(&tracked)?, &tracked)?, SEED)?;
    let objective = DiffusionObjective {
        drop: ConditionDrop {
            text: 0.3,
            condition: 0.05,
            ..ConditionDrop::NONE
        },
        ..objective(&scenes)?
    };
    let of = |modality| {
        let scenes = &scenes;
        Computed::new(move |at| scenes.controlled(at, CONTROL_BATCH, modality))
    };
    let source = Alternating::new(of(Modality::Skeleton), of(Modality::Landmark));
    let nothing = |_: &Trainee| Ok(Vec::new());
    let start = (objective.clone(), model, source);
    let Some(model) = place.train(start, course(CONTROL_STEPS, CONTROL_RATE), nothing)? else {
        return Ok(Vec::new());
    };
    let strangers = scenes.of(STRANGERS);
    for modality in [Modality::Skeleton, Modality::Landmark] {
        let batch = |at| strangers.controlled(HELD_OUT + at, CONTROL_BATCH, modality);
        println!(
            "{modality:?}: {}",
            held_out_loss(&objective, &model, batch)?
        );
    }
    Ok(learns.save(&model, place.into.join(folder), Storage::F16)?)
}

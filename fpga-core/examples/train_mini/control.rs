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
use fpga_core::weights::Storage;

use crate::base::{held_out_loss, objective};
use crate::recipe::{
    CONDITION_WIDTHS, CONTROL_BATCH, CONTROL_RATE, CONTROL_STEPS, HELD_OUT, SEED, STRANGERS, course,
};
use crate::scenes::Scenes;
use crate::stage::Place;

/// Both in turn.
const BOTH: [Modality; 2] = [Modality::Skeleton, Modality::Landmark];
/// What learns of a RepControlNet.
const BRANCHES: Trainable = branches(ModalLayers::Encoder);

const fn branches(layers: ModalLayers) -> Trainable {
    Trainable::Modal {
        layers,
        share: 0.1,
        sets: ModalSets::Shared,
    }
}

/// Trains the ControlNet; gives back what was written.
pub(crate) fn controlnet(place: &Place, device: &Device) -> Result<Vec<PathBuf>> {
    let fresh = |base: Networks, _: &Device| {
        let net = ControlNet::from_unet(&base.unet, &CONDITION_WIDTHS, SEED)?;
        Ok(Networks {
            controlnet: Some(net),
            ..base
        })
    };
    let learns = Trainable::ControlNet;
    train((learns, "controlnet", BOTH), fresh, (place, device))
}

/// Trains the RepControlNet; gives back what was written.
pub(crate) fn rep_controlnet(place: &Place, device: &Device) -> Result<Vec<PathBuf>> {
    let what = (BRANCHES, "repcontrolnet", BOTH);
    train(what, with_encoder, (place, device))
}

/// Trains one with branches in the whole UNet, to compare.
pub(crate) fn everywhere(place: &Place, device: &Device) -> Result<Vec<PathBuf>> {
    let what = (branches(ModalLayers::Lite), "repcontrolnet_lite", BOTH);
    train(what, with_encoder, (place, device))
}

/// Trains one with skeletons alone, for as many steps, to compare.
pub(crate) fn skeletons(place: &Place, device: &Device) -> Result<Vec<PathBuf>> {
    let what = (BRANCHES, "repcontrolnet_skeleton", [Modality::Skeleton; 2]);
    train(what, with_encoder, (place, device))
}

/// Trains one with landmarks alone, for as many steps, to compare.
pub(crate) fn landmarks(place: &Place, device: &Device) -> Result<Vec<PathBuf>> {
    let what = (BRANCHES, "repcontrolnet_landmark", [Modality::Landmark; 2]);
    train(what, with_encoder, (place, device))
}

fn with_encoder(base: Networks, device: &Device) -> Result<Networks> {
    let channels = base.unet.config().encoder.stages[0].channels;
    let encoder = ConditionEncoder::fresh(3, &CONDITION_WIDTHS, channels, (SEED, device));
    Ok(Networks {
        encoder: Some(encoder),
        ..base
    })
}

fn train(
    (learns, folder, lessons): (Trainable, &str, [Modality; 2]),
    fresh: impl Fn(Networks, &Device) -> Result<Networks>,
    (place, device): (&Place, &Device),
) -> Result<Vec<PathBuf>> {
    let scenes = Scenes::open(&place.into, device)?;
    let tracked = device.clone().autodiff();
    let model = learns.prepare(fresh(place.people(&tracked)?, &tracked)?, SEED)?;
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
    let source = Alternating::new(of(lessons[0]), of(lessons[1]));
    let nothing = |_: &Trainee| Ok(Vec::new());
    let start = (objective.clone(), model, source);
    let Some(model) = place.train(start, course(CONTROL_STEPS, CONTROL_RATE), nothing)? else {
        return Ok(Vec::new());
    };
    let strangers = scenes.of(STRANGERS);
    for modality in lessons {
        let batch = |at| strangers.controlled(HELD_OUT + at, CONTROL_BATCH, modality);
        let loss = held_out_loss(&objective, &model, batch)?;
        println!("{modality:?}: {loss}");
    }
    Ok(learns.save(&model, place.into.join(folder), Storage::F16)?)
}

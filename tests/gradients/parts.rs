//! Every part that can learn gets the gradients that PyTorch gives, and nothing else gets any.

use burn::tensor::Tensor;
use fpga_core::train::diffusion::{
    DiffusionBatch, FaceTarget, Inputs, Localisation, LoraLayers, Networks, PartTarget, Predicted,
    Trainable, Trainee,
};
use fpga_core::unet::AttentionSite;
use fpga_tests::parity::Tensors;

use crate::case::{Case, batch, device, diffusers_name, fixtures, inputs, unet, with_condition};
use crate::trainees::{
    controlnet, identity, identity_name, low_rank, low_rank_name, modal, modal_name,
};

#[test]
fn a_modal_branch_and_its_encoder() {
    let case = Case::read("training_parts", "modal");
    let trainee = modal("training_parts/modal");
    let loss = error(&trainee, &with_condition());
    case.compare_all(&trainee, loss, modal_name);
}

#[test]
fn a_controlnet() {
    let case = Case::read("training_parts", "controlnet");
    let trainee = controlnet();
    let loss = error(&trainee, &with_condition());
    case.compare_all(&trainee, loss, |path| {
        diffusers_name(path.strip_prefix("controlnet.").unwrap())
    });
}

#[test]
fn low_rank_additions() {
    for (file, layers) in [
        ("lora", LoraLayers::Attention),
        ("lora_all", LoraLayers::All),
    ] {
        let case = Case::read("training_parts", file);
        let trainee = low_rank(&case, layers);
        case.compare_all(&trainee, error(&trainee, &batch()), low_rank_name);
    }
}

#[test]
fn identity_projections_of_people_with_masks() {
    let case = Case::read("training_parts", "identity");
    let (trainee, batch) = (identity(&case), people(&case));
    case.compare_all(&trainee, error(&trainee, &batch), identity_name);
}

/// One person in each picture.
pub(crate) fn people(case: &Case) -> DiffusionBatch {
    let face = |row: usize| {
        vec![FaceTarget {
            region: case.region(&format!("mask.{row}")),
            tokens: Some(
                case.values
                    .tensor(&format!("tokens.{row}"), &device())
                    .unwrap(),
            ),
            features: None,
            likeness: None,
        }]
    };
    DiffusionBatch {
        faces: vec![face(0), face(1)],
        ..batch()
    }
}

#[test]
fn attention_that_is_to_stay_where_it_belongs() {
    for (site, file) in [
        (AttentionSite::Pixels, "localisation_attn1"),
        (AttentionSite::Text, "localisation_attn2"),
    ] {
        let case = Case::read("training_parts", file);
        let trainee = Trainable::Full.prepare(Networks::new(unet()), 0).unwrap();
        let place = Localisation {
            weight: 0.5,
            stages: 3,
            site,
        };
        let part = |row: usize, token: usize| PartTarget {
            token,
            region: case.region(&format!("region.{row}.{token}")),
            look: None,
        };
        let parts = vec![vec![part(0, 1), part(0, 4)], vec![part(1, 2)]];
        let watch = Some((site, place.watched(trainee.stages())));
        let predicted = predict(&trainee, &batch(), watch);
        let placed = place.loss(&predicted.maps, &parts).unwrap().unwrap();
        let loss = error_of(predicted.output) + placed * place.weight;
        case.compare_known(&trainee, loss);
    }
}

fn predict(
    trainee: &Trainee,
    batch: &DiffusionBatch,
    watch: Option<(AttentionSite, std::ops::Range<usize>)>,
) -> Predicted {
    let timesteps = inputs().tensor("timestep", &device()).unwrap();
    let inputs = Inputs {
        batch: batch.clone(),
        timesteps,
        watch,
    };
    trainee.predict(&inputs).unwrap()
}

pub(crate) fn error_of(found: Tensor<4>) -> Tensor<1> {
    let file = Tensors::read(&fixtures().join("training/inputs.safetensors")).unwrap();
    let target = file.tensor::<4>("target", &device()).unwrap();
    (found - target).square().mean()
}

/// Mean squared error of the prediction.
fn error(trainee: &Trainee, batch: &DiffusionBatch) -> Tensor<1> {
    error_of(predict(trainee, batch, None).output)
}

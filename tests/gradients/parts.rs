//! Every part that can learn gets the gradients that PyTorch gives, and nothing else gets any.

use burn::tensor::Tensor;
use fpga_core::control::{Coefficients, ModalUNet};
use fpga_core::identity::IdentityAttentionConfig;
use fpga_core::nn::map_parameters;
use fpga_core::train::diffusion::{
    DiffusionBatch, FaceTarget, Inputs, Localisation, LoraConfig, Networks, PartTarget, Predicted,
    Trainable, Trainee,
};
use fpga_core::unet::AttentionSite;
use fpga_core::weights::{ModelFolder, Storage, load_rep_controlnet};
use fpga_tests::parity::Tensors;

use crate::case::{
    Case, batch, device, diffusers_name, fixtures, inputs, plain, rep_name, unet, with_condition,
};

#[test]
fn a_modal_branch_and_its_encoder() {
    let case = Case::read("training_parts", "modal");
    let trainee = modal();
    case.compare_all(&trainee, error(&trainee, &with_condition()), |path| {
        let path = path.strip_prefix("modal.0.").unwrap();
        match path.strip_prefix("unet.") {
            Some(path) => rep_name(path.strip_suffix(".modal.weight").unwrap()),
            None => path.to_owned(),
        }
    });
}

/// With branches on all layers.
pub(crate) fn modal() -> Trainee {
    let unet = unet();
    let file = fixtures().join("training_parts/modal.safetensors");
    let (net, report) = load_rep_controlnet(file, &unet, Storage::AsStored, &device()).unwrap();
    assert_eq!(report.unused, ["loss"]);
    let coefficients = Coefficients {
        alpha: 0.9,
        beta: 1.0,
    };
    let net = net.with_coefficients(coefficients).unwrap();
    let modal = ModalUNet::attach(unet.clone(), &net).unwrap().learning();
    Trainee {
        modal: vec![modal],
        ..plain(unet)
    }
}

#[test]
fn a_controlnet() {
    let case = Case::read("training_parts", "controlnet");
    let trainee = controlnet();
    case.compare_all(&trainee, error(&trainee, &with_condition()), |path| {
        diffusers_name(path.strip_prefix("controlnet.").unwrap())
    });
}

/// With a voice already.
pub(crate) fn controlnet() -> Trainee {
    let folder = ModelFolder::open(fixtures().join("training_parts/controlnet"), None).unwrap();
    let (net, _) = folder.controlnet(Storage::AsStored, &device()).unwrap();
    let networks = Networks {
        controlnet: Some(net),
        ..Networks::new(unet())
    };
    Trainable::ControlNet.prepare(networks, 0).unwrap()
}

#[test]
fn low_rank_additions() {
    let case = Case::read("training_parts", "lora");
    let trainee = low_rank(&case);
    case.compare_all(&trainee, error(&trainee, &batch()), low_rank_name);
}

fn low_rank_name(path: &str) -> String {
    let (owner, factor) = path
        .strip_prefix("unet.")
        .unwrap()
        .split_once(".lora.")
        .unwrap();
    format!("{}.{factor}", diffusers_name(owner))
}

/// Both factors far from zero.
pub(crate) fn low_rank(case: &Case) -> Trainee {
    let config = LoraConfig {
        rank: 2,
        alpha: 3.0,
    };
    let trainee = Trainable::Lora(config)
        .prepare(Networks::new(unet()), 0)
        .unwrap();
    map_parameters(trainee, |path, _| {
        path.contains(".lora.")
            .then(|| case.value(&low_rank_name(path)))
    })
}

#[test]
fn identity_projections_of_people_with_masks() {
    let case = Case::read("training_parts", "identity");
    let (trainee, batch) = people(&case);
    let name = |path: &str| path.strip_prefix("identity.").unwrap().to_owned();
    case.compare_all(&trainee, error(&trainee, &batch), name);
}

/// One person in each picture.
pub(crate) fn people(case: &Case) -> (Trainee, DiffusionBatch) {
    let config = IdentityAttentionConfig {
        token_width: 5,
        widths: unet()
            .config()
            .cross_attention()
            .iter()
            .map(|layer| layer.width)
            .collect(),
    };
    let networks = Networks {
        identity: Some(config.init(&device())),
        ..Networks::new(unet())
    };
    let trainee = Trainable::Identity.prepare(networks, 0).unwrap();
    let name = |path: &str| path.strip_prefix("identity.").unwrap().to_owned();
    let trainee = map_parameters(trainee, |path, _| {
        path.starts_with("identity.")
            .then(|| case.value(&name(path)))
    });
    let face = |row: usize| {
        vec![FaceTarget {
            region: case.region(&format!("mask.{row}")),
            tokens: Some(
                case.values
                    .tensor(&format!("tokens.{row}"), &device())
                    .unwrap(),
            ),
            features: None,
        }]
    };
    let batch = DiffusionBatch {
        faces: vec![face(0), face(1)],
        ..batch()
    };
    (trainee, batch)
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
        let found = case.gradients(&trainee, loss);
        for (name, expected) in case.expected.iter() {
            let path = found
                .iter()
                .find(|(path, _)| diffusers_name(path.strip_prefix("unet.").unwrap()) == name);
            case.compare(name, path.unwrap().1.clone(), expected);
        }
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

//! Whole objectives, from clean latents to the loss: what is drawn, how it is weighed, who is active.

use burn::tensor::Tensor;
use fpga_core::control::{Coefficients, ModalUNet};
use fpga_core::diffusion::{NoiseSchedule, Prediction, ScheduleConfig};
use fpga_core::identity::IdentityAttentionConfig;
use fpga_core::nn::map_parameters;
use fpga_core::train::diffusion::{
    CloneFaceTuning, DiffusionBatch, DiffusionObjective, FaceTarget, Focus, Modality, Networks,
    Trainable, Trainee,
};
use fpga_core::train::{Draw, Objective};
use fpga_core::weights::{Storage, load_rep_controlnet};

use crate::case::{
    Case, batch, device, diffusers_name, fixtures, plain, rep_name, unet, with_condition,
};

/// Of all draws.
const SEED: u64 = 3;

#[test]
fn what_is_drawn_is_what_the_reference_draws() {
    let file = fixtures().join("training_objectives/drawn.safetensors");
    let expected = fpga_tests::parity::Tensors::read(&file).unwrap();
    let mut draw = Draw::new(SEED, 1, 0);
    let timesteps = [(); 2].map(|()| draw.below(1000) as f64);
    assert_eq!(expected.get("timesteps").unwrap().values, timesteps);
    let latents = batch().latents;
    let noise = draw.normal(latents.dims(), &device());
    let gap = noise - expected.tensor("noise", &device()).unwrap();
    assert!(gap.abs().max().into_scalar::<f32>() < 1e-6);
}

#[test]
fn noise_and_velocity_with_and_without_weights_by_level() {
    for (name, step, prediction, snr_limit) in [
        ("epsilon", 1, Prediction::Epsilon, None),
        ("velocity", 2, Prediction::V, None),
        ("epsilon_min_snr", 3, Prediction::Epsilon, Some(5.0)),
        ("velocity_min_snr", 4, Prediction::V, Some(0.5)),
    ] {
        let objective = DiffusionObjective {
            snr_limit,
            ..objective(prediction)
        };
        compare_part(name, &objective, &batch(), step);
    }
}

#[test]
fn faces_count_more() {
    let objective = DiffusionObjective {
        focus: Focus::Faces { extra: 1.5 },
        ..objective(Prediction::Epsilon)
    };
    let case = Case::read("training_objectives", "faces");
    let batch = DiffusionBatch {
        faces: faces(&case),
        ..batch()
    };
    compare_part("faces", &objective, &batch, 5);
}

#[test]
fn clone_face_tuning_of_the_projections_of_people() {
    let case = Case::read("training_objectives", "clone_face");
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
    let name = |path: &str| path.strip_prefix("identity.").unwrap().to_owned();
    let trainee = Trainable::Identity.prepare(networks, 0).unwrap();
    let trainee = map_parameters(trainee, |path, _| {
        path.starts_with("identity.")
            .then(|| case.value(&name(path)))
    });
    let mut faces = faces(&case);
    for (row, faces) in faces.iter_mut().enumerate() {
        let tokens = case.values.tensor(&format!("tokens.{row}"), &device());
        faces[0].tokens = Some(tokens.unwrap());
    }
    let objective = DiffusionObjective {
        clone_face: Some(CloneFaceTuning {
            face: 2.0,
            elsewhere: 0.25,
            clone: 0.0,
        }),
        ..objective(Prediction::Epsilon)
    };
    let batch = DiffusionBatch { faces, ..batch() };
    let loss = loss(&objective, &trainee, &batch, 6);
    case.compare_all(&trainee, loss, name);
}

#[test]
fn two_steps_of_multi_mode_fusion() {
    let case = Case::read("training_objectives", "fusion");
    let base = unet();
    let file = fixtures().join("training_objectives/fusion.safetensors");
    let (net, _) = load_rep_controlnet(file, &base, Storage::AsStored, &device()).unwrap();
    let coefficients = Coefficients {
        alpha: 0.9,
        beta: 1.0,
    };
    let net = net.with_coefficients(coefficients).unwrap();
    let trainee = Trainee {
        modal: vec![ModalUNet::attach(base.clone(), &net).unwrap().learning()],
        ..plain(base)
    };
    let skeletons = with_condition();
    let condition = skeletons.condition.clone().unwrap().flip([3]);
    let landmarks = DiffusionBatch {
        condition: Some(condition),
        modality: Modality::Landmark,
        faces: faces(&case),
        ..batch()
    };
    let focus = Focus::Faces { extra: 1.0 };
    // Nobody says where the faces of the first picture are, so its pixels count the same.
    let objective = DiffusionObjective {
        focus,
        ..objective(Prediction::Epsilon)
    };
    let both =
        loss(&objective, &trainee, &skeletons, 0) + loss(&objective, &trainee, &landmarks, 1);
    case.compare_all(&trainee, both / 2.0, |path| {
        let path = path.strip_prefix("modal.0.").unwrap();
        match path.strip_prefix("unet.") {
            Some(path) => rep_name(path.strip_suffix(".modal.weight").unwrap()),
            None => path.to_owned(),
        }
    });
}

fn objective(prediction: Prediction) -> DiffusionObjective {
    let schedule = NoiseSchedule::from_config(&ScheduleConfig::stable_diffusion()).unwrap();
    DiffusionObjective::new(schedule, prediction)
}

fn loss(
    objective: &DiffusionObjective,
    trainee: &Trainee,
    batch: &DiffusionBatch,
    step: u64,
) -> Tensor<1> {
    let mut draw = Draw::new(SEED, step, 0);
    objective.loss(trainee, batch, &mut draw).unwrap().value
}

/// The gradients of that part of the UNet for which the reference has them.
fn compare_part(name: &str, objective: &DiffusionObjective, batch: &DiffusionBatch, step: u64) {
    let case = Case::read("training_objectives", name);
    let trainee = Trainable::Full.prepare(Networks::new(unet()), 0).unwrap();
    let found = case.gradients(&trainee, loss(objective, &trainee, batch, step));
    for (name, expected) in case.expected.iter() {
        let path = found
            .iter()
            .find(|(path, _)| diffusers_name(path.strip_prefix("unet.").unwrap()) == name);
        case.compare(name, path.unwrap().1.clone(), expected);
    }
}

/// Whose identity nobody knows.
fn faces(case: &Case) -> Vec<Vec<FaceTarget>> {
    let face = |name: &str| FaceTarget::unknown(case.region(name));
    vec![
        vec![face("face.0.0"), face("face.0.1")],
        vec![face("face.1.0")],
    ]
}

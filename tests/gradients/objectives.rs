//! Whole objectives, from clean latents to the loss: what is drawn, how it is weighed, who is active.

use burn::tensor::Tensor;
use fpga_core::diffusion::{NoiseSchedule, Prediction, ScheduleConfig};
use fpga_core::face::Landmarks5;
use fpga_core::train::diffusion::{
    CloneFaceTuning, DiffusionBatch, DiffusionObjective, FaceTarget, Focus, Likeness, LikenessLoss,
    Modality, Networks, Trainable, Trainee,
};
use fpga_core::train::{Draw, Objective};
use fpga_core::weights::{ModelFolder, Storage, arcface_from_file};

use crate::case::{Case, batch, device, fixtures, unet, with_condition};
use crate::trainees::{identity, identity_name, modal, modal_name};

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
    let trainee = identity(&case);
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
    case.compare_all(&trainee, loss, identity_name);
}

#[test]
fn two_steps_of_multi_mode_fusion() {
    let case = Case::read("training_objectives", "fusion");
    let trainee = modal("training_objectives/fusion");
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
    case.compare_all(&trainee, both / 2.0, modal_name);
}

/// In the first step both pictures are clear enough to be looked at, in the second one is.
#[test]
fn faces_that_a_recogniser_knows() {
    let steps = [
        ("likeness", CLEAR[0], Prediction::Epsilon),
        ("likeness_velocity", CLEAR[1], Prediction::V),
    ];
    for (name, step, prediction) in steps {
        let case = Case::read("training_objectives", name);
        let folder = ModelFolder::open(fixtures().join("vae/sd1_decode/vae"), None).unwrap();
        let (autoencoder, _) = folder.vae(Storage::F32, &device()).unwrap();
        let file = fixtures().join("face_networks/arcface.safetensors");
        let (recogniser, _) = arcface_from_file(file, Storage::F32, &device()).unwrap();
        let mut likeness = LikenessLoss::new(autoencoder, recogniser);
        likeness.weight = 0.7;
        let objective = DiffusionObjective {
            likeness: Some(likeness),
            ..objective(prediction)
        };
        let face = |row: usize| {
            let points = case.value(&format!("points.{row}"));
            let points: Vec<f32> = points.into_data().try_to_vec().unwrap();
            let point = |at: usize| [points[2 * at], points[2 * at + 1]];
            FaceTarget {
                // Nobody's tokens reach this UNet, which has no adapter.
                tokens: Some(Tensor::zeros([1, 5], &device())),
                likeness: Some(Likeness {
                    landmarks: Landmarks5::new(std::array::from_fn(point)).unwrap(),
                    embedding: case.value(&format!("embedding.{row}")),
                }),
                ..FaceTarget::unknown(case.region(&format!("face.{row}.0")))
            }
        };
        let batch = DiffusionBatch {
            faces: vec![vec![face(0)], vec![face(1)]],
            ..batch()
        };
        compare_part(name, &objective, &batch, step);
    }
}

/// Steps whose noise leaves both pictures clear, and one.
const CLEAR: [u64; 2] = [10, 13];

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
    case.compare_known(&trainee, loss(objective, &trainee, batch, step));
}

/// Whose identity nobody knows.
fn faces(case: &Case) -> Vec<Vec<FaceTarget>> {
    let face = |name: &str| FaceTarget::unknown(case.region(name));
    vec![
        vec![face("face.0.0"), face("face.0.1")],
        vec![face("face.1.0")],
    ]
}

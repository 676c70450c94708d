//! Slopes of every objective, for everything that can learn, are those of finite differences.

use burn::tensor::Tensor;
use fpga_core::diffusion::{NoiseSchedule, Prediction, ScheduleConfig};
use fpga_core::nn::map_parameters;
use fpga_core::train::diffusion::{
    CloneFaceTuning, DiffusionBatch, DiffusionObjective, Focus, Localisation, LoraLayers, Networks,
    PartTarget, Trainable, Trainee,
};
use fpga_core::train::{Draw, GradientSet, Objective};
use fpga_core::unet::AttentionSite;

use crate::case::{Case, unet, with_condition};
use crate::consistentid::{adapter, adapter_with_additions, people_with_parts};
use crate::parts::people;
use crate::trainees::{controlnet, identity, low_rank, modal};

/// Largest relative error of a slope; the loss itself is f32.
const ALLOWED: f64 = 1e-3;
/// Steps on the way; the error of a difference falls with the fourth power, until rounding shows.
const STEPS: [f64; 8] = [0.08, 0.04, 0.02, 0.01, 0.005, 0.0025, 0.00125, 0.0006];

#[test]
fn slopes_are_those_of_finite_differences() {
    let case = Case::read("training_parts", "identity");
    let full = Trainable::Full.prepare(Networks::new(unet()), 0).unwrap();
    let part = |row: usize, token| PartTarget {
        token,
        region: case.region(&format!("mask.{row}")),
        look: None,
    };
    let batch = DiffusionBatch {
        condition: with_condition().condition,
        parts: vec![vec![part(0, 1), part(0, 4)], vec![part(1, 2)]],
        ..people(&case)
    };
    let known_by_features = DiffusionBatch {
        condition: with_condition().condition,
        ..people_with_parts(&Case::read("training_consistentid", "consistentid"))
    };
    let additions = |file, layers| low_rank(&Case::read("training_parts", file), layers);
    for (learner, trainee) in [
        ("modal branch", modal("training_parts/modal")),
        ("ControlNet", controlnet()),
        (
            "low-rank additions in attention",
            additions("lora", LoraLayers::Attention),
        ),
        ("low-rank additions", additions("lora_all", LoraLayers::All)),
        ("identity projections", identity(&case)),
        ("UNet", full),
        ("ConsistentID", adapter()),
        ("ConsistentID, additions", adapter_with_additions()),
    ] {
        let batch = match learner {
            "ConsistentID" | "ConsistentID, additions" => &known_by_features,
            _ => &batch,
        };
        for (name, objective) in objectives() {
            let error = largest_error(&trainee, &objective, batch);
            assert!(error < ALLOWED, "{learner}, {name}: {error:.1e}");
        }
    }
}

fn objectives() -> [(&'static str, DiffusionObjective); 6] {
    let schedule = NoiseSchedule::from_config(&ScheduleConfig::stable_diffusion()).unwrap();
    let plain = DiffusionObjective::new(schedule, Prediction::Epsilon);
    let placed = |site| DiffusionObjective {
        localisation: Some(Localisation {
            weight: 0.5,
            stages: 3,
            site,
        }),
        ..plain.clone()
    };
    let velocity = DiffusionObjective {
        prediction: Prediction::V,
        snr_limit: Some(5.0),
        ..plain.clone()
    };
    let faces = DiffusionObjective {
        focus: Focus::Faces { extra: 1.0 },
        ..plain.clone()
    };
    let clone = DiffusionObjective {
        clone_face: Some(CloneFaceTuning::default()),
        ..plain.clone()
    };
    [
        ("attention to the text", placed(AttentionSite::Text)),
        ("attention to pixels", placed(AttentionSite::Pixels)),
        ("noise", plain),
        ("velocity by level", velocity),
        ("faces", faces),
        ("one active face", clone),
    ]
}

/// Along the gradient, and along a way on which every parameter counts the same.
fn largest_error(trainee: &Trainee, objective: &DiffusionObjective, batch: &DiffusionBatch) -> f64 {
    let loss = |trainee: &Trainee| -> Tensor<1> {
        let found = objective.loss(trainee, batch, &mut Draw::new(1, 4, 0));
        found.unwrap().value
    };
    let gradients = GradientSet::of(trainee, &loss(trainee).backward());
    let whole = gradients.norm().unwrap();
    let count = (gradients.iter().len() as f64).sqrt();
    let along = |_: f64| 1.0 / whole;
    let evenly = |length: f64| 1.0 / (length.max(1e-9) * count);
    let ways: [&dyn Fn(f64) -> f64; 2] = [&along, &evenly];
    let errors = ways.map(|scale| {
        let lengths = gradients.iter().map(|(_, gradient)| length(gradient));
        let expected: f64 = lengths.map(|length| length * length * scale(length)).sum();
        let at = |distance: f64| {
            let moved = map_parameters(trainee.clone(), |path, stored| {
                let gradient = gradients.get(path)?.clone();
                let step = scale(length(&gradient)) * distance;
                let value = stored().without_autodiff() + gradient * step;
                Some(value.autodiff())
            });
            f64::from(loss(&moved).into_scalar::<f32>())
        };
        let slope = |step: f64| {
            let (near, far) = (at(step) - at(-step), at(2.0 * step) - at(-2.0 * step));
            (8.0 * near - far) / (12.0 * step)
        };
        let errors = STEPS.map(|step| (slope(step) / expected - 1.0).abs());
        errors.into_iter().fold(f64::INFINITY, f64::min)
    });
    errors[0].max(errors[1])
}

fn length(gradient: &Tensor<1>) -> f64 {
    f64::from(gradient.clone().square().sum().into_scalar::<f32>()).sqrt()
}

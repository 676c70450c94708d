//! What learns, how fast, and what the log says about it.

use burn::module::Module;

use super::*;
use crate::control::ModalLayers;
use crate::error::Result;
use crate::identity::projector::IdentityFeatures;
use crate::nn::ParameterSet;
use crate::train::diffusion::{
    CloneFaceTuning, ConditionDrop, Focus, Localisation, LoraConfig, LoraLayers, ModalSets,
    Trainable, Trainee,
};
use crate::train::{
    Alternating, Course, Draw, GradientSet, Learner, LearnerConfig, LearningRate, Objective,
    Shuffled, StepReport, Watch,
};

/// Mean loss over the same noise and timesteps, whenever it is asked for.
fn mean_loss(objective: &DiffusionObjective, trainee: &Trainee, batch: &DiffusionBatch) -> f64 {
    let loss = |step| {
        let found = objective.loss(trainee, batch, &mut Draw::new(99, step, 0));
        f64::from(found.unwrap().value.into_scalar::<f32>())
    };
    (0..24).map(loss).sum::<f64>() / 24.0
}

#[test]
fn four_pictures_are_learned_by_heart() {
    let device = Device::flex();
    let mut noise = PhiloxNoise::new(11);
    // Flat pictures: what a network of this size can remember.
    let latents = noise.latents([4, 4, 1, 1], &device).expand([4, 4, 6, 6]);
    let text = noise
        .latents([1, 4, 5, TEXT_WIDTH], &device)
        .reshape([4, 5, TEXT_WIDTH]);
    let batch = DiffusionBatch::new(latents, Conditioning::text(text));
    let trainee = Trainable::Full.prepare(Networks::new(unet()), 0).unwrap();
    let objective = objective();
    let before = mean_loss(&objective, &trainee, &batch);

    let config = LearnerConfig {
        rate: LearningRate {
            peak: 6e-3,
            warm_up: 20,
            course: Course::Cosine { least: 0.01 },
        },
        ..LearnerConfig::new(600, 0.0)
    };
    let source = Shuffled::new(vec![batch.clone()], 0).unwrap();
    let mut learner = Learner::new(objective.clone(), trainee, source, config).unwrap();
    learner.run(&mut ()).unwrap();
    let after = mean_loss(&objective, learner.model(), &batch);
    assert!(after * 10.0 < before, "from {before:.4} to {after:.4}");
}

/// Whether the parameter at this path is to learn.
type Learns = fn(&str) -> bool;

#[test]
fn only_what_is_to_learn_has_gradients() {
    let lora = LoraConfig::new(2, 2.0);
    let modal = |sets| Trainable::Modal {
        layers: ModalLayers::Full,
        share: 0.1,
        sets,
    };
    let everywhere = LoraConfig {
        layers: LoraLayers::All,
        ..lora
    };
    let cases: [(Trainable, Learns); 8] = [
        (Trainable::ControlNet, |path| {
            path.starts_with("controlnet.")
        }),
        (Trainable::Identity { lora: None }, |path| {
            path.starts_with("identity.")
        }),
        (Trainable::Identity { lora: Some(lora) }, |path| {
            let inside = path.starts_with("unet.") && path.contains(".lora.");
            inside || path.starts_with("identity.")
        }),
        (Trainable::Lora(lora), |path| {
            path.starts_with("unet.") && path.contains(".lora.")
        }),
        (Trainable::Lora(everywhere), |path| {
            path.starts_with("unet.") && path.contains(".lora.")
        }),
        (Trainable::Full, |path| path.starts_with("unet.")),
        (modal(ModalSets::Shared), |path| branch_of(0, path)),
        (modal(ModalSets::PerModality), |path| branch_of(1, path)),
    ];
    for seed in 0..3 {
        for (trainable, learns) in cases {
            let trainee = trainable.prepare(networks(), seed).unwrap();
            let batch = batch(5 + seed, Modality::Landmark);
            let loss = objective()
                .loss(&trainee, &batch, &mut Draw::new(seed, 0, 0))
                .unwrap();
            let found = GradientSet::of(&trainee, &loss.value.backward());
            let mut moved = 0;
            for (path, gradient) in found.iter() {
                assert!(learns(path), "{trainable:?}: {path} learns too");
                // An encoder's first layers wait until its last, which starts at zero, has moved.
                let largest = gradient.clone().abs().max().into_scalar::<f32>();
                moved += usize::from(largest > 0.0);
            }
            assert!(moved > 4, "{trainable:?}: {moved}");
        }
    }
}

/// Whether `path` is of a modality's own, and not of the base below it.
fn branch_of(modality: usize, path: &str) -> bool {
    let path = path.strip_prefix(&format!("modal.{modality}."));
    path.is_some_and(|path| match path.strip_prefix("unet.") {
        Some(path) => path.ends_with(".modal.weight"),
        None => path.starts_with("controlnet_cond_embedding."),
    })
}

#[test]
fn the_base_stays_bit_for_bit_what_it_was() {
    let trainable = Trainable::Modal {
        layers: ModalLayers::Lite,
        share: 0.1,
        sets: ModalSets::Shared,
    };
    let trainee = trainable.prepare(networks(), 1).unwrap();
    let base = |trainee: &Trainee| {
        let set = ParameterSet::of(&trainee.modal[0].unet, |path| !path.contains(".modal."));
        let values = set.iter().map(|(_, flat)| flat.values.clone().into_data());
        values.collect::<Vec<_>>()
    };
    let before = (base(&trainee), trainee.modal[0].detach().unwrap());
    let source = Shuffled::new(vec![batch(1, Modality::Skeleton)], 0).unwrap();
    let config = LearnerConfig::new(3, 1e-3);
    let mut learner = Learner::new(objective(), trainee, source, config).unwrap();
    learner.run(&mut ()).unwrap();
    assert_eq!(base(learner.model()), before.0);
    let after = learner.model().modal[0].detach().unwrap();
    let (path, flat) = after.modal().iter().next().unwrap();
    let start = before.1.modal().get(path).unwrap().values.clone();
    let gap = (flat.values.clone() - start)
        .abs()
        .max()
        .into_scalar::<f32>();
    assert!(gap > 1e-4, "{path}: {gap}");
}

/// Keeps what is reported.
#[derive(Default)]
struct Log(Vec<StepReport>);

impl<M> Watch<M> for Log {
    fn on_step(&mut self, report: &StepReport) -> Result<()> {
        self.0.push(report.clone());
        Ok(())
    }
}

impl Log {
    fn parts(&self, name: &str) -> Vec<f64> {
        let part = |report: &StepReport| {
            let mut parts = report.parts.iter();
            parts.find(|(known, _)| *known == name).unwrap().1
        };
        self.0.iter().map(part).collect()
    }
}

#[test]
fn modalities_alternate_and_the_log_says_what_was_left_out() {
    let trainable = Trainable::Modal {
        layers: ModalLayers::Lite,
        share: 0.1,
        sets: ModalSets::Shared,
    };
    let drop = ConditionDrop {
        text: 0.5,
        identity: 0.0,
        condition: 0.2,
        all: 0.1,
        ..ConditionDrop::NONE
    };
    let objective = DiffusionObjective {
        drop,
        empty_text: Some(empty_text()),
        focus: Focus::Faces { extra: 1.0 },
        localisation: Some(Localisation::default()),
        snr_limit: Some(5.0),
        ..objective()
    };
    let source = |modality| Shuffled::new(vec![batch(1, modality), batch(2, modality)], 7).unwrap();
    let source = Alternating::new(source(Modality::Skeleton), source(Modality::Landmark));
    let trainee = trainable.prepare(networks(), 1).unwrap();
    let config = LearnerConfig::new(40, 1e-4);
    let mut log = Log::default();
    let mut learner = Learner::new(objective, trainee, source, config).unwrap();
    learner.run(&mut log).unwrap();

    let expected: Vec<f64> = (0..40).map(|step| f64::from(step % 2 == 0)).collect();
    assert_eq!(log.parts("skeleton"), expected);
    let mean = |name: &str| log.parts(name).iter().sum::<f64>() / 40.0;
    // 80 draws: 0.55, 0.1 and 0.28 with three deviations to spare.
    for (name, share, air) in [
        ("without_text", 0.55, 0.17),
        ("without_identity", 0.1, 0.1),
        ("without_condition", 0.28, 0.15),
    ] {
        assert!((mean(name) - share).abs() < air, "{name}: {}", mean(name));
    }
    // Where both pictures do without text, no word has a place.
    let placed = log.0.iter().flat_map(|report| &report.parts);
    let placed = placed.filter(|(name, _)| *name == "localisation");
    let placed: Vec<f64> = placed.map(|(_, loss)| *loss).collect();
    assert!((15..40).contains(&placed.len()), "{}", placed.len());
    assert!(placed.iter().all(|loss| (-1.0..1.0).contains(loss)));
    let last = &log.0[39];
    assert!(last.to_string().starts_with("step 40/40"), "{last}");
}

#[test]
fn an_inactive_face_teaches_nothing() {
    let objective = DiffusionObjective {
        clone_face: Some(CloneFaceTuning::default()),
        ..objective()
    };
    let trainee = Trainable::Identity { lora: None }
        .prepare(networks(), 1)
        .unwrap();
    // Latents outside every face are noise to be predicted too; they must not count.
    let loss_with = |shift: f32| {
        let mut batch = batch(3, Modality::Skeleton);
        let [_, _, height, width] = batch.latents.dims();
        let outside = Array2::from_shape_fn((height, width), |(y, _)| f32::from(y == 5));
        let values: Vec<f32> = outside.iter().map(|place| place * shift).collect();
        let added = Tensor::<1>::from_floats(values.as_slice(), &Device::flex());
        batch.latents = batch.latents + added.reshape([1, 1, height, width]);
        let found = objective
            .loss(&trainee, &batch, &mut Draw::new(4, 0, 0))
            .unwrap();
        found.value.into_scalar::<f32>()
    };
    let everywhere = super::objective();
    let plain = everywhere
        .loss(
            &trainee,
            &batch(3, Modality::Skeleton),
            &mut Draw::new(4, 0, 0),
        )
        .unwrap();
    let (still, moved) = (loss_with(0.0), loss_with(0.3));
    assert!(still > 0.0 && still < plain.value.into_scalar::<f32>());
    // What is outside reaches the face only through the network, not through the sum.
    assert!((still - moved).abs() < 0.2 * still, "{still} {moved}");
}

fn loss_error(objective: &DiffusionObjective, trainee: &Trainee, batch: &DiffusionBatch) -> String {
    let found = objective.loss(trainee, batch, &mut Draw::new(0, 0, 0));
    found.unwrap_err().to_string()
}

/// Such files number the projections of attention layers and know no others.
#[test]
fn adapters_have_no_place_for_additions_to_other_layers() {
    let everywhere = LoraConfig {
        layers: LoraLayers::All,
        ..LoraConfig::new(2, 2.0)
    };
    let trainable = Trainable::Identity {
        lora: Some(everywhere),
    };
    let error = trainable.prepare(networks(), 0).unwrap_err().to_string();
    assert!(error.contains("attention layers"), "{error}");
}

#[test]
fn what_is_missing_is_named() {
    let prepare = |trainable: Trainable| {
        trainable
            .prepare(Networks::new(unet()), 0)
            .unwrap_err()
            .to_string()
    };
    assert!(prepare(Trainable::ControlNet).contains("controlnet"));
    assert!(prepare(Trainable::Identity { lora: None }).contains("identity"));
    let plain = Networks::new(unet().valid());
    let error = Trainable::Full.prepare(plain, 0).unwrap_err().to_string();
    assert!(error.contains("does not track gradients"), "{error}");

    let trainee = Trainable::Full.prepare(Networks::new(unet()), 0).unwrap();
    let objective = DiffusionObjective {
        drop: ConditionDrop::USUAL,
        ..objective()
    };
    let batch = batch(1, Modality::Skeleton);
    let error = objective
        .loss(&trainee, &batch, &mut Draw::new(0, 0, 0))
        .unwrap_err();
    assert!(error.to_string().contains("empty text"), "{error}");
    let blind = DiffusionObjective {
        drop: ConditionDrop::CONSISTENT_ID,
        ..objective.clone()
    };
    let error = loss_error(&blind, &trainee, &batch);
    assert!(error.contains("empty picture"), "{error}");
    let long = DiffusionObjective {
        empty_text: Some(Tensor::ones([1, 7, TEXT_WIDTH], &Device::flex())),
        ..objective.clone()
    };
    let error = loss_error(&long, &trainee, &batch);
    assert!(error.contains("empty text: expected [1, 5, 6]"), "{error}");

    // Whose projector, and which picture, nobody gave.
    let mut unread = batch.clone();
    unread.faces[0][0].features = Some(IdentityFeatures::default());
    let error = loss_error(&super::objective(), &trainee, &unread);
    assert!(error.starts_with("projector"), "{error}");
    let modal = Trainable::Modal {
        layers: ModalLayers::Lite,
        share: 0.1,
        sets: ModalSets::Shared,
    };
    let small = DiffusionBatch {
        condition: Some(Tensor::ones([2, 3, 8, 12], &Device::flex())),
        ..batch.clone()
    };
    let modal = modal.prepare(networks(), 0).unwrap();
    let error = loss_error(&super::objective(), &modal, &small);
    assert!(error.contains("condition picture"), "{error}");

    let mut short = batch;
    short.faces.pop();
    let error = super::objective()
        .loss(&trainee, &short, &mut Draw::new(0, 0, 0))
        .unwrap_err();
    assert!(
        error.to_string().starts_with("faces: expected 2 rows"),
        "{error}"
    );
}

#[test]
fn recomputed_activations_give_the_same_gradients() {
    let gradients = |device: &Device| {
        let trainee = Trainable::Full
            .prepare(Networks::new(unet_on(device)), 0)
            .unwrap();
        let batch = batch(1, Modality::Skeleton);
        let loss = objective()
            .loss(&trainee, &batch, &mut Draw::new(1, 0, 0))
            .unwrap();
        GradientSet::of(&trainee, &loss.value.backward())
    };
    let kept = gradients(&device());
    let recomputed = gradients(&device().gradient_checkpointing());
    assert_eq!(kept.iter().len(), recomputed.iter().len());
    for (path, expected) in kept.iter() {
        let found = recomputed.get(path).unwrap().clone();
        let gap = (found - expected.clone())
            .square()
            .sum()
            .sqrt()
            .into_scalar::<f32>();
        let size = expected.clone().square().sum().sqrt().into_scalar::<f32>();
        assert!(gap <= 1e-4 * size + 1e-7, "{path}: {gap} of {size}");
    }
}

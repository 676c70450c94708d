//! A training that was cut off goes on as if it had never stopped.

use std::fs;
use std::path::Path;

use image::RgbImage;
use serde_json::Value;

use super::*;
use crate::error::{Error, Result};
use crate::nn::ParameterSet;
use crate::train::diffusion::{ConditionDrop, LoraConfig, Trainable, Trainee};
use crate::train::{Alternating, Course, Learner, LearnerConfig, LearningRate};
use crate::train::{Shuffled, StepReport, Watch};

type Source = Alternating<Shuffled<DiffusionBatch>, Shuffled<DiffusionBatch>>;

fn learner(folder: &Path, seed: u64) -> Result<Learner<DiffusionObjective, Source>> {
    let batches = |modality| (0..3).map(|seed| batch(seed, modality)).collect();
    let source = Alternating::new(
        Shuffled::new(batches(Modality::Skeleton), 1)?,
        Shuffled::new(batches(Modality::Landmark), 2)?,
    );
    let objective = DiffusionObjective {
        drop: ConditionDrop::USUAL,
        empty_text: Some(empty_text()),
        ..objective()
    };
    let lora = Trainable::Lora(LoraConfig::new(3, 3.0));
    let config = LearnerConfig {
        seed,
        accumulate: 2,
        average: Some(0.9),
        checkpoint_every: 3,
        sample_every: Some(5),
        rate: LearningRate {
            peak: 1e-2,
            warm_up: 4,
            course: Course::Cosine { least: 0.0 },
        },
        ..LearnerConfig::new(10, 0.0)
    };
    Learner::new(objective, lora.prepare(networks(), 1)?, source, config)?.in_folder(folder)
}

/// Pulls the plug after some step.
struct Plug(u64);

impl Watch<Trainee> for Plug {
    fn on_step(&mut self, report: &StepReport) -> Result<()> {
        match report.step == self.0 {
            true => Err(Error::cancelled()),
            false => Ok(()),
        }
    }

    fn sample(&mut self, model: &Trainee, step: u64) -> Result<Vec<RgbImage>> {
        assert!(!model.device().is_autodiff());
        Ok(vec![RgbImage::new(step as u32, 2)])
    }
}

fn bits(model: &Trainee) -> Vec<(String, Vec<u32>)> {
    let set = ParameterSet::of(model, |_| true);
    let bits = |values: Tensor<1>| {
        let values: Vec<f32> = values.into_data().try_to_vec().unwrap();
        values.into_iter().map(f32::to_bits).collect()
    };
    set.iter()
        .map(|(path, flat)| (path.to_owned(), bits(flat.values.clone())))
        .collect()
}

/// Every line without what the clock says.
fn log(folder: &Path) -> Vec<Value> {
    let text = fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    let line = |line| {
        let mut value: Value = serde_json::from_str(line).unwrap();
        value.as_object_mut().unwrap().remove("seconds");
        value
    };
    text.lines().map(line).collect()
}

#[test]
fn interrupted_and_resumed_equals_uninterrupted_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, cut) = (folder.path().join("whole"), folder.path().join("cut"));
    let mut straight = learner(&whole, 7).unwrap();
    straight.run(&mut Plug(0)).unwrap();

    // Cut off twice, both times after steps that no checkpoint has.
    for plug in [5, 8] {
        let mut part = learner(&cut, 7).unwrap();
        assert!(part.run(&mut Plug(plug)).unwrap_err().is_cancelled());
        assert_eq!(part.steps_done(), plug);
    }
    let mut last = learner(&cut, 7).unwrap();
    assert_eq!(last.steps_done(), 6);
    last.run(&mut Plug(0)).unwrap();

    assert_eq!(bits(last.model()), bits(straight.model()));
    let averages = (last.averaged().unwrap(), straight.averaged().unwrap());
    assert_eq!(bits(&averages.0), bits(&averages.1));
    assert_ne!(bits(&averages.0), bits(last.model()));
    assert_eq!(log(&cut), log(&whole));
    assert_eq!(log(&cut).len(), 10);

    for name in ["checkpoint-00000009", "checkpoint-00000010", "loss.png"] {
        assert!(cut.join(name).exists(), "{name}");
    }
    assert!(!cut.join("checkpoint-00000006").exists(), "two are kept");
    let sample = image::open(cut.join("samples/step-00000005-0.png")).unwrap();
    assert_eq!(sample.width(), 5);

    // Nothing is left to do.
    let mut done = learner(&cut, 7).unwrap();
    done.run(&mut Plug(11)).unwrap();
    assert_eq!(bits(done.model()), bits(straight.model()));
}

#[test]
fn a_checkpoint_of_another_training_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = learner(folder.path(), 7).unwrap();
    first.run(&mut Plug(4)).unwrap_err();
    let error = learner(folder.path(), 8).err().unwrap().to_string();
    assert!(error.contains("seed: was 7, and now is 8"), "{error}");
    let weights = folder
        .path()
        .join("checkpoint-00000003/weights.safetensors");
    fs::write(&weights, b"cut").unwrap();
    let error = learner(folder.path(), 7).err().unwrap().to_string();
    assert!(error.contains("checkpoint-00000003"), "{error}");
}

#[test]
fn a_half_written_checkpoint_is_not_seen() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = learner(folder.path(), 7).unwrap();
    first.run(&mut Plug(4)).unwrap_err();
    let half = folder.path().join(".checkpoint-00000006.partial");
    fs::create_dir(&half).unwrap();
    fs::write(half.join("state.json"), b"{").unwrap();
    assert_eq!(learner(folder.path(), 7).unwrap().steps_done(), 3);
}

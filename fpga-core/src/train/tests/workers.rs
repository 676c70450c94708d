//! Two workers on half batches equal one worker on the whole batch.

use burn::tensor::{Device, Int, Tensor};

use super::{Modality, batch, device, networks, objective};
use crate::error::Result;
use crate::nn::{Linear, ParameterSet, randomize};
use crate::train::diffusion::{DiffusionBatch, Inputs, LoraConfig, Trainable, Trainee};
use crate::train::{Draw, Learner, LearnerConfig, Loss, Objective, Shuffled};

/// Fits a linear layer; what is random would differ between whole and half batches.
struct Fit;

impl Objective for Fit {
    type Model = Linear;
    type Batch = [Tensor<2>; 2];

    fn loss(&self, model: &Linear, batch: &Self::Batch, _: &mut Draw) -> Result<Loss> {
        let [x, y] = batch.clone();
        let error = (model.forward(x) - y).square();
        let largest = f64::from(error.clone().max().into_scalar::<f32>());
        let value = error.mean();
        Ok(Loss {
            value,
            parts: vec![("largest", largest)],
        })
    }
}

fn wave(rows: usize, columns: usize, speed: f64) -> Tensor<2> {
    let numbers = Tensor::<1, Int>::arange(0..(rows * columns) as i64, &device());
    ((numbers.float() * speed).sin() * 1.3).reshape([rows, columns])
}

/// The model after some steps, and the first loss.
fn train(batches: Vec<[Tensor<2>; 2]>, workers: &[Device]) -> (Vec<f32>, f64) {
    let config = LearnerConfig {
        accumulate: batches.len() as u64,
        average: Some(0.5),
        ..LearnerConfig::new(6, 1e-2)
    };
    let model = randomize(Linear::new(7, 3, &device()), 1);
    let source = Shuffled::new(batches, 0).unwrap();
    let learner = Learner::new(Fit, model, source, config).unwrap();
    let mut learner = learner.on_devices(workers);
    let first = learner.make_step().unwrap().loss;
    learner.run(&mut ()).unwrap();
    let set = ParameterSet::of(&learner.averaged().unwrap(), |_| true);
    let values = set
        .iter()
        .flat_map(|(_, flat)| flat.values.clone().into_data().try_to_vec::<f32>().unwrap());
    (values.collect(), first)
}

#[test]
fn two_workers_on_halves_equal_one_on_the_whole() {
    let (x, y) = (wave(12, 7, 1.7), wave(12, 3, 0.9));
    let rows = |from, to| {
        [
            x.clone().slice_dim(0, from..to),
            y.clone().slice_dim(0, from..to),
        ]
    };
    let (whole, loss) = train(vec![rows(0, 12)], &[]);
    let workers = [device(), device()];
    let (halves, same_loss) = train(vec![rows(0, 6), rows(6, 12)], &workers);
    assert!((loss - same_loss).abs() < 1e-6, "{loss} {same_loss}");
    assert_eq!(whole.len(), 24);
    for (whole, halves) in whole.iter().zip(&halves) {
        assert!((whole - halves).abs() < 1e-5, "{whole} {halves}");
    }
    // More batches than workers, and more workers than batches.
    let quarters = (0..4).map(|part| rows(part * 3, part * 3 + 3)).collect();
    let (uneven, _) = train(quarters, &[device(), device(), device()]);
    assert!(whole.iter().zip(&uneven).all(|(a, b)| (a - b).abs() < 1e-5));
    let (spare, _) = train(vec![rows(0, 12)], &workers);
    assert!(whole.iter().zip(&spare).all(|(a, b)| (a - b).abs() < 1e-6));
    // And the halves matter.
    let (other, _) = train(vec![rows(0, 6)], &[]);
    assert!(whole.iter().zip(&other).any(|(a, b)| (a - b).abs() > 1e-3));
}

/// Fits a UNet to what the picture was before, with timesteps that belong to the rows: nothing is drawn,
/// so that halves and whole see the same.
struct Denoise;

impl Objective for Denoise {
    type Model = Trainee;
    type Batch = (DiffusionBatch, Vec<f32>);

    fn loss(&self, model: &Trainee, batch: &Self::Batch, _: &mut Draw) -> Result<Loss> {
        let (batch, timesteps) = batch.clone();
        let inputs = Inputs {
            timesteps: Tensor::from_floats(timesteps.as_slice(), &device()),
            batch: batch.clone(),
            watch: None,
        };
        let error = model.predict(&inputs)?.output - batch.latents;
        Ok(Loss::new(error.square().mean()))
    }
}

#[test]
fn two_workers_train_a_unet_on_halves_as_one_does_on_the_whole() {
    let pictures = batch(1, Modality::Skeleton);
    let timesteps = [501.0, 7.0];
    let whole = DiffusionBatch {
        faces: Vec::new(),
        parts: Vec::new(),
        ..pictures
    };
    let half = |row: usize| (whole.row(row), vec![timesteps[row]]);
    let trained = |batches: Vec<(DiffusionBatch, Vec<f32>)>, workers: &[Device]| {
        let trainee = Trainable::Full.prepare(networks(), 1).unwrap();
        let config = LearnerConfig {
            accumulate: batches.len() as u64,
            ..LearnerConfig::new(4, 1e-3)
        };
        let source = Shuffled::new(batches, 0).unwrap();
        let learner = Learner::new(Denoise, trainee, source, config).unwrap();
        let mut learner = learner.on_devices(workers);
        learner.run(&mut ()).unwrap();
        let set = ParameterSet::of(&learner.model().unet, |_| true);
        let values = set
            .iter()
            .flat_map(|(_, flat)| flat.values.clone().into_data().try_to_vec::<f32>().unwrap());
        values.collect::<Vec<f32>>()
    };
    let gap = |found: &[f32], expected: &[f32]| {
        let difference = found.iter().zip(expected).map(|(a, b)| (a - b).powi(2));
        let size = expected.iter().map(|value| value.powi(2));
        (difference.sum::<f32>() / size.sum::<f32>()).sqrt()
    };
    let alone = trained(vec![(whole.clone(), timesteps.to_vec())], &[]);
    let shared = trained(vec![half(0), half(1)], &[device(), device()]);
    assert!(gap(&shared, &alone) < 1e-4, "{:e}", gap(&shared, &alone));
    let one_half = trained(vec![half(0)], &[]);
    assert!(gap(&one_half, &alone) > 1e-3, "the other half matters");
}

/// What is drawn belongs to a batch and not to its worker, so that workers change nothing at all.
#[test]
fn workers_train_a_diffusion_model_bit_for_bit_as_one_does() {
    let trained = |workers: &[Device]| {
        let lora = Trainable::Lora(LoraConfig::new(2, 2.0));
        let trainee = lora.prepare(networks(), 1).unwrap();
        let batches = (0..4).map(|seed| batch(seed, Modality::Skeleton)).collect();
        let config = LearnerConfig {
            accumulate: 4,
            average: Some(0.9),
            ..LearnerConfig::new(3, 1e-2)
        };
        let source = Shuffled::new(batches, 0).unwrap();
        let learner = Learner::new(objective(), trainee, source, config).unwrap();
        let mut learner = learner.on_devices(workers);
        learner.run(&mut ()).unwrap();
        bits(learner.model())
    };
    let alone = trained(&[]);
    assert_eq!(alone, trained(&[device(), device()]));
    assert_eq!(alone, trained(&[device(), device(), device()]));
}

fn bits(model: &Trainee) -> Vec<u32> {
    let set = ParameterSet::of(model, |path| path.contains(".lora."));
    let values = set
        .iter()
        .flat_map(|(_, flat)| flat.values.clone().into_data().try_to_vec::<f32>().unwrap());
    values.map(f32::to_bits).collect()
}

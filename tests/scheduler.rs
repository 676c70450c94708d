//! Samplers, inversion and noise against diffusers and torch.
//!
//! Walks `fixtures/scheduler/*`, `fixtures/scheduler_img2img/*` and `fixtures/noise/*`, which the
//! `make.py` beside them wrote.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use fpga_core::diffusion::{NoiseSource, ScheduleConfig, TorchCpuNoise};
use fpga_core::sampler::{DdimInversion, Sampler, SamplerKind};
use safetensors::SafeTensors;
use serde_json::Value;

/// Largest relative L2 error of latents. The reference computes its step factors in f32, where a
/// difference of two noise levels keeps six digits.
const TOLERANCE: f64 = 1e-5;

/// Largest difference of a noise value: a few units in the last place of the vectorised logarithm.
const NOISE_TOLERANCE: f64 = 1e-6;

/// Tensors by name.
type Outputs = BTreeMap<String, Vec<f32>>;

#[test]
fn every_scheduler_case_matches_diffusers() {
    compare_all("scheduler");
}

#[test]
fn every_start_at_a_strength_matches_diffusers() {
    compare_all("scheduler_img2img");
}

#[test]
fn a_fresh_generator_matches_torch_at_every_size() {
    let folder = fixtures("noise").join("fresh");
    let expected = Archive::read(&folder.join("expected.safetensors"));
    let mut worst = 0.0f64;
    for (index, draw) in json(&folder.join("case.json"))["draws"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
    {
        let mut noise = TorchCpuNoise::new(draw["seed"].as_u64().unwrap());
        let found = noise.normal(volume(&draw["shape"]));
        let reference = expected.get(&format!("randn.{index}")).unwrap();
        worst = worst.max(largest_gap(&found, &reference));
        assert!(worst <= NOISE_TOLERANCE, "{draw}: off by {worst:e}");
    }
    println!("largest difference {worst:e}");
}

#[test]
fn one_generator_matches_torch_over_draws_of_changing_size() {
    let folder = fixtures("noise").join("sequence");
    let expected = Archive::read(&folder.join("expected.safetensors"));
    let description = json(&folder.join("sequence.json"));
    let mut noise = TorchCpuNoise::new(description["seed"].as_u64().unwrap());
    for (index, shape) in description["shapes"].as_array().unwrap().iter().enumerate() {
        let found = noise.normal(volume(shape));
        let reference = expected.get(&format!("randn.{index}")).unwrap();
        let gap = largest_gap(&found, &reference);
        assert!(
            gap <= NOISE_TOLERANCE,
            "draw {index} {shape}: off by {gap:e}"
        );
    }
}

fn compare_all(kind: &str) {
    let mut worst = (0.0, String::new());
    for folder in case_folders(kind) {
        let case = folder.file_name().unwrap().to_string_lossy().into_owned();
        let outputs = run_scheduler(&folder);
        let expected = Archive::read(&folder.join("expected.safetensors"));
        for name in expected.names() {
            let found = outputs
                .get(&name)
                .unwrap_or_else(|| panic!("{case}: no output {name}"));
            let error = relative_error(found, &expected.get(&name).unwrap());
            assert!(error <= TOLERANCE, "{case}: {name} is off by {error:e}");
            if error > worst.0 {
                worst = (error, format!("{case}: {name}"));
            }
        }
    }
    println!(
        "{kind}: largest relative L2 error {:e} ({})",
        worst.0, worst.1
    );
}

/// The named outputs of a scheduler case.
fn run_scheduler(folder: &Path) -> Outputs {
    let case = json(&folder.join("case.json"));
    let config = ScheduleConfig::from_json(&case["config"].to_string()).unwrap();
    let count = case["num_inference_steps"].as_u64().unwrap() as usize;
    let inputs = Archive::read(&folder.join("inputs.safetensors"));
    if case["scheduler"] == "ddim_inverse" {
        return run_inversion(&config, count, &inputs);
    }
    let mut kind: SamplerKind = case["scheduler"].as_str().unwrap().parse().unwrap();
    if let (SamplerKind::Ddim { eta }, Some(wanted)) = (&mut kind, case["eta"].as_f64()) {
        *eta = wanted;
    }
    let mut sampler = Sampler::new(kind, &config, count).unwrap();
    let mut outputs = Outputs::new();
    let mut latents = match case["strength"].as_f64() {
        None => inputs.latents("sample").unwrap(),
        Some(strength) => {
            sampler = sampler.starting_at(strength).unwrap();
            let clean = inputs.latents("clean").unwrap();
            sampler.add_noise(clean, inputs.latents("initial_noise").unwrap())
        }
    };
    outputs.insert("sample".to_owned(), values(latents.clone()));
    outputs.insert("timesteps".to_owned(), as_f32(sampler.timesteps()));
    for step in 0..sampler.timesteps().len() {
        let input = sampler.scale_input(latents.clone(), step);
        outputs.insert(format!("model_input.{step}"), values(input));
        let output = inputs.latents(&format!("model_output.{step}")).unwrap();
        let noise = inputs.latents(&format!("noise.{step}"));
        latents = sampler.step(step, output, latents, noise).unwrap().latents;
        outputs.insert(format!("prev_sample.{step}"), values(latents.clone()));
    }
    outputs
}

fn run_inversion(config: &ScheduleConfig, count: usize, inputs: &Archive) -> Outputs {
    let inversion = DdimInversion::with_class_defaults(config, count).unwrap();
    let mut outputs = Outputs::new();
    outputs.insert("timesteps".to_owned(), as_f32(inversion.timesteps()));
    let mut latents = inputs.latents("sample").unwrap();
    for step in 0..count {
        outputs.insert(format!("model_input.{step}"), values(latents.clone()));
        let output = inputs.latents(&format!("model_output.{step}")).unwrap();
        latents = inversion.step(step, output, latents).unwrap().latents;
        outputs.insert(format!("prev_sample.{step}"), values(latents.clone()));
    }
    outputs
}

fn as_f32(timesteps: &[f64]) -> Vec<f32> {
    timesteps.iter().map(|&timestep| timestep as f32).collect()
}

fn values(latents: Tensor<4>) -> Vec<f32> {
    latents.into_data().try_to_vec().unwrap()
}

fn relative_error(found: &[f32], reference: &[f32]) -> f64 {
    assert_eq!(found.len(), reference.len());
    let square = |value: f64| value * value;
    let gaps: f64 = found
        .iter()
        .zip(reference)
        .map(|(a, b)| square(f64::from(*a) - f64::from(*b)))
        .sum();
    let size: f64 = reference
        .iter()
        .map(|value| square(f64::from(*value)))
        .sum();
    if size == 0.0 {
        gaps.sqrt()
    } else {
        (gaps / size).sqrt()
    }
}

fn largest_gap(found: &[f32], reference: &[f32]) -> f64 {
    assert_eq!(found.len(), reference.len());
    let mut worst = 0.0;
    for (found, reference) in found.iter().zip(reference) {
        let gap = f64::from((found - reference).abs());
        assert!(!gap.is_nan(), "found {found}, needed {reference}");
        worst = f64::max(worst, gap);
    }
    worst
}

fn volume(shape: &Value) -> usize {
    shape
        .as_array()
        .unwrap()
        .iter()
        .map(|length| length.as_u64().unwrap() as usize)
        .product()
}

fn fixtures(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(kind)
}

fn case_folders(kind: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(fixtures(kind)).unwrap();
    let mut folders: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    assert!(!folders.is_empty());
    folders
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// A safetensors file with f32 tensors.
struct Archive(Vec<u8>);

impl Archive {
    fn read(path: &Path) -> Self {
        Self(fs::read(path).unwrap())
    }

    fn names(&self) -> Vec<String> {
        let archive = SafeTensors::deserialize(&self.0).unwrap();
        archive.names().into_iter().map(str::to_owned).collect()
    }

    fn latents(&self, name: &str) -> Option<Tensor<4>> {
        let shape = SafeTensors::deserialize(&self.0)
            .unwrap()
            .tensor(name)
            .ok()?
            .shape()
            .to_vec();
        let data = TensorData::new(self.get(name)?, shape);
        Some(Tensor::from_data(data, &Device::flex()))
    }

    fn get(&self, name: &str) -> Option<Vec<f32>> {
        let archive = SafeTensors::deserialize(&self.0).unwrap();
        let bytes = archive.tensor(name).ok()?.data().to_vec();
        Some(
            bytes
                .chunks_exact(4)
                .map(|word| f32::from_le_bytes(word.try_into().unwrap()))
                .collect(),
        )
    }
}

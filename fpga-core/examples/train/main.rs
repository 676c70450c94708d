//! Trains control, identity or low-rank additions for a Stable Diffusion model on people of a manifest.
//!
//! ```sh
//! cargo run --release --features train --example train -- \
//!     --model FOLDER --manifest people.jsonl --learn rep-control-net --steps 20000 --out runs/first
//! ```
//!
//! `--out` gets `metrics.jsonl`, `loss.png`, `samples/`, checkpoints, and at the end `result/`. The same
//! command goes on where an interrupted one stopped. Control learns by Multi-Mode Fusion: skeletons over
//! pictures and landmarks over face crops take turns. Without `--manifest` it draws people, without
//! `--model` it makes a small model with random weights: both show how it works, and no more.

mod data;
mod drawn;
mod learn;
#[path = "../restore/random_model.rs"]
mod random_model;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use fpga_core::data::manifest::ManifestRow;
use fpga_core::data::{RowStream, StreamSettings};
use fpga_core::diffusion::NoiseSchedule;
use fpga_core::pipeline::{DeviceChoice, LoadOptions, StableDiffusion};
use fpga_core::train::diffusion::{
    ConditionDrop, DiffusionBatch, DiffusionObjective, Focus, Modality, Samples,
};
use fpga_core::train::{
    Alternating, BatchSource, Course, Learner, LearnerConfig, LearningRate, Streamed, TerminalBar,
};
use fpga_core::weights::Storage;

use data::Reader;
use learn::Learn;

/// Trains control, identity or low-rank additions on people of a manifest.
#[derive(Parser)]
struct Arguments {
    /// Diffusers folder or single-file checkpoint; without it a small random model is made.
    #[arg(long)]
    model: Option<PathBuf>,
    /// JSON lines, as the manifest builder writes them; without any, people are drawn.
    #[arg(long, num_args = 1..)]
    manifest: Vec<PathBuf>,
    /// What learns.
    #[arg(long, value_enum, default_value = "rep-control-net")]
    learn: Learn,
    /// Steps of the whole training.
    #[arg(long, default_value_t = 40)]
    steps: u64,
    /// Pictures of a step.
    #[arg(long, default_value_t = 2)]
    batch: usize,
    /// Side of the pictures in pixels (512; 64 for the random model).
    #[arg(long)]
    side: Option<u32>,
    /// Highest learning rate.
    #[arg(long, default_value_t = 1e-4)]
    rate: f64,
    /// What all random numbers follow from.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Steps between two checkpoints, and between two looks at samples.
    #[arg(long, default_value_t = 20)]
    every: u64,
    /// Where everything goes.
    #[arg(long, default_value = "out/train")]
    out: PathBuf,
    /// `cpu`, `cuda:0`, `wgpu:0`.
    #[arg(long, default_value_t)]
    device: DeviceChoice,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let device = arguments.device.open()?;
    let (folder, side) = match &arguments.model {
        Some(folder) => (folder.clone(), 512),
        None => {
            let folder = arguments.out.join("random-model");
            random_model::write(&folder, &device)?;
            println!("no --model: made {} with RANDOM weights", folder.display());
            (folder, 64)
        }
    };
    let side = arguments.side.unwrap_or(side);
    let manifest = match arguments.manifest.is_empty() {
        false => arguments.manifest.clone(),
        true => {
            println!("no --manifest: drawing people");
            vec![drawn::write(&arguments.out.join("drawn"), 2 * side)?]
        }
    };
    let options = LoadOptions::default();
    let model = StableDiffusion::load(&folder, &options, &device)?;
    let text = model.text.clone();
    let reader = Reader {
        vae: model.vae,
        text: text.context("the model has no tokenizer to read captions with")?,
        device: device.clone(),
        side,
    };
    let empty_text = reader.words("")?;

    let learning = device.clone().autodiff();
    let (unet, _) = options.open(&folder)?.unet(Storage::F32, &learning)?;
    let what = arguments.learn.trainable();
    let networks = arguments
        .learn
        .networks(unet, (arguments.seed, &learning))?;
    let trainee = what.prepare(networks, arguments.seed)?;

    let prediction = model.schedule.prediction_type;
    let objective = DiffusionObjective {
        drop: ConditionDrop::USUAL,
        empty_text: Some(empty_text.clone()),
        focus: Focus::Faces { extra: 1.0 },
        snr_limit: Some(5.0),
        ..DiffusionObjective::new(NoiseSchedule::from_config(&model.schedule)?, prediction)
    };
    let config = LearnerConfig {
        seed: arguments.seed,
        rate: LearningRate {
            peak: arguments.rate,
            warm_up: arguments.steps / 20,
            course: Course::Cosine { least: 0.1 },
        },
        average: Some(0.999),
        checkpoint_every: arguments.every,
        sample_every: Some(arguments.every),
        ..LearnerConfig::new(arguments.steps, arguments.rate)
    };
    let rows = |modality| -> Result<_> {
        let settings = StreamSettings {
            seed: Some(arguments.seed),
            ..StreamSettings::default()
        };
        let (files, reader) = (manifest.clone(), &reader);
        Ok(Streamed::new(
            arguments.batch,
            move |epoch| RowStream::<ManifestRow>::new(&files, settings.clone(), epoch),
            move |rows| reader.batch(rows, modality, arguments.learn.knows_people()),
        )?)
    };
    let mut first = rows(Modality::Skeleton)?;
    let scene = first.next_batch()?;
    let samples = Samples::new(reader.vae.clone(), scene, empty_text, &model.schedule, 20)?;
    let mut watch = (TerminalBar::new(), samples);
    let skeletons = rows(Modality::Skeleton)?;
    let learner = match arguments.learn.is_control() {
        true => {
            let both = Alternating::new(skeletons, rows(Modality::Landmark)?);
            train(
                Learner::new(objective, trainee, both, config)?,
                arguments,
                &mut watch,
            )?
        }
        false => train(
            Learner::new(objective, trainee, skeletons, config)?,
            arguments,
            &mut watch,
        )?,
    };
    let files = what.save(&learner, arguments.out.join("result"), Storage::F16)?;
    for file in files {
        println!("wrote {}", file.display());
    }
    Ok(())
}

/// All steps; gives back the slow average.
fn train<S: BatchSource<Batch = DiffusionBatch>>(
    learner: Learner<DiffusionObjective, S>,
    arguments: &Arguments,
    watch: &mut (TerminalBar, Samples),
) -> Result<fpga_core::train::diffusion::Trainee> {
    let mut learner = learner.in_folder(&arguments.out)?;
    if learner.steps_done() > 0 {
        println!("going on after step {}", learner.steps_done());
    }
    learner.run(watch)?;
    Ok(learner.averaged()?)
}

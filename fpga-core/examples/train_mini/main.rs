//! Trains the small model's networks from nothing, on people that are drawn while it runs.
//!
//! ```sh
//! cargo run --release --features train --example train_mini
//! ```
//!
//! Stages: autoencoder, face recogniser, face parser, the two halves of CLIP, UNet with identity adapter (at last
//! while the recogniser is asked about the faces), additions for faces from near, a second recogniser to judge, control, Clone Face Tuning, local
//! features. Each writes `metrics.jsonl`, `loss.png`, samples and
//! checkpoints under `--runs`, goes on where it was interrupted, and leaves its network in `--into`, in the
//! layout that the loaders read. Everything follows from the recipe and its seed. People from number
//! 1,000,000 on are never trained on: they are for measuring.

mod autoencoder;
mod base;
mod clip;
mod clone;
mod closely;
mod control;
mod cutout;
mod face;
#[path = "../shared/head.rs"]
mod head;
mod local;
mod parser;
mod people;
mod recipe;
mod record;
mod remembered;
mod scenes;
mod stage;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use fpga_core::pipeline::DeviceChoice;

use stage::Place;

/// Trains the small model's networks from nothing, on people that are drawn while it runs.
#[derive(Parser)]
struct Arguments {
    /// Which networks; all, if none is named.
    #[arg(long, value_enum, num_args = 1..)]
    only: Vec<Network>,
    /// Where checkpoints and logs go.
    #[arg(long, default_value = "out/train_mini")]
    runs: PathBuf,
    /// Where finished networks go.
    #[arg(long, default_value = "out/train_mini/model")]
    into: PathBuf,
    /// Stops each stage after this step, as an interruption would: to compare losses.
    #[arg(long)]
    until: Option<u64>,
    /// `cpu`, `cuda:0`, `wgpu:0`.
    #[arg(long, default_value_t)]
    device: DeviceChoice,
}

/// A network, in the order of training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Network {
    /// Pictures to latents and back.
    Autoencoder,
    /// Whose face it is.
    Face,
    /// Which pixel is skin, eye, hair, …
    Parser,
    /// Captions and pictures in one space; the tokenizer first.
    Clip,
    /// The UNet and its identity adapter.
    Base,
    /// Both once more, from where they are.
    Refine,
    /// The recogniser once more, with hair that comes and goes.
    RefineFace,
    /// The parser once more, with small and blurred faces.
    RefineParser,
    /// UNet and adapter once more, for the refined recogniser.
    Adapt,
    /// And once more, while the recogniser is asked about the faces.
    Likeness,
    /// And a last time, while it sees them less exactly cut out.
    Finish,
    /// Additions to the UNet for faces that are cut out to be made anew.
    Faces,
    /// A second recogniser, which only judges.
    Judge,
    /// A ControlNet for skeletons and landmarks.
    ControlNet,
    /// The same, to be merged into the UNet.
    RepControlNet,
    /// The latter with branches in the whole UNet, to compare.
    Everywhere,
    /// The same for skeletons alone, to compare.
    OnlySkeletons,
    /// And for landmarks alone.
    OnlyLandmarks,
    /// The identity adapter once more, by Clone Face Tuning.
    Clone,
    /// And with local features of the face, in ConsistentID's manner.
    Local,
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
    let networks = match arguments.only.as_slice() {
        [] => Network::value_variants(),
        named => named,
    };
    for network in networks {
        let run = match network {
            Network::Autoencoder => autoencoder::train,
            Network::Face => face::train,
            Network::Parser => parser::train,
            Network::Clip => clip::train,
            Network::Base => base::train,
            Network::Refine => base::refine,
            Network::RefineFace => face::refine,
            Network::RefineParser => parser::refine,
            Network::Adapt => base::adapt,
            Network::Likeness => base::likeness,
            Network::Finish => base::finish,
            Network::Faces => base::faces,
            Network::Judge => face::judge,
            Network::ControlNet => control::controlnet,
            Network::RepControlNet => control::rep_controlnet,
            Network::Everywhere => control::everywhere,
            Network::OnlySkeletons => control::skeletons,
            Network::OnlyLandmarks => control::landmarks,
            Network::Clone => clone::train,
            Network::Local => local::train,
        };
        let name = format!("{network:?}").to_lowercase();
        let place = Place {
            run: arguments.runs.join(&name),
            into: arguments.into.clone(),
            until: arguments.until,
        };
        println!("{name}: {}", place.run.display());
        let files = run(&place, &device)?;
        if files.is_empty() {
            println!("{}", record::compare(&place.run)?);
            continue;
        }
        for file in files
            .iter()
            .chain(&[record::keep(&place.run, &place.into)?])
        {
            println!("wrote {}", file.display());
        }
    }
    Ok(())
}

//! Measures what the model that comes with the library can do, on people whom it was never trained on.
//!
//! ```sh
//! cargo run --release --example evaluate_mini
//! ```
//!
//! Writes tables (`evaluation.md`, `evaluation.json`) into `--out`. Everything follows from `--seed`.

mod crowd;
mod generation;
#[path = "../portrait/head.rs"]
mod head;
mod judge;
mod report;
mod restoration;
#[path = "../portrait/spoilt.rs"]
mod spoilt;
#[path = "../portrait/studio.rs"]
mod studio;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};

use crowd::Crowd;
use judge::Judge;
use report::Table;
use studio::{Studio, StudioArguments};

/// Measures the model in the box on strangers.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    studio: StudioArguments,
    /// Scenes of every experiment.
    #[arg(long, default_value_t = 200)]
    scenes: u64,
    /// Strangers among whom a face has to be found.
    #[arg(long, default_value_t = 200)]
    strangers: u64,
    /// Where the tables go.
    #[arg(long, default_value = "out/evaluation")]
    out: PathBuf,
}

/// What all experiments share.
struct Bench {
    studio: Studio,
    crowd: Crowd,
    judge: Judge,
    scenes: u64,
    bar: ProgressBar,
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
    let studio = Studio::open(&arguments.studio)?;
    let style = ProgressStyle::with_template("{msg:40} {bar:24} {pos}/{len} {eta}");
    let bench = Bench {
        crowd: Crowd::drawn(&studio, arguments.strangers)?,
        judge: Judge::open(&studio)?,
        studio,
        scenes: arguments.scenes,
        bar: ProgressBar::new(1).with_style(style.expect("the template is well-formed")),
    };
    std::fs::create_dir_all(&arguments.out)?;
    let experiments: [fn(&Bench) -> Result<Table>; 4] = [
        generation::identity,
        restoration::sizes,
        restoration::exchange,
        judge::ceiling,
    ];
    let mut tables = Vec::new();
    for experiment in experiments {
        tables.push(experiment(&bench)?);
        // After each, so that an interruption leaves what was measured.
        report::write(&tables, &bench, &arguments.out)?;
    }
    bench.bar.finish_and_clear();
    for table in &tables {
        println!("{}", table.markdown());
    }
    println!("wrote {}", arguments.out.display());
    Ok(())
}

impl Bench {
    /// One value per scene, with a bar.
    fn each<T>(&self, what: &str, mut of: impl FnMut(u64) -> Result<T>) -> Result<Vec<T>> {
        self.bar.reset();
        self.bar.set_length(self.scenes);
        self.bar.set_message(what.to_owned());
        let mut found = Vec::new();
        for scene in 0..self.scenes {
            found.push(of(self.studio.seed + scene)?);
            self.bar.inc(1);
        }
        Ok(found)
    }
}

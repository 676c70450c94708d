//! Measures what the model that comes with the library can do, on people whom it was never trained on.
//!
//! ```sh
//! cargo run --release --example evaluate_mini
//! ```
//!
//! Writes tables (`evaluation.md`, `evaluation.json`) and pictures of them into `--out`, beside those that are there
//! already if the same was measured. Everything follows from `--seed`. Networks that are not in the box come from where `train_mini` left them (`--trained`); what
//! is not there is not measured, and the report says so.

mod control;
mod crowd;
mod generation;
#[path = "../shared/head.rs"]
mod head;
mod judge;
#[path = "../shared/page.rs"]
mod page;
mod plot;
mod report;
mod restoration;
#[path = "../shared/spoilt.rs"]
mod spoilt;
mod stages;
#[path = "../shared/studio.rs"]
mod studio;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use clap::{Parser, ValueEnum};
use fpga_core::RgbImage;
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;

use crowd::{Crowd, Scene};
use judge::{Judge, Seen};
use report::Table;
use studio::{IN_THE_BOX, Studio, StudioArguments};

/// Measures the model in the box on strangers.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    studio: StudioArguments,
    /// Which experiments; all, if none is named.
    #[arg(long, value_enum, num_args = 1..)]
    only: Vec<Experiment>,
    /// Scenes of every experiment.
    #[arg(long, default_value_t = 200)]
    scenes: u64,
    /// Strangers among whom a face has to be found.
    #[arg(long, default_value_t = 200)]
    strangers: u64,
    /// Number of the first of them: people from 1,000,000 on were never trained on. What is chosen by looking at
    /// figures is to be chosen on others than these.
    #[arg(long, default_value_t = 1_100_000)]
    first: u64,
    /// Folder with networks that are not in the box: `controlnet`, `repcontrolnet`, `clone_face`, …
    #[arg(long, default_value = "out/train_mini/model")]
    trained: PathBuf,
    /// Where the tables go.
    #[arg(long, default_value = "out/evaluation")]
    out: PathBuf,
}

/// What is measured, in the order of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Experiment {
    /// One to four given people, with masks and without.
    Identity,
    /// One to four given people with masks, then every face by DIIR.
    Stages,
    /// Restored faces of several sizes.
    Restoration,
    /// Exchanged faces.
    Exchange,
    /// What the judges can do.
    Ceiling,
    /// Before and after Clone Face Tuning.
    CloneFace,
    /// With local features of the face and without.
    LocalFeatures,
    /// Landmarks as they were asked for.
    Landmarks,
    /// Skeletons as they were asked for.
    Skeletons,
    /// What control costs.
    Cost,
}

impl Experiment {
    fn run(self, bench: &Bench) -> Result<Table> {
        match self {
            Self::Identity => generation::identity(bench),
            Self::Stages => stages::both(bench),
            Self::CloneFace => generation::clone_face(bench),
            Self::LocalFeatures => generation::local_features(bench),
            Self::Restoration => restoration::sizes(bench),
            Self::Exchange => restoration::exchange(bench),
            Self::Landmarks => control::landmarks(bench),
            Self::Skeletons => control::skeletons(bench),
            Self::Cost => control::cost(bench),
            Self::Ceiling => judge::ceiling(bench),
        }
    }
}

/// What all experiments share.
struct Bench {
    studio: Studio,
    crowd: Crowd,
    judge: Judge,
    scenes: u64,
    networks: Networks,
    bar: ProgressBar,
}

/// Networks that may be in the box or not.
struct Networks {
    /// Where those lie that are not.
    trained: PathBuf,
    missing: Mutex<BTreeSet<String>>,
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
    let networks = Networks {
        trained: arguments.trained.clone(),
        missing: Mutex::default(),
    };
    let judge = Judge::open(&studio, networks.find("judge"))?;
    let strangers = arguments.first..arguments.first + arguments.strangers;
    let bench = Bench {
        crowd: Crowd::drawn(&studio, &judge, strangers)?,
        judge,
        studio,
        scenes: arguments.scenes,
        networks,
        bar: ProgressBar::new(1).with_style(style.expect("the template is well-formed")),
    };
    std::fs::create_dir_all(&arguments.out)?;
    let experiments = match arguments.only.as_slice() {
        [] => Experiment::value_variants(),
        named => named,
    };
    let mut tables = report::known(&bench, &arguments.out)?;
    for experiment in experiments {
        let table = experiment.run(&bench)?;
        match tables.iter_mut().find(|known| known.title == table.title) {
            Some(known) => *known = table,
            None => tables.push(table),
        }
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
    /// One value per scene, with a bar; as many at once as there are threads.
    fn each<T: Send>(
        &self,
        what: &str,
        of: impl Fn(u64) -> Result<T> + Send + Sync,
    ) -> Result<Vec<T>> {
        self.bar.reset();
        self.bar.set_length(self.scenes);
        self.bar.set_message(what.to_owned());
        let scenes = (0..self.scenes).into_par_iter().map(|scene| {
            let found = of(self.studio.seed + scene)?;
            self.bar.inc(1);
            Ok(found)
        });
        scenes.collect()
    }

    /// Everyone of a scene, as a picture shows them.
    fn see(&self, scene: &Scene, picture: &RgbImage) -> Result<Vec<Seen>> {
        self.judge.see((&self.studio, &self.crowd), scene, picture)
    }
}

impl Networks {
    /// Where one lies; what is in neither place is noted.
    fn find(&self, name: &str) -> Option<PathBuf> {
        let places = [PathBuf::from(IN_THE_BOX), self.trained.clone()];
        let found = places.into_iter().map(|place| place.join(name));
        let found = found.into_iter().find(|place| place.exists());
        if found.is_none() {
            self.noted().insert(format!("`{name}`"));
        }
        found
    }

    /// Networks that were looked for and not there.
    fn missing(&self) -> Vec<String> {
        self.noted().iter().cloned().collect()
    }

    fn noted(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

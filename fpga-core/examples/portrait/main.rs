//! Shows what the library is for, with the model that comes with it: given people at given places in one
//! picture, their faces made anew, larger; in another style, and as skeletons say; a face restored, and a face exchanged.
//!
//! ```sh
//! cargo run --release --example portrait
//! ```
//!
//! Writes everything into `out/`, with a contact sheet (`portrait.png`) and the measured numbers
//! (`portrait.json`). The people are drawn, and none of them was trained on. `--model FOLDER --adapter FILE
//! --face FILE` does the same with a real checkpoint, an IP-Adapter-FaceID and an ArcFace network for it; `--control
//! FILE` adds a RepControlNet.

mod cast;
mod faces;
#[path = "../shared/head.rs"]
mod head;
mod jobs;
#[path = "../shared/page.rs"]
mod page;
mod sheet;
#[path = "../shared/spoilt.rs"]
mod spoilt;
#[path = "../shared/studio.rs"]
mod studio;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use fpga_core::RgbImage;
use indicatif::{ProgressBar, ProgressStyle};

use cast::Cast;
use jobs::Shown;
use studio::{Studio, StudioArguments};

/// Given people at given places, a face restored, a face exchanged, another style.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    studio: StudioArguments,
    /// Where everything goes.
    #[arg(long, default_value = "out")]
    out: PathBuf,
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
    let cast = Cast::drawn(&studio, studio.seed)?;
    std::fs::create_dir_all(&arguments.out)?;

    let bar = progress_bar();
    let mut shown = Vec::new();
    for (name, job) in jobs::ALL {
        bar.set_message(*name);
        let pictures = job(&studio, &cast, &bar).with_context(|| (*name).to_owned())?;
        for picture in &pictures {
            let file = arguments.out.join(format!("{}.png", picture.file));
            save(&picture.picture, &file)?;
        }
        shown.extend(pictures);
    }
    bar.finish_and_clear();

    let sheet = arguments.out.join("portrait.png");
    save(&sheet::draw(&shown), &sheet)?;
    let numbers = arguments.out.join("portrait.json");
    std::fs::write(&numbers, serde_json::to_string_pretty(&shown)?)?;
    for Shown { file, lines, .. } in &shown {
        println!("{file:20} {}", lines.join(", "));
    }
    println!("seed {}", studio.seed);
    println!(
        "look at {}; numbers in {}",
        sheet.display(),
        numbers.display()
    );
    Ok(())
}

fn progress_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:24} {bar:32} {pos}/{len} {elapsed}");
    ProgressBar::new(1).with_style(style.expect("the template is well-formed"))
}

/// Writes beside and renames, so that no half-written picture stays behind.
fn save(picture: &RgbImage, path: &Path) -> Result<()> {
    let draft = path.with_extension("part.png");
    let written = picture.save(&draft);
    written.with_context(|| format!("cannot write {}", path.display()))?;
    std::fs::rename(&draft, path).with_context(|| format!("cannot write {}", path.display()))
}

//! Measures folders of pictures against a folder of references.
//!
//! ```sh
//! cargo run --release --example evaluate -- --reference real --generated ours --generated theirs \
//!     --inception pt_inception-2015-12-05-6726825d.pth --dino dino_deitsmall16_pretrain.pth \
//!     --clip clip-vit-large-patch14 --arcface backbone.pth --out out/evaluation
//! ```
//!
//! Pictures of one name are compared with each other; the Fréchet distance compares whole folders. What
//! has no model is left out of the table, and the table says so. A folder may hold `prompts.json` (name →
//! text, for CLIP-T) and `faces.json` (name → `{"box": …, "landmarks": …, "score": …}`, for FaceSim).
//! Writes `table.md`, `table.json` and `grid.png`. Without arguments it draws folders to measure.

mod demo;
mod grid;
mod measure;
mod models;
#[path = "../shared/page.rs"]
mod page;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use fpga_core::pipeline::DeviceChoice;
use indicatif::{ProgressBar, ProgressStyle};

use measure::{Folder, MethodReport};
use models::Models;

/// Measures folders of pictures against a folder of references.
#[derive(Parser)]
struct Arguments {
    /// Folder of real pictures.
    #[arg(long, requires = "generated")]
    reference: Option<PathBuf>,
    /// Folder of pictures to measure; may be given several times.
    #[arg(long, requires = "reference")]
    generated: Vec<PathBuf>,
    /// pytorch-fid's Inception-v3, for FID.
    #[arg(long)]
    inception: Option<PathBuf>,
    /// DINO's ViT-S/16 or ViT-B/16, for DINO.
    #[arg(long)]
    dino: Option<PathBuf>,
    /// Folder of a CLIP model, for CLIP-I and, with its tokenizer, CLIP-T.
    #[arg(long)]
    clip: Option<PathBuf>,
    /// ArcFace network, for FaceSim.
    #[arg(long)]
    arcface: Option<PathBuf>,
    /// Face parsing network, for FGIS; needs DINO too.
    #[arg(long)]
    parser: Option<PathBuf>,
    /// Where table and grid go.
    #[arg(long, default_value = "out/evaluation")]
    out: PathBuf,
    /// Rows of the grid.
    #[arg(long, default_value_t = 8)]
    rows: usize,
    /// `cpu`, `cuda:0`, `wgpu:0`.
    #[arg(long, default_value_t)]
    device: DeviceChoice,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments = Arguments::parse();
    let device = arguments.device.open()?;
    let models = Models::load(&arguments, &device)?;
    let (reference, generated) = folders(&arguments)?;
    let reference = Folder::open(&reference)?;
    ensure!(
        !reference.pictures.is_empty(),
        "{} holds no pictures",
        reference.path.display()
    );
    let mut reports = Vec::new();
    for path in &generated {
        let folder = Folder::open(path)?;
        let bar = progress_bar(
            folder.pictures.len() + reference.pictures.len(),
            &folder.name,
        );
        let report = measure::measure(&folder, &reference, &models, || bar.inc(1));
        bar.finish_and_clear();
        reports.push(report.with_context(|| format!("measuring {}", path.display()))?);
    }
    write(&arguments, &reference, &reports)
}

/// The given folders, or drawn ones.
fn folders(arguments: &Arguments) -> Result<(PathBuf, Vec<PathBuf>)> {
    match &arguments.reference {
        Some(reference) => Ok((reference.clone(), arguments.generated.clone())),
        None => {
            let demo = demo::draw(&arguments.out.join("drawn"))?;
            println!(
                "no folders given: drew some in {}",
                arguments.out.join("drawn").display()
            );
            Ok(demo)
        }
    }
}

fn progress_bar(steps: usize, name: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:20} {bar:40} {pos}/{len} {elapsed}")
        .expect("the template is well-formed");
    ProgressBar::new(steps as u64)
        .with_style(style)
        .with_message(name.to_owned())
}

fn write(arguments: &Arguments, reference: &Folder, reports: &[MethodReport]) -> Result<()> {
    let out = &arguments.out;
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let table = measure::markdown(reports);
    save(&out.join("table.md"), table.as_bytes())?;
    save(
        &out.join("table.json"),
        &serde_json::to_vec_pretty(reports)?,
    )?;
    let grid = grid::draw(reference, reports, arguments.rows)?;
    let path = out.join("grid.png");
    grid.save(&path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    println!("{table}");
    println!(
        "wrote table.md, table.json and grid.png in {}",
        out.display()
    );
    Ok(())
}

/// Writes beside and renames, so that no half-written file stays behind.
fn save(path: &Path, bytes: &[u8]) -> Result<()> {
    let draft = path.with_extension("part");
    std::fs::write(&draft, bytes)
        .and_then(|()| std::fs::rename(&draft, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

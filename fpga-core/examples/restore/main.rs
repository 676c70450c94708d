//! Restores the faces of a picture.
//!
//! ```sh
//! cargo run --release --example restore -- --model FOLDER --image a.png --faces faces.json --out out.png
//! ```
//!
//! Writes the restored picture, a side-by-side with the difference magnified (`…-compare.png`) and
//! a report (`…-report.json`). Without `--model` it makes a small model with random weights, which
//! shows the guarantees but no beauty; without `--image` it takes the photograph of this repository.

mod compare;
mod random_model;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use fpga_core::RgbImage;
use fpga_core::diffusion::Guidance;
use fpga_core::pipeline::{
    DeviceChoice, FaceRestorer, Gate, LoadOptions, Monitor, Phase, RestoreReport, RestoreRequest,
    StableDiffusion, read_faces,
};
use fpga_core::weights::Storage;
use indicatif::{ProgressBar, ProgressStyle};

/// Restores the faces of a picture; the background keeps every byte.
#[derive(Parser)]
struct Arguments {
    /// Diffusers folder or single-file checkpoint; without it a small random model is made.
    #[arg(long)]
    model: Option<PathBuf>,
    /// Tokenizer folder, for checkpoints without one.
    #[arg(long)]
    tokenizer: Option<PathBuf>,
    /// Picture to restore (PNG, JPEG, WebP).
    #[arg(long, requires = "faces")]
    image: Option<PathBuf>,
    /// JSON list of faces: `box`, `landmarks`, optionally `mask` and `prompt`.
    #[arg(long, requires = "image")]
    faces: Option<PathBuf>,
    /// Where the restored picture goes.
    #[arg(long, default_value = "out/restored.png")]
    out: PathBuf,
    /// What the faces look like.
    #[arg(long, default_value = "a sharp photo of a face")]
    prompt: String,
    /// What they do not look like.
    #[arg(long, default_value = "blurry")]
    negative: String,
    /// How much of the old face is forgotten: 0 nothing, 1 everything.
    #[arg(long, default_value_t = 0.6)]
    depth: f64,
    /// Steps of the whole schedule.
    #[arg(long, default_value_t = 20)]
    steps: usize,
    /// How strongly the prompt pulls.
    #[arg(long, default_value_t = 4.0)]
    guidance: f64,
    /// Side in pixels at which the model works; its training size.
    #[arg(long)]
    size: Option<u32>,
    /// Seed; the report says which was used.
    #[arg(long)]
    seed: Option<u64>,
    /// `cpu`, `cuda:0`, `wgpu:0`.
    #[arg(long, default_value_t)]
    device: DeviceChoice,
    /// Keep weights as f16: half the memory.
    #[arg(long)]
    half: bool,
}

/// The photograph that stands in for one's own, and where its face is.
const PHOTOGRAPH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/pictures");

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
    let image = arguments
        .image
        .clone()
        .unwrap_or_else(|| Path::new(PHOTOGRAPH).join("astronaut.png"));
    let faces = arguments
        .faces
        .clone()
        .unwrap_or_else(|| Path::new(PHOTOGRAPH).join("faces.json"));

    let picture = image::open(&image)
        .with_context(|| format!("cannot read the picture {}", image.display()))?
        .into_rgb8();
    let faces = read_faces(&faces)?;

    let (folder, size) = match &arguments.model {
        Some(folder) => (folder.clone(), 512),
        None => {
            let folder = arguments.out.with_file_name("random-model");
            random_model::write(&folder, &device)?;
            println!("no --model: made {} with RANDOM weights;", folder.display());
            println!("the face will be noise, the background will not change by a byte");
            (folder, 256)
        }
    };
    let options = LoadOptions {
        storage: if arguments.half {
            Storage::F16
        } else {
            Storage::F32
        },
        variant: arguments.half.then(|| "fp16".to_owned()),
        tokenizer: arguments.tokenizer.clone(),
        ..LoadOptions::default()
    };
    let model = StableDiffusion::load(&folder, &options, &device)?;

    let mut request = RestoreRequest::new(&picture, faces, arguments.prompt.as_str());
    request.negative_prompt = arguments.negative.as_str().into();
    request.depth = arguments.depth;
    request.steps = arguments.steps;
    request.guidance = Guidance::new(arguments.guidance);
    request.seed = arguments.seed;
    request.crop.size = arguments.size.unwrap_or(size);
    if arguments.model.is_none() {
        // Noise would never pass as an improvement, and there would be nothing to see.
        request.gate = Gate::OPEN;
    }

    let bar = progress_bar();
    let mut monitor = Monitor::watching(|progress| {
        bar.set_length(progress.steps as u64);
        bar.set_position(progress.step as u64);
        bar.set_message(match progress.face {
            Some(face) => format!("face {face}: {}", progress.phase),
            None => Phase::to_string(&progress.phase),
        });
    });
    let restored = FaceRestorer::new(&model).restore(&request, &mut monitor)?;
    drop(monitor);
    bar.finish_and_clear();
    save(
        &arguments.out,
        &picture,
        &restored.picture,
        &restored.report,
    )
}

fn progress_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:20} {bar:40} {pos}/{len} {elapsed}");
    ProgressBar::new(1).with_style(style.expect("the template is well-formed"))
}

fn save(out: &Path, before: &RgbImage, after: &RgbImage, report: &RestoreReport) -> Result<()> {
    let beside = |suffix: &str| {
        let stem = out.file_stem().unwrap_or_default().to_string_lossy();
        out.with_file_name(format!("{stem}-{suffix}"))
    };
    if let Some(folder) = out.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let (sheet, text) = (beside("compare.png"), beside("report.json"));
    save_picture(out, after)?;
    save_picture(&sheet, &compare::side_by_side(before, after))?;
    std::fs::write(&text, serde_json::to_string_pretty(report)?)?;

    for face in &report.faces {
        println!(
            "face {}: {:?}, {} of {} pixels changed, {:.1} s",
            face.face, face.verdict, face.changed_pixels, face.covered_pixels, face.seconds
        );
    }
    println!(
        "bytes changed outside the masks: {}",
        report.changed_outside_mask
    );
    println!("seed {}, {:.1} s", report.seed, report.seconds);
    println!(
        "wrote {}, {} and {}",
        out.display(),
        sheet.display(),
        text.display()
    );
    Ok(())
}

/// Writes beside and renames, so that no half-written picture stays behind.
fn save_picture(path: &Path, picture: &RgbImage) -> Result<()> {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    let draft = path.with_extension(format!("part.{extension}"));
    picture
        .save(&draft)
        .with_context(|| format!("cannot write {}", path.display()))?;
    std::fs::rename(&draft, path).with_context(|| format!("cannot write {}", path.display()))
}

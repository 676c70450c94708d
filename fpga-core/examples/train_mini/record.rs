//! Losses that stay with the networks, so that anyone can see that the recipe is the one that was followed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use fpga_core::weights::{read_json, save_json};
use serde_json::{Value, json};

/// Steps of which every loss is kept.
const FIRST: usize = 200;
/// Steps between two smooth losses that are kept.
const EVERY: usize = 50;
/// The losses of the networks that come with the library.
const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/model/training");

/// Keeps what a run wrote down; gives back the file.
pub(crate) fn keep(run: &Path, model: &Path) -> Result<PathBuf> {
    let log = log(run)?;
    let number = |line: &Value, name: &str| line[name].as_f64().unwrap_or(f64::NAN);
    let losses = log.iter().take(FIRST).map(|line| number(line, "loss"));
    let smooth = log.iter().skip(EVERY - 1).step_by(EVERY);
    let seconds: f64 = log.iter().map(|line| number(line, "seconds")).sum();
    let kept = json!({
        "steps": log.len(),
        "seconds": seconds.round(),
        "first_losses": losses.collect::<Vec<_>>(),
        "smooth_loss_every": EVERY,
        "smooth_losses": smooth.map(|line| number(line, "smooth_loss")).collect::<Vec<_>>(),
    });
    let folder = model.join("training");
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{}.json", name(run)));
    save_json(&kept, &path)?;
    Ok(path)
}

/// How far a run's first losses are from those that were recorded.
pub(crate) fn compare(run: &Path) -> Result<String> {
    let path = Path::new(RECORDED).join(format!("{}.json", name(run)));
    if !path.exists() {
        return Ok("no losses are recorded to compare with".to_owned());
    }
    let recorded = read_json(&path)?;
    let recorded = recorded["first_losses"].as_array().into_iter().flatten();
    let recorded: Vec<f64> = recorded.filter_map(Value::as_f64).collect();
    let log = log(run)?;
    let found = log.iter().filter_map(|line| line["loss"].as_f64());
    let gaps = recorded
        .iter()
        .zip(found)
        .map(|(old, new)| (old - new).abs() / old.abs());
    let gaps: Vec<f64> = gaps.collect();
    let largest = gaps.iter().copied().fold(0.0, f64::max);
    let count = gaps.len();
    Ok(format!(
        "the first {count} losses differ from the recorded ones by at most {largest:.1e} of their size"
    ))
}

/// Of the network.
fn name(run: &Path) -> String {
    run.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// One line per step.
fn log(run: &Path) -> Result<Vec<Value>> {
    let path = run.join("metrics.jsonl");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let lines = text.lines().map(serde_json::from_str);
    lines
        .collect::<Result<_, _>>()
        .with_context(|| path.display().to_string())
}

//! What is said after every step: to the caller, to a line of the log, to a progress line.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::error::{Error, Result};

/// One step that is done.
#[derive(Clone, Debug, PartialEq)]
pub struct StepReport {
    /// Counted from 1.
    pub step: u64,
    /// Of the whole training.
    pub steps: u64,
    /// Of this step, averaged over its batches.
    pub loss: f64,
    /// Averaged over about the last fifty steps.
    pub smooth_loss: f64,
    /// Learning rate.
    pub rate: f64,
    /// Length of all gradients as one vector, before they were clipped.
    pub gradient_norm: f64,
    /// Of this step.
    pub seconds: f64,
    /// Until the last step, at the pace so far.
    pub seconds_left: f64,
    /// What the objective tells, averaged over the step's batches.
    pub parts: Vec<(&'static str, f64)>,
}

impl StepReport {
    /// One object, for one line of a log.
    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        for (name, value) in [
            ("loss", self.loss),
            ("smooth_loss", self.smooth_loss),
            ("rate", self.rate),
            ("gradient_norm", self.gradient_norm),
            ("seconds", self.seconds),
        ] {
            object.insert(name.to_owned(), json!(value));
        }
        object.insert("step".to_owned(), json!(self.step));
        let parts = self.parts.iter();
        object.extend(parts.map(|(name, value)| ((*name).to_owned(), json!(value))));
        Value::Object(object)
    }
}

impl fmt::Display for StepReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = (self.seconds_left / 60.0).floor();
        write!(
            f,
            "step {}/{}  loss {:.4}  rate {:.1e}  {:.2} s  {minutes:.0} min {:.0} s left",
            self.step,
            self.steps,
            self.smooth_loss,
            self.rate,
            self.seconds,
            self.seconds_left - 60.0 * minutes,
        )
    }
}

/// `metrics.jsonl`: one line per step, appended as they come.
#[derive(Debug)]
pub(super) struct Journal(PathBuf);

impl Journal {
    /// Takes a log up again after `step`: lines of later steps belong to a run that was cut off.
    pub(super) fn open(folder: &Path, step: u64) -> Result<Self> {
        let path = folder.join("metrics.jsonl");
        let failed = |error| Error::io(&path, error);
        fs::create_dir_all(folder).map_err(failed)?;
        if path.is_file() {
            let text = fs::read_to_string(&path).map_err(failed)?;
            let kept: String = text
                .lines()
                .filter(|line| step_of(line).is_some_and(|found| found <= step))
                .flat_map(|line| [line, "\n"])
                .collect();
            if kept != text {
                let beside = path.with_extension("jsonl.partial");
                fs::write(&beside, kept).map_err(failed)?;
                fs::rename(&beside, &path).map_err(failed)?;
            }
        }
        Ok(Self(path))
    }

    pub(super) fn add(&self, report: &StepReport) -> Result<()> {
        let failed = |error| Error::io(&self.0, error);
        let mut options = OpenOptions::new();
        let mut file = options
            .append(true)
            .create(true)
            .open(&self.0)
            .map_err(failed)?;
        writeln!(file, "{}", report.to_json()).map_err(failed)
    }

    /// Step and loss of every line.
    pub(super) fn losses(&self) -> Result<Vec<(u64, f64)>> {
        let text = fs::read_to_string(&self.0).map_err(|error| Error::io(&self.0, error))?;
        let point = |line| -> Option<(u64, f64)> {
            let value: Value = serde_json::from_str(line).ok()?;
            Some((value["step"].as_u64()?, value["loss"].as_f64()?))
        };
        Ok(text.lines().filter_map(point).collect())
    }
}

/// `None` for a line that was cut off.
fn step_of(line: &str) -> Option<u64> {
    serde_json::from_str::<Value>(line).ok()?["step"].as_u64()
}

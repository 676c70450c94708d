//! Times steps and whole jobs of a model of a published size with random weights, on any device.
//!
//! Prints a line of JSON per work: the first run (with what is compiled and tuned in it), the median and the
//! fastest of the others, in seconds, and the bytes that the device has reserved; where there is a known count of
//! operations, its number too.

mod networks;
mod works;

use std::time::Instant;

use fpga_core::error::{Error, Result};
use fpga_core::pipeline::{DeviceChoice, Precision};
use serde_json::json;

use networks::Size;
use works::{WORKS, Work};

const USAGE: &str = "usage: card SIZE [--device cpu] [--precision f32] [--side 512] [--runs 5] [--steps 20] \
                     [--only WORK,WORK]; SIZE: tiny, sd15, sdxl";

/// What to measure.
pub(crate) struct Settings {
    size: Size,
    device: DeviceChoice,
    precision: Precision,
    /// Of the picture, in pixels.
    side: usize,
    /// After the first.
    runs: usize,
    /// Of whole jobs.
    steps: usize,
    /// Names of works; all where it is empty.
    only: Vec<String>,
}

fn main() -> Result<()> {
    let settings = Settings::read(std::env::args().skip(1))?;
    let device = settings.device.open()?;
    let precision = settings.precision.on(&device)?;
    let model = networks::model(settings.size, precision, &device)?;
    let chosen = |name: &&(&str, Work)| {
        settings.only.is_empty() || settings.only.contains(&name.0.to_owned())
    };
    for (name, work) in WORKS.iter().filter(chosen) {
        let mut run = work(&model, &settings)?;
        let mut timed = || {
            let start = Instant::now();
            run()?;
            device
                .sync()
                .map_err(|error| Error::invalid("device", error.to_string()))?;
            Ok::<_, Error>(start.elapsed().as_secs_f64())
        };
        let first = timed()?;
        let mut others = (0..settings.runs)
            .map(|_| timed())
            .collect::<Result<Vec<_>>>()?;
        others.sort_by(f64::total_cmp);
        let reserved = device.memory_pool_usage().map(|usage| usage.bytes_reserved);
        println!(
            "{}",
            json!({
                "engine": "fpga", "work": name, "precision": precision.to_string(),
                "side": settings.side, "steps": settings.steps, "first": first,
                "median": others.get(others.len() / 2), "best": others.first(),
                "reserved": reserved,
            })
        );
    }
    Ok(())
}

impl Settings {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let usage = || Error::invalid("arguments", USAGE);
        let mut settings = Self {
            size: words.next().ok_or_else(usage)?.parse()?,
            device: DeviceChoice::Cpu,
            precision: Precision::F32,
            side: 512,
            runs: 5,
            steps: 20,
            only: Vec::new(),
        };
        while let Some(option) = words.next() {
            let value = words.next().ok_or_else(usage)?;
            let number = || value.parse::<usize>().ok().filter(|number| *number > 0);
            match option.as_str() {
                "--device" => settings.device = value.parse()?,
                "--precision" => settings.precision = value.parse()?,
                "--side" => settings.side = number().ok_or_else(usage)?,
                "--runs" => settings.runs = number().ok_or_else(usage)?,
                "--steps" => settings.steps = number().ok_or_else(usage)?,
                "--only" => settings.only = value.split(',').map(str::to_owned).collect(),
                _ => return Err(usage()),
            }
        }
        Ok(settings)
    }
}

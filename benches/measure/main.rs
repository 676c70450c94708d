//! Times one part of a model on demand, so that a script can alternate it with its peers.
//!
//! `measure PART [FOLDER] [--f16] [--device NAME]` loads a part and prints `ready`. Every line on standard input then
//! names a run, and optionally a file for its result (f32, little-endian, in the order of the
//! dimensions); the answer is the seconds of that run. At the end of input the peak memory of the
//! process goes to standard error.

mod jobs;
mod memory;
mod parts;

use std::io::BufRead;
use std::path::Path;
use std::time::Instant;

use burn::tensor::Device;
use fpga_benches::Output;
use fpga_core::error::{Error, Result};
use fpga_core::kernels;
use fpga_core::pipeline::DeviceChoice;

/// Runs the named job once on fixed inputs.
type Run = Box<dyn FnMut(&str) -> Result<Output>>;

const USAGE: &str = "\
usage: measure ops                   runs named as `linear:4096,320,2560`
       measure train                 one training step of a small UNet (feature `train`)
       measure PART FOLDER [--f16]   PART: unet, control, vae, text, vision;
                                     generate (prompt to picture, 2 steps),
                                     vae2048 (tiled decoder)
       --device NAME                 cpu, cuda:0, wgpu:0, …; the CPU where it is not given";

fn main() -> Result<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let device = device(&mut arguments)?.open()?;
    let mut run = load(&arguments, &device)?;
    println!("ready {}", kernels::instruction_set());

    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| Error::io("standard input", error))?;
        let (name, file) = match line.split_once(' ') {
            Some((name, file)) => (name, Some(file)),
            None => (line.as_str(), None),
        };
        let start = Instant::now();
        let output = run(name)?;
        device
            .sync()
            .map_err(|error| Error::invalid("device", error.to_string()))?;
        let seconds = start.elapsed().as_secs_f64();
        if let Some(file) = file {
            write(output, Path::new(file))?;
        }
        println!("{seconds}");
    }
    if let Some(peak) = memory::peak() {
        eprintln!("peak memory {:.2} GB", peak as f64 / 1e9);
    }
    Ok(())
}

/// The value of `--device`, which leaves the arguments.
fn device(arguments: &mut Vec<String>) -> Result<DeviceChoice> {
    let Some(place) = arguments.iter().position(|word| word == "--device") else {
        return Ok(DeviceChoice::Cpu);
    };
    arguments.remove(place);
    if place == arguments.len() {
        return Err(Error::invalid("--device", "needs a name"));
    }
    arguments.remove(place).parse()
}

fn load(arguments: &[String], device: &Device) -> Result<Run> {
    let (half, words): (Vec<&str>, Vec<&str>) = arguments
        .iter()
        .map(String::as_str)
        .partition(|word| *word == "--f16");
    match words[..] {
        ["ops"] => Ok(parts::ops(device)),
        #[cfg(feature = "train")]
        ["train"] => jobs::train(device),
        [part, folder] => {
            let source = parts::Source::new(Path::new(folder), !half.is_empty(), device);
            match part {
                "generate" => jobs::generate(&source),
                "vae2048" => jobs::vae2048(&source),
                _ => parts::load(&source, part),
            }
        }
        _ => Err(Error::invalid("arguments", USAGE)),
    }
}

fn write(output: Output, file: &Path) -> Result<()> {
    let values = output.values()?;
    let bytes: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
    std::fs::write(file, bytes).map_err(|error| Error::io(file, error))
}

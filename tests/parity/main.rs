//! Compares a checkpoint's outputs with a reference's: `parity CASE_DIR [--device cpu] [--precision f32]
//! [--out FILE]`.
//!
//! Exits 0 if every tensor is within the tolerance, 1 if one is not, and 2 with one line on standard
//! error if the case cannot be run.
//!
//! With `--precision f16` or `bf16`, UNet and ControlNets compute in that type, and a tensor may differ by
//! [`tolerance`] where its case allows less.

use std::any::Any;
use std::panic;
use std::path::PathBuf;
use std::process::ExitCode;

use fpga_core::pipeline::{DeviceChoice, Precision};
use fpga_core::weights::Storage;
use fpga_core::{Error, Result};
use fpga_tests::parity::{Case, Report, run};

const USAGE: &str =
    "usage: parity CASE_DIR [--device cpu] [--precision f32] [--out OUT.safetensors]";

struct Arguments {
    folder: PathBuf,
    device: DeviceChoice,
    precision: Precision,
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    // A panic is a bug, but its reader is a user: one line, like any other error.
    panic::set_hook(Box::new(|_| {}));
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match panic::catch_unwind(|| Arguments::read(arguments).and_then(check)) {
        Ok(Ok(true)) => ExitCode::SUCCESS,
        Ok(Ok(false)) => ExitCode::from(1),
        Ok(Err(error)) => refuse(&error.to_string()),
        Err(payload) => refuse(&format!("internal error: {}", panic_message(&*payload))),
    }
}

/// Runs the case and prints a line per tensor; whether all passed.
fn check(arguments: Arguments) -> Result<bool> {
    let device = arguments.device.open()?;
    let mut case = Case::open(&arguments.folder)?;
    let asked = arguments.precision;
    case.storage = Storage::AsStored.for_precision(asked);
    case.precision = asked.on(&device)?;
    case.rtol = case.rtol.max(tolerance(asked));
    if case.precision != asked {
        let choice = arguments.device;
        eprintln!(
            "parity: {choice} computes in {} with weights kept in {asked}",
            case.precision
        );
    }
    let outputs = run(&case, &device)?;
    if let Some(path) = &arguments.out {
        outputs.write(path)?;
    }
    let report = Report::compare(&outputs, case.expected.as_ref(), case.rtol);
    for line in &report.lines {
        println!("{line}");
    }
    Ok(report.passed())
}

/// Relative L2 error that rounding to this type may make of a small network with strong random weights. In f16 it made
/// up to 1.3e-2 with PyTorch, 1.6e-2 with Burn on the CPU and 3.0e-2 on Mesa's software Vulkan driver.
fn tolerance(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => 0.0,
        Precision::F16 => 4e-2,
        Precision::Bf16 => 2e-1,
    }
}

impl Arguments {
    fn read(arguments: Vec<String>) -> Result<Self> {
        let mut arguments = arguments.into_iter();
        let (mut folder, mut out) = (None, None);
        let (mut device, mut precision) = (None::<String>, None::<String>);
        while let Some(argument) = arguments.next() {
            let place = match argument.as_str() {
                "--device" => &mut device,
                "--precision" => &mut precision,
                "--out" => &mut out,
                option if option.starts_with('-') => return Err(unclear(&argument, "is unknown")),
                _ => &mut folder,
            };
            let value = match argument.starts_with('-') {
                true => arguments.next(),
                false => Some(argument.clone()),
            };
            let value = value.ok_or_else(|| unclear(&argument, "needs a value"))?;
            if place.replace(value).is_some() {
                return Err(unclear(&argument, "comes on top of another"));
            }
        }
        Ok(Self {
            folder: folder
                .ok_or_else(|| unclear("CASE_DIR", "is missing"))?
                .into(),
            device: device.as_deref().unwrap_or("cpu").parse()?,
            precision: precision.as_deref().unwrap_or("f32").parse()?,
            out: out.map(PathBuf::from),
        })
    }
}

fn unclear(argument: &str, why: &str) -> Error {
    Error::invalid(argument, format!("{why}; {USAGE}"))
}

fn refuse(why: &str) -> ExitCode {
    // Names in files may hold line breaks; the promise is one line.
    eprintln!(
        "parity: {}",
        why.split_whitespace().collect::<Vec<_>>().join(" ")
    );
    ExitCode::from(2)
}

fn panic_message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message")
}

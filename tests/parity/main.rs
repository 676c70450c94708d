//! Compares a checkpoint's outputs with a reference's: `parity CASE_DIR [--device cpu] [--out FILE]`.
//!
//! Exits 0 if every tensor is within the tolerance, 1 if one is not, and 2 with one line on standard
//! error if the case cannot be run.

use std::any::Any;
use std::panic;
use std::path::PathBuf;
use std::process::ExitCode;

use fpga_core::pipeline::DeviceChoice;
use fpga_core::{Error, Result};
use fpga_tests::parity::{Case, Report, run};

const USAGE: &str = "usage: parity CASE_DIR [--device cpu] [--out OUT.safetensors]";

struct Arguments {
    folder: PathBuf,
    device: DeviceChoice,
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
    let case = Case::open(&arguments.folder)?;
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

impl Arguments {
    fn read(arguments: Vec<String>) -> Result<Self> {
        let mut arguments = arguments.into_iter();
        let (mut folder, mut device, mut out) = (None, None::<String>, None);
        while let Some(argument) = arguments.next() {
            let place = match argument.as_str() {
                "--device" => &mut device,
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

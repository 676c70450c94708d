//! The C interface used by C: programs under `c/`, compiled by the system's compiler and linked with the
//! library that was built for this test.
//!
//! The model is small and its weights are random; everything else is as with a real one.

#[path = "c/mod.rs"]
mod c;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fpga_core::RgbImage;
use fpga_core::face::{CropSettings, FaceBox};
use fpga_core::pipeline::{
    DeviceChoice, Face, FaceRestorer, Gate, LoadOptions, Monitor, RestoreRequest, StableDiffusion,
};
use tempfile::TempDir;

/// A whole model: what the fixture of text-to-image lacks comes from those of prompts.
fn model() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let fixtures = c::workspace().join("tests/fixtures");
    for (from, to) in [
        ("txt2img/ddim/unet", "unet"),
        ("txt2img/ddim/vae", "vae"),
        ("txt2img/ddim/scheduler", "scheduler"),
        ("clip_prompt/text_encoder", "text_encoder"),
        ("clip_tokenizer/sd1", "tokenizer"),
    ] {
        let target = folder.path().join(to);
        fs::create_dir(&target).unwrap();
        for file in fs::read_dir(fixtures.join(from)).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), target.join(file.file_name())).unwrap();
        }
    }
    fs::copy(
        fixtures.join("txt2img/ddim/model_index.json"),
        folder.path().join("model_index.json"),
    )
    .unwrap();
    folder
}

/// The libraries lie beside this test's own program, where cargo put them.
fn library(name: &str) -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let beside = program.parent().expect("a program lies in a folder");
    let places = [Some(beside), beside.parent()];
    let found = places
        .into_iter()
        .flatten()
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!(
            "no {name} in {} or above it: `cargo build -p fpga-ffi` in the same profile makes it",
            beside.display()
        )
    })
}

fn shared() -> PathBuf {
    library(&format!(
        "{}fpga{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    ))
}

/// How a program is linked with the library.
#[derive(Clone, Copy, PartialEq)]
enum Linking {
    Shared,
    /// Only where the system libraries that Rust needs are known.
    #[cfg(target_os = "linux")]
    Static,
}

/// Compiles `c/NAME.c`.
fn compile(name: &str, linking: Linking, flags: &[&str], folder: &Path) -> PathBuf {
    let sources = c::workspace().join("tests/c");
    let program = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let mut command = c::compiler(false);
    command
        .args(["-std=c99", "-D_POSIX_C_SOURCE=200809L", "-pthread"])
        .args(["-Wall", "-Wextra", "-Werror", "-pedantic"])
        .args(flags)
        .arg("-I")
        .arg(c::workspace().join("include"))
        .arg(sources.join(format!("{name}.c")))
        .arg("-o")
        .arg(&program);
    match linking {
        Linking::Shared => {
            let shared = shared();
            let folder = shared.parent().expect("a library lies in a folder");
            command
                .arg(&shared)
                .arg(format!("-Wl,-rpath,{}", folder.display()))
                .arg("-lm");
        }
        #[cfg(target_os = "linux")]
        Linking::Static => {
            command.arg(library("libfpga.a")).args([
                "-lgcc_s",
                "-lutil",
                "-lrt",
                "-lpthread",
                "-lm",
                "-ldl",
            ]);
        }
    }
    c::succeed(&mut command);
    program
}

fn run(program: &Path, arguments: &[&OsStr]) -> Output {
    let output = Command::new(program).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{}: {}\n{}\n{}",
        program.display(),
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    output
}

/// Runs a program that checks everything itself and says nothing.
fn runs_silently(name: &str, linking: Linking, flags: &[&str]) {
    let (folder, model) = (tempfile::tempdir().unwrap(), model());
    let program = compile(name, linking, flags, folder.path());
    let output = run(&program, &[model.path().as_os_str()]);
    assert!(
        output.stdout.is_empty() && output.stderr.is_empty(),
        "the library printed: {output:?}"
    );
}

#[test]
fn what_callers_get_wrong_is_refused() {
    runs_silently("abuse", Linking::Shared, &[]);
}

#[test]
fn threads_do_not_disturb_each_other() {
    runs_silently("threads", Linking::Shared, &[]);
}

#[cfg(target_os = "linux")]
#[test]
fn the_static_library_works_alike() {
    runs_silently("abuse", Linking::Static, &[]);
}

/// Memory that C owns is neither overrun nor used too late, and everything is freed.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn the_address_sanitizer_finds_nothing() {
    let flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    let folder = tempfile::tempdir().unwrap();
    let probe = folder.path().join("probe.c");
    fs::write(&probe, "int main(void) { return 0; }\n").unwrap();
    let mut command = c::compiler(false);
    command.args(flags).arg(&probe).arg("-o");
    let built = command.arg(folder.path().join("probe")).output().unwrap();
    if !built.status.success() {
        eprintln!("SKIPPED: the C compiler has no address sanitizer: {built:?}");
        return;
    }
    runs_silently("abuse", Linking::Shared, &flags);
    runs_silently("threads", Linking::Shared, &flags);
}

#[test]
fn a_drawn_face_is_restored_without_any_file() {
    let (folder, model) = (tempfile::tempdir().unwrap(), model());
    let program = compile("restore", Linking::Shared, &[], folder.path());
    let output = run(&program, &[model.path().as_os_str(), "32".as_ref()]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["seed"], 7);
    assert_eq!(report["changed_outside_mask"], 0);
    assert_eq!(report["faces"][0]["verdict"], "accepted");
}

#[test]
fn c_and_rust_restore_a_photograph_to_the_same_bytes() {
    let (folder, model) = (tempfile::tempdir().unwrap(), model());
    let photograph = c::workspace().join("tests/fixtures/pictures/astronaut.png");
    let photograph = image::open(photograph).unwrap().to_rgb8();
    let raw = folder.path().join("in.rgb");
    let out = folder.path().join("out.rgb");
    fs::write(&raw, photograph.as_raw()).unwrap();

    let program = compile("restore", Linking::Shared, &[], folder.path());
    let (width, height) = photograph.dimensions();
    let numbers = [width, height, 84, 76, 175, 178].map(|number| number.to_string());
    let mut arguments: Vec<&OsStr> = vec![model.path().as_ref(), "32".as_ref(), raw.as_ref()];
    arguments.extend(numbers.iter().map(OsStr::new));
    arguments.push(out.as_ref());
    run(&program, &arguments);

    let restored = fs::read(&out).unwrap();
    assert_ne!(&restored, photograph.as_raw());
    assert_eq!(&restored, restore(model.path(), &photograph).as_raw());
}

/// What `restore.c` asks for, by the other door.
fn restore(folder: &Path, photograph: &RgbImage) -> RgbImage {
    let device = DeviceChoice::Cpu.open().unwrap();
    let model = StableDiffusion::load(folder, &LoadOptions::default(), &device).unwrap();
    let face = Face::new(FaceBox::new(84.0, 76.0, 175.0, 178.0).unwrap());
    let request = RestoreRequest {
        steps: 5,
        crop: CropSettings {
            size: 32,
            ..CropSettings::default()
        },
        gate: Gate::OPEN,
        seed: Some(7),
        variation: 0.5,
        ..RestoreRequest::new(photograph, vec![face], "a face")
    };
    let restorer = FaceRestorer::new(&model);
    let restored = restorer.restore(&request, &mut Monitor::none()).unwrap();
    restored.picture
}

/// Another library in the same program must not meet our names.
#[cfg(unix)]
#[test]
fn the_shared_library_exports_only_its_own_names() {
    let mut command = Command::new("nm");
    command.args(if cfg!(target_os = "macos") {
        ["-gU"].as_slice()
    } else {
        ["-D", "--defined-only"].as_slice()
    });
    let output = match command.arg(shared()).output() {
        Ok(output) => output,
        Err(error) => {
            eprintln!("SKIPPED: the exported names were not checked, nm does not start: {error}");
            return;
        }
    };
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let names = text.lines().filter_map(|line| line.split(' ').next_back());
    let (ours, foreign): (Vec<&str>, Vec<&str>) =
        names.partition(|name| name.trim_start_matches('_').starts_with("fpga_"));
    assert!(foreign.is_empty(), "{foreign:?}");

    let header = fs::read_to_string(c::workspace().join("include/fpga.h")).unwrap();
    let undeclared: Vec<&&str> = ours
        .iter()
        .filter(|name| !header.contains(&format!("{}(", name.trim_start_matches('_'))))
        .collect();
    assert!(undeclared.is_empty(), "not in the header: {undeclared:?}");
    assert!(ours.len() > 30, "{ours:?}");
}

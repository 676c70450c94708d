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

use burn::tensor::Tensor;
use fpga_core::RgbImage;
use fpga_core::diffusion::Guidance;
use fpga_core::face::{CropSettings, FaceBox, FaceEmbedding, PartMap};
use fpga_core::identity::facial_prompt::PromptLayout;
use fpga_core::pipeline::{
    AdapterOptions, Canvas, DeviceChoice, Face, FaceReference, FaceRestorer, FacialText,
    FacialTextWays, Gate, GenerateRequest, IdentityAdapter, LoadOptions, Monitor, People,
    PortraitGenerator, PortraitIdentity, Prompt, RestoreRequest, StableDiffusion,
};
use fpga_core::sampler::SamplerKind;
use fpga_core::text::LongPrompt;
use fpga_core::weights::{Storage, TensorSource};
use fpga_tests::models;
use image::GrayImage;
use ndarray::Array2;
use tempfile::TempDir;

/// A whole model in a folder of its own.
fn model() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    models::write_folder(folder.path());
    folder
}

/// A model as `model`, a ControlNet for it as `controlnet`, a single file as `single.safetensors`, and what
/// changes the model's weights.
fn everything() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    models::write_folder(&folder.path().join("model"));
    models::write_controlnet(&folder.path().join("controlnet"), 5);
    let single = folder.path().join("single.safetensors");
    fs::write(single, models::single_file()).unwrap();
    models::write_lora(&folder.path().join("lora.safetensors"));
    models::write_rep_controlnet(&folder.path().join("rep_controlnet.safetensors"));
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

/// Compiles `c/NAME.c` or `c/NAME.cpp`.
fn compile(name: &str, linking: Linking, flags: &[&str], folder: &Path) -> PathBuf {
    let include = c::workspace().join("include");
    compile_against(&include, name, linking, flags, folder)
}

/// As [`compile`], with the header of the folder `include`.
fn compile_against(
    include: &Path,
    name: &str,
    linking: Linking,
    flags: &[&str],
    folder: &Path,
) -> PathBuf {
    let sources = c::workspace().join("tests/c");
    let cpp = sources.join(format!("{name}.cpp")).is_file();
    let (ending, standard) = if cpp { ("cpp", "c++17") } else { ("c", "c99") };
    let program = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let mut command = c::compiler(cpp);
    command
        .arg(format!("-std={standard}"))
        .args(["-D_POSIX_C_SOURCE=200809L", "-pthread"])
        .args(["-Wall", "-Wextra", "-Werror", "-pedantic"])
        .args(flags)
        .arg("-I")
        .arg(include)
        .arg(sources.join(format!("{name}.{ending}")))
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

/// Runs a program that needs [`everything`], checks everything itself and says nothing.
fn runs_silently_with_everything(name: &str, linking: Linking, flags: &[&str]) {
    let (folder, files) = (tempfile::tempdir().unwrap(), everything());
    let program = compile(name, linking, flags, folder.path());
    let names = [
        "model",
        "controlnet",
        "single.safetensors",
        "lora.safetensors",
        "rep_controlnet.safetensors",
    ];
    let paths = names.map(|name| files.path().join(name));
    let output = run(&program, &paths.each_ref().map(|path| path.as_os_str()));
    assert!(
        output.stdout.is_empty() && output.stderr.is_empty(),
        "the library printed: {output:?}"
    );
}

#[test]
fn pictures_come_from_noise_and_models_from_anywhere() {
    runs_silently_with_everything("pictures", Linking::Shared, &[]);
}

/// Runs a program that needs a model and an identity adapter, checks everything itself and says nothing.
fn runs_silently_with_people(name: &str, flags: &[&str]) {
    let (folder, model) = (tempfile::tempdir().unwrap(), model());
    let adapter = folder.path().join("adapter.safetensors");
    models::write_adapter(&adapter);
    let program = compile(name, Linking::Shared, flags, folder.path());
    let output = run(&program, &[model.path().as_os_str(), adapter.as_os_str()]);
    assert!(
        output.stdout.is_empty() && output.stderr.is_empty(),
        "the library printed: {output:?}"
    );
}

#[test]
fn people_appear_where_they_are_put() {
    runs_silently_with_people("people", &[]);
}

/// Runs a program that needs a model and what changes its weights, checks everything itself and says
/// nothing.
fn weights_run_silently(flags: &[&str]) {
    let (folder, model) = (tempfile::tempdir().unwrap(), model());
    let names = ["lora", "rep_controlnet", "adapter", "spare"];
    let files = names.map(|name| folder.path().join(name).with_extension("safetensors"));
    models::write_lora(&files[0]);
    models::write_rep_controlnet(&files[1]);
    models::write_adapter_with_lora(&files[2]);
    let program = compile("weights", Linking::Shared, flags, folder.path());
    let mut arguments = vec![model.path().as_os_str()];
    arguments.extend(files.iter().map(|file| file.as_os_str()));
    let output = run(&program, &arguments);
    assert!(
        output.stdout.is_empty() && output.stderr.is_empty(),
        "the library printed: {output:?}"
    );
}

#[test]
fn loras_and_modalities_change_a_copy_of_the_model() {
    weights_run_silently(&[]);
}

/// Runs a program that needs a model, what guides it, and face networks, checks everything itself and says
/// nothing.
fn faces_run_silently(flags: &[&str]) {
    let (folder, model) = (tempfile::tempdir().unwrap(), model());
    let (adapter, net) = (folder.path().join("adapter"), folder.path().join("net"));
    models::write_adapter(&adapter);
    models::write_controlnet(&net, 5);
    let networks = models::fixtures().join("face_networks");
    let (arcface, bisenet) = (
        networks.join("arcface.pth"),
        networks.join("bisenet.safetensors"),
    );
    let onnx = models::fixtures().join("face_onnx");
    let program = compile("faces", Linking::Shared, flags, folder.path());
    let arguments = [model.path(), &adapter, &net, &arcface, &bisenet, &onnx];
    let output = run(&program, &arguments.map(Path::as_os_str));
    assert!(
        output.stdout.is_empty() && output.stderr.is_empty(),
        "the library printed: {output:?}"
    );
}

#[test]
fn faces_are_found_told_apart_and_given_to_people() {
    faces_run_silently(&[]);
}

#[test]
fn what_was_made_for_another_model_is_refused() {
    let (folder, files) = (tempfile::tempdir().unwrap(), everything());
    let adapter = folder.path().join("adapter");
    models::write_adapter(&adapter);
    let file = |name: &str| files.path().join(name);
    let program = compile("mixed", Linking::Shared, &[], folder.path());
    let arguments = [
        file("model"),
        adapter,
        file("lora.safetensors"),
        file("rep_controlnet.safetensors"),
        file("controlnet"),
        file("single.safetensors"),
    ];
    run(&program, &arguments.each_ref().map(|path| path.as_os_str()));
}

/// What `facial.c` asks for, by the other door.
fn facial_picture(embedding: &[f32], picture: &RgbImage, parts: &GrayImage) -> RgbImage {
    let device = DeviceChoice::Cpu.open().unwrap();
    let portrait = models::fixtures().join("consistentid_portrait");
    let options = LoadOptions {
        tokenizer: Some(models::fixtures().join("clip_tokenizer/sd1")),
        ..LoadOptions::default()
    };
    let model = StableDiffusion::load(portrait.join("model"), &options, &device).unwrap();
    let options = AdapterOptions {
        image_encoder: Some(portrait.join("image_encoder")),
        ..AdapterOptions::default()
    };
    let adapter = IdentityAdapter::load(portrait.join("adapter.bin"), &model, &options).unwrap();
    let shape = (parts.height() as usize, parts.width() as usize);
    let labels = Array2::from_shape_vec(shape, parts.as_raw().clone()).unwrap();
    let reference = FaceReference {
        picture: Some(picture.clone()),
        landmarks: None,
        embedding: Some(FaceEmbedding::new(embedding.to_vec()).unwrap()),
        parts: Some(PartMap::new(labels).unwrap()),
    };
    let text = FacialText {
        prompt: "a photo of a woman",
        negative_prompt: "quality ugly !!!",
        caption: Some("face, eyes, ears"),
        reference: &reference,
        ways: FacialTextWays {
            last_plain_step: 1,
            ..FacialTextWays::upstream(PromptLayout::Joined)
        },
    };
    let words = adapter.facial_prompts(model.text.as_ref(), &text).unwrap();
    let tokens = adapter.tokens(std::slice::from_ref(&reference)).unwrap();
    let people = vec![PortraitIdentity::new(tokens, None)];
    let (width, height) = (24, 16);
    let request = GenerateRequest {
        negative_prompt: words.negative_prompt,
        prompt_change: Some(words.change),
        steps: 5,
        guidance: Guidance::new(5.0),
        sampler: Some(SamplerKind::Ddim { eta: 0.0 }),
        seed: Some(5),
        people: Some(People::new(adapter.attention(), people)),
        ..GenerateRequest::new(words.prompt, Canvas::Blank { width, height })
    };
    let adapted = adapter.applied_to(&model).unwrap();
    let generator = PortraitGenerator::new(&adapted);
    let generated = generator.generate(&request, &mut Monitor::none()).unwrap();
    generated.pictures.into_iter().next().unwrap()
}

#[test]
fn words_that_know_a_face_make_the_same_picture_through_both_doors() {
    let folder = tempfile::tempdir().unwrap();
    let fixtures = models::fixtures();
    let portrait = fixtures.join("consistentid_portrait");
    let open = |name: &str| image::open(portrait.join(name)).unwrap();
    let (picture, parts) = (
        open("reference.png").to_rgb8(),
        open("parts.png").to_luma8(),
    );
    assert_eq!(
        (picture.dimensions(), picture.width()),
        (parts.dimensions(), picture.height())
    );
    let expected = TensorSource::open(portrait.join("expected.safetensors")).unwrap();
    let embedding = expected.read("embedding", Storage::F32).unwrap();
    let embedding: Vec<f32> = embedding.iter::<f32>().collect();
    let bytes: Vec<u8> = embedding
        .iter()
        .flat_map(|value| value.to_ne_bytes())
        .collect();
    let raw = ["picture", "parts", "embedding", "out"].map(|name| folder.path().join(name));
    fs::write(&raw[0], picture.as_raw()).unwrap();
    fs::write(&raw[1], parts.as_raw()).unwrap();
    fs::write(&raw[2], bytes).unwrap();

    let program = compile("facial", Linking::Shared, &[], folder.path());
    let (side, length) = (picture.width().to_string(), embedding.len().to_string());
    let places = ["model", "adapter.bin", "image_encoder"].map(|name| portrait.join(name));
    let tokenizer = fixtures.join("clip_tokenizer/sd1");
    run(
        &program,
        &[
            places[0].as_ref(),
            tokenizer.as_ref(),
            places[1].as_ref(),
            places[2].as_ref(),
            side.as_ref(),
            raw[0].as_ref(),
            raw[1].as_ref(),
            length.as_ref(),
            raw[2].as_ref(),
            raw[3].as_ref(),
        ],
    );
    let made = facial_picture(&embedding, &picture, &parts);
    assert_eq!(&fs::read(&raw[3]).unwrap(), made.as_raw());
}

/// Runs `prompts.c` with these prompts and gives back the picture that it made.
fn picture_of_embedded(
    folder: &Path,
    model: &Path,
    prompts: [&Prompt; 2],
    flags: &[&str],
) -> Vec<u8> {
    let both = prompts.map(|prompt| match prompt {
        Prompt::Embedded { context, pooled } => (context.clone(), pooled.clone()),
        Prompt::Text(words) => panic!("{words} is not embedded"),
    });
    let [_, count, width] = both[0].0.dims();
    let pooled_width = both[0].1.as_ref().map_or(0, |pooled| pooled.dims()[1]);
    let tokens = both.iter().map(|(tokens, _)| tokens.clone().into_data());
    let pooled = both.iter().filter_map(|(_, pooled)| pooled.clone());
    let parts = tokens.chain(pooled.map(Tensor::into_data));
    let numbers = parts.flat_map(|part| part.try_to_vec::<f32>().unwrap());
    let bytes: Vec<u8> = numbers.flat_map(f32::to_ne_bytes).collect();
    let (given, out) = (folder.join("numbers"), folder.join("out"));
    fs::write(&given, bytes).unwrap();
    let sizes = [count, width, pooled_width].map(|size| size.to_string());
    let mut arguments = vec![model.as_os_str(), given.as_os_str()];
    arguments.extend(sizes.iter().map(OsStr::new));
    arguments.push(out.as_os_str());
    let program = compile("prompts", Linking::Shared, flags, folder);
    let output = run(&program, &arguments);
    assert!(
        output.stdout.is_empty() && output.stderr.is_empty(),
        "the library printed: {output:?}"
    );
    fs::read(out).unwrap()
}

/// What `prompts.c` asks for, by the other door.
fn embedded_picture(model: &StableDiffusion, [prompt, negative]: [&Prompt; 2]) -> Vec<u8> {
    let (width, height) = (24, 16);
    let request = GenerateRequest {
        negative_prompt: negative.clone(),
        steps: 4,
        guidance: Guidance::new(5.0),
        sampler: Some(SamplerKind::Ddim { eta: 0.0 }),
        seed: Some(7),
        ..GenerateRequest::new(prompt.clone(), Canvas::Blank { width, height })
    };
    let generator = PortraitGenerator::new(model);
    let generated = generator.generate(&request, &mut Monitor::none()).unwrap();
    generated.pictures[0].as_raw().clone()
}

/// With a model whose text encoder is known: the program compares with its words.
fn embedded_prompts_agree(flags: &[&str]) {
    let (folder, files) = (tempfile::tempdir().unwrap(), model());
    let device = DeviceChoice::Cpu.open().unwrap();
    let model = StableDiffusion::load(files.path(), &LoadOptions::default(), &device).unwrap();
    let encoder = model.text.as_ref().unwrap();
    let encoded = encoder.encode("a cat", "ugly", LongPrompt::Split).unwrap();
    let [prompt, negative] = encoded.map(|one| Prompt::Embedded {
        context: one.context,
        pooled: None,
    });
    let prompts = [&prompt, &negative];
    let made = picture_of_embedded(folder.path(), files.path(), prompts, flags);
    assert_eq!(made, embedded_picture(&model, prompts));
}

#[test]
fn embedded_prompts_make_what_their_words_make() {
    embedded_prompts_agree(&[]);
}

#[test]
fn embedded_prompts_of_sdxl_have_pooled_text() {
    let (folder, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    models::write_sdxl_folder(files.path());
    let device = DeviceChoice::Cpu.open().unwrap();
    let model = StableDiffusion::load(files.path(), &LoadOptions::default(), &device).unwrap();
    let wave = |count: usize, pace: f32| {
        let values: Vec<f32> = (0..count).map(|at| (at as f32 * pace).sin()).collect();
        Tensor::<1>::from_floats(values.as_slice(), &device)
    };
    let [prompt, negative] = [1.7, 0.9].map(|pace| Prompt::Embedded {
        context: wave(3 * 12, pace).reshape([1, 3, 12]),
        pooled: Some(wave(10, pace).reshape([1, 10])),
    });
    let prompts = [&prompt, &negative];
    let made = picture_of_embedded(folder.path(), files.path(), prompts, &[]);
    assert_eq!(made, embedded_picture(&model, prompts));
}

#[test]
fn the_cpp_wrapper_owns_throws_and_forwards() {
    runs_silently_with_everything("wrap", Linking::Shared, &[]);
}

/// Programs whose structs are shorter than this library's: `older/fpga.h` is the first header.
#[test]
fn programs_built_with_the_first_header_still_run() {
    let (folder, model) = (tempfile::tempdir().unwrap(), model());
    let older = c::workspace().join("tests/c/older");
    for (name, arguments) in [("restore", &["32"][..]), ("threads", &[])] {
        let program = compile_against(&older, name, Linking::Shared, &[], folder.path());
        let model = std::iter::once(model.path().as_os_str());
        let arguments: Vec<&OsStr> = model.chain(arguments.iter().map(OsStr::new)).collect();
        run(&program, &arguments);
    }
}

/// A fifth of the jobs warms up caches and pools; after that memory stays. A tenth of the thousand jobs
/// and cancels of a release, which `FPGA_SOAK=1000` asks for.
#[cfg(target_os = "linux")]
#[test]
fn many_jobs_and_cancels_leave_nothing_behind() {
    let (folder, model) = (tempfile::tempdir().unwrap(), model());
    let program = compile("soak", Linking::Shared, &[], folder.path());
    let count = std::env::var("FPGA_SOAK").unwrap_or_else(|_| "100".to_owned());
    let output = run(
        &program,
        &[model.path().as_os_str(), count.as_ref(), count.as_ref()],
    );
    let seen: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    eprintln!("{seen}");
    let number = |name: &str| seen[name].as_i64().unwrap();
    for kind in ["jobs", "cancels"] {
        let grown = number(&format!("{kind}_end")) - number(&format!("{kind}_early"));
        assert!(grown < 8 << 20, "{kind}: {grown} bytes more, {seen}");
    }
    assert!(number("in_time") * 4 > number("cancels"), "{seen}");
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
    runs_silently_with_everything("pictures", Linking::Shared, &flags);
    runs_silently_with_everything("wrap", Linking::Shared, &flags);
    runs_silently_with_people("people", &flags);
    weights_run_silently(&flags);
    faces_run_silently(&flags);
    embedded_prompts_agree(&flags);
}

/// What C passes to callbacks and reads after a job is ordered. The library itself is not instrumented.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn the_thread_sanitizer_finds_nothing_in_the_caller() {
    let flags = ["-fsanitize=thread"];
    let (folder, model) = (tempfile::tempdir().unwrap(), model());
    let program = compile("threads", Linking::Shared, &flags, folder.path());
    // The sanitizer wants fixed places for its shadow memory, and cannot judge code that it did not
    // compile.
    let mut command = Command::new("setarch");
    command.arg("-R").arg(&program).arg(model.path());
    command.env("TSAN_OPTIONS", "ignore_noninstrumented_modules=1");
    match command.output() {
        Ok(output) => assert!(output.status.success(), "{output:?}"),
        Err(error) => eprintln!("SKIPPED: setarch does not start: {error}"),
    }
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

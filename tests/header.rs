//! `include/fpga.h` is what the sources of `fpga-ffi` generate, and every C and C++ compiler takes it.
//!
//! After a change of the interface, `FPGA_BLESS=1 cargo test -p fpga-tests --test header` rewrites it.

#[path = "c/mod.rs"]
mod c;

use std::ffi::CStr;
use std::fs;
use std::path::PathBuf;

fn header() -> PathBuf {
    c::workspace().join("include/fpga.h")
}

fn generated() -> String {
    let crate_folder = c::workspace().join("fpga-ffi");
    let config = cbindgen::Config::from_file(crate_folder.join("cbindgen.toml")).unwrap();
    let sources = crate_folder.join("src");
    // Files one by one: given the crate, cbindgen asks cargo for every dependency on every platform,
    // which needs a network.
    let list = fs::read_to_string(sources.join("lib.rs")).unwrap();
    let modules = list
        .lines()
        .filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
    let builder = modules.fold(
        cbindgen::Builder::new().with_config(config),
        |builder, module| builder.with_src(sources.join(format!("{module}.rs"))),
    );
    let mut text = Vec::new();
    builder.generate().unwrap().write(&mut text);
    String::from_utf8(text).unwrap()
}

#[test]
fn the_header_is_what_the_sources_generate() {
    let fresh = generated();
    if std::env::var_os("FPGA_BLESS").is_some() {
        fs::write(header(), &fresh).unwrap();
    }
    let committed = fs::read_to_string(header()).unwrap_or_default();
    let differing = committed
        .lines()
        .zip(fresh.lines())
        .position(|(old, new)| old != new)
        .map_or(fresh.lines().count().min(committed.lines().count()), |at| {
            at
        });
    assert!(
        committed == fresh,
        "include/fpga.h is stale from line {} on; FPGA_BLESS=1 rewrites it",
        differing + 1
    );
}

#[test]
fn the_header_alone_is_clean_c_and_cpp() {
    let folder = tempfile::tempdir().unwrap();
    let use_it = "#include <fpga.h>\n\
        fpga_context_params context = FPGA_CONTEXT_PARAMS_INIT;\n\
        fpga_model_params model = FPGA_MODEL_PARAMS_INIT;\n\
        fpga_image_view view = FPGA_IMAGE_VIEW_INIT;\n\
        fpga_face face = FPGA_FACE_INIT;\n\
        fpga_restore_params restore = FPGA_RESTORE_PARAMS_INIT;\n\
        fpga_generate_params generate = FPGA_GENERATE_PARAMS_INIT;\n\
        fpga_control control = FPGA_CONTROL_INIT;\n\
        fpga_io io = FPGA_IO_INIT;\n\
        fpga_adapter_params adapter = FPGA_ADAPTER_PARAMS_INIT;\n\
        fpga_reference reference = FPGA_REFERENCE_INIT;\n\
        fpga_person person = FPGA_PERSON_INIT;\n\
        fpga_lora_use lora = FPGA_LORA_USE_INIT;\n\
        fpga_rep_controlnet_use rep = FPGA_REP_CONTROLNET_USE_INIT;\n\
        fpga_modality modality = FPGA_MODALITY_INIT;\n\
        fpga_detection detection = FPGA_DETECTION_INIT;\n\
        fpga_detector_params detector = FPGA_DETECTOR_PARAMS_INIT;\n\
        fpga_own_detector own_detector = FPGA_OWN_DETECTOR_INIT;\n\
        fpga_own_embedder own_embedder = FPGA_OWN_EMBEDDER_INIT;\n\
        fpga_own_parser own_parser = FPGA_OWN_PARSER_INIT;\n\
        fpga_own_landmarks own_landmarks = FPGA_OWN_LANDMARKS_INIT;\n\
        fpga_own_pose_estimator own_poses = FPGA_OWN_POSE_ESTIMATOR_INIT;\n\
        fpga_observers observers = FPGA_OBSERVERS_INIT;\n\
        fpga_sought_person sought = FPGA_SOUGHT_PERSON_INIT;\n\
        fpga_search search = FPGA_SEARCH_INIT;\n\
        fpga_facial_text facial = FPGA_FACIAL_TEXT_INIT;\n\
        fpga_prompt_embedding embedding = FPGA_PROMPT_EMBEDDING_INIT;\n\
        int checked(void);\n\
        int checked(void) { return FPGA_CHECK_ABI() ? 0 : 1; }\n";
    let cases = [
        ("c99", "use.c"),
        ("c11", "use.c"),
        ("c++11", "use.cpp"),
        ("c++17", "use.cpp"),
    ];
    for (standard, name) in cases {
        let file = folder.path().join(name);
        fs::write(&file, use_it).unwrap();
        c::succeed(
            c::compiler(name.ends_with("cpp"))
                .arg(format!("-std={standard}"))
                .args(["-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only"])
                .arg("-I")
                .arg(c::workspace().join("include"))
                .arg(&file),
        );
    }
}

#[test]
fn the_cpp_header_alone_is_clean() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("use.cpp");
    fs::write(&file, "#include <fpga.hpp>\nint main() { return 0; }\n").unwrap();
    for standard in ["c++17", "c++20"] {
        c::succeed(
            c::compiler(true)
                .arg(format!("-std={standard}"))
                .args(["-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only"])
                .arg("-I")
                .arg(c::workspace().join("include"))
                .arg(&file),
        );
    }
}

#[test]
fn version_macros_agree_with_the_package_and_the_library() {
    let header = fs::read_to_string(header()).unwrap();
    let number = |name: &str| -> u32 {
        let lead = format!("#define {name} ");
        let line = header.lines().find_map(|line| line.strip_prefix(&lead));
        line.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
    };
    let parts = ["MAJOR", "MINOR", "PATCH"].map(|part| number(&format!("FPGA_VERSION_{part}")));
    let version = parts.map(|part| part.to_string()).join(".");
    // All packages of the workspace share one version.
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
    // SAFETY: the string is static and ends with NUL.
    let running = unsafe { CStr::from_ptr(fpga::fpga_version()) };
    assert_eq!(running.to_str().unwrap(), version);
    assert_eq!(number("FPGA_ABI_VERSION"), fpga::fpga_abi_version());
}

/// What packagers read says the same: CMake's and pkg-config's version, and the number in the SONAME.
#[test]
fn packages_agree_with_the_header() {
    let ours = c::workspace().join("fpga-ffi");
    let cmake = fs::read_to_string(ours.join("cmake/fpga-config-version.cmake")).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert!(cmake.contains(&format!("set(PACKAGE_VERSION \"{version}\")")));
    let manifest = fs::read_to_string(ours.join("Cargo.toml")).unwrap();
    let section = |name: &str| {
        let (_, rest) = manifest
            .split_once(&format!("[package.metadata.capi.{name}]"))
            .unwrap();
        rest.split("\n[").next().unwrap().to_owned()
    };
    assert!(section("pkg_config").contains(&format!("version = \"{version}\"")));
    let abi = format!("version = \"{}.", fpga::fpga_abi_version());
    assert!(section("library").contains(&abi));
}

#[test]
fn every_status_in_the_header_has_its_name_in_the_library() {
    let header = fs::read_to_string(header()).unwrap();
    let lines = header.lines().map(str::trim);
    let mut count = 0;
    for line in lines.filter(|line| line.starts_with("FPGA_STATUS_")) {
        let (name, code) = line.trim_end_matches(',').split_once(" = ").unwrap();
        let code: u32 = code.parse().unwrap();
        // SAFETY: the string is static and ends with NUL.
        let known = unsafe { CStr::from_ptr(fpga::fpga_status_name(code)) };
        assert_eq!(known.to_str().unwrap(), name);
        count += 1;
    }
    assert!(count > 10, "found only {count}");
}

/// The header has no name that another library could have too, and no byte that a compiler could
/// misread.
#[test]
fn the_header_keeps_to_its_prefix_and_to_ascii() {
    let text = fs::read_to_string(header()).unwrap();
    assert_eq!(text.find(|c: char| !c.is_ascii()), None);
    let names = text.lines().filter_map(|line| {
        let line = line.trim();
        let defined = line.strip_prefix("#define ");
        let declared = line.strip_prefix("typedef struct ");
        let constant = line.split_once(" = ").map(|(name, _)| name);
        defined
            .or(declared)
            .or(constant.filter(|name| !name.contains([' ', '*'])))
    });
    let (ours, foreign): (Vec<&str>, Vec<&str>) =
        names.partition(|name| name.starts_with("FPGA_") || name.starts_with("fpga_"));
    assert!(ours.len() > 50, "found only {ours:?}");
    assert!(foreign.is_empty(), "{foreign:?}");
}

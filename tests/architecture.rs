//! Rooms of `fpga-core` import only what the design allows, and only one of them is unsafe.
//!
//! Read off the source text: every `crate::room` path outside comments and strings is an arrow, and
//! so is a chain of `super` that leaves its room.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Networks and what they are built from.
const MODEL_ROOMS: &[&str] = &[
    "nn", "identity", "unet", "control", "vae", "text", "vision", "face",
];

/// What a room may import besides `error`; `None` for a room that the design does not know.
fn allowed(room: &str) -> Option<Vec<&'static str>> {
    let models = |others: &[&'static str]| [MODEL_ROOMS, others].concat();
    Some(match room {
        "error" | "kernels" | "diffusion" => vec![],
        "nn" => vec!["kernels"],
        "identity" | "vae" | "text" | "vision" | "face" => vec!["nn"],
        "unet" => vec!["nn", "identity"],
        "control" => vec!["nn", "unet"],
        "sampler" => vec!["diffusion"],
        "weights" => models(&[]),
        "pipeline" => models(&["kernels", "diffusion", "sampler", "weights"]),
        "train" | "data" | "metrics" => models(&["diffusion", "weights"]),
        _ => return None,
    })
}

#[test]
fn rooms_import_only_what_the_design_allows() {
    let wrong: Vec<_> = sources(&core_source())
        .iter()
        .flat_map(|file| wrong_arrows(file, &fs::read_to_string(file).unwrap()))
        .collect();
    assert!(
        wrong.is_empty(),
        "arrows that the design lacks:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn only_the_kernels_are_unsafe() {
    let unsafe_files: Vec<_> = sources(&core_source())
        .into_iter()
        .filter(|file| words(&code_of(&fs::read_to_string(file).unwrap())).contains("unsafe"))
        .filter(|file| Module::of(file).room != "kernels")
        .collect();
    assert!(
        unsafe_files.is_empty(),
        "unsafe outside the kernels: {unsafe_files:?}"
    );
}

/// Burn's default device is whichever backend happens to be built.
#[test]
fn nobody_takes_the_default_device() {
    let rooms = [core_source(), core_source().join("../../fpga-ffi/src")];
    let found: Vec<_> = rooms
        .iter()
        .flat_map(|room| sources(room))
        .filter(|file| takes_default_device(&fs::read_to_string(file).unwrap()))
        .collect();
    assert!(found.is_empty(), "the default device in {found:?}");
    assert!(takes_default_device("let one = Device :: default();"));
    assert!(takes_default_device("f(&<Device>::default())"));
    assert!(!takes_default_device(
        "// Device::default()\nDeviceChoice::default()"
    ));
}

fn takes_default_device(source: &str) -> bool {
    let code = code_of(source);
    let takes = |name: &str| {
        let mut places = code.match_indices(name);
        places.any(|(place, _)| !code[..place].ends_with(is_word))
    };
    takes("Device::default") || takes("<Device>::default")
}

#[test]
fn a_forbidden_arrow_is_found_however_it_is_written() {
    let found =
        |room_file: &str, source: &str| wrong_arrows(&core_source().join(room_file), source).len();
    for source in [
        "use crate::pipeline::Job;",
        "pub use crate::pipeline;",
        "use crate::{error::Result, pipeline::Job};",
        "use crate::{\n    nn::{Conv2d, Linear},\n    pipeline::{self, Job},\n};",
        "fn f() { crate::pipeline::run() }",
        "fn f(job: &crate::pipeline::Job) {}",
        "use super::super::pipeline::Job;",
        "use super::super::{nn::Linear, pipeline::Job};",
        "use crate :: pipeline :: Job;",
    ] {
        assert_eq!(found("nn/linear.rs", source), 1, "{source}");
    }
    assert_eq!(found("nn/mod.rs", "use super::pipeline::Job;"), 1);
    assert_eq!(found("kernels/mod.rs", "use crate::nn::Linear;"), 1);
    assert_eq!(found("attic/mod.rs", "use crate::nn::Linear;"), 1);
    for source in [
        "use crate::kernels::gemm;",
        "use crate::error::{Error, Result};",
        "use crate::{Error, Result};",
        "use crate::nn::Linear;",
        "use super::pipeline;",
        "/// Unlike [`crate::pipeline`].\n// crate::pipeline\n/* crate::pipeline */",
        "const A: &str = \"crate::pipeline\"; const B: &str = r#\"crate::pipeline\"#; const C: char = '\"';",
        "use other_crate::pipeline;",
    ] {
        assert_eq!(found("nn/linear.rs", source), 0, "{source}");
    }
}

#[test]
fn an_unsafe_word_is_told_from_its_mention() {
    let is_unsafe = |source: &str| words(&code_of(source)).contains("unsafe");
    assert!(is_unsafe("fn f() { unsafe { g() } }"));
    assert!(!is_unsafe(
        "#![forbid(unsafe_code)] // unsafe\nconst A: &str = \"unsafe\";"
    ));
}

fn core_source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fpga-core/src")
}

/// All Rust files below a folder; at least the front page is there.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    assert!(!files.is_empty(), "{} holds no source", folder.display());
    files
}

/// Where a file stands in the crate.
struct Module {
    /// Empty for the front page.
    room: String,
    /// How many times `super` leads to the crate's root.
    depth: usize,
}

impl Module {
    fn of(file: &Path) -> Self {
        let inside = file.strip_prefix(core_source()).unwrap().with_extension("");
        let mut parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy()).collect();
        if parts
            .last()
            .is_some_and(|name| name == "mod" || name == "lib")
        {
            parts.pop();
        }
        let room = parts
            .first()
            .map(|room| room.to_string())
            .unwrap_or_default();
        Self {
            room,
            depth: parts.len(),
        }
    }
}

/// Every arrow of a file that the design lacks, as a line to print.
fn wrong_arrows(file: &Path, source: &str) -> Vec<String> {
    let module = Module::of(file);
    let code = code_of(source);
    let mut rooms = rooms_after(&code, "crate::");
    rooms.extend(rooms_after(&code, &"super::".repeat(module.depth.max(1))));
    let allowed_rooms = allowed(&module.room);
    let known = |name: &str| allowed(name).is_some();
    let fine = |name: &str| match &allowed_rooms {
        Some(allowed) => name == module.room || name == "error" || allowed.contains(&name),
        None => module.room.is_empty(),
    };
    rooms
        .iter()
        .filter(|name| known(name) && !fine(name))
        .map(|name| format!("{}: {} -> {name}", file.display(), module.room))
        .collect()
}

/// The first segment behind each occurrence of `root`, and of each branch where braces follow.
fn rooms_after(code: &str, root: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for (place, _) in code.match_indices(root) {
        let part_of_a_longer_path = code[..place].ends_with(|c: char| is_word(c) || c == ':');
        if part_of_a_longer_path {
            continue;
        }
        let rest = &code[place + root.len()..];
        match rest.strip_prefix('{') {
            Some(group) => rooms.extend(branches(group)),
            None => rooms.extend(first_word(rest)),
        }
    }
    rooms
}

/// The first word of each branch of a group whose opening brace is already read.
fn branches(group: &str) -> Vec<String> {
    let (mut depth, mut words, mut start) = (0, Vec::new(), 0);
    for (place, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                words.extend(first_word(&group[start..place]));
                start = place + 1;
            }
            _ => {}
        }
        if c == '}' && depth == 0 && start == place + 1 {
            break;
        }
    }
    words
}

fn first_word(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|&c| is_word(c)).collect();
    (!word.is_empty()).then_some(word)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn words(code: &str) -> BTreeSet<&str> {
    code.split(|c| !is_word(c)).collect()
}

/// The source without comments, strings and the spaces around `::`, braces and commas.
fn code_of(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let skipped = comment(rest).or_else(|| literal(rest, code.ends_with(is_word)));
        if let Some(length) = skipped {
            code.push(' ');
            rest = &rest[length..];
        } else {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    tighten(&code)
}

/// Length of the comment that `text` starts with.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if !text.starts_with("/*") {
        return None;
    }
    let (mut depth, mut place) = (0, 0);
    while place < text.len() {
        match text.as_bytes()[place..] {
            [b'/', b'*', ..] => (depth, place) = (depth + 1, place + 2),
            [b'*', b'/', ..] => (depth, place) = (depth - 1, place + 2),
            _ => place += 1,
        }
        if depth == 0 {
            break;
        }
    }
    Some(place)
}

/// Length of the string or character that `text` starts with; `r` inside a word opens none.
fn literal(text: &str, after_word: bool) -> Option<usize> {
    let raw = text.strip_prefix('r').filter(|_| !after_word);
    if let Some(rest) = raw {
        let hashes = rest.len() - rest.trim_start_matches('#').len();
        let end = format!("\"{}", "#".repeat(hashes));
        let body = rest[hashes..].strip_prefix('"')?;
        return Some(1 + hashes + 1 + body.find(&end).map_or(body.len(), |at| at + end.len()));
    }
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let mut characters = text.char_indices().skip(1);
    if quote == '\'' {
        // A lifetime has no closing quote behind its first letter.
        let mut ahead = text[1..].chars();
        let (first, second) = (ahead.next(), ahead.next());
        if first != Some('\\') && second != Some('\'') {
            return None;
        }
    }
    while let Some((place, c)) = characters.next() {
        match c {
            '\\' => _ = characters.next(),
            _ if c == quote => return Some(place + 1),
            _ => {}
        }
    }
    Some(text.len())
}

/// Drops white space next to the signs that paths are made of.
fn tighten(code: &str) -> String {
    let sign = |c: char| matches!(c, ':' | '{' | '}' | ',');
    let mut tight = String::with_capacity(code.len());
    let mut gap = false;
    for c in code.chars() {
        if c.is_whitespace() {
            gap = true;
            continue;
        }
        if gap && !sign(c) && !tight.ends_with(sign) {
            tight.push(' ');
        }
        gap = false;
        tight.push(c);
    }
    tight
}

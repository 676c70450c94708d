//! Files that lie, end early or are something else: each is an error value that says so.

use std::path::PathBuf;

use super::file_of;
use crate::error::{Error, ErrorKind};
use crate::weights::{Storage, TensorSource};

/// A safetensors file with this header text and so many bytes of values.
fn raw(header: &str, values: usize) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.resize(file.len() + values, 0);
    file
}

fn refuse(name: &str, bytes: &[u8]) -> Error {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let error = TensorSource::open(&path).expect_err("must be refused");
    assert!(
        matches!(error.kind(), ErrorKind::Format { path: named, .. } if *named == path),
        "{error}"
    );
    error
}

#[track_caller]
fn refuse_safetensors(bytes: &[u8], clue: &str) {
    let error = refuse("model.safetensors", bytes);
    assert!(error.to_string().contains(clue), "{error}");
    assert!(TensorSource::from_bytes("memory", bytes.to_vec()).is_err());
}

#[test]
fn short_files_are_refused() {
    refuse_safetensors(b"", "shorter than a safetensors header");
    refuse_safetensors(b"\x08\0\0", "shorter than a safetensors header");
}

#[test]
fn header_lengths_are_checked_before_memory_is_taken() {
    refuse_safetensors(&u64::MAX.to_le_bytes(), "claims a header");
    refuse_safetensors(&(99_000_000u64).to_le_bytes(), "in a file of 8");
    refuse_safetensors(&(200_000_000u64).to_le_bytes(), "not a safetensors file");
}

#[test]
fn headers_that_are_not_json_are_refused() {
    refuse_safetensors(&raw("{\"a\":", 0), "unsound safetensors header");
    refuse_safetensors(&raw("[1, 2]", 0), "unsound safetensors header");
    refuse_safetensors(&raw(&"[".repeat(100_000), 0), "unsound safetensors header");
    let mut latin = raw("{}", 0);
    latin[8] = 0xff;
    refuse_safetensors(&latin, "unsound safetensors header");
}

#[test]
fn offsets_must_agree_with_shapes_and_the_file() {
    let one = |info: &str| format!("{{\"a\":{info}}}");
    let cases = [
        // Outside the file.
        (
            r#"{"dtype":"F32","shape":[4],"data_offsets":[0,16]}"#,
            8,
            "cut off",
        ),
        // More values than tensors.
        (
            r#"{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#,
            16,
            "holds 16",
        ),
        // Size is not shape times type.
        (
            r#"{"dtype":"F32","shape":[3],"data_offsets":[0,8]}"#,
            8,
            "invalid shape",
        ),
        // Backwards.
        (
            r#"{"dtype":"F32","shape":[2],"data_offsets":[8,0]}"#,
            8,
            "invalid offset",
        ),
        // Not at the start.
        (
            r#"{"dtype":"F32","shape":[1],"data_offsets":[4,8]}"#,
            8,
            "invalid offset",
        ),
        // Shape overflows.
        (
            r#"{"dtype":"F32","shape":[4294967296,4294967296,2],"data_offsets":[0,8]}"#,
            8,
            "overflow",
        ),
        // Negative, fractional, unknown.
        (
            r#"{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}"#,
            8,
            "unsound",
        ),
        (
            r#"{"dtype":"F32","shape":[2],"data_offsets":[0,8.5]}"#,
            8,
            "unsound",
        ),
        (
            r#"{"dtype":"F33","shape":[2],"data_offsets":[0,8]}"#,
            8,
            "unsound",
        ),
    ];
    for (info, values, clue) in cases {
        refuse_safetensors(&raw(&one(info), values), clue);
    }
}

#[test]
fn overlapping_tensors_are_refused() {
    let header = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
        "b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#;
    refuse_safetensors(&raw(header, 12), "invalid offset");
}

#[test]
fn every_truncation_of_a_sound_file_is_refused() {
    let file = file_of(&[("weight", &[2, 3], &[1.0; 6]), ("bias", &[3], &[1.0; 3])]);
    assert!(TensorSource::from_bytes("whole", file.clone()).is_ok());
    for length in 0..file.len() {
        assert!(
            TensorSource::from_bytes("cut", file[..length].to_vec()).is_err(),
            "{length}"
        );
    }
}

#[test]
fn other_number_types_are_refused_when_they_are_read() {
    let header = r#"{"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}"#;
    let source = TensorSource::from_bytes("ints", raw(header, 8)).unwrap();
    let error = source.read("a", Storage::F32).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Unsupported { .. }),
        "{error}"
    );
}

#[test]
fn pytorch_files_that_are_none_are_refused() {
    for bytes in [
        &b""[..],
        b"<!DOCTYPE html><html>404",
        b"PK\x03\x04",
        b"PK\x03\x04 and then nothing that a zip would hold",
        b"\x80\x02",
        b"\x80\x02}q\x00.",
        b"\x80\x02cos\nsystem\nq\x00X\x02\x00\x00\x00idq\x01\x85q\x02Rq\x03.",
        b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x80\x02X\xff\xff\xff\xff",
    ] {
        refuse("model.bin", bytes);
    }
    // Ten thousand nested lists.
    let mut nested = b"\x80\x02".to_vec();
    nested.extend([b']'; 10_000]);
    nested.extend([b'a'; 9_999]);
    nested.push(b'.');
    refuse("model.ckpt", &nested);
}

#[test]
fn pickles_cannot_multiply() {
    // Two megabytes that would become half a gigabyte of objects.
    let mut many = b"\x80\x02](".to_vec();
    many.resize(2_000_000, b'N');
    many.extend(b"e.");
    let error = refuse("model.pth", &many);
    assert!(error.to_string().contains("instructions"), "{error}");
}

#[test]
fn archives_whose_marks_disagree_are_refused() {
    let sound = include_bytes!("../../../../tests/fixtures/weights_pickle/zip.bin").to_vec();
    let end = sound.len();
    let mark_with = |at: usize, byte: u8| {
        let mut bytes = sound.clone();
        bytes[end - at] ^= byte;
        bytes
    };
    // Directory length and offset in the last mark, then in the wide one.
    for at in [10, 6, 22 + 20 + 16, 22 + 20 + 8] {
        refuse("model.bin", &mark_with(at, 1));
    }
    // The pickle's entry says that it is compressed.
    let entry = sound
        .windows(4)
        .position(|window| window == b"PK\x01\x02")
        .unwrap();
    let error = refuse("model.bin", &mark_with(end - entry - 10, 8));
    assert!(error.to_string().contains("compressed"), "{error}");
}

#[test]
fn no_single_wrong_byte_panics() {
    let sound = include_bytes!("../../../../tests/fixtures/weights_pickle/zip.bin").to_vec();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.bin");
    for at in (0..sound.len()).step_by(3) {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x55;
        std::fs::write(&path, &bytes).unwrap();
        let Ok(source) = TensorSource::open(&path) else {
            continue;
        };
        for name in source.names() {
            // A changed value may pass or fail, but never ends the program.
            let _ = source.read(name, Storage::F32);
        }
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn indexes_cannot_reach_outside_their_folder() {
    for shard in [
        "../other.safetensors",
        "/etc/passwd",
        "..",
        "",
        "x.index.json",
    ] {
        let text = format!(r#"{{"weight_map": {{"a": "{shard}"}}}}"#);
        let error = refuse("model.safetensors.index.json", text.as_bytes());
        assert!(error.to_string().contains("outside"), "{error}");
    }
    refuse("model.safetensors.index.json", b"{}");
    refuse("model.safetensors.index.json", b"not json");
}

#[test]
fn absent_files_and_folders_are_input_errors() {
    let folder = tempfile::tempdir().unwrap();
    let error = TensorSource::open(folder.path().join("none.safetensors")).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Io { .. }), "{error}");
    assert!(TensorSource::open(folder.path()).is_err());
    assert!(TensorSource::open(folder.path().join("none.bin")).is_err());
}

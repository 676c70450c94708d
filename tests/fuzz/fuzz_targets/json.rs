//! The other JSON files: lists of faces, tokenizers, indexes of shards. The first byte says which.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use fpga_core::pipeline::read_faces;
use fpga_core::text::ClipTokenizer;
use fpga_core::weights::{TensorSource, read_json};
use libfuzzer_sys::fuzz_target;

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() { memory } else { std::env::temp_dir() };
    let folder = folder.join(format!("fpga-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a writable folder");
    folder
});

fn write(name: &str, bytes: &[u8]) -> PathBuf {
    let path = FOLDER.join(name);
    fs::write(&path, bytes).expect("a writable folder");
    path
}

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else {
        return;
    };
    match kind % 4 {
        0 => {
            let _ = read_faces(write("faces.json", rest));
        }
        1 => {
            write("tokenizer.json", rest);
            let _ = ClipTokenizer::from_folder(&*FOLDER);
        }
        2 => {
            let _ = TensorSource::open(write("model.index.json", rest));
        }
        _ => {
            let _ = read_json(write("any.json", rest));
        }
    }
});

//! A PyTorch file from a stranger: opened, and every tensor read. Panics of the foreign reader are
//! caught by the library, so they must not end the process here.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use fpga_core::weights::{Storage, TensorSource};
use libfuzzer_sys::fuzz_target;

static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() { memory } else { std::env::temp_dir() };
    folder.join(format!("fpga-fuzz-{}.bin", std::process::id()))
});

fuzz_target!(
    init: std::panic::set_hook(Box::new(|_| ())),
    |bytes: &[u8]| {
        fs::write(&*FILE, bytes).expect("a writable folder");
        let Ok(source) = TensorSource::open(&*FILE) else {
            return;
        };
        let names: Vec<String> = source.names().map(str::to_owned).collect();
        for name in &names {
            let _ = source.read(name, Storage::F32);
        }
    }
);

//! A checkpoint from a stranger, in memory: opened, and every tensor read.
#![no_main]

use fpga_core::weights::{SingleFile, Storage, TensorSource};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(source) = TensorSource::from_bytes("fuzz", bytes.to_vec()) else {
        return;
    };
    let names: Vec<String> = source.names().map(str::to_owned).collect();
    for name in &names {
        let _ = source.read(name, Storage::F32);
        let _ = source.read(name, Storage::F16);
    }
    let _ = source.loaded_bytes(Storage::AsStored);
    let _ = SingleFile::from_source(source);
});

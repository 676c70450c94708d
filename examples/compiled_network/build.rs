//! Writes the network as Rust code, and its weights beside it, where `src/lib.rs` includes both.

use burn_onnx::{LoadStrategy, ModelGen};

/// Any ArcFace file does: one input `[batch, 3, 112, 112]`, one output `[batch, width]`.
const NETWORK: &str = "../../tests/fixtures/face_onnx/arcface.onnx";

fn main() {
    println!("cargo:rerun-if-changed={NETWORK}");
    ModelGen::new()
        .input(NETWORK)
        .out_dir("network/")
        .load_strategy(LoadStrategy::Embedded)
        .run_from_script();
}

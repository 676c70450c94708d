//! The compiled network against torch, on the photograph (`tests/fixtures/face_onnx/make.py`).

use burn::tensor::Device;
use fpga_compiled_network::CompiledEmbedder;
use fpga_core::face::{FaceEmbedder, Landmarks5};
use serde_json::Value;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures");

#[test]
fn the_face_is_embedded_as_torch_embeds_it() {
    let text = std::fs::read_to_string(format!("{FIXTURES}/face_onnx/expected.json")).unwrap();
    let case = &serde_json::from_str::<Value>(&text).unwrap()["arcface"];
    let points = serde_json::from_value(case["landmarks"].clone()).unwrap();
    let wanted: Vec<f32> = serde_json::from_value(case["embedding"].clone()).unwrap();
    let picture = image::open(format!("{FIXTURES}/pictures/astronaut.png")).unwrap();
    let embedder = CompiledEmbedder::new(&Device::flex());
    let found = embedder.embed(&picture.to_rgb8(), &Landmarks5::new(points).unwrap());
    let found = found.unwrap();
    let largest = wanted.iter().fold(0f32, |most, value| most.max(value.abs()));
    assert_eq!(found.raw().len(), wanted.len());
    for (found, wanted) in found.raw().iter().zip(&wanted) {
        // The aligned faces may differ by a level here and there.
        assert!((found - wanted).abs() <= 1e-3 * largest, "{found} {wanted}");
    }
}

use std::path::{Path, PathBuf};

use burn::tensor::Device;

use super::*;
use crate::weights::{Storage, TensorSource};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures/dino")
        .join(name)
}

fn relative_error(found: Tensor<2>, expected: Tensor<2>) -> f32 {
    let norm = |tensor: Tensor<2>| tensor.square().sum().sqrt().into_scalar::<f32>();
    norm(found - expected.clone()) / norm(expected)
}

/// transformers' `ViTModel` on random weights, and the same weights under DINO's own names.
#[test]
fn equals_transformers_in_both_layouts() {
    let device = Device::flex();
    let case = TensorSource::open(fixture("case.safetensors")).unwrap();
    let pixels = || {
        case.tensor::<4>("pixel_values", Storage::F32, &device)
            .unwrap()
    };
    let expected = || {
        case.tensor::<2>("class_token", Storage::F32, &device)
            .unwrap()
    };
    for file in [
        "transformers.safetensors",
        "original.safetensors",
        "wrapped.safetensors",
    ] {
        let (network, report) =
            dino_from_file(fixture(file), Some(3), Storage::F32, &device).unwrap();
        assert!(report.missing.is_empty() && report.mismatched.is_empty());
        assert_eq!(
            (
                network.config().layers,
                network.config().patch,
                network.config().grid
            ),
            (2, 4, 5)
        );
        let error = relative_error(network.forward(pixels()), expected());
        assert!(error < 1e-5, "{file}: {error}");
    }
}

#[test]
fn a_picture_becomes_one_vector() {
    let device = Device::flex();
    let (network, _) = dino_from_file(
        fixture("original.safetensors"),
        Some(3),
        Storage::F32,
        &device,
    )
    .unwrap();
    let picture = RgbImage::from_fn(37, 61, |x, y| image::Rgb([x as u8 * 6, y as u8 * 4, 90]));
    let vector = network.describe(&picture, &device).unwrap();
    assert_eq!(vector.len(), network.config().width);
    assert!(network.describe(&RgbImage::new(0, 4), &device).is_err());
}

#[test]
fn other_networks_are_refused_by_name() {
    let device = Device::flex();
    let other = fixture("case.safetensors");
    let error = dino_from_file(other, None, Storage::F32, &device)
        .unwrap_err()
        .to_string();
    assert!(error.contains("cls_token is not there"), "{error}");
    let error = dino_from_file(
        fixture("original.safetensors"),
        Some(5),
        Storage::F32,
        &device,
    );
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("5 do not divide the width 24")
    );
}

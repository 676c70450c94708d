//! Compared with pytorch-fid on weights that both sides compute: a file of them would have 95 MB.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use burn::module::{ModuleVisitor, Param};
use burn::tensor::Device;
use safetensors::tensor::{Dtype, TensorView};

use super::*;
use crate::weights::{Storage, TensorSource};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures/inception")
        .join(name)
}

/// Names and shapes of all parameters, as the file spells them.
#[derive(Default)]
struct Names {
    path: Vec<String>,
    found: Vec<(String, Vec<usize>)>,
}

impl ModuleVisitor for Names {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.found
            .push((self.path.join("."), param.val().dims().to_vec()));
    }
}

/// SplitMix64 of (name, index), as a number in [−1, 1).
fn number(name: u64, index: u64) -> f32 {
    let mut value = (name ^ index).wrapping_add(0x9E37_79B9_7F4A_7C15);
    value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^= value >> 31;
    (value >> 40) as f32 / (1 << 23) as f32 - 1.0
}

/// FNV-1a, with room for the index in the low bits.
fn digest(name: &str) -> u64 {
    let step =
        |digest: u64, byte: u8| (digest ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    name.bytes().fold(0xCBF2_9CE4_8422_2325, step) << 24
}

fn values(name: &str, shape: &[usize]) -> Vec<f32> {
    let count = shape.iter().product::<usize>() as u64;
    let fan_in = shape[1..].iter().product::<usize>() as f32;
    let digest = digest(name);
    let shaped = |index: u64| {
        let value = number(digest, index);
        match name.rsplit('.').next() {
            _ if shape.len() == 4 => value * (6.0 / fan_in).sqrt(),
            Some("weight" | "running_var") => 1.0 + 0.3 * value,
            _ => 0.2 * value,
        }
    };
    (0..count).map(shaped).collect()
}

fn weights(device: &Device) -> TensorSource {
    let mut names = Names::default();
    Inception::new(device).visit(&mut names);
    let bytes: HashMap<_, _> = names
        .found
        .into_iter()
        .map(|(name, shape)| {
            let bytes: Vec<u8> = values(&name, &shape)
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect();
            (name, (shape, bytes))
        })
        .collect();
    let views = bytes.iter().map(|(name, (shape, bytes))| {
        (
            name,
            TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap(),
        )
    });
    TensorSource::from_bytes("computed", safetensors::serialize(views, None).unwrap()).unwrap()
}

#[test]
fn equals_pytorch_fid() {
    let device = Device::flex();
    let (network, report) = load::from_source(&weights(&device), Storage::F32, &device).unwrap();
    assert_eq!(report.applied.len(), 94 * 5);
    let case = TensorSource::open(fixture("case.safetensors")).unwrap();
    let pixels = case.tensor::<4>("pixels", Storage::F32, &device).unwrap();
    let expected = case.tensor::<2>("features", Storage::F32, &device).unwrap();
    let picture = image::open(fixture("picture.png")).unwrap().into_rgb8();
    let prepared = inception_pixels(&picture, &device).unwrap();
    let corner = prepared.clone().narrow(2, 280, 19).narrow(3, 0, 23);
    let gap = (corner - pixels).abs().max().into_scalar::<f32>();
    assert!(gap < 2e-6, "preprocessing differs by {gap}");
    let norm = |tensor: Tensor<2>| tensor.square().sum().sqrt().into_scalar::<f32>();
    let error = norm(network.forward(prepared) - expected.clone()) / norm(expected);
    assert!(error < 1e-4, "{error}");
}

#[test]
fn other_files_are_refused_by_name() {
    let device = Device::flex();
    let error =
        inception_from_file(fixture("case.safetensors"), Storage::F32, &device).unwrap_err();
    assert!(
        error.to_string().contains("Conv2d_1a_3x3.conv.weight"),
        "{error}"
    );
    assert!(inception_pixels(&RgbImage::new(0, 3), &device).is_err());
}

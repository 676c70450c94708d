//! Face networks against PyTorch's, from both kinds of file (`tests/fixtures/face_networks/make.py`).

use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};

use crate::error::ErrorKind;
use crate::face::{
    ArcFaceConfig, ArcFaceEmbedder, BiSeNetConfig, BiSeNetParser, FaceParser, RgbImage,
};
use crate::weights::{
    Storage, TensorSource, arcface_from_file, bisenet_from_file, load, residual_names,
};

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures/face_networks")
        .join(path)
}

fn tensor<const D: usize>(file: &str, name: &str) -> Tensor<D> {
    let source = TensorSource::open(fixture(file)).unwrap();
    source.tensor(name, Storage::F32, &Device::flex()).unwrap()
}

fn face(index: usize) -> RgbImage {
    let path = fixture(&format!("arcface_{index}.png"));
    image::open(path).unwrap().to_rgb8()
}

#[track_caller]
fn assert_close<const D: usize>(found: Tensor<D>, wanted: Tensor<D>) {
    assert_eq!(found.dims(), wanted.dims());
    let norm = |tensor: Tensor<D>| tensor.square().sum().sqrt().into_scalar::<f32>();
    let error = norm(found - wanted.clone()) / norm(wanted);
    assert!(error < 1e-4, "{error}");
}

/// Both pictures in one batch, and each through the embedder.
#[test]
fn arcface_embeds_as_the_reference() {
    let device = Device::flex();
    let wanted = tensor::<2>("arcface_cases.safetensors", "features");
    for file in ["arcface.safetensors", "arcface.pth"] {
        let (network, report) = arcface_from_file(fixture(file), Storage::F32, &device).unwrap();
        assert!(report.unused.is_empty(), "{report}");
        let planes = [0, 1].map(|index| {
            let levels = face(index)
                .into_raw()
                .into_iter()
                .map(|level| f32::from(level) / 127.5 - 1.0);
            let pixels = Tensor::<1>::from_data(&levels.collect::<Vec<f32>>()[..], &device);
            pixels.reshape([1, 112, 112, 3]).permute([0, 3, 1, 2])
        });
        assert_close(
            network.forward(Tensor::cat(planes.to_vec(), 0)),
            wanted.clone(),
        );

        let embedder = ArcFaceEmbedder::new(network, &device).unwrap();
        for (index, row) in wanted.clone().split(1, 0).into_iter().enumerate() {
            let embedding = embedder.embed_aligned(&face(index)).unwrap();
            assert_close(
                Tensor::<1>::from_data(embedding.raw(), &device).unsqueeze(),
                row,
            );
        }
        assert!(embedder.embed_aligned(&RgbImage::new(112, 111)).is_err());
    }
}

#[test]
fn bisenet_parses_as_the_reference() {
    let device = Device::flex();
    let file = fixture("bisenet.safetensors");
    let (network, report) = bisenet_from_file(&file, Storage::F32, &device).unwrap();
    assert!(report.unused.is_empty(), "{report}");
    let pixels = tensor::<4>("bisenet_cases.safetensors", "pixels");
    let every = |map: Tensor<4>| {
        let [_, _, height, width] = map.dims();
        let pick = |step: usize, end: usize| {
            let places: Vec<i32> = (0..end as i32).step_by(step).collect();
            Tensor::<1, Int>::from_data(&places[..], &device)
        };
        map.select(2, pick(5, height)).select(3, pick(7, width))
    };
    let heads = network.forward_all(pixels.clone()).map(every);
    for (found, name) in heads.into_iter().zip(["fused", "out16", "out32"]) {
        assert_close(found, tensor("bisenet_cases.safetensors", name));
    }
    let fused = every(network.forward(pixels));
    assert_close(fused, tensor("bisenet_cases.safetensors", "fused"));
}

#[test]
fn a_portrait_becomes_a_map_of_parts() {
    let device = Device::flex();
    let file = fixture("bisenet.safetensors");
    let (network, _) = bisenet_from_file(file, Storage::F32, &device).unwrap();
    let parser = BiSeNetParser::new(network, &device).unwrap();
    let parser = parser.at_side(96).unwrap();
    let map = parser.parse(&face(0)).unwrap();
    assert_eq!(map.labels().dim(), (96, 96));
    assert!(map.present().len() > 1);
    assert!(parser.parse(&RgbImage::new(0, 0)).is_err());
    for side in [0, 100, 8192] {
        assert!(parser.clone().at_side(side).is_err(), "{side}");
    }
}

#[test]
fn other_networks_are_refused_by_what_they_lack() {
    let device = Device::flex();
    let refused = |file: &str, error: crate::Error| {
        assert!(
            matches!(error.kind(), ErrorKind::Unsupported { .. }),
            "{error}"
        );
        assert!(error.to_string().contains(file), "{error}");
    };
    let arcface = arcface_from_file(fixture("bisenet.safetensors"), Storage::F32, &device);
    refused("layer1.0.conv1.weight", arcface.unwrap_err());
    let bisenet = bisenet_from_file(fixture("arcface.pth"), Storage::F32, &device);
    refused("cp.resnet.conv1.weight", bisenet.unwrap_err());
}

/// Numbers of weights and statistics that PyTorch counts in networks of these sizes.
#[test]
fn presets_have_the_released_sizes() {
    let device = Device::flex();
    let r50 = ArcFaceConfig::r50().init(&device).num_params();
    let r100 = ArcFaceConfig::r100().init(&device).num_params();
    let parsing = BiSeNetConfig::default().init(&device).num_params();
    assert_eq!((r50, r100, parsing), (43_628_992, 65_225_792, 13_313_088));
}

#[test]
fn a_network_of_another_size_is_refused_tensor_by_tensor() {
    let device = Device::flex();
    let source = TensorSource::open(fixture("arcface.safetensors")).unwrap();
    let network = ArcFaceConfig::r50().init(&device);
    let error = load(network, &source, &residual_names(), Storage::F32, &device).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("conv1.weight needs [64, 3, 3, 3], found [6, 3, 3, 3]"),
        "{error}"
    );
}

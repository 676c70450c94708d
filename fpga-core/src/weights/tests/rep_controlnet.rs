//! Files of a RepControlNet: read, written, read again, and refused where they are not whole.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};

use crate::control::{Coefficients, ConditionEncoder, ModalLayers, RepControlNet};
use crate::error::{ErrorKind, Result};
use crate::nn::{Flat, ParameterSet};
use crate::unet::UNet;
use crate::weights::{
    ModelFolder, Storage, TensorSource, load_delta, load_rep_controlnet, save_delta,
    save_rep_controlnet, save_values,
};

fn case(name: &str) -> PathBuf {
    let fixtures = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/fixtures/repcontrolnet"
    );
    Path::new(fixtures).join(name)
}

fn base(name: &str) -> UNet {
    let folder = ModelFolder::open(case(name).join("unet"), None).unwrap();
    folder.unet(Storage::AsStored, &Device::flex()).unwrap().0
}

fn load(path: impl AsRef<Path>, base: &UNet) -> Result<RepControlNet> {
    let loaded = load_rep_controlnet(path, base, Storage::AsStored, &Device::flex());
    loaded.map(|(net, report)| {
        assert!(report.unused.is_empty(), "{report}");
        net
    })
}

fn assert_same(found: &ParameterSet, expected: &ParameterSet) {
    assert_eq!(found.len(), expected.len());
    for ((path, found), (same_path, expected)) in found.iter().zip(expected.iter()) {
        assert_eq!(path, same_path);
        assert_eq!(found.shape, expected.shape, "{path}");
        let values = |flat: &Flat| flat.values.clone().into_data();
        assert_eq!(values(found), values(expected), "{path}");
    }
}

/// Whatever part of a UNet has a copy.
#[test]
fn files_of_all_kinds_are_read_and_have_to_be_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rep.safetensors");
    let base = base("sd1");
    let outputs = base.config().encoder.stages[0].channels;
    let encoder = ConditionEncoder::fresh(3, &[4, 6, 8, 8], outputs, (9, &Device::flex()));
    let mut sizes = Vec::new();
    for layers in ModalLayers::ALL {
        let net = RepControlNet::fresh(&base, encoder.clone(), layers, 0.1).unwrap();
        save_rep_controlnet(&net, &path, Storage::AsStored).unwrap();
        assert_same(load(&path, &base).unwrap().modal(), net.modal());
        sizes.push(net.modal().count());

        // Without the first convolution it is none of the kinds.
        let lost = |path: &str| path.ends_with("down_blocks.0.resnets.0.conv1.weight");
        let rest = ParameterSet::of(&base, |path| layers.include(path) && !lost(path));
        let net = RepControlNet::new(encoder.clone(), rest, net.coefficients()).unwrap();
        save_rep_controlnet(&net, &path, Storage::AsStored).unwrap();
        let error = load(&path, &base).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Weights(report) if report.missing.len() == 1));
    }
    assert!(sizes.is_sorted() && 2 * sizes[0] < sizes[1], "{sizes:?}");
}

#[test]
fn written_and_read_again_it_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rep.safetensors");
    for (name, file) in [("sd1", "rep.pth"), ("sdxl", "rep.safetensors")] {
        let base = base(name);
        let coefficients = Coefficients {
            alpha: 0.85,
            beta: 1.25,
        };
        let net = load(case(name).join(file), &base).unwrap();
        let net = net.with_coefficients(coefficients).unwrap();
        save_rep_controlnet(&net, &path, Storage::AsStored).unwrap();
        let again = load(&path, &base).unwrap();
        assert_eq!(again.coefficients(), coefficients);
        assert_same(again.modal(), net.modal());
        let all = |net: &RepControlNet| ParameterSet::of(net.encoder(), |_| true);
        assert_same(&all(&again), &all(&net));

        let published = TensorSource::open(case(name).join(file)).unwrap();
        let written = TensorSource::open(&path).unwrap();
        assert!(written.names().eq(published.names()));
    }
}

#[test]
fn coefficients_come_from_the_header_or_are_one() {
    let noted = load(case("sdxl").join("rep.safetensors"), &base("sdxl")).unwrap();
    let Coefficients { alpha, beta } = noted.coefficients();
    assert_eq!([alpha, beta], [0.6, 1.4]);
    let silent = load(case("lite").join("rep.safetensors"), &base("lite")).unwrap();
    assert_eq!(silent.coefficients(), Coefficients::PUBLISHED);
}

#[test]
fn a_delta_file_merges_like_its_modality() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("delta.safetensors");
    let base = base("sd1");
    let net = load(case("sd1").join("rep.pth"), &base).unwrap();
    save_delta(&net.delta(&base).unwrap(), &path, Storage::AsStored).unwrap();
    let (delta, report) = load_delta(&path, &base, Storage::AsStored, &Device::flex()).unwrap();
    assert!(report.unused.is_empty(), "{report}");
    assert_eq!(delta.coefficients, net.coefficients());
    let all = |unet: &UNet| ParameterSet::of(unet, |_| true);
    let applied = all(&delta.apply(base.clone(), 1.0).unwrap());
    let merged = all(&net.merge(base.clone()).unwrap());
    for (path, expected) in merged.iter() {
        let found = applied.get(path).unwrap().values.clone();
        let gap = (found - expected.values.clone())
            .abs()
            .max()
            .into_scalar::<f32>();
        assert!(gap < 1e-6, "{path}: {gap}");
    }
    let source = TensorSource::open(&path).unwrap();
    assert!(source.contains("mid_block.resnets.0.conv1.weight"));
}

#[test]
fn a_file_that_lacks_a_layer_is_refused_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rep.safetensors");
    let source = TensorSource::open(case("sdxl").join("rep.safetensors")).unwrap();
    let gone = "mid_block.attentions.0.transformer_blocks.1.ff.net_rep.0.proj.bias";
    assert!(source.contains(gone));
    let kept = source.names().filter(|name| *name != gone).map(|name| {
        let data = source.read(name, Storage::AsStored).unwrap();
        let (shape, count) = (data.shape().to_vec(), data.num_elements());
        let values = data.try_to_vec::<f32>().unwrap();
        let values = Tensor::<1>::from_floats(values.as_slice(), &Device::flex());
        assert_eq!(values.dims(), [count]);
        (name.to_owned(), Flat { values, shape })
    });
    save_values(&path, kept.collect::<Vec<_>>(), &[], Storage::AsStored).unwrap();
    let error = load(&path, &base("sdxl")).unwrap_err();
    match error.kind() {
        ErrorKind::Weights(report) => assert_eq!(report.missing, [gone]),
        other => panic!("{other:?}"),
    }
    // Made for another UNet.
    let error = load(case("sd1").join("rep.pth"), &base("sdxl")).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Weights(_)), "{error}");
}

//! Files written by PyTorch, diffusers and transformers (`tests/fixtures/weights_*/make.py`).

use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::Device;

use super::weights;
use crate::control::ControlNetConfig;
use crate::text::ClipTextConfig;
use crate::unet::UNetConfig;
use crate::vae::VaeConfig;
use crate::weights::model_folder::read_json;
use crate::weights::{
    KeyMap, ModelFolder, Storage, TensorSource, clip_text_names, ldm_controlnet_names,
    ldm_unet_names, ldm_vae_names, load, open_clip_text_names, save, unet_names, vae_names,
};

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures")
        .join(path)
}

fn config(case: &str) -> serde_json::Value {
    read_json(fixture(&format!("weights_ldm/{case}/config.json"))).unwrap()
}

/// Every tensor of `file` goes into `model`; returns its weights in the model's order.
#[track_caller]
fn loaded<M: Module>(model: M, file: &str, prefix: &str, map: &KeyMap) -> Vec<f32> {
    let source = TensorSource::open(fixture(&format!("weights_ldm/{file}"))).unwrap();
    let source = if prefix.is_empty() {
        source
    } else {
        source.scoped(prefix)
    };
    let (model, report) = load(model, &source, map, Storage::F32, &Device::flex()).unwrap();
    assert!(report.unused.is_empty(), "{report}");
    weights(&model)
}

#[test]
fn original_unets_hold_what_diffusers_makes_of_them() {
    let device = Device::flex();
    for case in ["sd1", "sdxl"] {
        let config = UNetConfig::from_json(&config(case)).unwrap();
        let unet = || config.init(&device).unwrap();
        let expected = loaded(
            unet(),
            &format!("{case}/model.safetensors"),
            "",
            &unet_names(),
        );
        let names = ldm_unet_names(&config);
        let file = format!("{case}/ldm.safetensors");
        assert_eq!(
            loaded(unet(), &file, "model.diffusion_model", &names),
            expected,
            "{case}"
        );
    }
}

#[test]
fn original_controlnets_hold_what_diffusers_makes_of_them() {
    let device = Device::flex();
    let config = ControlNetConfig::from_json(&config("controlnet")).unwrap();
    let model = || config.init(&device).unwrap();
    let expected = loaded(model(), "controlnet/model.safetensors", "", &unet_names());
    let names = ldm_controlnet_names(&config);
    let file = "controlnet/ldm.safetensors";
    assert_eq!(loaded(model(), file, "control_model", &names), expected);
}

#[test]
fn autoencoders_load_from_three_layouts() {
    let device = Device::flex();
    let config = VaeConfig::from_json(&config("vae")).unwrap();
    let model = || config.init(&device);
    let expected = loaded(model(), "vae/model.safetensors", "", &vae_names());
    let names = ldm_vae_names(&config);
    assert_eq!(
        loaded(model(), "vae/ldm.safetensors", "first_stage_model", &names),
        expected
    );
    assert_eq!(
        loaded(model(), "vae/old_names.safetensors", "", &vae_names()),
        expected
    );
}

#[test]
fn open_clip_text_models_are_unfused_and_transposed() {
    let config = ClipTextConfig::from_json(&config("open_clip")).unwrap();
    let model = || config.init(&Device::flex());
    let expected = loaded(
        model(),
        "open_clip/model.safetensors",
        "",
        &clip_text_names(),
    );
    let names = open_clip_text_names();
    let file = "open_clip/ldm.safetensors";
    assert_eq!(
        loaded(model(), file, "conditioner.embedders.1.model", &names),
        expected
    );
}

#[test]
fn saved_models_have_the_reference_names_and_values() {
    let device = Device::flex();
    let path = fixture("weights_ldm/sdxl");
    let (unet, _) = ModelFolder::open(&path, None)
        .unwrap()
        .unet(Storage::F32, &device)
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let written = folder.path().join("unet.safetensors");
    save(&unet, &unet_names(), &written, Storage::F32).unwrap();

    let written = TensorSource::open(&written).unwrap();
    let reference = TensorSource::open(path.join("model.safetensors")).unwrap();
    assert!(written.names().eq(reference.names()));
    for name in reference.names() {
        let read = |source: &TensorSource| source.read(name, Storage::F32).unwrap();
        assert_eq!(read(&written), read(&reference), "{name}");
    }
}

#[test]
fn both_pytorch_containers_hold_what_pytorch_put_there() {
    let expected = TensorSource::open(fixture("weights_pickle/expected.safetensors")).unwrap();
    for file in ["zip.bin", "legacy.pth"] {
        let source = TensorSource::open(fixture(&format!("weights_pickle/{file}"))).unwrap();
        assert!(source.names().eq(expected.names()), "{file}");
        for name in expected.names() {
            // Half precision was rounded by PyTorch; what it rounded to is exact in f32.
            assert_eq!(source.shape(name), expected.shape(name), "{file}: {name}");
            let read = |source: &TensorSource| source.read(name, Storage::F32).unwrap();
            assert_eq!(read(&source), read(&expected), "{file}: {name}");
        }
    }
}

#[test]
fn every_truncation_of_a_pytorch_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["zip.bin", "legacy.pth"] {
        let path = folder.path().join(file);
        std::fs::copy(fixture(&format!("weights_pickle/{file}")), &path).unwrap();
        let shrinking = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        for length in (0..shrinking.metadata().unwrap().len()).rev() {
            shrinking.set_len(length).unwrap();
            assert!(
                TensorSource::open(&path).is_err(),
                "{file} cut to {length} bytes"
            );
        }
    }
}

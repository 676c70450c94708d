//! Which files of a folder are taken.

use std::path::Path;

use burn::tensor::Device;

use super::file_of;
use crate::error::ErrorKind;
use crate::weights::{Checkpoint, ModelFolder, Storage};

/// A folder whose weight files each hold one number that says which file it is.
fn folder(files: &[(&str, f32)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.json"), "{}").unwrap();
    for (name, value) in files {
        std::fs::write(folder.path().join(name), file_of(&[("a", &[1], &[*value])])).unwrap();
    }
    folder
}

fn taken(folder: &Path, variant: Option<&str>) -> f32 {
    let folder = ModelFolder::open(folder, variant).unwrap();
    let data = folder.weights().read("a", Storage::F32).unwrap();
    data.as_slice::<f32>().unwrap()[0]
}

#[test]
fn variants_are_preferred_where_they_are_asked_for() {
    let both = folder(&[
        ("diffusion_pytorch_model.safetensors", 1.0),
        ("diffusion_pytorch_model.fp16.safetensors", 2.0),
    ]);
    assert_eq!(taken(both.path(), None), 1.0);
    assert_eq!(taken(both.path(), Some("fp16")), 2.0);
    assert_eq!(taken(both.path(), Some("bf16")), 1.0);
}

#[test]
fn safetensors_are_preferred_and_any_single_file_will_do() {
    let mixed = folder(&[("model.safetensors", 1.0), ("pytorch_model.bin", 2.0)]);
    assert_eq!(taken(mixed.path(), None), 1.0);
    assert_eq!(
        taken(folder(&[("anything.safetensors", 3.0)]).path(), None),
        3.0
    );
    assert_eq!(
        taken(folder(&[("model.fp16.safetensors", 4.0)]).path(), None),
        4.0
    );
    assert_eq!(
        taken(folder(&[("pytorch_model.bin", 5.0)]).path(), None),
        5.0
    );

    let several = folder(&[("x.safetensors", 1.0), ("y.safetensors", 2.0)]);
    let error = ModelFolder::open(several.path(), None).unwrap_err();
    assert!(error.to_string().contains("x.safetensors"), "{error}");
    assert!(ModelFolder::open(folder(&[]).path(), None).is_err());
}

#[test]
fn shards_are_found_under_either_spelling_of_the_variant() {
    for (name, variant) in [
        ("diffusion_pytorch_model.safetensors.index.json", None),
        ("model.fp16.safetensors.index.json", Some("fp16")),
        ("model.safetensors.index.fp16.json", Some("fp16")),
    ] {
        let shards = folder(&[("shard-1.safetensors", 6.0), ("shard-2.safetensors", 7.0)]);
        let index = r#"{"weight_map": {"a": "shard-2.safetensors"}}"#;
        std::fs::write(shards.path().join(name), index).unwrap();
        assert_eq!(taken(shards.path(), variant), 7.0, "{name}");
    }
}

#[test]
fn the_configuration_of_another_network_is_refused() {
    let other = folder(&[("model.safetensors", 1.0)]);
    let config = r#"{"_class_name": "FluxTransformer2DModel"}"#;
    std::fs::write(other.path().join("config.json"), config).unwrap();
    let device = Device::flex();
    let error = ModelFolder::open(other.path(), None)
        .unwrap()
        .unet(Storage::F32, &device);
    let error = error.unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Unsupported { .. }),
        "{error}"
    );
    assert!(
        error.to_string().contains("FluxTransformer2DModel"),
        "{error}"
    );
}

#[test]
fn folders_without_a_unet_say_what_they_are() {
    let empty = tempfile::tempdir().unwrap();
    let error = Checkpoint::open(empty.path()).unwrap_err();
    assert!(
        error.to_string().contains("not a pipeline folder"),
        "{error}"
    );
    let index = r#"{"_class_name": "FluxPipeline"}"#;
    std::fs::write(empty.path().join("model_index.json"), index).unwrap();
    let error = Checkpoint::open(empty.path()).unwrap_err();
    assert!(error.to_string().contains("FluxPipeline"), "{error}");
}

//! What is saved loads again; what does not fit is told.

use burn::tensor::{DType, Device};

use super::{Toy, file_of, filled_toy, toy, toy_map, weights};
use crate::error::ErrorKind;
use crate::nn::{Conv2d, Linear, Window};
use crate::weights::{KeyMap, Storage, TensorSource, load, save};

fn saved(storage: Storage) -> (tempfile::TempDir, TensorSource) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("toy.safetensors");
    save(&filled_toy(&Device::flex()), &toy_map(), &path, storage).unwrap();
    let source = TensorSource::open(&path).unwrap();
    (folder, source)
}

#[test]
fn what_is_saved_loads_bit_for_bit() {
    let device = Device::flex();
    let (folder, source) = saved(Storage::AsStored);
    assert!(source.contains("stem.weight"));
    assert!(source.contains("attn.to_out.0.bias"));
    assert!(source.contains("ff.net.0.proj.weight"));
    assert!(source.contains("downsamplers.0.conv.weight"));
    assert!(source.contains("resnets.1.norm2.bias"));
    assert!(
        source.contains("last.weight"),
        "variants leave no trace in names"
    );

    let (loaded, report) = load(toy(&device), &source, &toy_map(), Storage::F32, &device).unwrap();
    assert_eq!(weights(&loaded), weights(&filled_toy(&device)));
    assert_eq!(report.applied.len(), source.names().len());
    assert!(report.unused.is_empty());
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        1,
        "no partial file is left"
    );
}

#[test]
fn half_storage_keeps_half_in_memory_and_single_where_asked() {
    let device = Device::flex();
    let (_folder, source) = saved(Storage::F16);
    let kept = |storage| {
        let loaded = load(toy(&device), &source, &toy_map(), storage, &device)
            .unwrap()
            .0;
        (loaded.conv_in.weight.val().dtype(), weights(&loaded))
    };
    let (stored, halves) = kept(Storage::AsStored);
    let (single, singles) = kept(Storage::F32);
    assert_eq!((stored, single), (DType::F16, DType::F32));
    assert_eq!(kept(Storage::BF16).0, DType::BF16);
    assert_eq!(halves, singles);
    for (half, full) in halves.iter().zip(weights(&filled_toy(&device))) {
        assert!((half - full).abs() <= 2f32.powi(-11) * full.abs() + 1e-7);
    }
}

#[test]
fn loaded_parameters_keep_their_identity() {
    let device = Device::flex();
    let (_folder, source) = saved(Storage::F32);
    let fresh = toy(&device);
    let id = fresh.conv_in.weight.id;
    let (loaded, _) = load(fresh, &source, &toy_map(), Storage::F32, &device).unwrap();
    assert_eq!(loaded.conv_in.weight.id, id);
}

#[test]
fn absent_tensors_are_named_as_the_checkpoint_would() {
    let device = Device::flex();
    let (_folder, source) = saved(Storage::F32);
    let map = toy_map().rename("to_q", "query");
    let error = load(toy(&device), &source, &map, Storage::F32, &device).unwrap_err();
    let ErrorKind::Weights(report) = error.kind() else {
        panic!("{error}");
    };
    assert_eq!(report.missing, ["attn.query.weight"]);
    assert_eq!(report.unused, ["attn.to_q.weight"]);
    assert!(error.to_string().contains("toy.safetensors"), "{error}");
}

#[test]
fn other_shapes_are_refused_with_both_shapes() {
    let device = Device::flex();
    let file = file_of(&[("weight", &[2, 3], &[0.0; 6]), ("bias", &[3], &[0.0; 3])]);
    let source = TensorSource::from_bytes("linear", file).unwrap();
    let linear = Linear::new(2, 3, &device);
    let error = load(linear, &source, &KeyMap::new(), Storage::F32, &device).unwrap_err();
    let ErrorKind::Weights(report) = error.kind() else {
        panic!("{error}");
    };
    assert_eq!(report.mismatched[0].expected, [3, 2]);
    assert_eq!(report.mismatched[0].found, [2, 3]);
    assert!(report.missing.is_empty());
}

#[test]
fn harmless_buffers_are_not_reported_as_unused() {
    let device = Device::flex();
    let tensors: [(&str, &[usize], &[f32]); 4] = [
        ("weight", &[1, 1], &[2.0]),
        ("bias", &[1], &[3.0]),
        ("embeddings.position_ids", &[1], &[0.0]),
        ("ema.weight", &[1, 1], &[0.0]),
    ];
    let source = TensorSource::from_bytes("linear", file_of(&tensors)).unwrap();
    let linear = Linear::new(1, 1, &device);
    let (loaded, report) = load(linear, &source, &KeyMap::new(), Storage::F32, &device).unwrap();
    assert_eq!(weights(&loaded), [2.0, 3.0]);
    assert_eq!(report.unused, ["ema.weight"]);
}

#[test]
fn point_convolutions_and_linear_layers_exchange_weights() {
    let device = Device::flex();
    let conv = file_of(&[("weight", &[2, 3, 1, 1], &[1., 2., 3., 4., 5., 6.])]);
    let conv = TensorSource::from_bytes("conv", conv).unwrap();
    let linear = Linear::without_bias(3, 2, &device);
    let (linear, _) = load(linear, &conv, &KeyMap::new(), Storage::F32, &device).unwrap();
    assert_eq!(linear.weight.val().dims(), [2, 3]);
    assert_eq!(weights(&linear), [1., 2., 3., 4., 5., 6.]);

    let flat = file_of(&[("weight", &[2, 3], &[1., 2., 3., 4., 5., 6.])]);
    let flat = TensorSource::from_bytes("linear", flat).unwrap();
    let conv = Conv2d::without_bias(3, 2, Window::POINT, &device);
    let (conv, _) = load(conv, &flat, &KeyMap::new(), Storage::F32, &device).unwrap();
    assert_eq!(conv.weight.val().dims(), [2, 3, 1, 1]);
    // A 3×3 kernel is no linear layer.
    let wide = Conv2d::without_bias(3, 2, Window::SAME, &device);
    assert!(load(wide, &flat, &KeyMap::new(), Storage::F32, &device).is_err());
}

#[test]
fn thirds_and_transposes_are_cut_out_of_the_stored_tensor() {
    let device = Device::flex();
    let values: Vec<f32> = (0..12).map(|i| i as f32).collect();
    let file = file_of(&[("in_proj_weight", &[6, 2], &values)]);
    let source = TensorSource::from_bytes("fused", file).unwrap();
    let linear = || Linear::without_bias(2, 2, &device);
    let map = KeyMap::new().third("weight", "in_proj_weight", 1);
    let (key, _) = load(linear(), &source, &map, Storage::F32, &device).unwrap();
    assert_eq!(weights(&key), [4., 5., 6., 7.]);

    let map = KeyMap::new().transposed("weight", "in_proj_weight");
    let flipped = Linear::without_bias(6, 2, &device);
    let (flipped, _) = load(flipped, &source, &map, Storage::F32, &device).unwrap();
    assert_eq!(weights(&flipped)[..7], [0., 2., 4., 6., 8., 10., 1.]);
}

#[test]
fn broken_numbers_are_traced_to_their_tensor() {
    let device = Device::flex();
    let load_bias = |value: f32, storage| {
        let tensors: [(&str, &[usize], &[f32]); 2] =
            [("weight", &[1, 1], &[1.0]), ("bias", &[1], &[value])];
        let source = TensorSource::from_bytes("linear", file_of(&tensors)).unwrap();
        load(
            Linear::new(1, 1, &device),
            &source,
            &KeyMap::new(),
            storage,
            &device,
        )
    };
    for value in [f32::NAN, f32::INFINITY] {
        for storage in [Storage::F32, Storage::F16, Storage::BF16] {
            let error = load_bias(value, storage).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::NotFinite { what } if what == "bias"));
        }
    }
    let error = load_bias(1e5, Storage::F16).unwrap_err();
    assert!(error.to_string().contains("65504"), "{error}");
    assert!(load_bias(1e5, Storage::BF16).is_ok());
}

#[test]
fn shards_are_read_through_their_index() {
    let device = Device::flex();
    let folder = tempfile::tempdir().unwrap();
    let shard = |name: &str, key, shape: &[usize], values: &[f32]| {
        std::fs::write(folder.path().join(name), file_of(&[(key, shape, values)])).unwrap();
    };
    shard("a.safetensors", "weight", &[1, 2], &[1.0, 2.0]);
    shard("b.safetensors", "bias", &[1], &[3.0]);
    let index = folder.path().join("model.safetensors.index.json");
    let text = r#"{"weight_map": {"weight": "a.safetensors", "bias": "b.safetensors"}}"#;
    std::fs::write(&index, text).unwrap();
    let source = TensorSource::open(&index).unwrap();
    let linear = Linear::new(2, 1, &device);
    let (loaded, _) = load(linear, &source, &KeyMap::new(), Storage::F32, &device).unwrap();
    assert_eq!(weights(&loaded), [1.0, 2.0, 3.0]);
}

#[test]
fn scopes_cut_their_prefix() {
    let file = file_of(&[("unet.a", &[1], &[1.0]), ("unets.b", &[1], &[1.0])]);
    let source = TensorSource::from_bytes("both", file)
        .unwrap()
        .scoped("unet");
    assert_eq!(source.names().collect::<Vec<_>>(), ["a"]);
}

#[test]
fn a_failed_save_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("taken");
    std::fs::create_dir(&path).unwrap();
    let toy: Toy = filled_toy(&Device::flex());
    assert!(save(&toy, &toy_map(), &path, Storage::F32).is_err());
    assert!(path.is_dir());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    // Two parameters under one name cannot be told apart again.
    let twins = KeyMap::new().rename("to_q", "to_k");
    let linear = filled_toy(&Device::flex()).attn;
    let error = save(&linear, &twins, &folder.path().join("x"), Storage::F32).unwrap_err();
    assert!(error.to_string().contains("to_k.weight"), "{error}");
}

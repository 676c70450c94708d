//! Identity adapter files, against what PyTorch makes of them
//! (`tests/fixtures/identity_adapters/make.py`).

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};

use super::file_of;
use crate::identity::projector::{FeatureNeeds, IdentityFeatures, MarkedTokens, Shortcut};
use crate::unet::UNetConfig;
use crate::weights::{AdapterFile, AdapterKind, Storage, TensorSource};

fn fixture(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures/identity_adapters")
        .join(file)
}

fn input<const D: usize>(name: &str) -> Tensor<D> {
    let inputs = TensorSource::open(fixture("inputs.safetensors")).unwrap();
    inputs.tensor(name, Storage::F32, &Device::flex()).unwrap()
}

/// ‖found − wanted‖ / ‖wanted‖ of a stored result.
fn error_of<const D: usize>(found: Tensor<D>, name: &str) -> f32 {
    let expected = TensorSource::open(fixture("expected.safetensors")).unwrap();
    let wanted: Tensor<D> = expected
        .tensor(name, Storage::F32, &Device::flex())
        .unwrap();
    assert_eq!(found.dims(), wanted.dims(), "{name}");
    let norm = |values: Tensor<D>| values.square().sum().sqrt().into_scalar::<f32>();
    norm(found - wanted.clone()) / norm(wanted)
}

fn all_features(wide_face: bool) -> IdentityFeatures {
    let face = if wide_face { "wide_face" } else { "face" };
    IdentityFeatures {
        face: Some(input(face)),
        picture: Some(input("picture")),
        picture_tokens: Some(input("picture_tokens")),
    }
}

#[test]
fn every_projector_makes_the_reference_s_tokens() {
    let device = Device::flex();
    for (file, kind, tokens) in [
        ("ip_adapter.safetensors", AdapterKind::IpAdapter, 4),
        ("ip_adapter_plus.bin", AdapterKind::IpAdapterPlus, 6),
        ("instant_id.safetensors", AdapterKind::InstantId, 5),
        ("faceid.bin", AdapterKind::FaceId, 4),
        ("faceid_plus.safetensors", AdapterKind::FaceIdPlus, 4),
    ] {
        let adapter = AdapterFile::open(fixture(file)).unwrap();
        assert_eq!(adapter.kind(), kind, "{file}");
        assert_eq!(adapter.token_width(), 24, "{file}");
        let projector = adapter
            .projector(Shortcut::Off, Storage::F32, &device)
            .unwrap();
        assert_eq!(projector.token_shape(), [tokens, 24], "{file}");
        let features = all_features(kind == AdapterKind::InstantId);
        let found = projector.tokens(&features).unwrap();
        let name = file.split('.').next().unwrap();
        let error = error_of(found, name);
        assert!(error < 1e-5, "{file}: {error:e}");
    }
}

#[test]
fn the_shortcut_adds_what_was_read_to_the_face() {
    let adapter = AdapterFile::open(fixture("faceid_plus.safetensors")).unwrap();
    let scaled = Shortcut::Scaled(0.7);
    let projector = adapter
        .projector(scaled, Storage::F32, &Device::flex())
        .unwrap();
    let found = projector.tokens(&all_features(false)).unwrap();
    let error = error_of(found, "faceid_plus.shortcut");
    assert!(error < 1e-5, "{error:e}");
}

#[test]
fn words_know_their_parts_in_both_layouts_of_consistentid() {
    let device = Device::flex();
    for file in ["consistentid.bin", "consistentid_dump.safetensors"] {
        let adapter = AdapterFile::open(fixture(file)).unwrap();
        assert_eq!(adapter.kind(), AdapterKind::ConsistentId, "{file}");
        let projector = adapter
            .projector(Shortcut::Off, Storage::F32, &device)
            .unwrap();
        let tokens = projector.tokens(&all_features(false)).unwrap();
        assert!(error_of(tokens, "faceid_plus") < 1e-5, "{file}");

        let encoder = adapter.facial_encoder(Storage::F32, &device).unwrap();
        let encoder = encoder.expect("ConsistentID has one");
        let (text, parts) = (input::<3>("text"), input::<4>("parts"));
        let rows = vec![vec![1, 3, 4, 6, 8], vec![0, 5], vec![]];
        let marked = MarkedTokens::new(rows);
        encoder.check(text.dims(), parts.dims(), &marked).unwrap();
        let error = error_of(encoder.forward(text, parts, &marked), "consistentid.text");
        assert!(error < 1e-5, "{file}: {error:e}");
    }
}

#[test]
fn features_that_are_absent_or_do_not_fit_are_named() {
    let adapter = AdapterFile::open(fixture("faceid_plus.safetensors")).unwrap();
    let projector = adapter
        .projector(Shortcut::Off, Storage::F32, &Device::flex())
        .unwrap();
    let FeatureNeeds {
        face,
        picture,
        picture_tokens,
    } = projector.needs();
    assert_eq!(face.map(|(width, _)| width), Some(12));
    assert_eq!((picture, picture_tokens), (None, Some(20)));

    let refused = |features: IdentityFeatures| projector.tokens(&features).unwrap_err().to_string();
    let blind = IdentityFeatures {
        picture_tokens: None,
        ..all_features(false)
    };
    assert!(refused(blind).contains("CLIP hidden states: this adapter needs it"));
    assert!(refused(all_features(true)).contains("face embedding: expected 2 axes, the last 12"));
    let fewer = IdentityFeatures {
        picture_tokens: Some(input::<3>("picture_tokens").narrow(0, 0, 2)),
        ..all_features(false)
    };
    assert!(refused(fewer).contains("expected 3 rows"));
}

#[test]
fn marks_that_do_not_fit_are_refused() {
    let adapter = AdapterFile::open(fixture("consistentid.bin")).unwrap();
    let encoder = adapter
        .facial_encoder(Storage::F32, &Device::flex())
        .unwrap()
        .unwrap();
    for (rows, clue) in [
        (vec![vec![9]], "row 0 marks token 9 of 9"),
        (vec![vec![0, 1, 2, 3, 4, 5]], "row 0 marks 6 for 5 parts"),
        (vec![vec![], vec![]], "expected 1 rows like the text"),
    ] {
        let marked = MarkedTokens::new(rows);
        let error = encoder.check([1, 9, 24], [1, 5, 7, 20], &marked);
        let error = error.unwrap_err().to_string();
        assert!(error.contains(clue), "{error}");
    }
    assert_eq!(
        MarkedTokens::from_mask(&[0, 1, 1, 1, 0, 0], 3).unwrap(),
        MarkedTokens::new(vec![vec![1, 2], vec![0]])
    );
    assert!(MarkedTokens::from_mask(&[0, 2, 0], 3).is_err());
    assert!(MarkedTokens::from_mask(&[0, 1, 0], 2).is_err());
}

#[test]
fn an_adapter_for_another_model_says_for_which() {
    let config = serde_json::json!({
        "block_out_channels": [32, 32],
        "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
        "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
        "cross_attention_dim": 768,
    });
    let unet = UNetConfig::from_json(&config)
        .unwrap()
        .init(&Device::flex())
        .unwrap();
    let wide = vec![0.0; 4 * 2048];
    let file = file_of(&[
        ("image_proj.norm.weight", &[2048], &wide[..2048]),
        ("image_proj.norm.bias", &[2048], &wide[..2048]),
        ("image_proj.proj.weight", &[2048, 4], &wide),
        ("image_proj.proj.bias", &[2048], &wide[..2048]),
        ("ip_adapter.1.to_k_ip.weight", &[1, 1], &[0.0]),
    ]);
    let source = TensorSource::from_bytes("sdxl.safetensors", file).unwrap();
    let adapter = AdapterFile::from_source(source).unwrap();
    let error = adapter.check(&unet).unwrap_err().to_string();
    assert!(
        error.contains("made for SDXL (tokens 2048 wide), and the model is SD 1 (768 wide)"),
        "{error}"
    );
}

#[test]
fn files_with_too_much_or_too_little_are_refused_by_name() {
    let refused = |tensors: &[(&str, &[usize], &[f32])]| {
        let source = TensorSource::from_bytes("adapter.safetensors", file_of(tensors)).unwrap();
        let adapter = AdapterFile::from_source(source);
        let loaded = adapter
            .and_then(|adapter| adapter.projector(Shortcut::Off, Storage::F32, &Device::flex()));
        loaded.unwrap_err().to_string()
    };
    let layer: (&str, &[usize], &[f32]) = ("ip_adapter.1.to_k_ip.weight", &[1, 1], &[0.0]);
    let norm: (&str, &[usize], &[f32]) = ("image_proj.norm.weight", &[2], &[1.0; 2]);
    let shift: (&str, &[usize], &[f32]) = ("image_proj.norm.bias", &[2], &[1.0; 2]);
    let proj: (&str, &[usize], &[f32]) = ("image_proj.proj.weight", &[4, 1], &[1.0; 4]);
    let bias: (&str, &[usize], &[f32]) = ("image_proj.proj.bias", &[4], &[1.0; 4]);
    let extra: (&str, &[usize], &[f32]) = ("image_proj.time.bias", &[1], &[1.0]);
    let odd: (&str, &[usize], &[f32]) = ("image_proj.proj.weight", &[3, 1], &[1.0; 3]);
    let stray: (&str, &[usize], &[f32]) = ("conv_in.weight", &[1], &[1.0]);

    assert!(refused(&[layer, norm, shift, proj]).contains("missing: proj.bias"));
    assert!(refused(&[layer, norm, shift, proj, bias, extra]).contains("unused: time.bias"));
    assert!(refused(&[layer, norm, shift, odd, bias]).contains("whole tokens 2 wide"));
    assert!(refused(&[layer, norm, shift, proj, bias, stray]).contains("conv_in.weight belongs"));
    assert!(refused(&[norm, shift, proj, bias]).contains("one section ip_adapter"));
    assert!(refused(&[layer, norm]).contains("the projector holds norm.weight"));
}

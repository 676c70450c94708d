//! Faces that are to show given people.

use burn::tensor::{Device, Tensor};

use super::*;
use crate::control::ControlNetConfig;
use crate::face::FaceEmbedding;
use crate::identity::{IdentityAttention, IdentityAttentionConfig};
use crate::nn::randomize;
use crate::pipeline::people::IdentityTokens;
use crate::pipeline::restore::{FaceIdentity, KeptReason, LandmarkControl, Recogniser};

/// Projections for the model's UNet, and the tokens of somebody.
fn somebody(seed: u64) -> (IdentityAttention, FaceIdentity) {
    let layers = model().unet.config().cross_attention();
    let sizes = IdentityAttentionConfig {
        token_width: 5,
        widths: layers.iter().map(|layer| layer.width).collect(),
    };
    let tokens = |value: f32| Tensor::<2>::full([3, 5], value, &Device::flex());
    let tokens = IdentityTokens {
        conditional: tokens(1.5),
        unconditional: tokens(-0.5),
    };
    (
        randomize(sizes.init(&Device::flex()), seed),
        FaceIdentity::new(tokens),
    )
}

#[test]
fn a_person_changes_the_face_and_nothing_else() {
    let picture = photograph();
    let (adapter, identity) = somebody(3);
    let with = |identity: FaceIdentity| {
        let face = Face {
            identity: Some(identity),
            ..astronaut(0.0)
        };
        restore(&RestoreRequest {
            adapter: Some(&adapter),
            ..request(&picture, vec![face])
        })
        .unwrap()
    };
    let nobody = restore(&request(&picture, vec![astronaut(0.0)])).unwrap();
    let person = with(identity.clone());
    assert_ne!(person.picture, nobody.picture);
    assert_eq!(person.report.changed_outside_mask, 0);
    assert_eq!(with(identity.clone()).picture, person.picture);
    let silent = FaceIdentity {
        strength: 0.0,
        ..identity.clone()
    };
    assert_eq!(with(silent).picture, nobody.picture);
    let late = FaceIdentity {
        window: (0.5, 1.0),
        ..identity
    };
    let late = with(late).picture;
    assert!(late != nobody.picture && late != person.picture);
}

#[test]
fn two_people_in_one_picture_do_not_touch_each_other() {
    let picture = photograph();
    let (adapter, identity) = somebody(4);
    let here = |identity: &FaceIdentity| Face {
        identity: Some(identity.clone()),
        ..Face::new(region(84.0, 76.0, 130.0, 122.0))
    };
    let there = |identity: &FaceIdentity| Face {
        identity: Some(identity.clone()),
        ..Face::new(region(180.0, 160.0, 220.0, 200.0))
    };
    let picture_of = |faces: Vec<Face>| {
        restore(&RestoreRequest {
            adapter: Some(&adapter),
            ..request(&picture, faces)
        })
        .unwrap()
        .picture
    };
    let other = FaceIdentity {
        strength: 0.4,
        ..identity.clone()
    };
    let first = picture_of(vec![here(&identity), there(&identity)]);
    let second = picture_of(vec![here(&identity), there(&other)]);
    assert_ne!(first, second);
    let left = |picture: &RgbImage| image::imageops::crop_imm(picture, 60, 50, 90, 90).to_image();
    assert_eq!(left(&first), left(&second));
}

#[test]
fn a_face_that_got_less_like_the_person_stays() {
    let picture = photograph();
    let (adapter, identity) = somebody(5);
    // The more a face differs from the photograph, the less it is like the person.
    let original = picture.clone();
    let embed = move |found: &RgbImage, _: &Landmarks5| {
        let pairs = found.as_raw().iter().zip(original.as_raw());
        let gap: f64 = pairs.map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
        FaceEmbedding::new(vec![1.0, (gap / 1e5) as f32])
    };
    let identity = FaceIdentity {
        embedding: Some(FaceEmbedding::new(vec![1.0, 0.0]).unwrap()),
        ..identity
    };
    let face = Face {
        identity: Some(identity),
        ..astronaut(0.0)
    };
    let job = |gate: Gate| RestoreRequest {
        adapter: Some(&adapter),
        recogniser: Some(Recogniser(&embed)),
        gate,
        ..request(&picture, vec![face.clone()])
    };
    let open = restore(&job(Gate::OPEN)).unwrap();
    let likeness = open.report.faces[0].likeness.unwrap();
    assert_eq!(likeness.before, 1.0);
    assert!(likeness.after < 1.0, "{likeness:?}");
    assert_eq!(open.report.faces[0].verdict, Verdict::Accepted);
    let strict = Gate {
        min_likeness_gain: 0.0,
        ..Gate::OPEN
    };
    let kept = restore(&job(strict)).unwrap();
    assert!(matches!(
        kept.report.faces[0].verdict,
        Verdict::Kept(KeptReason::LessLike { .. })
    ));
    assert_eq!(kept.picture, picture);
}

#[test]
fn an_identity_without_its_adapter_is_refused() {
    let picture = photograph();
    let (adapter, identity) = somebody(6);
    let face = |identity: FaceIdentity| Face {
        identity: Some(identity),
        ..astronaut(0.0)
    };
    let alone = refusal(&request(&picture, vec![face(identity)]));
    assert!(
        alone.starts_with("face 0: identity: the request has no adapter"),
        "{alone}"
    );
    let tokens = Tensor::<2>::zeros([3, 6], &Device::flex());
    let wide = IdentityTokens {
        conditional: tokens.clone(),
        unconditional: tokens,
    };
    let wide = face(FaceIdentity::new(wide));
    let error = refusal(&RestoreRequest {
        adapter: Some(&adapter),
        ..request(&picture, vec![wide])
    });
    assert!(error.contains("expected width 5, found 6"), "{error}");
}

#[test]
fn landmarks_steer_the_face_and_are_needed() {
    let config = serde_json::json!({
        "block_out_channels": [8, 12],
        "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
        "layers_per_block": 1,
        "cross_attention_dim": 12,
        "attention_head_dim": 2,
        "norm_num_groups": 4,
        "conditioning_embedding_out_channels": [4, 8],
    });
    let config = ControlNetConfig::from_json(&config).unwrap();
    let net = randomize(config.init(&Device::flex()).unwrap(), 8);
    let picture = photograph();
    let with = |control: LandmarkControl<'_>, face: Face| {
        restore(&RestoreRequest {
            landmark_control: Some(control),
            ..request(&picture, vec![face])
        })
    };
    let control = LandmarkControl::new(&net);
    let free = restore(&request(&picture, vec![astronaut(0.0)])).unwrap();
    let steered = with(control, astronaut(0.0)).unwrap().picture;
    assert_ne!(steered, free.picture);
    let silent = LandmarkControl {
        scale: 0.0,
        ..control
    };
    assert_eq!(with(silent, astronaut(0.0)).unwrap().picture, free.picture);
    let turned = astronaut(10.0);
    let plain = restore(&request(&picture, vec![turned.clone()])).unwrap();
    assert_ne!(with(control, turned).unwrap().picture, plain.picture);
    let unmarked = Face::new(region(84.0, 76.0, 175.0, 178.0));
    let error = with(control, unmarked).unwrap_err().to_string();
    assert!(
        error.starts_with("face 0: landmarks: the landmark ControlNet needs them"),
        "{error}"
    );
}

//! Faces that are found, chosen and told apart.

use burn::tensor::{Device, Tensor};

use super::*;
use crate::face::{DetectedFace, DropReason, FaceEmbedding, FaceFilter};
use crate::pipeline::people::IdentityTokens;
use crate::pipeline::restore::{FaceFinder, FaceIdentity, Strangers, WantedPerson};

fn seen(x: f32, side: f32) -> DetectedFace {
    let points = [[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]];
    let points = points.map(|[u, v]: [f32; 2]| [x + u * side, 60.0 + v * side]);
    DetectedFace {
        bounds: region(x, 60.0, x + side, 60.0 + side),
        landmarks: Some(Landmarks5::new(points).unwrap()),
        score: 0.9,
    }
}

/// Whoever stands further right is turned further.
fn embed(_: &RgbImage, landmarks: &Landmarks5) -> Result<FaceEmbedding> {
    let [[x, _], ..] = landmarks.points();
    let angle = x / 100.0;
    FaceEmbedding::new(vec![angle.cos(), angle.sin()])
}

fn wanted(x: f32) -> WantedPerson {
    let tokens = Tensor::<2>::full([2, 5], x, &Device::flex());
    let tokens = IdentityTokens {
        conditional: tokens.clone(),
        unconditional: tokens,
    };
    let landmarks = seen(x, 40.0).landmarks.unwrap();
    WantedPerson {
        identity: FaceIdentity {
            embedding: Some(embed(&RgbImage::new(1, 1), &landmarks).unwrap()),
            ..FaceIdentity::new(tokens)
        },
        place: None,
    }
}

fn who(face: &Face) -> Option<f32> {
    let identity = face.identity.as_ref()?;
    Some(
        identity
            .tokens
            .conditional
            .clone()
            .max()
            .into_scalar::<f32>(),
    )
}

#[test]
fn everyone_gets_their_own_face_and_strangers_stay() {
    let detect = |_: &RgbImage| Ok(vec![seen(200.0, 40.0), seen(90.0, 40.0), seen(5.0, 12.0)]);
    let picture = photograph();
    let mut finder = FaceFinder {
        embedder: Some(&embed),
        filter: FaceFilter {
            min_size: 20.0,
            ..FaceFilter::default()
        },
        ..FaceFinder::new(&detect)
    };
    let people = [wanted(200.0), wanted(-150.0)];
    let found = finder.find(&picture, &people, &[]).unwrap();
    assert_eq!(
        found.faces.iter().map(who).collect::<Vec<_>>(),
        [Some(200.0)]
    );
    assert_eq!(found.absent, [1]);
    let dropped: Vec<_> = found.sightings.iter().map(|one| one.dropped).collect();
    assert_eq!(dropped, [None, None, Some(DropReason::TooSmall)]);

    finder.strangers = Strangers::Restore;
    let found = finder.find(&picture, &people, &[]).unwrap();
    let all: Vec<_> = found.faces.iter().map(who).collect();
    assert_eq!(all, [None, Some(200.0)], "from left to right");

    let given = [([110.0, 80.0], 1)];
    let found = finder.find(&picture, &people, &given).unwrap();
    let all: Vec<_> = found.faces.iter().map(who).collect();
    assert_eq!(
        all,
        [Some(-150.0), Some(200.0)],
        "the caller's word comes first"
    );
    assert!(found.absent.is_empty());

    let found = finder.find(&picture, &[], &[]).unwrap();
    assert_eq!(found.faces.len(), 2, "nobody is wanted: all are restored");
}

//! Restorations that find their faces themselves.

use super::*;
use crate::error::Error;
use crate::face::{DetectedFace, DropReason, Evidence, FaceEmbedding, FaceFilter};

fn seen(face: &Face, score: f32) -> DetectedFace {
    DetectedFace {
        bounds: face.region,
        landmarks: face.landmarks,
        score,
    }
}

/// The astronaut, someone at the lower right, someone tiny, and someone outside.
fn crowd() -> Vec<DetectedFace> {
    let other = Face::new(region(180.0, 190.0, 230.0, 240.0));
    let tiny = Face::new(region(20.0, 20.0, 30.0, 32.0));
    let outside = Face::new(region(300.0, 20.0, 330.0, 52.0));
    vec![
        seen(&other, 0.8),
        seen(&astronaut(0.0), 0.9),
        seen(&tiny, 0.95),
        seen(&outside, 0.7),
    ]
}

#[test]
fn a_picture_alone_is_enough() {
    let picture = photograph();
    let detector = |_: &RgbImage| -> Result<Vec<DetectedFace>> { Ok(crowd()) };
    let mut search = FaceSearch::new(&detector);
    search.filter.min_size = 24.0;
    let alone = RestoreRequest {
        search: Some(search),
        ..request(&picture, Vec::new())
    };
    let found = restore(&alone).unwrap();

    let given = vec![
        astronaut(0.0),
        Face::new(region(180.0, 190.0, 230.0, 240.0)),
    ];
    let wanted = restore(&request(&picture, given)).unwrap();
    assert_eq!(found.picture, wanted.picture);
    assert_ne!(found.picture, picture);
    assert!(wanted.report.search.is_none());
    let report = found.report.search.unwrap();
    assert_eq!(
        (report.detected, report.assigned, report.absent),
        (4, vec![None; 2], vec![])
    );
    let reasons: Vec<_> = report.left.iter().map(|left| left.reason).collect();
    assert_eq!(
        reasons,
        [
            LeftReason::Outside,
            LeftReason::Filtered(DropReason::TooSmall)
        ]
    );
}

#[test]
fn given_faces_are_not_searched_for() {
    let picture = photograph();
    let detector = |_: &RgbImage| -> Result<Vec<DetectedFace>> { panic!("nobody asked") };
    let both = RestoreRequest {
        search: Some(FaceSearch::new(&detector)),
        ..request(&picture, vec![astronaut(0.0)])
    };
    let restored = restore(&both).unwrap();
    assert_eq!(
        (restored.report.faces.len(), restored.report.search),
        (1, None)
    );
}

#[test]
fn a_picture_without_faces_comes_back_with_a_report() {
    let picture = photograph();
    let detector = |_: &RgbImage| -> Result<Vec<DetectedFace>> { Ok(Vec::new()) };
    let none = RestoreRequest {
        search: Some(FaceSearch::new(&detector)),
        ..request(&picture, Vec::new())
    };
    let restored = restore(&none).unwrap();
    assert_eq!(restored.picture, picture);
    assert_eq!(restored.report.search.unwrap().detected, 0);
}

#[test]
fn strangers_stay_and_everyone_else_gets_their_own_face() {
    let picture = photograph();
    let detector = |_: &RgbImage| -> Result<Vec<DetectedFace>> { Ok(crowd()) };
    // Only the astronaut has landmarks, so only she is known by her face.
    let embedder = |_: &RgbImage, _: &Landmarks5| FaceEmbedding::new(vec![1.0, 0.1]);
    let astronaut_herself = SoughtPerson {
        embedding: Some(FaceEmbedding::new(vec![1.0, 0.0]).unwrap()),
        prompt: Some(prompt(3.0)),
        ..SoughtPerson::default()
    };
    let somebody_else = SoughtPerson {
        embedding: Some(FaceEmbedding::new(vec![-1.0, 0.0]).unwrap()),
        ..SoughtPerson::default()
    };
    let search = FaceSearch {
        people: vec![somebody_else, astronaut_herself],
        embedder: Some(&embedder),
        filter: FaceFilter {
            min_size: 24.0,
            ..FaceFilter::default()
        },
        ..FaceSearch::new(&detector)
    };
    let found = search.find(&picture).unwrap();
    assert_eq!(found.report.absent, [0]);
    let Some(assigned) = found.report.assigned[0] else {
        panic!("nobody")
    };
    assert!(matches!(assigned.by, Evidence::Likeness(cosine) if cosine > 0.99));
    assert_eq!(assigned.identity, 1);
    let strangers = found
        .report
        .left
        .iter()
        .filter(|left| left.reason == LeftReason::Unknown);
    assert_eq!(strangers.count(), 1);

    let restored = restore(&RestoreRequest {
        search: Some(search),
        ..request(&picture, Vec::new())
    });
    let own = Face {
        prompt: Some(prompt(3.0)),
        ..astronaut(0.0)
    };
    let wanted = restore(&request(&picture, vec![own])).unwrap();
    assert_eq!(restored.unwrap().picture, wanted.picture);
}

#[test]
fn a_place_makes_a_face_someone_s_without_any_embedder() {
    let picture = photograph();
    let detector = |_: &RgbImage| -> Result<Vec<DetectedFace>> { Ok(crowd()) };
    let search = FaceSearch {
        people: vec![SoughtPerson {
            place: Some(region(170.0, 180.0, 230.0, 240.0)),
            ..SoughtPerson::default()
        }],
        ..FaceSearch::new(&detector)
    };
    let found = search.find(&picture).unwrap();
    assert_eq!(found.faces.len(), 1);
    assert_eq!(found.faces[0].region, region(180.0, 190.0, 230.0, 240.0));
    assert!(matches!(
        found.report.assigned[0].unwrap().by,
        Evidence::Place(_)
    ));
    assert_eq!((found.report.left.len(), found.report.absent.len()), (3, 0));
}

#[test]
fn what_stops_a_detector_stops_the_job_by_name() {
    let picture = photograph();
    let detector =
        |_: &RgbImage| -> Result<Vec<DetectedFace>> { Err(Error::invalid("camera", "is off")) };
    let broken = RestoreRequest {
        search: Some(FaceSearch::new(&detector)),
        ..request(&picture, Vec::new())
    };
    assert_eq!(refusal(&broken), "finding faces: camera: is off");
}

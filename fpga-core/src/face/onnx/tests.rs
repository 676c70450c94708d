//! Small ONNX networks against torch, from the picture to what the caller gets
//! (`tests/fixtures/face_onnx/make.py`).

use std::path::PathBuf;

use image::RgbImage;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::*;
use crate::error::{Error, ErrorKind};
use crate::face::dense_landmarks::LandmarkDetector;
use crate::face::detection::FaceDetector;
use crate::face::embedding::FaceEmbedder;
use crate::face::face_box::FaceBox;
use crate::face::landmarks::Landmarks5;
use crate::face::parts::FaceParser;
use crate::face::photograph::{astronaut, fixture};
use crate::face::skeleton::PoseEstimator;

fn file(name: &str) -> PathBuf {
    fixture(&format!("face_onnx/{name}.onnx"))
}

fn expected<T: DeserializeOwned>(case: &str, key: &str) -> T {
    let text = std::fs::read_to_string(fixture("face_onnx/expected.json")).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    serde_json::from_value(all[case][key].clone()).unwrap()
}

/// Relative to the largest wanted value: the pictures may differ by a level here and there.
#[track_caller]
fn assert_close(found: &[f32], wanted: &[f32]) {
    assert_eq!(found.len(), wanted.len());
    let largest = wanted
        .iter()
        .fold(0f32, |most, value| most.max(value.abs()));
    for (index, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        assert!(
            (found - wanted).abs() <= 1e-3 * largest,
            "{index}: {found} {wanted}"
        );
    }
}

fn detector() -> OnnxDetector {
    let settings = DetectorSettings {
        size: expected("scrfd", "size"),
        ..DetectorSettings::default()
    };
    OnnxDetector::open(file("scrfd"), &settings).unwrap()
}

#[test]
fn a_detector_finds_what_the_reference_finds() {
    let wanted: Vec<Vec<f32>> = expected("scrfd", "faces");
    let found = detector().detect(&astronaut()).unwrap();
    assert_eq!(found.len(), wanted.len());
    for (face, wanted) in found.iter().zip(wanted) {
        let points = face.landmarks.unwrap().points().concat();
        let numbers = [face.bounds.edges().to_vec(), vec![face.score], points].concat();
        assert_close(&numbers, &wanted);
    }
}

#[test]
fn an_embedder_sees_aligned_faces_in_its_own_range() {
    let landmarks: Landmarks5 = expected("arcface", "landmarks");
    for name in ["arcface", "arcface_scaled"] {
        let embedder = OnnxEmbedder::open(file(name)).unwrap();
        let found = embedder.embed(&astronaut(), &landmarks).unwrap();
        assert_close(found.raw(), &expected::<Vec<f32>>(name, "embedding"));
    }
}

#[test]
fn a_landmark_network_sees_a_square_around_the_box() {
    for name in ["2d106", "2d106_scaled"] {
        let bounds: FaceBox = expected(name, "bounds");
        let network = OnnxLandmarks::open(file(name)).unwrap();
        let found = network.landmarks(&astronaut(), &bounds).unwrap();
        let wanted: Vec<[f32; 2]> = expected(name, "points");
        assert_close(&found.points().concat(), &wanted.concat());
    }
}

#[test]
fn a_parser_labels_pixels() {
    let wanted: Vec<Vec<u8>> = expected("parsing", "labels");
    let map = OnnxParser::open(file("parsing"))
        .unwrap()
        .parse(&astronaut())
        .unwrap();
    assert_eq!(map.labels().dim(), (64, 96));
    let certain = wanted.concat();
    let pairs = map
        .labels()
        .iter()
        .zip(&certain)
        .filter(|(_, wanted)| **wanted != 255);
    let wrong = pairs
        .clone()
        .filter(|(found, wanted)| found != wanted)
        .count();
    assert_eq!((wrong, pairs.count() > 4000), (0, true));
}

/// A level more or less in the picture may move a peak to its neighbour; points without a clear peak have no
/// place to compare.
#[test]
fn poses_come_from_two_networks() {
    let poses = OnnxPose::open(file("yolox"), file("simcc")).unwrap();
    let found = poses.poses(&astronaut()).unwrap();
    assert_eq!(found.len(), expected::<usize>("pose", "found"));
    let people: Vec<Value> = expected("pose", "people");
    let mut compared = [0; 2];
    for (pose, wanted) in found.iter().zip(people) {
        let read = |key: &str| -> Vec<f32> { serde_json::from_value(wanted[key].clone()).unwrap() };
        let scores = read("scores");
        let (size, centre) = (read("size"), read("centre"));
        let places = |key: &str| -> Vec<Option<f32>> {
            serde_json::from_value(wanted[key].clone()).unwrap()
        };
        let clear = [places("columns"), places("rows")];
        let points = pose.points();
        let nose_and_face =
            std::iter::once((0, 0)).chain((0..68).map(|index| (24 + index, 23 + index)));
        for (ours, theirs) in nose_and_face {
            let point = points[ours];
            assert!((point.score - scores[theirs]).abs() < 5e-3, "{ours}");
            for (axis, place) in [point.x, point.y].into_iter().enumerate() {
                let Some(peak) = clear[axis][theirs] else {
                    continue;
                };
                // Each side of the crop has two peaks per pixel: 96 across, 128 down.
                let cell = size[axis] / [96.0, 128.0][axis];
                let wanted = peak * cell + centre[axis] - size[axis] / 2.0;
                assert!(
                    (place - wanted).abs() < 1.5 * cell,
                    "{ours}, axis {axis}: {place} {wanted}"
                );
                compared[axis] += 1;
            }
        }
    }
    assert_eq!(compared, [110, 65]);
}

fn refused(result: Result<impl std::fmt::Debug, Error>) -> Error {
    result.unwrap_err()
}

#[test]
fn files_that_do_something_else_are_refused_by_name() {
    let settings = DetectorSettings::default();
    let outputs = refused(OnnxDetector::open(file("simcc"), &settings)).to_string();
    assert!(
        outputs.contains("outputs of a face detector") && outputs.contains("found 2"),
        "{outputs}"
    );
    for error in [
        refused(OnnxEmbedder::open(file("parsing"))),
        refused(OnnxEmbedder::open(file("simcc"))),
        refused(OnnxLandmarks::open(file("parsing"))),
        refused(OnnxPose::open(file("simcc"), file("simcc"))),
        refused(OnnxPose::open(file("yolox"), file("yolox"))),
    ] {
        assert!(
            matches!(error.kind(), ErrorKind::Unsupported { .. }),
            "{error}"
        );
        assert!(error.to_string().contains(".onnx"), "{error}");
    }
    let odd = DetectorSettings {
        size: [100, 96],
        ..settings
    };
    assert!(
        refused(OnnxDetector::open(file("scrfd"), &odd))
            .to_string()
            .contains("multiples of 32")
    );
    // A vector is no map of parts.
    let parser = OnnxParser::open(file("arcface")).unwrap();
    let error = refused(parser.parse(&astronaut()));
    assert!(matches!(error.kind(), ErrorKind::Shape { .. }), "{error}");
    // 24 numbers are no landmarks.
    let landmarks = OnnxLandmarks::open(file("arcface")).unwrap();
    let bounds = FaceBox::new(10.0, 10.0, 50.0, 60.0).unwrap();
    assert!(
        refused(landmarks.landmarks(&astronaut(), &bounds))
            .to_string()
            .contains("212")
    );
}

#[test]
fn broken_files_are_refused_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.onnx");
    let whole = std::fs::read(file("arcface")).unwrap();
    for length in [0, 1, 10, whole.len() / 3, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        let error = refused(OnnxEmbedder::open(&path));
        let fits = matches!(
            error.kind(),
            ErrorKind::Format { .. } | ErrorKind::Unsupported { .. }
        );
        assert!(
            fits && error.to_string().contains("cut.onnx"),
            "{length}: {error}"
        );
    }
    std::fs::write(
        &path,
        "not a network at all, but long enough to look like something",
    )
    .unwrap();
    assert!(matches!(
        refused(OnnxEmbedder::open(&path)).kind(),
        ErrorKind::Format { .. }
    ));
    let absent = refused(OnnxEmbedder::open(folder.path().join("absent.onnx")));
    assert!(matches!(absent.kind(), ErrorKind::Io { .. }), "{absent}");
}

#[test]
fn empty_pictures_are_refused_and_networks_can_be_shared() {
    fn shared<T: Send + Sync>(_: &T) {}
    let detector = detector();
    shared(&detector);
    assert!(detector.detect(&RgbImage::new(0, 0)).is_err());
}

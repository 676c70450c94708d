//! What surrounds the networks, against numpy and OpenCV (`tests/fixtures/face_decoding/make.py`).

use std::collections::HashMap;

use image::{RgbImage, imageops};
use safetensors::SafeTensors;
use serde_json::Value;

use super::photograph::{astronaut, fixture};
use super::*;

/// Random network outputs and what they stand for.
struct Cases {
    tensors: HashMap<String, Vec<f32>>,
    numbers: Value,
}

impl Cases {
    fn load() -> Self {
        let bytes = std::fs::read(fixture("face_decoding/cases.safetensors")).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let values = |data: &[u8]| {
            let (numbers, _) = data.as_chunks::<4>();
            numbers
                .iter()
                .map(|bytes| f32::from_le_bytes(*bytes))
                .collect()
        };
        let text = std::fs::read_to_string(fixture("face_decoding/cases.json")).unwrap();
        Self {
            tensors: tensors
                .iter()
                .map(|(name, view)| (name.to_owned(), values(view.data())))
                .collect(),
            numbers: serde_json::from_str(&text).unwrap(),
        }
    }

    fn tensor(&self, name: &str) -> &[f32] {
        &self.tensors[name]
    }

    fn numbers<T: serde::de::DeserializeOwned>(&self, case: &str, key: &str) -> T {
        serde_json::from_value(self.numbers[case][key].clone()).unwrap()
    }
}

/// Relative to the largest wanted value.
#[track_caller]
fn assert_close(found: &[f32], wanted: &[f32]) {
    assert_eq!(found.len(), wanted.len());
    let largest = wanted
        .iter()
        .fold(0f32, |most, value| most.max(value.abs()));
    for (index, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        assert!(
            (found - wanted).abs() <= 1e-5 * largest,
            "{index}: {found} {wanted}"
        );
    }
}

/// At most one level apart, and that in at most `share` of the values.
#[track_caller]
fn assert_pixels(found: &RgbImage, file: &str, share: f64) {
    let path = fixture(&format!("face_decoding/{file}.png"));
    let wanted = image::open(path).unwrap().to_rgb8();
    assert_eq!(found.dimensions(), wanted.dimensions());
    let steps = found
        .as_raw()
        .iter()
        .zip(wanted.as_raw())
        .map(|(p, q)| p.abs_diff(*q));
    let other = steps.clone().filter(|step| *step > 0).count() as f64 / wanted.len() as f64;
    assert!(steps.max() <= Some(1) && other <= share, "{file}: {other}");
}

fn scrfd(cases: &Cases, name: &str) -> Vec<DetectedFace> {
    let count: usize = cases.numbers(name, "outputs");
    let outputs: Vec<&[f32]> = (0..count)
        .map(|i| cases.tensor(&format!("{name}.{i}")))
        .collect();
    let layout = ScrfdLayout::of_outputs(count).unwrap();
    let canvas = (cases.numbers(name, "canvas"), cases.numbers(name, "scale"));
    layout
        .decode(&outputs, canvas, &DetectionLimits::default())
        .unwrap()
}

#[test]
fn detections_are_the_reference_s() {
    let cases = Cases::load();
    for name in ["scrfd9", "scrfd6", "scrfd15"] {
        let found = scrfd(&cases, name);
        let numbers = found.iter().flat_map(|face| {
            let points = face.landmarks.map(|points| points.points().concat());
            [
                face.bounds.edges().to_vec(),
                vec![face.score],
                points.unwrap_or_default(),
            ]
            .concat()
        });
        assert_close(
            &numbers.collect::<Vec<f32>>(),
            cases.tensor(&format!("{name}.faces")),
        );
        assert_eq!(found[0].landmarks.is_some(), name != "scrfd6");
    }
}

#[test]
fn outputs_that_are_no_detector_s_are_refused() {
    for count in [0, 1, 3, 8, 12] {
        assert!(ScrfdLayout::of_outputs(count).is_err(), "{count}");
    }
    let cases = Cases::load();
    let mut outputs: Vec<&[f32]> = (0..6)
        .map(|i| cases.tensor(&format!("scrfd6.{i}")))
        .collect();
    let layout = ScrfdLayout::of_outputs(6).unwrap();
    let limits = DetectionLimits::default();
    let refusal = |outputs: &[&[f32]], canvas| {
        let error = layout.decode(outputs, (canvas, 1.0), &limits).unwrap_err();
        error.to_string()
    };
    let other = refusal(&outputs, [64, 64]);
    assert!(
        other.starts_with("output 0 of a face detector: expected 128 numbers"),
        "{other}"
    );
    assert!(refusal(&outputs[1..], [64, 96]).contains("expected 6"));

    let mut broken = outputs[4].to_vec();
    let sure = outputs[1].iter().position(|score| *score > 0.5).unwrap();
    broken[4 * sure] = f32::NAN;
    outputs[4] = &broken;
    assert!(refusal(&outputs, [64, 96]).contains("NaN"));
    let broken = vec![f32::NAN; outputs[0].len()];
    outputs[0] = &broken;
    assert!(refusal(&outputs, [64, 96]).contains("NaN"));
    let limits = DetectionLimits {
        score: 1.5,
        ..limits
    };
    assert!(limits.check().is_err());
}

#[test]
fn people_are_the_reference_s() {
    let cases = Cases::load();
    let canvas = (
        cases.numbers("yolox", "canvas"),
        cases.numbers("yolox", "scale"),
    );
    let rows = cases.tensor("yolox.rows");
    let people = decode_people(rows, canvas).unwrap();
    assert_close(&people.concat(), cases.tensor("yolox.people"));

    assert!(decode_people(&rows[1..], canvas).is_err());
    assert!(decode_people(&rows[..rows.len() / 2], canvas).is_err());
    let endless: Vec<f32> = rows.iter().map(|value| value * 1e4).collect();
    assert!(
        decode_people(&endless, canvas)
            .unwrap_err()
            .to_string()
            .contains("infinity")
    );
}

#[test]
fn poses_are_the_reference_s() {
    let cases = Cases::load();
    let crop = PoseCrop::new(
        cases.numbers("pose", "bounds"),
        cases.numbers("pose", "size"),
    )
    .unwrap();
    assert_pixels(&crop.extract(&astronaut()), "pose_crop", 1e-3);

    let (across, down) = (cases.tensor("pose.across"), cases.tensor("pose.down"));
    let points = crop.decode(across, down).unwrap();
    let numbers: Vec<f32> = points
        .iter()
        .flat_map(|point| [point.x, point.y, point.score])
        .collect();
    assert_close(&numbers, cases.tensor("pose.points"));
    assert!(points.iter().any(|point| point.score <= 0.0));
    assert!(from_whole_body(&points).is_ok());

    assert!(crop.decode(&across[1..], down).is_err());
    assert!(crop.decode(across, &down[..down.len() / 2]).is_err());
    assert!(crop.decode(across, &vec![f32::NAN; down.len()]).is_err());
    for bounds in [[0.0; 4], [0.0, 0.0, f32::NAN, 9.0], [9.0, 0.0, 0.0, 9.0]] {
        assert!(PoseCrop::new(bounds, [48, 64]).is_err());
    }
}

#[test]
fn many_landmarks_are_the_reference_s() {
    let cases = Cases::load();
    let bounds: FaceBox = cases.numbers("dense", "bounds");
    let crop = DenseCrop::new(&bounds, cases.numbers("dense", "side")).unwrap();
    assert_pixels(&crop.extract(&astronaut()), "dense_crop", 1e-3);
    for count in ["106", "68"] {
        let output = cases.tensor(&format!("dense.{count}"));
        let landmarks = crop.decode(output).unwrap();
        assert_close(
            &landmarks.points().concat(),
            cases.tensor(&format!("dense.{count}.points")),
        );
        assert!(crop.decode(&output[2..]).is_err());
    }
    assert!(crop.decode(&[f32::NAN; 212]).is_err());
    assert!(DenseCrop::new(&bounds, 0).is_err());
}

#[test]
fn canvases_are_the_reference_s() {
    let cases = Cases::load();
    for shape in ["wide", "tall"] {
        let name = format!("letterbox_{shape}");
        let [x, y, width, height]: [u32; 4] = cases.numbers(&name, "part");
        let part = imageops::crop_imm(&astronaut(), x, y, width, height).to_image();
        let boxes = [
            ("scrfd", Letterbox::scrfd(&part, [96, 64]).unwrap()),
            ("yolox", Letterbox::yolox(&part, [96, 64]).unwrap()),
        ];
        for (network, letterbox) in boxes {
            assert_eq!(letterbox.scale, cases.numbers::<f32>(&name, network));
            assert_pixels(&letterbox.canvas, &format!("{name}_{network}"), 1e-3);
        }
    }
    assert!(Letterbox::scrfd(&RgbImage::new(0, 5), [96, 64]).is_err());
    assert!(Letterbox::yolox(&RgbImage::new(5, 5), [96, 0]).is_err());
    let thread = Letterbox::scrfd(&RgbImage::from_pixel(5000, 1, image::Rgb([9; 3])), [64, 64]);
    assert_eq!(thread.unwrap().canvas.get_pixel(63, 0).0, [9; 3]);
}

#[test]
fn aligned_faces_are_the_reference_s() {
    let cases = Cases::load();
    for name in ["upright", "turned", "outside"] {
        let name = format!("aligned_{name}");
        let landmarks: Landmarks5 = cases.numbers(&name, "landmarks");
        assert_pixels(&align_face(&astronaut(), &landmarks).unwrap(), &name, 1e-3);
    }
}

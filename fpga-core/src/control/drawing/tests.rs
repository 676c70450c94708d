//! Drawings against OpenCV's (`tests/fixtures/drawing/make.py`), pixel for pixel.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::*;

fn read(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/drawing");
    std::fs::read(folder.join(name)).unwrap()
}

fn case<T: DeserializeOwned>(name: &str, key: &str) -> T {
    let cases: Value = serde_json::from_slice(&read("cases.json")).unwrap();
    serde_json::from_value(cases[name][key].clone()).unwrap()
}

#[track_caller]
fn assert_drawn(found: &RgbImage, name: &str) {
    let wanted = image::load_from_memory(&read(&format!("{name}.png")))
        .unwrap()
        .to_rgb8();
    assert_eq!(found.dimensions(), wanted.dimensions());
    let other = found
        .pixels()
        .zip(wanted.pixels())
        .filter(|(p, q)| p != q)
        .count();
    assert_eq!(other, 0, "{name}: pixels that differ");
}

type Point = Option<[f32; 2]>;

/// Serde reads lists of up to 32.
fn exactly<const N: usize>(points: Vec<Point>) -> [Point; N] {
    points.try_into().unwrap()
}

#[test]
fn skeletons_are_the_reference_s() {
    for name in ["one", "several", "wild"] {
        let people: Vec<Vec<Point>> = case(name, "people");
        let people: Vec<[Point; 18]> = people.into_iter().map(exactly).collect();
        assert_drawn(&draw_skeleton(case(name, "size"), &people), name);
    }
}

#[test]
fn hands_and_faces_are_the_reference_s() {
    let people: Vec<Vec<Point>> = case("whole", "people");
    let people: Vec<[Point; 18]> = people.into_iter().map(exactly).collect();
    let mut canvas = draw_skeleton(case("whole", "size"), &people);
    let hands: Vec<Vec<Point>> = case("whole", "hands");
    let hands: Vec<[Point; 21]> = hands.into_iter().map(exactly).collect();
    draw_hands(&mut canvas, &hands);
    let face: Vec<Point> = case("whole", "face");
    draw_landmarks68(&mut canvas, &face);
    assert_drawn(&canvas, "whole");
}

#[test]
fn five_point_maps_are_the_reference_s() {
    for name in ["five", "five_wild"] {
        let faces: Vec<[[f32; 2]; 5]> = case(name, "faces");
        assert_drawn(&draw_landmarks5(case(name, "size"), &faces), name);
    }
}

#[test]
fn points_that_no_picture_could_hold_do_no_harm() {
    let wild = [
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::MAX,
        -3e9,
        0.0,
    ];
    let mut people = Vec::new();
    for x in wild {
        people.push(std::array::from_fn(|joint| {
            Some([x, wild[joint % wild.len()]])
        }));
    }
    assert_eq!(draw_skeleton([40, 30], &people).dimensions(), (40, 30));
    let hand = std::array::from_fn(|joint| Some([wild[joint % 6], wild[(joint + 1) % 6]]));
    let mut canvas = RgbImage::new(40, 30);
    draw_hands(&mut canvas, &[hand]);
    draw_landmarks68(&mut canvas, &hand);
    assert_eq!(draw_skeleton([0, 0], &people).dimensions(), (0, 0));
    assert!(
        draw_skeleton([20, 20], &[[None; 18]])
            .iter()
            .all(|level| *level == 0)
    );
}

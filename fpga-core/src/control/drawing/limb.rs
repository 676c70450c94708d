//! A limb: an ellipse from one joint to the next, as OpenCV's `ellipse2Poly` and `fillConvexPoly` make it.

use image::{Rgb, RgbImage};

use super::FAR;
use super::line::thin_line;
use super::polygon::fill_between;

/// Half of a limb's width in pixels.
const HALF_WIDTH: f64 = 4.0;

/// Draws the limb between two joints. Its middle, length and angle are truncated to whole numbers.
///
/// The angle is counted from the second joint to the first, which shows where it is truncated.
pub(super) fn limb(canvas: &mut RgbImage, [one, other]: [[f32; 2]; 2], colour: Rgb<u8>) {
    let [one, other] =
        [one, other].map(|joint| joint.map(|value| f64::from(value).clamp(-REACH, REACH)));
    let [dx, dy] = [one[0] - other[0], one[1] - other[1]];
    let middle = [0, 1].map(|axis| ((one[axis] + other[axis]) / 2.0) as i64);
    let half_length = ((dx * dx + dy * dy).sqrt() / 2.0) as i64;
    let angle = dy.atan2(dx).to_degrees() as i64;
    let outline = ellipse(middle, half_length, angle);
    for index in 0..outline.len() {
        let before = outline[(index + outline.len() - 1) % outline.len()];
        thin_line(canvas, [before, outline[index]], colour);
    }
    if outline.len() > 2 {
        fill_between(canvas, &outline, 0, colour);
    }
}

/// As [`FAR`], of coordinates.
const REACH: f64 = FAR as f64;

/// The pixels that an ellipse passes, one per degree, without repetitions.
fn ellipse([x, y]: [i64; 2], half_length: i64, angle: i64) -> Vec<[i64; 2]> {
    let angle = if angle < 0 { angle + 360 } else { angle };
    let (sine, cosine) = (sine(angle), sine(450 - angle));
    let mut outline: Vec<[i64; 2]> = Vec::with_capacity(361);
    for degree in 0..=360 {
        let along = half_length as f64 * self::sine(450 - degree);
        let beside = HALF_WIDTH * self::sine(degree);
        let place = [
            x as f64 + along * cosine - beside * sine,
            y as f64 + along * sine + beside * cosine,
        ];
        let place = place.map(|value| value.round_ties_even() as i64);
        if outline.last() != Some(&place) {
            outline.push(place);
        }
    }
    outline
}

/// Of whole degrees, as exact as OpenCV's table: seven digits, in single precision.
fn sine(degrees: i64) -> f64 {
    let exact = (degrees as f64).to_radians().sin();
    f64::from(((exact * 1e7).round() / 1e7) as f32)
}

//! Straight lines by OpenCV's rules: one pixel wide between pixels, two wide with round ends.

use image::{Rgb, RgbImage};

use super::polygon::{BITS, fill_between};
use super::{disc, dot};

const ONE: i64 = 1 << BITS;
const HALF: i64 = ONE / 2;

/// Every pixel of the line from one pixel to another (Bresenham), from left to right.
pub(super) fn thin_line(canvas: &mut RgbImage, ends: [[i64; 2]; 2], colour: Rgb<u8>) {
    let [[x, y], [x1, y1]] = match ends {
        [from, to] if to[0] < from[0] => [to, from],
        ends => ends,
    };
    let (across, down, sense) = (x1 - x, (y1 - y).abs(), (y1 - y).signum());
    let (long, short) = (across.max(down), across.min(down));
    let steep = down > across;
    let (mut place, mut error) = ([x, y], long - 2 * short);
    for _ in 0..=long {
        dot(canvas, place, colour);
        let turns = error < 0;
        error += if turns {
            2 * (long - short)
        } else {
            -2 * short
        };
        place[0] += i64::from(turns || !steep);
        place[1] += if turns || steep { sense } else { 0 };
    }
}

/// A line two pixels wide.
pub(super) fn thick_line(canvas: &mut RgbImage, ends: [[i64; 2]; 2], colour: Rgb<u8>) {
    let [from, to] = ends.map(|end| end.map(|value| value << BITS));
    let [dx, dy] = [0, 1].map(|axis| (ends[1][axis] - ends[0][axis]) as f64);
    let length = (dx * dx + dy * dy).sqrt();
    if length > 0.0 {
        // One pixel to either side.
        let [across, down] =
            [dy, -dx].map(|part| (part * (ONE as f64 / length)).round_ties_even() as i64);
        let beside = |[x, y]: [i64; 2], side: i64| [x + side * across, y + side * down];
        let corners = [
            beside(from, 1),
            beside(from, -1),
            beside(to, -1),
            beside(to, 1),
        ];
        for index in 0..corners.len() {
            edge(canvas, [corners[(index + 3) % 4], corners[index]], colour);
        }
        fill_between(canvas, &corners, BITS, colour);
    }
    for end in ends {
        disc(canvas, end, 1, colour);
    }
}

/// A line one pixel wide between fixed-point places.
fn edge(canvas: &mut RgbImage, ends: [[i64; 2]; 2], colour: Rgb<u8>) {
    let [dx, dy] = [0, 1].map(|axis| ends[1][axis] - ends[0][axis]);
    // `major` is the axis that moves by whole pixels.
    let major = usize::from(dx.abs() <= dy.abs());
    let minor = 1 - major;
    let [from, to] = match ends {
        [from, to] if to[major] < from[major] => [to, from],
        ends => ends,
    };
    let slope = (to[minor] - from[minor]) * ONE / ((to[major] - from[major]) | 1);
    dot(canvas, to.map(|value| (value + HALF) >> BITS), colour);
    let steps = (to[major] - from[major]) >> BITS;
    let first = (from[major] + HALF) >> BITS;
    let mut beside = from[minor] + HALF;
    for step in 0..=steps {
        let mut place = [0; 2];
        (place[major], place[minor]) = (first + step, beside >> BITS);
        dot(canvas, place, colour);
        beside += slope;
    }
}

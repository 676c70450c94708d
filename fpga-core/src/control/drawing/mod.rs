//! Condition pictures: skeletons and landmarks drawn as ControlNets were taught to read them.
//!
//! Pixel for pixel what the reference renderers draw with OpenCV 5, whose filling rules are followed:
//! a network that learnt from jagged edges should see jagged edges. Only lines of hands that leave the
//! picture may differ, by single pixels at its border. Coordinates are pixels, truncated as the
//! references truncate them. People come as plain points, so that any source of them can be drawn.

mod landmarks;
mod limb;
mod line;
mod polygon;
mod skeleton;

use image::{Rgb, RgbImage};

pub use landmarks::{draw_landmarks5, draw_landmarks68};
pub use skeleton::{draw_hands, draw_skeleton};

/// Everything but joints and dots is drawn at this share of its brightness.
const DIMMED: f64 = 0.6;

fn dim(canvas: &mut RgbImage) {
    for level in canvas.iter_mut() {
        *level = (f64::from(*level) * DIMMED) as u8;
    }
}

/// Colours a pixel if it is on the canvas.
fn dot(canvas: &mut RgbImage, [x, y]: [i64; 2], colour: Rgb<u8>) {
    let inside = u32::try_from(x).ok().zip(u32::try_from(y).ok());
    let pixel = inside.and_then(|(x, y)| canvas.get_pixel_mut_checked(x, y));
    if let Some(pixel) = pixel {
        *pixel = colour;
    }
}

/// Colours the part of a row from `left` to `right` that is on the canvas.
fn row(canvas: &mut RgbImage, y: i64, [left, right]: [i64; 2], colour: Rgb<u8>) {
    let last = i64::from(canvas.width()) - 1;
    if (0..i64::from(canvas.height())).contains(&y) {
        for x in left.max(0)..=right.min(last) {
            dot(canvas, [x, y], colour);
        }
    }
}

/// The pixel that a coordinate falls on.
fn pixel([x, y]: [f32; 2]) -> [i64; 2] {
    [x, y].map(|value| (value as i64).clamp(-FAR, FAR))
}

/// Farther points draw nothing that a picture could show.
const FAR: i64 = 1 << 16;

/// A disc as OpenCV's filled circle.
fn disc(canvas: &mut RgbImage, [x, y]: [i64; 2], radius: i64, colour: Rgb<u8>) {
    let (mut long, mut short, mut error) = (radius, 0, 0);
    while long >= short {
        for (down, across) in [(short, long), (long, short)] {
            row(canvas, y - down, [x - across, x + across], colour);
            row(canvas, y + down, [x - across, x + across], colour);
        }
        error += 2 * short + 1;
        short += 1;
        if error > 0 {
            error -= 2 * long - 1;
            long -= 1;
        }
    }
}

#[cfg(test)]
mod tests;

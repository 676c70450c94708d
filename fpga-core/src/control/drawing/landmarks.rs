//! Landmarks of faces: InstantID's five-point map, and OpenPose's white dots.

use image::{Rgb, RgbImage};

use super::limb::limb;
use super::{dim, disc, pixel};

/// Of left eye, right eye, nose tip, left and right mouth corner.
const COLOURS: [Rgb<u8>; 5] = [
    Rgb([255, 0, 0]),
    Rgb([0, 255, 0]),
    Rgb([0, 0, 255]),
    Rgb([255, 255, 0]),
    Rgb([255, 0, 255]),
];
/// Every other point is tied to the nose.
const NOSE: usize = 2;
const TIED: [usize; 4] = [0, 1, 3, 4];
/// Radius of a landmark.
const POINT: i64 = 10;
/// Radius of a dot.
const DOT: i64 = 3;

/// Faces on black, as InstantID's ControlNet reads them: ties at 0.6 of their colours, points over them.
pub fn draw_landmarks5([width, height]: [u32; 2], faces: &[[[f32; 2]; 5]]) -> RgbImage {
    let mut canvas = RgbImage::new(width, height);
    for face in faces {
        for index in TIED {
            limb(&mut canvas, [face[index], face[NOSE]], COLOURS[index]);
        }
    }
    dim(&mut canvas);
    for face in faces {
        for (place, colour) in face.iter().zip(COLOURS) {
            disc(&mut canvas, pixel(*place), POINT, colour);
        }
    }
    canvas
}

/// Adds white dots to a drawing, as DWPose does with a face's 68 points (any number will do).
///
/// Points at or left of and above the first pixel count as not seen, as DWPose has it.
pub fn draw_landmarks68(canvas: &mut RgbImage, points: &[Option<[f32; 2]>]) {
    for place in points.iter().copied().flatten().map(pixel) {
        if place[0] > 0 && place[1] > 0 {
            disc(canvas, place, DOT, Rgb([255; 3]));
        }
    }
}

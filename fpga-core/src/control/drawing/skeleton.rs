//! OpenPose's skeleton, as DWPose draws it for ControlNets.

use image::{Rgb, RgbImage};

use super::limb::limb;
use super::line::thick_line;
use super::{dim, disc, pixel};

/// Joints of each limb, in the order of drawing; later limbs cover earlier ones.
const LIMBS: [[usize; 2]; 17] = [
    [1, 2],
    [1, 5],
    [2, 3],
    [3, 4],
    [5, 6],
    [6, 7],
    [1, 8],
    [8, 9],
    [9, 10],
    [1, 11],
    [11, 12],
    [12, 13],
    [1, 0],
    [0, 14],
    [14, 16],
    [0, 15],
    [15, 17],
];

/// Radius of a joint.
const JOINT: i64 = 4;
/// Colour of a hand's joints.
const HAND: Rgb<u8> = Rgb([0, 0, 255]);

/// People on black: limbs at 0.6 of their colours, joints over them.
///
/// A person is OpenPose's 18 points: nose; neck; right shoulder, elbow, wrist; the left ones; right
/// hip, knee, ankle; the left ones; right eye, left eye, right ear, left ear. `None` is not drawn, nor
/// are the limbs that end there.
pub fn draw_skeleton([width, height]: [u32; 2], people: &[[Option<[f32; 2]>; 18]]) -> RgbImage {
    let mut canvas = RgbImage::new(width, height);
    for (index, ends) in LIMBS.into_iter().enumerate() {
        for person in people {
            if let [Some(one), Some(other)] = ends.map(|joint| person[joint]) {
                limb(&mut canvas, [one, other], wheel(index));
            }
        }
    }
    dim(&mut canvas);
    for joint in 0..18 {
        for place in people.iter().filter_map(|person| person[joint]) {
            disc(&mut canvas, pixel(place), JOINT, wheel(joint));
        }
    }
    canvas
}

/// Adds hands to a drawing, each the wrist and four points per finger from the thumb on.
///
/// Points at or left of and above the first pixel count as not seen, as DWPose has it.
pub fn draw_hands(canvas: &mut RgbImage, hands: &[[Option<[f32; 2]>; 21]]) {
    let seen = |place: Option<[f32; 2]>| place.map(pixel).filter(|[x, y]| *x > 0 && *y > 0);
    for hand in hands {
        for bone in 0..20 {
            let start = if bone % 4 == 0 { 0 } else { bone };
            if let [Some(one), Some(other)] = [hand[start], hand[bone + 1]].map(seen) {
                thick_line(canvas, [one, other], hue(bone));
            }
        }
        for place in hand.iter().copied().filter_map(seen) {
            disc(canvas, place, JOINT, HAND);
        }
    }
}

/// OpenPose's colours: 18 steps of 85 levels round the wheel, from red over green and blue to pink.
fn wheel(index: usize) -> Rgb<u8> {
    const STEP: i64 = 85;
    let level = |peak: i64| {
        // Full for three steps to either side of the peak, then three steps down to nothing.
        let away = (index as i64 - peak).rem_euclid(18);
        let distance = away.min(18 - away);
        (STEP * (6 - distance)).clamp(0, 255) as u8
    };
    Rgb([level(0), level(6), level(12)])
}

/// A pure colour, `bone` twentieths round the wheel (Smith 1978, at full saturation and value).
fn hue(bone: usize) -> Rgb<u8> {
    let sixths = bone as f64 / 20.0 * 6.0;
    let rest = sixths.fract();
    let (falling, rising) = (1.0 - rest, 1.0 - (1.0 - rest));
    let levels = match sixths as usize {
        0 => [1.0, rising, 0.0],
        1 => [falling, 1.0, 0.0],
        2 => [0.0, 1.0, rising],
        3 => [0.0, falling, 1.0],
        4 => [rising, 0.0, 1.0],
        _ => [1.0, 0.0, falling],
    };
    Rgb(levels.map(|level: f64| (level * 255.0).round_ties_even() as u8))
}

//! Condition pictures of ControlNets: bodies and faces, drawn as the networks were taught to read them.

use fpga_core::RgbImage;
use fpga_core::control::{draw_hands, draw_landmarks5, draw_landmarks68, draw_skeleton};
use fpga_core::face::{Keypoint, SEEN, Skeleton};

use crate::fault::{Fault, Outcome};
use crate::guard::guard;
use crate::image;
use crate::status::fpga_status;
use crate::view::array;

/// More people than any picture has: such a number was never set.
const MOST_PEOPLE: usize = 4096;
/// Longest side of a drawing.
const LONGEST_SIDE: u32 = 1 << 14;

/// Draws bodies on black, as OpenPose's and DWPose's ControlNets read them, and copies the picture as rows
/// of red, green and blue bytes.
///
/// Each body has `points_per_body` points, as `fpga_poses_get` gives them: 18, or 134 with feet, face and
/// hands; x, y and score of each, one body after the other. Scores up to 0.3 count as not seen. `stride` and
/// `capacity` as in `fpga_generation_copy_picture`.
///
/// Ownership: `points` is borrowed for the call; `pixels` stays the caller's.
/// Threads: any.
/// NULL: `points` may be NULL if `num_bodies` is 0; `pixels` must not be NULL.
/// Errors: `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_BUFFER_TOO_SMALL`, `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_draw_bodies(
    points: *const f32,
    num_bodies: usize,
    points_per_body: usize,
    width: u32,
    height: u32,
    pixels: *mut u8,
    stride: usize,
    capacity: usize,
) -> fpga_status {
    guard(|_| {
        check(num_bodies, [width, height])?;
        if !matches!(points_per_body, 18 | 134) {
            let why = format!("needs 18 or 134, found {points_per_body}");
            return Err(Fault::argument("points_per_body", why));
        }
        let each = 3 * points_per_body;
        // SAFETY: the caller's contract for an array.
        let numbers = unsafe { array(points, num_bodies * each, "points") }?;
        let bodies: Vec<Skeleton> = numbers.chunks(each).filter_map(skeleton).collect();
        // SAFETY: the caller's contract for a buffer.
        unsafe { image::copy_out(&drawn([width, height], &bodies), pixels, stride, capacity) }
    })
}

/// Draws the five points of faces on black, as InstantID's ControlNet reads them, and copies the picture as
/// rows of red, green and blue bytes.
///
/// `landmarks` are ten numbers per face, as in `fpga_face`, one face after the other. `stride` and `capacity`
/// as in `fpga_generation_copy_picture`.
///
/// Ownership: `landmarks` is borrowed for the call; `pixels` stays the caller's.
/// Threads: any.
/// NULL: `landmarks` may be NULL if `num_faces` is 0; `pixels` must not be NULL.
/// Errors: `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_BUFFER_TOO_SMALL`, `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_draw_landmarks(
    landmarks: *const f32,
    num_faces: usize,
    width: u32,
    height: u32,
    pixels: *mut u8,
    stride: usize,
    capacity: usize,
) -> fpga_status {
    guard(|_| {
        check(num_faces, [width, height])?;
        // SAFETY: the caller's contract for an array.
        let numbers = unsafe { array(landmarks, num_faces * 10, "landmarks") }?;
        let (points, _) = numbers.as_chunks::<2>();
        let (faces, _) = points.as_chunks::<5>();
        let drawing = draw_landmarks5([width, height], faces);
        // SAFETY: the caller's contract for a buffer.
        unsafe { image::copy_out(&drawing, pixels, stride, capacity) }
    })
}

fn check(count: usize, size: [u32; 2]) -> Outcome {
    if count > MOST_PEOPLE {
        let why = format!("needs 0 to {MOST_PEOPLE}, found {count}");
        return Err(Fault::argument("count", why));
    }
    match size.iter().all(|side| (1..=LONGEST_SIDE).contains(side)) {
        true => Ok(()),
        false => {
            let why = format!("needs sides of 1 to {LONGEST_SIDE}, found {size:?}");
            Err(Fault::argument("size", why))
        }
    }
}

fn skeleton(numbers: &[f32]) -> Option<Skeleton> {
    let (points, _) = numbers.as_chunks::<3>();
    let point = |&[x, y, score]: &[f32; 3]| Keypoint { x, y, score };
    Skeleton::from_points(&points.iter().map(point).collect::<Vec<_>>())
}

/// Bodies, then hands, then the dots of faces, as DWPose has it.
fn drawn(size: [u32; 2], bodies: &[Skeleton]) -> RgbImage {
    let seen = |point: Keypoint| point.seen(SEEN);
    let visible: Vec<_> = bodies.iter().map(|body| body.visible_body(SEEN)).collect();
    let mut canvas = draw_skeleton(size, &visible);
    for rest in bodies.iter().filter_map(|body| body.extremities.as_ref()) {
        draw_hands(&mut canvas, &rest.hands.map(|hand| hand.map(seen)));
        draw_landmarks68(&mut canvas, &rest.face.map(seen));
    }
    canvas
}

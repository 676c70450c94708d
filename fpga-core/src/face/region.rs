//! Which pixels of a picture belong to a face that is to appear there: hard but for one soft pixel.

use ndarray::Array2;

use super::face_box::FaceBox;
use super::mask::{HULL_GROWTH, MaskShape, distance_to_hull, fading};
use crate::error::{Error, Result};

/// The pixels of `shape` in a picture of this width and height.
///
/// # Shapes
/// - returns `[height, width]`, 0–1; all 0 where the shape lies outside the picture
///
/// # Errors
/// A given mask has another size.
pub fn face_region(shape: MaskShape<'_>, [width, height]: [u32; 2]) -> Result<Array2<f32>> {
    let (rows, columns) = (height as usize, width as usize);
    let picture = [0, 0, columns, rows];
    match shape {
        MaskShape::Given(mask) if mask.dim() == (rows, columns) => Ok(mask.clone()),
        MaskShape::Given(mask) => {
            let expected = format!("[{rows}, {columns}] (height and width of the picture)");
            Err(Error::shape("face mask", expected, mask.shape()))
        }
        MaskShape::Landmarks(landmarks) => {
            let (points, radius) = (landmarks.exact(), HULL_GROWTH * landmarks.extent());
            let depth = |p| radius - distance_to_hull(&points, p) + 0.5;
            Ok(fading(picture, 1.0, depth))
        }
        MaskShape::Box(face) => {
            let [cx, cy] = face.centre();
            let [a, b] = [face.width(), face.height()].map(|side| f64::from(side) / 2.0);
            let away = move |[x, y]: [f64; 2]| ((x - cx) / a).hypot((y - cy) / b);
            let depth = move |p| (1.0 - away(p)) * a.min(b) + 0.5;
            Ok(fading(picture, 1.0, depth))
        }
    }
}

/// The head of a body whose joints are in OpenPose's order (nose, neck, …, right eye, left eye, right
/// ear, left ear); `None` for a joint that is not seen.
///
/// Its size follows from the distances that are seen, by the proportions of a grown head; turned heads
/// shorten some of them, so the largest estimate counts.
///
/// # Errors
/// Too little of the head is seen to tell where it is and how large.
pub fn head_of_body(joints: &[Option<[f32; 2]>; 18]) -> Result<FaceBox> {
    let seen: Vec<[f32; 2]> = HEAD.iter().filter_map(|&joint| joints[joint]).collect();
    let radius = HEAD_RADII.iter().filter_map(|&(from, to, radius)| {
        let (from, to) = (joints[from]?, joints[to]?);
        Some(radius * (from[0] - to[0]).hypot(from[1] - to[1]))
    });
    let radius = radius.fold(0.0, f32::max);
    let unseen = || {
        let why =
            "the head is not seen: needs two of nose, neck, eyes and ears, apart from each other";
        Error::invalid("skeleton", why)
    };
    if seen.is_empty() || radius < 0.5 {
        return Err(unseen());
    }
    let [x, y] = [0, 1].map(|axis| seen.iter().map(|p| p[axis]).sum::<f32>() / seen.len() as f32);
    FaceBox::new(x - radius, y - radius, x + radius, y + radius)
}

/// Nose, eyes, ears.
const HEAD: [usize; 5] = [0, 14, 15, 16, 17];

/// Pairs of joints, and the radius of a head (half its height, 115 mm) in units of their distance.
const HEAD_RADII: [(usize, usize, f32); 5] = [
    (0, 1, 0.55),  // nose to neck
    (14, 15, 1.8), // eye to eye
    (16, 17, 0.8), // ear to ear
    (14, 16, 1.2), // eye to ear, of a profile
    (15, 17, 1.2),
];

#[cfg(test)]
mod tests {
    use super::super::photograph::face;
    use super::*;

    #[test]
    fn a_face_covers_its_box_and_its_landmarks() {
        let (bounds, landmarks) = face();
        let inside = |mask: &Array2<f32>, [x, y]: [f32; 2]| mask[[y as usize, x as usize]];
        for shape in [MaskShape::Box(&bounds), MaskShape::Landmarks(&landmarks)] {
            let mask = face_region(shape, [256, 200]).unwrap();
            assert_eq!(mask.dim(), (200, 256));
            for point in landmarks.points() {
                assert_eq!(inside(&mask, point), 1.0, "{point:?}");
            }
            assert_eq!(inside(&mask, [20.0, 20.0]), 0.0);
            let soft = mask.iter().filter(|w| **w > 0.0 && **w < 1.0).count();
            let hard = mask.iter().filter(|w| **w == 1.0).count();
            assert!(soft * 8 < hard, "{soft} soft, {hard} hard");
        }
        let elsewhere = FaceBox::new(300.0, 0.0, 330.0, 30.0).unwrap();
        let mask = face_region(MaskShape::Box(&elsewhere), [256, 200]).unwrap();
        assert!(mask.iter().all(|&weight| weight == 0.0));
        let mask = Array2::ones((3, 4));
        assert!(face_region(MaskShape::Given(&mask), [3, 4]).is_err());
        assert_eq!(face_region(MaskShape::Given(&mask), [4, 3]).unwrap(), mask);
    }

    #[test]
    fn a_head_is_found_from_any_two_of_its_joints() {
        // Millimetres of a grown person who looks at the camera.
        let mut joints = [None; 18];
        joints[0] = Some([0.0, 0.0]);
        joints[1] = Some([0.0, 210.0]);
        joints[14] = Some([-32.0, -40.0]);
        joints[15] = Some([32.0, -40.0]);
        joints[16] = Some([-72.0, -20.0]);
        joints[17] = Some([72.0, -20.0]);
        let whole = head_of_body(&joints).unwrap();
        assert!((whole.height() / 2.0 - 115.0).abs() < 6.0, "{whole:?}");
        for hidden in [vec![1], vec![16, 17], vec![14, 15], vec![14, 15, 16, 17]] {
            let mut some = joints;
            hidden.iter().for_each(|&joint| some[joint] = None);
            let head = head_of_body(&some).unwrap();
            assert!(
                (head.height() / 2.0 - 115.0).abs() < 6.0,
                "{hidden:?}: {head:?}"
            );
            let gap = [0, 1].map(|axis| head.centre()[axis] - whole.centre()[axis]);
            assert!(gap[0].hypot(gap[1]) < 30.0, "{hidden:?}: {head:?}");
        }
        let mut alone = [None; 18];
        assert!(head_of_body(&alone).is_err());
        alone[0] = joints[0];
        let error = head_of_body(&alone).unwrap_err().to_string();
        assert!(error.contains("head is not seen"), "{error}");
        alone[1] = alone[0];
        assert!(head_of_body(&alone).is_err());
        alone[1] = Some([f32::NAN, 0.0]);
        assert!(head_of_body(&alone).is_err());
    }
}

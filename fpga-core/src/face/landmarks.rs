//! Five points of a face.

use serde::{Deserialize, Serialize};

use super::face_box::FaceBox;
use crate::error::{Error, Result};

/// Two eyes, nose tip, two mouth corners, in picture pixels; points may lie outside the picture.
///
/// The order is that of detectors and of ArcFace. "Left" is what a viewer of the upright face sees
/// on the left; on a head turned upside down that eye is at the right of the picture.
/// In JSON: `[[x, y], …]`, five pairs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "[[f32; 2]; 5]", into = "[[f32; 2]; 5]")]
pub struct Landmarks5([[f32; 2]; 5]);

impl Landmarks5 {
    /// From left eye, right eye, nose tip, left and right mouth corner.
    ///
    /// # Errors
    /// If a coordinate is not finite, or if eyes and mouth are all in one place.
    pub fn new(points: [[f32; 2]; 5]) -> Result<Self> {
        if !points.iter().flatten().all(|value| value.is_finite()) {
            let why = format!("coordinates must be finite, found {points:?}");
            return Err(Error::invalid("landmarks", why));
        }
        let landmarks = Self(points);
        if landmarks.extent() < 1e-3 {
            let why = format!("eyes and mouth are all in one place: {points:?}");
            return Err(Error::invalid("landmarks", why));
        }
        Ok(landmarks)
    }

    /// Left eye, right eye, nose tip, left and right mouth corner.
    pub fn points(&self) -> [[f32; 2]; 5] {
        self.0
    }

    /// The same, in double precision.
    pub(super) fn exact(&self) -> [[f64; 2]; 5] {
        self.0.map(|point| point.map(f64::from))
    }

    /// Angle of the line from the left to the right eye, in radians; 0 = level, positive = the
    /// right eye is lower. 0 where a profile puts both eyes in one place.
    pub fn eye_angle(&self) -> f64 {
        let [left, right, ..] = self.exact();
        let [dx, dy] = [right[0] - left[0], right[1] - left[1]];
        match dx.hypot(dy) > 0.1 * self.extent() {
            true => dy.atan2(dx),
            false => 0.0,
        }
    }

    /// The larger of eye distance and eye-to-mouth distance: a size that profiles do not shrink.
    pub fn extent(&self) -> f64 {
        let [left_eye, right_eye, _, left_mouth, right_mouth] = self.exact();
        let eyes = middle(left_eye, right_eye);
        let mouth = middle(left_mouth, right_mouth);
        let distance = |p: [f64; 2], q: [f64; 2]| (p[0] - q[0]).hypot(p[1] - q[1]);
        distance(left_eye, right_eye).max(distance(eyes, mouth))
    }

    /// # Errors
    /// If the middle of the five points is farther from the box than half its size: the two then
    /// do not belong to one face.
    pub fn check_within(&self, face: &FaceBox) -> Result<()> {
        let points = self.exact();
        let [x, y] = [0, 1].map(|axis| points.iter().map(|p| p[axis]).sum::<f64>() / 5.0);
        let [cx, cy] = face.centre();
        let (width, height) = (f64::from(face.width()), f64::from(face.height()));
        if (x - cx).abs() > width || (y - cy).abs() > height {
            let why = format!(
                "centre ({x:.1}, {y:.1}) is far from the face box {:?}",
                face.edges()
            );
            return Err(Error::invalid("landmarks", why));
        }
        Ok(())
    }
}

fn middle(p: [f64; 2], q: [f64; 2]) -> [f64; 2] {
    [(p[0] + q[0]) / 2.0, (p[1] + q[1]) / 2.0]
}

impl TryFrom<[[f32; 2]; 5]> for Landmarks5 {
    type Error = Error;

    fn try_from(points: [[f32; 2]; 5]) -> Result<Self> {
        Self::new(points)
    }
}

impl From<Landmarks5> for [[f32; 2]; 5] {
    fn from(landmarks: Landmarks5) -> Self {
        landmarks.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACE: [[f32; 2]; 5] = [
        [30.0, 40.0],
        [70.0, 40.0],
        [50.0, 60.0],
        [35.0, 80.0],
        [65.0, 80.0],
    ];

    #[test]
    fn angle_follows_the_face_all_the_way_round() {
        for degrees in [-170.0f64, -90.0, -20.0, 0.0, 14.0, 90.0, 180.0] {
            let (sine, cosine) = degrees.to_radians().sin_cos();
            let turned = FACE.map(|[x, y]| {
                let (x, y) = (f64::from(x), f64::from(y));
                [
                    (cosine * x - sine * y) as f32,
                    (sine * x + cosine * y) as f32,
                ]
            });
            let found = Landmarks5::new(turned).unwrap().eye_angle().to_degrees();
            assert!((found - degrees).abs() < 1e-4, "{degrees}: {found}");
        }
    }

    #[test]
    fn a_profile_has_an_extent_and_no_angle() {
        let profile = Landmarks5::new([
            [50.0, 40.0],
            [51.0, 43.0],
            [70.0, 60.0],
            [55.0, 80.0],
            [55.0, 80.0],
        ])
        .unwrap();
        assert!(
            (profile.extent() - 38.76).abs() < 0.01,
            "{}",
            profile.extent()
        );
        assert_eq!(profile.eye_angle(), 0.0);
    }

    #[test]
    fn refuses_points_that_are_no_face() {
        assert!(Landmarks5::new([[5.0, 5.0]; 5]).is_err());
        let mut broken = FACE;
        broken[3][1] = f32::INFINITY;
        assert!(Landmarks5::new(broken).is_err());
        let landmarks = Landmarks5::new(FACE).unwrap();
        assert!(
            landmarks
                .check_within(&FaceBox::new(20.0, 20.0, 80.0, 95.0).unwrap())
                .is_ok()
        );
        assert!(
            landmarks
                .check_within(&FaceBox::new(120.0, 20.0, 180.0, 95.0).unwrap())
                .is_err()
        );
    }
}

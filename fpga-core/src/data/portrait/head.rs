//! From a face seen from the front to the same face turned, tilted and placed in the picture.
//!
//! A point (u, v) of the frontal face gets a depth from the face's relief and is then turned about
//! three axes and projected in parallel: features near the turned-to side keep their width, those at
//! the far side are foreshortened, and the nose moves most.

use super::curve::Point;
use super::pose::Pose;
use crate::data::draws::sin_cos;

/// Depth of the face's middle over its rim.
const RELIEF: f32 = 0.58;
/// The neck, about which a head tilts.
const PIVOT: f32 = 1.05;

#[derive(Clone, Debug)]
pub(super) struct Head {
    centre: Point,
    unit: f32,
    /// Half the face's width.
    width: f32,
    yaw: (f32, f32),
    pitch: (f32, f32),
    roll: (f32, f32),
}

impl Head {
    /// For a face of half width `width`.
    pub(super) fn new(pose: &Pose, width: f32) -> Self {
        Self {
            centre: pose.centre,
            unit: pose.unit,
            width,
            yaw: sin_cos(pose.yaw),
            pitch: sin_cos(pose.pitch),
            roll: sin_cos(pose.roll),
        }
    }

    /// Half a head's height in pixels.
    pub(super) fn unit(&self) -> f32 {
        self.unit
    }

    /// Sine of the angle by which the face looks to the viewer's right.
    pub(super) fn turn(&self) -> f32 {
        self.yaw.0
    }

    /// A point at its own depth.
    pub(super) fn point(&self, [u, v, w]: [f32; 3]) -> Point {
        let (sin, cos) = self.yaw;
        let (x, depth) = (u * cos + w * sin, w * cos - u * sin);
        let (sin, cos) = self.pitch;
        let y = v * cos - depth * sin;
        let (sin, cos) = self.roll;
        let below = y - PIVOT;
        [
            self.centre[0] + self.unit * (x * cos - below * sin),
            self.centre[1] + self.unit * (PIVOT + x * sin + below * cos),
        ]
    }

    /// Depth of the face at (u, v): a dome that ends at its outline.
    fn relief(&self, u: f32, v: f32) -> f32 {
        let across = u / self.width;
        RELIEF * (1.0 - across * across - 0.36 * v * v).max(0.0)
    }

    /// A point on the face.
    pub(super) fn on(&self, [u, v]: [f32; 2]) -> Point {
        self.above([u, v], 0.0)
    }

    /// A point over the face.
    pub(super) fn above(&self, [u, v]: [f32; 2], height: f32) -> Point {
        self.point([u, v, self.relief(u, v) + height])
    }

    /// Points on the face.
    pub(super) fn all<const N: usize>(&self, points: [[f32; 2]; N]) -> [Point; N] {
        points.map(|point| self.on(point))
    }

    /// Points at their own depth.
    pub(super) fn solid<const N: usize>(&self, points: [[f32; 3]; N]) -> [Point; N] {
        points.map(|point| self.point(point))
    }

    /// A length in pixels.
    pub(super) fn length(&self, units: f32) -> f32 {
        units * self.unit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turned(yaw: f32, pitch: f32, roll: f32) -> Head {
        let mut pose = Pose::frontal([100.0, 80.0], 20.0);
        (pose.yaw, pose.pitch, pose.roll) = (yaw, pitch, roll);
        Head::new(&pose, 0.85)
    }

    #[test]
    fn seen_from_the_front_nothing_moves() {
        assert_eq!(turned(0.0, 0.0, 0.0).on([0.5, -0.25]), [110.0, 75.0]);
    }

    #[test]
    fn turning_moves_the_middle_most_and_to_the_side_it_looks() {
        let head = turned(0.4, 0.0, 0.0);
        let [middle, rim] = [[0.0, 0.0], [-0.8, 0.0]]
            .map(|p: [f32; 2]| head.on(p)[0] - turned(0.0, 0.0, 0.0).on(p)[0]);
        assert!(middle > 4.0 && rim > 0.0 && rim < middle, "{middle} {rim}");
        assert!(turned(0.0, 0.2, 0.0).on([0.0, 0.0])[1] < 80.0);
        let [x, _] = turned(0.0, 0.0, 0.2).on([0.0, -1.0]);
        assert!(
            x > 105.0,
            "a roll to the right moves the crown to the right: {x}"
        );
    }
}

//! Eighteen joints of a body.

use serde::{Deserialize, Serialize};

/// Joints in OpenPose's order, in picture pixels; those that are not seen are `None`.
///
/// Nose, neck; right shoulder, elbow, wrist; left ones; right hip, knee, ankle; left ones; right eye,
/// left eye, right ear, left ear. Unlike in [`Landmarks5`](crate::face::Landmarks5), sides are the
/// person's own. In JSON: eighteen times `[x, y, score]`, with score 0 for what is not seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "[[f32; 3]; 18]", into = "[[f32; 3]; 18]")]
pub struct Skeleton18(pub [Option<[f32; 2]>; 18]);

impl From<[[f32; 3]; 18]> for Skeleton18 {
    fn from(points: [[f32; 3]; 18]) -> Self {
        Self(points.map(|[x, y, score]| (score > 0.0).then_some([x, y])))
    }
}

impl From<Skeleton18> for [[f32; 3]; 18] {
    fn from(skeleton: Skeleton18) -> Self {
        skeleton
            .0
            .map(|joint| joint.map_or([0.0; 3], |[x, y]| [x, y, 1.0]))
    }
}

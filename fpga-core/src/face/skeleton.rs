//! Where a body's joints are: OpenPose's 18 points, and the feet, face and hands of whole-body models.
//!
//! A point that the network did not see still has coordinates; its score says whether to believe them.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// A point with how sure the network is of it.
///
/// In JSON: `[x, y, score]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "[f32; 3]", into = "[f32; 3]")]
pub struct Keypoint {
    /// To the right, in picture pixels.
    pub x: f32,
    /// Down, in picture pixels.
    pub y: f32,
    /// Usually 0–1; 0 = not seen.
    pub score: f32,
}

/// Scores above it count as seen, as DWPose draws it.
pub const SEEN: f32 = 0.3;

impl Keypoint {
    /// Its place, if its score is above `threshold`.
    pub fn seen(&self, threshold: f32) -> Option<[f32; 2]> {
        (self.score > threshold).then_some([self.x, self.y])
    }
}

impl From<[f32; 3]> for Keypoint {
    fn from([x, y, score]: [f32; 3]) -> Self {
        Self { x, y, score }
    }
}

impl From<Keypoint> for [f32; 3] {
    fn from(point: Keypoint) -> Self {
        [point.x, point.y, point.score]
    }
}

/// One person. "Right" and "left" are the person's own.
#[derive(Clone, Debug, PartialEq)]
pub struct Skeleton {
    /// OpenPose's order: nose; neck; right shoulder, elbow, wrist; the left ones; right hip, knee,
    /// ankle; the left ones; right eye, left eye, right ear, left ear.
    pub body: [Keypoint; 18],
    /// From whole-body models.
    pub extremities: Option<Box<Extremities>>,
}

/// Feet, face and hands of one person.
#[derive(Clone, Debug, PartialEq)]
pub struct Extremities {
    /// Left big toe, small toe and heel, then the right ones.
    pub feet: [Keypoint; 6],
    /// In the order of [`LandmarkOrder::Ibug68`](super::LandmarkOrder).
    pub face: [Keypoint; 68],
    /// Left hand, right hand: the wrist, then four points of each finger from the thumb on.
    pub hands: [[Keypoint; 21]; 2],
}

impl Skeleton {
    /// Places of the body's points whose score is above `threshold` (usually [`SEEN`]).
    pub fn visible_body(&self, threshold: f32) -> [Option<[f32; 2]>; 18] {
        self.body.map(|point| point.seen(threshold))
    }

    /// Body, feet, face, left hand, right hand in one list: 18 or 134 points.
    pub fn points(&self) -> Vec<Keypoint> {
        let mut points = self.body.to_vec();
        if let Some(rest) = &self.extremities {
            points.extend(rest.feet);
            points.extend(rest.face);
            points.extend(rest.hands.iter().flatten());
        }
        points
    }

    /// The way back from [`points`](Self::points); `None` unless there are 18 or 134.
    pub fn from_points(points: &[Keypoint]) -> Option<Self> {
        let (body, rest) = points.split_first_chunk()?;
        let extremities = match rest.is_empty() {
            true => None,
            false => Some(Box::new(Extremities::from_points(rest)?)),
        };
        Some(Self {
            body: *body,
            extremities,
        })
    }
}

impl Extremities {
    fn from_points(points: &[Keypoint]) -> Option<Self> {
        let (feet, rest) = points.split_first_chunk()?;
        let (face, rest) = rest.split_first_chunk()?;
        let (left, right) = rest.split_first_chunk()?;
        Some(Self {
            feet: *feet,
            face: *face,
            hands: [*left, right.try_into().ok()?],
        })
    }
}

impl Serialize for Skeleton {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.points().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Skeleton {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let points = Vec::<Keypoint>::deserialize(deserializer)?;
        Self::from_points(&points).ok_or_else(|| {
            let needed = &"18 points, or 134 with feet, face and hands";
            serde::de::Error::invalid_length(points.len(), needed)
        })
    }
}

/// Finds the people of a picture.
///
/// Any `Fn(&RgbImage) -> Result<Vec<Skeleton>>` is one.
pub trait PoseEstimator: Send + Sync {
    /// One skeleton per person; none is no error.
    ///
    /// # Errors
    /// What the estimator cannot do.
    fn poses(&self, picture: &RgbImage) -> Result<Vec<Skeleton>>;
}

impl<F> PoseEstimator for F
where
    F: Fn(&RgbImage) -> Result<Vec<Skeleton>> + Send + Sync,
{
    fn poses(&self, picture: &RgbImage) -> Result<Vec<Skeleton>> {
        self(picture)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(count: usize) -> Vec<Keypoint> {
        let point = |i| Keypoint::from([i as f32, 0.5, i as f32 / 100.0]);
        (0..count).map(point).collect()
    }

    #[test]
    fn lists_split_into_parts_and_join_again() {
        let whole = Skeleton::from_points(&points(134)).unwrap();
        let rest = whole.extremities.as_ref().unwrap();
        let starts = [
            whole.body[0],
            rest.feet[0],
            rest.face[0],
            rest.hands[0][0],
            rest.hands[1][0],
        ];
        assert_eq!(starts.map(|point| point.x), [0.0, 18.0, 24.0, 92.0, 113.0]);
        assert_eq!(whole.points(), points(134));
        let json = serde_json::to_string(&whole).unwrap();
        assert_eq!(serde_json::from_str::<Skeleton>(&json).unwrap(), whole);
        for count in [0, 17, 19, 133, 135] {
            assert!(Skeleton::from_points(&points(count)).is_none(), "{count}");
        }
        assert!(serde_json::from_str::<Skeleton>("[[1, 2, 3]]").is_err());
    }

    #[test]
    fn unsure_points_are_not_seen() {
        let body = Skeleton::from_points(&points(18)).unwrap();
        assert!(body.extremities.is_none());
        assert_eq!(body.visible_body(0.095).iter().flatten().count(), 8);
        assert_eq!(body.visible_body(SEEN), [None; 18]);
        assert_eq!(body.visible_body(0.16)[17], Some([17.0, 0.5]));
    }
}

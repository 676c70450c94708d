//! COCO-WholeBody's 133 points in OpenPose's order, as DWPose turns them.

use super::skeleton::{Keypoint, SEEN, Skeleton};
use crate::error::{Error, Result};

/// Points of COCO-WholeBody: body 17, feet 6, face 68, hands 42.
pub const WHOLE_BODY_POINTS: usize = 133;
/// COCO's points of the body.
const COCO_BODY: usize = 17;
/// COCO's shoulders, whose middle is OpenPose's neck.
const SHOULDERS: [usize; 2] = [5, 6];
/// OpenPose's points 1–17 in COCO's numbers; 17 stands for the neck, which is made, and OpenPose's 0 is
/// COCO's nose, 0.
const BODY: [usize; 18] = [0, 17, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3];

/// One person.
///
/// The neck is seen exactly if both shoulders are.
///
/// # Errors
/// Unless there are 133 points.
pub fn from_whole_body(points: &[Keypoint]) -> Result<Skeleton> {
    if points.len() != WHOLE_BODY_POINTS {
        let needed = "133 (COCO-WholeBody)";
        return Err(Error::shape("points of a person", needed, points.len()));
    }
    let [left, right] = SHOULDERS.map(|index| points[index]);
    let both = left.score > SEEN && right.score > SEEN;
    let neck = Keypoint {
        x: (left.x + right.x) / 2.0,
        y: (left.y + right.y) / 2.0,
        score: if both { 1.0 } else { 0.0 },
    };
    let body = BODY.map(|index| {
        if index == COCO_BODY {
            neck
        } else {
            points[index]
        }
    });
    let all: Vec<Keypoint> = body
        .into_iter()
        .chain(points[COCO_BODY..].iter().copied())
        .collect();
    Skeleton::from_points(&all)
        .ok_or_else(|| Error::shape("points of a person", "134 with the neck", all.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_renumbered_and_get_a_neck() {
        let point = |i: usize| Keypoint::from([i as f32, 2.0 * i as f32, 0.9]);
        let mut points: Vec<Keypoint> = (0..133).map(point).collect();
        let person = from_whole_body(&points).unwrap();
        let order = person.body.map(|point| point.x);
        let wanted = [
            0.0, 5.5, 6.0, 8.0, 10.0, 5.0, 7.0, 9.0, 12.0, 14.0, 16.0, 11.0, 13.0, 15.0, 2.0, 1.0,
            4.0, 3.0,
        ];
        assert_eq!(order, wanted);
        assert_eq!(person.body[1], Keypoint::from([5.5, 11.0, 1.0]));
        let rest = person.extremities.unwrap();
        assert_eq!(
            (rest.feet[0].x, rest.face[0].x, rest.hands[1][20].x),
            (17.0, 23.0, 132.0)
        );

        points[6].score = 0.3;
        assert_eq!(from_whole_body(&points).unwrap().body[1].score, 0.0);
        assert!(from_whole_body(&points[1..]).is_err());
    }
}

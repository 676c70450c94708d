//! Where landmarks and joints are, read off the same geometry that is painted.

use super::Sitter;
use super::body::{Joints, joints};
use super::eyes;
use super::mouth::Lips;
use crate::data::portrait::curve::Point;
use crate::face::{Keypoint, Skeleton};

/// A far ear is hidden when the head is turned more than this (sine).
const EAR_HIDES: f32 = 0.36;

pub(in crate::data::portrait) struct Truth {
    pub(in crate::data::portrait) landmarks: [Point; 5],
    pub(in crate::data::portrait) skeleton: Skeleton,
}

pub(in crate::data::portrait) fn read(sitter: &Sitter, size: [u32; 2]) -> Truth {
    let Sitter {
        head,
        person,
        expression,
        ..
    } = sitter;
    let eyes = [-1.0, 1.0].map(|side| eyes::centre(sitter, side));
    let nose = head.above([0.0, person.nose.tip], person.nose.relief);
    let corners = Lips::new(head, &person.mouth, expression).corners();
    Truth {
        landmarks: [eyes[0], eyes[1], nose, corners[0], corners[1]],
        skeleton: skeleton(sitter, (eyes, nose), size),
    }
}

fn skeleton(sitter: &Sitter, (eyes, nose): ([Point; 2], Point), size: [u32; 2]) -> Skeleton {
    let Sitter { head, person, .. } = sitter;
    let Joints {
        neck,
        shoulders,
        elbows,
        wrists,
        hips,
        knees,
        ankles,
    } = joints(person, sitter.pose);
    let ears = [-1.0_f32, 1.0].map(|side| {
        let ear = head.point([
            side * (person.face.width + 0.03),
            person.eyes.height + 0.10,
            -0.02,
        ]);
        (head.turn() * side < EAR_HIDES).then_some(ear)
    });
    let inside = |point: Point| {
        let within = |value: f32, side: u32| value >= 0.0 && value < side as f32;
        (within(point[0], size[0]) && within(point[1], size[1])).then_some(point)
    };
    // A person who faces the viewer has the right arm on the viewer's left.
    let [right, left] = [0, 1];
    let limb = |joints: [[Point; 2]; 3], side: usize| joints.map(|pair| inside(pair[side]));
    let arms = [shoulders, elbows, wrists];
    let legs = [hips, knees, ankles];
    let mut all = vec![inside(nose), inside(neck)];
    all.extend(limb(arms, right));
    all.extend(limb(arms, left));
    all.extend(limb(legs, right));
    all.extend(limb(legs, left));
    all.extend(eyes.map(inside));
    all.extend(ears.map(|ear| ear.and_then(inside)));
    let keypoint = |joint: Option<Point>| {
        joint.map_or(Keypoint::default(), |[x, y]| Keypoint { x, y, score: 1.0 })
    };
    let body: Vec<_> = all.into_iter().map(keypoint).collect();
    Skeleton {
        body: body.try_into().expect("eighteen joints are listed above"),
        extremities: None,
    }
}

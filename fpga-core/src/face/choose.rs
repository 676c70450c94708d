//! Which of the faces that were found count, and in which order: plain rules on boxes and scores.

use serde::{Deserialize, Serialize};

use super::detection::DetectedFace;
use crate::error::{Error, Result};

/// What faces must be to be worked on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaceFilter {
    /// Smallest detection score.
    pub min_score: f32,
    /// Smallest larger side of the box, in pixels.
    pub min_size: f32,
    /// Largest larger side of the box, in pixels; `None`: any.
    pub max_size: Option<f32>,
    /// How many at most; the largest stay.
    pub most: Option<usize>,
    /// The order of those that stay.
    pub order: FaceOrder,
}

/// An order of faces. Faces that are alike in it stay as the detector gave them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaceOrder {
    /// By the middle of the box.
    #[default]
    LeftToRight,
    /// By the area of the box.
    LargestFirst,
    /// By score.
    SurestFirst,
}

/// Why a face does not count.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// The detector is not sure enough.
    Unsure,
    /// Its box is too small.
    TooSmall,
    /// Its box is too large.
    TooLarge,
    /// There are enough larger ones.
    TooMany,
}

/// Faces that count and faces that do not: together all that were given.
#[derive(Clone, Debug, PartialEq)]
pub struct ChosenFaces {
    /// In the filter's order.
    pub kept: Vec<DetectedFace>,
    /// In the detector's order.
    pub dropped: Vec<(DetectedFace, DropReason)>,
}

impl Default for FaceFilter {
    /// All faces, from left to right.
    fn default() -> Self {
        Self {
            min_score: 0.0,
            min_size: 0.0,
            max_size: None,
            most: None,
            order: FaceOrder::default(),
        }
    }
}

impl FaceFilter {
    /// # Errors
    /// If a limit is NaN, or sizes leave nothing between them.
    pub fn check(&self) -> Result<()> {
        let largest = self.max_size.unwrap_or(f32::INFINITY);
        if self.min_score.is_nan() || !(self.min_size <= largest) {
            let why = format!("limits leave no face: {self:?}");
            return Err(Error::invalid("face filter", why));
        }
        Ok(())
    }

    /// Sorts faces into those that count and those that do not.
    pub fn choose(&self, faces: &[DetectedFace]) -> ChosenFaces {
        let (mut kept, mut dropped) = (Vec::new(), Vec::new());
        for face in faces {
            match self.refuses(face) {
                None => kept.push(*face),
                Some(reason) => dropped.push((*face, reason)),
            }
        }
        if let Some(most) = self.most {
            FaceOrder::LargestFirst.sort(&mut kept);
            let rest = kept.split_off(most.min(kept.len()));
            dropped.extend(rest.into_iter().map(|face| (face, DropReason::TooMany)));
        }
        self.order.sort(&mut kept);
        ChosenFaces { kept, dropped }
    }

    fn refuses(&self, face: &DetectedFace) -> Option<DropReason> {
        let size = face.bounds.width().max(face.bounds.height());
        if face.score < self.min_score {
            Some(DropReason::Unsure)
        } else if size < self.min_size {
            Some(DropReason::TooSmall)
        } else if self.max_size.is_some_and(|largest| size > largest) {
            Some(DropReason::TooLarge)
        } else {
            None
        }
    }
}

impl FaceOrder {
    fn sort(self, faces: &mut [DetectedFace]) {
        match self {
            Self::LeftToRight => {
                faces.sort_by(|p, q| p.bounds.centre()[0].total_cmp(&q.bounds.centre()[0]));
            }
            Self::LargestFirst => faces.sort_by(|p, q| q.area().total_cmp(&p.area())),
            Self::SurestFirst => faces.sort_by(|p, q| q.score.total_cmp(&p.score)),
        }
    }
}

/// Two faces of which the smaller has at least this share of the larger one's area are alike in size.
const ALIKE: f32 = 0.9;

/// The face that a person's reference picture is about: the largest.
///
/// # Errors
/// If there is none, or if two are alike in size: the caller must then say which.
pub fn reference_face(faces: &[DetectedFace]) -> Result<&DetectedFace> {
    let by_area = |p: &&DetectedFace, q: &&DetectedFace| p.area().total_cmp(&q.area());
    let Some(largest) = faces.iter().max_by(by_area) else {
        return Err(Error::invalid("reference picture", "shows no face"));
    };
    let alike = |face: &&DetectedFace| face.area() >= ALIKE * largest.area();
    let rivals: Vec<_> = faces
        .iter()
        .filter(alike)
        .map(|face| face.bounds.edges())
        .collect();
    if rivals.len() > 1 {
        let why = format!("shows several faces of one size, at {rivals:?}; say which one is meant");
        return Err(Error::invalid("reference picture", why));
    }
    Ok(largest)
}

#[cfg(test)]
mod tests {
    use super::super::face_box::FaceBox;
    use super::*;

    fn face(x: f32, side: f32, score: f32) -> DetectedFace {
        DetectedFace {
            bounds: FaceBox::new(x, 10.0, x + side, 10.0 + 0.5 * side).unwrap(),
            landmarks: None,
            score,
        }
    }

    fn lefts(faces: &[DetectedFace]) -> Vec<f32> {
        faces.iter().map(|face| face.bounds.edges()[0]).collect()
    }

    #[test]
    fn every_face_is_kept_or_dropped_with_a_reason() {
        let faces = [
            face(300.0, 40.0, 0.9),
            face(10.0, 80.0, 0.6),
            face(90.0, 20.0, 0.8),
            face(200.0, 60.0, 0.7),
            face(150.0, 400.0, 0.95),
            face(50.0, 50.0, 0.2),
        ];
        let filter = FaceFilter {
            min_score: 0.5,
            min_size: 24.0,
            max_size: Some(200.0),
            most: Some(2),
            order: FaceOrder::LeftToRight,
        };
        let chosen = filter.choose(&faces);
        assert_eq!(lefts(&chosen.kept), [10.0, 200.0]);
        let dropped: Vec<_> = chosen
            .dropped
            .iter()
            .map(|(face, why)| (face.bounds.edges()[0], *why))
            .collect();
        let wanted = [
            (90.0, DropReason::TooSmall),
            (150.0, DropReason::TooLarge),
            (50.0, DropReason::Unsure),
            (300.0, DropReason::TooMany),
        ];
        assert_eq!(dropped, wanted);

        let ordered = |order| {
            lefts(
                &FaceFilter {
                    order,
                    ..FaceFilter::default()
                }
                .choose(&faces)
                .kept,
            )
        };
        assert_eq!(
            ordered(FaceOrder::LeftToRight),
            [10.0, 50.0, 90.0, 200.0, 300.0, 150.0]
        );
        assert_eq!(
            ordered(FaceOrder::LargestFirst),
            [150.0, 10.0, 200.0, 50.0, 300.0, 90.0]
        );
        assert_eq!(
            ordered(FaceOrder::SurestFirst),
            [150.0, 300.0, 90.0, 200.0, 10.0, 50.0]
        );
    }

    #[test]
    fn limits_that_leave_nothing_are_refused() {
        let filter = |min_size, max_size| FaceFilter {
            min_size,
            max_size,
            ..FaceFilter::default()
        };
        assert!(filter(24.0, None).check().is_ok());
        assert!(filter(24.0, Some(24.0)).check().is_ok());
        for broken in [
            filter(24.0, Some(20.0)),
            filter(f32::NAN, None),
            filter(0.0, Some(f32::NAN)),
        ] {
            assert!(broken.check().is_err(), "{broken:?}");
        }
    }

    #[test]
    fn a_reference_picture_is_about_its_largest_face() {
        let faces = [face(0.0, 40.0, 0.9), face(100.0, 60.0, 0.5)];
        assert_eq!(reference_face(&faces).unwrap().bounds.edges()[0], 100.0);
        let none = reference_face(&[]).unwrap_err().to_string();
        assert_eq!(none, "reference picture: shows no face");
        let twins = reference_face(&[face(0.0, 60.0, 0.9), face(100.0, 61.0, 0.5)]).unwrap_err();
        assert!(
            twins.to_string().contains("several faces of one size"),
            "{twins}"
        );
    }
}

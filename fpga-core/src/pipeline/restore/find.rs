//! The faces of a picture when the request names none: found, filtered, and told apart.
//!
//! Nobody is dropped in silence: whoever the detector saw is either worked on or listed with the reason
//! why not, and people whom no face belongs to are listed too. A picture without faces is no error; it
//! comes back as it was, with a report that says so.

use std::fmt;

use image::RgbImage;
use serde::Serialize;

use super::person::FaceIdentity;
use super::request::Face;
use crate::error::{Context, Result};
use crate::face::{
    Assigned, AssignmentRules, DetectedFace, DropReason, FaceBox, FaceDetector, FaceEmbedder,
    FaceEmbedding, FaceFilter, KnownPerson, Sighting, assign_faces,
};
use crate::pipeline::prompt::Prompt;

/// Finds the faces to restore.
#[derive(Clone)]
pub struct FaceSearch<'a> {
    /// Finds all faces.
    pub detector: &'a dyn FaceDetector,
    /// Which of them are worked on, and in which order.
    pub filter: FaceFilter,
    /// Whose faces are worked on, and what they shall look like; all others then stay as they are.
    /// Empty: every face is, as the request's prompt says.
    pub people: Vec<SoughtPerson>,
    /// Tells whose face is whose, for people who are known by their faces.
    pub embedder: Option<&'a dyn FaceEmbedder>,
    /// How much evidence that takes.
    pub rules: AssignmentRules,
}

/// Someone whose face may be in the picture: known by their face, by their place, or by both.
#[derive(Clone, Debug, Default)]
pub struct SoughtPerson {
    /// What they look like.
    pub embedding: Option<FaceEmbedding>,
    /// Where they are: the face there becomes theirs, whoever's it was.
    pub place: Option<FaceBox>,
    /// What their face shall show.
    pub identity: Option<FaceIdentity>,
    /// What it looks like; `None`: the request's prompt.
    pub prompt: Option<Prompt>,
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct FoundFaces {
    /// To be worked on, in this order.
    pub faces: Vec<Face>,
    /// How it came to these.
    pub report: SearchReport,
}

/// How the faces of a job were found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SearchReport {
    /// Faces that the detector saw.
    pub detected: usize,
    /// Whose the worked-on faces are, face by face; `None` where nobody in particular was sought.
    pub assigned: Vec<Option<Assigned>>,
    /// The other faces.
    pub left: Vec<LeftFace>,
    /// People whom no face belongs to: places in the list of those who were sought.
    pub absent: Vec<usize>,
}

/// A face that is not worked on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LeftFace {
    /// As the detector saw it.
    pub face: DetectedFace,
    /// Why it stays.
    pub reason: LeftReason,
}

/// Why a face is not worked on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftReason {
    /// The filter says so.
    Filtered(DropReason),
    /// Its box lies outside the picture.
    Outside,
    /// It is nobody's who is sought.
    Unknown,
}

impl<'a> FaceSearch<'a> {
    /// Every face, from left to right.
    pub fn new(detector: &'a dyn FaceDetector) -> Self {
        Self {
            detector,
            filter: FaceFilter::default(),
            people: Vec::new(),
            embedder: None,
            rules: AssignmentRules::default(),
        }
    }

    /// Looks at a picture.
    ///
    /// # Errors
    /// What the detector or the embedder cannot do; what [`FaceFilter::check`] and [`assign_faces`]
    /// refuse.
    pub fn find(&self, picture: &RgbImage) -> Result<FoundFaces> {
        self.filter.check()?;
        let detected = self.detector.detect(picture).context(|| "finding faces")?;
        let (width, height) = picture.dimensions();
        let inside = |face: &DetectedFace| face.bounds.clip(width, height).is_ok();
        let (inside, outside): (Vec<_>, Vec<_>) = detected.iter().copied().partition(inside);
        let chosen = self.filter.choose(&inside);

        let left = |reason| move |face| LeftFace { face, reason };
        let dropped = chosen.dropped.into_iter();
        let dropped = dropped.map(|(face, why)| left(LeftReason::Filtered(why))(face));
        let mut report = SearchReport {
            detected: detected.len(),
            assigned: Vec::new(),
            left: outside
                .into_iter()
                .map(left(LeftReason::Outside))
                .chain(dropped)
                .collect(),
            absent: Vec::new(),
        };
        let assigned = self.assign(picture, &chosen.kept)?;
        let mut faces = Vec::new();
        for (face, assigned) in chosen.kept.into_iter().zip(assigned) {
            if assigned.is_none() && !self.people.is_empty() {
                report.left.push(left(LeftReason::Unknown)(face));
            } else {
                faces.push(self.face(&face, assigned));
                report.assigned.push(assigned);
            }
        }
        let present = |person: &usize| {
            report
                .assigned
                .iter()
                .flatten()
                .any(|a| a.identity == *person)
        };
        report.absent = (0..self.people.len())
            .filter(|person| !present(person))
            .collect();
        Ok(FoundFaces { faces, report })
    }

    fn assign(&self, picture: &RgbImage, faces: &[DetectedFace]) -> Result<Vec<Option<Assigned>>> {
        if self.people.is_empty() {
            return Ok(vec![None; faces.len()]);
        }
        let known = |person: &SoughtPerson| KnownPerson {
            embedding: person.embedding.clone(),
            place: person.place,
        };
        let people: Vec<_> = self.people.iter().map(known).collect();
        let sightings: Vec<_> = (faces.iter().enumerate())
            .map(|(index, face)| {
                self.sight(picture, face)
                    .context(|| format!("found face {index}"))
            })
            .collect::<Result<_>>()?;
        assign_faces(&sightings, &people, &self.rules)
    }

    /// A face with its embedding, if that can help.
    fn sight(&self, picture: &RgbImage, face: &DetectedFace) -> Result<Sighting> {
        let helps = self.people.iter().any(|person| person.embedding.is_some());
        let embedding = match (self.embedder, &face.landmarks) {
            (Some(embedder), Some(landmarks)) if helps => Some(embedder.embed(picture, landmarks)?),
            _ => None,
        };
        Ok(Sighting {
            bounds: face.bounds,
            embedding,
            given: None,
        })
    }

    fn face(&self, found: &DetectedFace, assigned: Option<Assigned>) -> Face {
        let person = assigned.map(|assigned| &self.people[assigned.identity]);
        // Landmarks that are far from their box would stop the whole job; the box alone does not.
        let landmarks = found
            .landmarks
            .filter(|points| points.check_within(&found.bounds).is_ok());
        Face {
            landmarks,
            prompt: person.and_then(|person| person.prompt.clone()),
            identity: person.and_then(|person| person.identity.clone()),
            ..Face::new(found.bounds)
        }
    }
}

impl fmt::Debug for FaceSearch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaceSearch")
            .field("filter", &self.filter)
            .field("people", &self.people)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

//! Which faces of a picture are worked on, and whom each shall show: found, chosen by plain rules, and
//! assigned to people by what the caller says, by place, or by likeness.

use image::RgbImage;
use serde::Serialize;

use super::person::FaceIdentity;
use super::request::Face;
use crate::error::{Context, Result};
use crate::face::{
    Assigned, AssignmentRules, DetectedFace, DropReason, FaceBox, FaceDetector, FaceEmbedder,
    FaceFilter, KnownPerson, Sighting, assign_faces,
};

/// Someone who may be in the picture.
#[derive(Clone, Debug)]
pub struct WantedPerson {
    /// Who; its embedding tells which face is theirs.
    pub identity: FaceIdentity,
    /// Where they were to appear, in the picture's pixels.
    pub place: Option<FaceBox>,
}

/// What becomes of faces that are nobody's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strangers {
    /// They stay as they are.
    #[default]
    Keep,
    /// They are restored without an identity.
    Restore,
}

/// Looks for faces.
#[derive(Clone, Copy)]
pub struct FaceFinder<'a> {
    /// Finds them.
    pub detector: &'a dyn FaceDetector,
    /// Says whose they are; without it only places and the caller's words tell.
    pub embedder: Option<&'a dyn FaceEmbedder>,
    /// Which count.
    pub filter: FaceFilter,
    /// How much evidence is enough.
    pub rules: AssignmentRules,
    /// What becomes of the others.
    pub strangers: Strangers,
}

/// Faces for a [`RestoreRequest`](super::RestoreRequest), and what was seen.
#[derive(Clone, Debug)]
pub struct FoundFaces {
    /// In the filter's order.
    pub faces: Vec<Face>,
    /// Every face that was found.
    pub sightings: Vec<FoundFace>,
    /// Places in the list of people of whom no face was found.
    pub absent: Vec<usize>,
}

/// One face that was found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FoundFace {
    /// What the detector says.
    pub face: DetectedFace,
    /// Why it does not count, if so.
    pub dropped: Option<DropReason>,
    /// Whose it is, and how that is known.
    pub person: Option<Assigned>,
}

impl<'a> FaceFinder<'a> {
    /// All faces, from left to right, strangers kept.
    pub fn new(detector: &'a dyn FaceDetector) -> Self {
        Self {
            detector,
            embedder: None,
            filter: FaceFilter::default(),
            rules: AssignmentRules::default(),
            strangers: Strangers::default(),
        }
    }

    /// The faces of a picture that are to be worked on. `given` overrides everything else: the place in
    /// the list of people of whoever the face nearest to that point shows.
    ///
    /// # Errors
    /// What detector or embedder refuse, a filter or rules out of range, or contradictions in the
    /// assignment.
    pub fn find(
        &self,
        picture: &RgbImage,
        people: &[WantedPerson],
        given: &[([f32; 2], usize)],
    ) -> Result<FoundFaces> {
        self.filter.check()?;
        let chosen = self.filter.choose(&self.detector.detect(picture)?);
        let mut sightings = Vec::with_capacity(chosen.kept.len());
        for (index, face) in chosen.kept.iter().enumerate() {
            let sighting = self.sight(picture, face, people);
            sightings.push(sighting.context(|| format!("found face {index}"))?);
        }
        for &(point, person) in given {
            let near = |face: &Sighting| distance(&face.bounds, point);
            let nearest = (sightings.iter_mut()).min_by(|a, b| near(a).total_cmp(&near(b)));
            if let Some(nearest) = nearest {
                nearest.given = Some(person);
            }
        }
        let known: Vec<_> = people.iter().map(WantedPerson::known).collect();
        let assigned = assign_faces(&sightings, &known, &self.rules)?;

        let wanted = |person: Option<usize>| person.is_some() || self.restores_strangers(people);
        let faces = chosen.kept.iter().zip(&assigned);
        let faces = faces.filter(|(_, assigned)| wanted(assigned.map(|one| one.identity)));
        let faces = faces.map(|(face, assigned)| Face {
            landmarks: face.landmarks,
            identity: assigned.map(|one| people[one.identity].identity.clone()),
            ..Face::new(face.bounds)
        });
        let taken = |person: &usize| assigned.iter().flatten().any(|one| one.identity == *person);
        Ok(FoundFaces {
            faces: faces.collect(),
            absent: (0..people.len()).filter(|person| !taken(person)).collect(),
            sightings: report(&chosen.kept, &assigned, &chosen.dropped),
        })
    }

    /// Where nobody is wanted, everybody is a stranger who is to be restored.
    fn restores_strangers(&self, people: &[WantedPerson]) -> bool {
        people.is_empty() || self.strangers == Strangers::Restore
    }

    fn sight(
        &self,
        picture: &RgbImage,
        face: &DetectedFace,
        people: &[WantedPerson],
    ) -> Result<Sighting> {
        let told_by_face = people.iter().any(|one| one.identity.embedding.is_some());
        let embedding = match self.embedder.filter(|_| told_by_face) {
            Some(embedder) => Some(embedder.embed(picture, face.need_landmarks()?)?),
            None => None,
        };
        Ok(Sighting {
            bounds: face.bounds,
            embedding,
            given: None,
        })
    }
}

impl WantedPerson {
    fn known(&self) -> KnownPerson {
        KnownPerson {
            embedding: self.identity.embedding.clone(),
            place: self.place,
        }
    }
}

impl std::fmt::Debug for FaceFinder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FaceFinder")
            .field("embedder", &self.embedder.is_some())
            .field("filter", &self.filter)
            .field("rules", &self.rules)
            .field("strangers", &self.strangers)
            .finish_non_exhaustive()
    }
}

fn report(
    kept: &[DetectedFace],
    assigned: &[Option<Assigned>],
    dropped: &[(DetectedFace, DropReason)],
) -> Vec<FoundFace> {
    let kept = kept.iter().zip(assigned).map(|(&face, &person)| FoundFace {
        face,
        dropped: None,
        person,
    });
    let dropped = dropped.iter().map(|&(face, reason)| FoundFace {
        face,
        dropped: Some(reason),
        person: None,
    });
    kept.chain(dropped).collect()
}

fn distance(bounds: &FaceBox, [x, y]: [f32; 2]) -> f64 {
    let [cx, cy] = bounds.centre();
    (cx - f64::from(x)).hypot(cy - f64::from(y))
}

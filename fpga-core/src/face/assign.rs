//! Whose face is whose: faces of a picture assigned to the identities that were asked for.
//!
//! Evidence in this order: what the caller says; where an identity was placed (boxes that overlap);
//! how alike the faces are (cosine of embeddings). Within each kind the assignment is the best of all
//! one-to-one assignments (Kuhn 1955, Munkres 1957), never the order of a list. A face without enough
//! evidence stays unknown, and an identity without a face stays unused; both are for the caller to see.

use ndarray::Array2;
use pathfinding::kuhn_munkres::kuhn_munkres;
use pathfinding::matrix::Matrix;
use serde::{Deserialize, Serialize};

use super::embedding::FaceEmbedding;
use super::face_box::FaceBox;
use crate::error::{Context, Error, Result};

/// A face of the picture.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// Where it is.
    pub bounds: FaceBox,
    /// What it looks like, if that is known.
    pub embedding: Option<FaceEmbedding>,
    /// Whose it is, where the caller says so: the place in the list of identities.
    pub given: Option<usize>,
}

/// An identity that faces are assigned to.
#[derive(Clone, Debug, Default)]
pub struct KnownPerson {
    /// What they look like.
    pub embedding: Option<FaceEmbedding>,
    /// Where they were to appear, in the same picture's pixels.
    pub place: Option<FaceBox>,
}

/// How much evidence is enough.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AssignmentRules {
    /// Smallest cosine of two pictures of one person. ArcFace gives strangers about 0 and one person
    /// 0.3 to 0.8, less where a face is small or blurred.
    pub min_cosine: f64,
    /// Smallest intersection / union of a face and a place.
    pub min_overlap: f64,
}

impl Default for AssignmentRules {
    /// Cosine 0.25, overlap 0.3.
    fn default() -> Self {
        Self {
            min_cosine: 0.25,
            min_overlap: 0.3,
        }
    }
}

impl AssignmentRules {
    /// # Errors
    /// If a limit is outside −1 to 1, or 0 to 1.
    pub fn check(&self) -> Result<()> {
        let within = |what: &str, value: f64, low: f64| match (low..=1.0).contains(&value) {
            true => Ok(()),
            false => Err(Error::invalid(
                what,
                format!("needs {low} to 1, found {value}"),
            )),
        };
        within("min_cosine", self.min_cosine, -1.0)?;
        within("min_overlap", self.min_overlap, 0.0)
    }
}

/// Whose a face is, and how that is known.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Assigned {
    /// Place in the list of identities.
    pub identity: usize,
    /// What says so.
    pub by: Evidence,
}

/// What says whose a face is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The caller.
    Given,
    /// The identity's place, by this intersection / union.
    Place(f64),
    /// The face itself, by this cosine.
    Likeness(f64),
}

/// The identity of every face; `None` for a face that is nobody's.
///
/// # Errors
/// If the caller gives an identity that does not exist or gives it twice, if two identities have the
/// same face and none of the caller's words or places tells them apart, or if embeddings differ in
/// length.
pub fn assign_faces(
    faces: &[Sighting],
    people: &[KnownPerson],
    rules: &AssignmentRules,
) -> Result<Vec<Option<Assigned>>> {
    rules.check()?;
    let mut assigned = given(faces, people.len())?;
    let overlap = |face: &Sighting, person: &KnownPerson| {
        Ok(person.place.map(|place| face.bounds.overlap(&place)))
    };
    assign_rest(
        &mut assigned,
        (faces, people),
        (rules.min_overlap, Evidence::Place),
        overlap,
    )?;
    check_twins(&assigned, people)?;
    let likeness =
        |face: &Sighting, person: &KnownPerson| match (&face.embedding, &person.embedding) {
            (Some(face), Some(person)) => face.cosine(person).map(Some),
            _ => Ok(None),
        };
    assign_rest(
        &mut assigned,
        (faces, people),
        (rules.min_cosine, Evidence::Likeness),
        likeness,
    )?;
    Ok(assigned)
}

/// Embeddings nearer than this are of one picture.
const SAME_FACE: f64 = 0.9999;

fn given(faces: &[Sighting], people: usize) -> Result<Vec<Option<Assigned>>> {
    let mut taken = vec![None; people];
    let assigned = |(index, face): (usize, &Sighting)| {
        let Some(identity) = face.given else {
            return Ok(None);
        };
        let wrong = |why: String| Err(Error::invalid(format!("identity of face {index}"), why));
        match taken.get_mut(identity) {
            None => wrong(format!("{identity} was asked for, and there are {people}")),
            Some(Some(other)) => wrong(format!("{identity} was already given to face {other}")),
            Some(free) => {
                *free = Some(index);
                let by = Evidence::Given;
                Ok(Some(Assigned { identity, by }))
            }
        }
    };
    faces.iter().enumerate().map(assigned).collect()
}

/// Assigns who is left by one kind of evidence.
fn assign_rest(
    assigned: &mut [Option<Assigned>],
    (faces, people): (&[Sighting], &[KnownPerson]),
    (least, evidence): (f64, fn(f64) -> Evidence),
    score: impl Fn(&Sighting, &KnownPerson) -> Result<Option<f64>>,
) -> Result<()> {
    let free = |identity: &usize| !assigned.iter().flatten().any(|a| a.identity == *identity);
    let identities: Vec<usize> = (0..people.len()).filter(free).collect();
    let unknown = (0..faces.len()).filter(|&face| assigned[face].is_none());
    let unknown: Vec<usize> = unknown.collect();
    let mut scores = Array2::from_elem((unknown.len(), identities.len()), None);
    for ((row, column), entry) in scores.indexed_iter_mut() {
        let (face, identity) = (unknown[row], identities[column]);
        *entry = score(&faces[face], &people[identity])
            .context(|| format!("face {face}, identity {identity}"))?;
    }
    for (row, column) in best_pairs(&scores, least).into_iter().enumerate() {
        let found = column.and_then(|column| Some((identities[column], scores[[row, column]]?)));
        assigned[unknown[row]] = found.map(|(identity, score)| Assigned {
            identity,
            by: evidence(score),
        });
    }
    Ok(())
}

/// Two identities with one face cannot be told apart by it.
fn check_twins(assigned: &[Option<Assigned>], people: &[KnownPerson]) -> Result<()> {
    let free = |identity: usize| !assigned.iter().flatten().any(|a| a.identity == identity);
    for (second, person) in people.iter().enumerate().filter(|(index, _)| free(*index)) {
        for first in (0..second).filter(|&first| free(first)) {
            let (Some(one), Some(other)) = (&people[first].embedding, &person.embedding) else {
                continue;
            };
            if one.cosine(other)? >= SAME_FACE {
                let why = format!("{first} and {second} have the same face; give them places");
                return Err(Error::invalid("identities", why));
            }
        }
    }
    Ok(())
}

/// Scores as whole numbers, exact to twelve digits.
const UNITS: f64 = 1e12;

/// For each row the column that it belongs to: the one-to-one choice whose scores exceed `least` by
/// the most in total. Pairs below `least` never meet.
fn best_pairs(scores: &Array2<Option<f64>>, least: f64) -> Vec<Option<usize>> {
    let (rows, columns) = scores.dim();
    if rows == 0 || columns == 0 {
        return vec![None; rows];
    }
    let gain = |row: usize, column: usize| {
        let score = *scores.get((row, column))?;
        // One unit more, so that a pair exactly at the limit beats none.
        score
            .filter(|score| *score >= least)
            .map(|score| ((score - least) * UNITS) as i64 + 1)
    };
    // Every row has a column of its own that means nobody.
    let weights = Matrix::from_fn(rows, columns + rows, |(row, column)| {
        gain(row, column).unwrap_or(0)
    });
    let (_, chosen) = kuhn_munkres(&weights);
    let chosen = chosen.into_iter().enumerate();
    chosen
        .map(|(row, column)| gain(row, column).map(|_| column))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn embedding(values: [f32; 3]) -> Option<FaceEmbedding> {
        Some(FaceEmbedding::new(values.to_vec()).unwrap())
    }

    fn region(x: f32) -> FaceBox {
        FaceBox::new(x, 0.0, x + 10.0, 10.0).unwrap()
    }

    fn face(x: f32, values: [f32; 3]) -> Sighting {
        Sighting {
            bounds: region(x),
            embedding: embedding(values),
            given: None,
        }
    }

    fn person(values: [f32; 3]) -> KnownPerson {
        KnownPerson {
            embedding: embedding(values),
            place: None,
        }
    }

    fn identities(faces: &[Sighting], people: &[KnownPerson]) -> Vec<Option<usize>> {
        let assigned = assign_faces(faces, people, &AssignmentRules::default()).unwrap();
        assigned
            .into_iter()
            .map(|face| face.map(|face| face.identity))
            .collect()
    }

    #[test]
    fn likeness_decides_whatever_the_order() {
        let (a, b, stranger) = ([1.0, 0.1, 0.0], [0.1, 1.0, 0.0], [0.0, 0.0, 1.0]);
        let faces = [face(0.0, stranger), face(20.0, b), face(40.0, a)];
        assert_eq!(
            identities(&faces, &[person(a), person(b)]),
            [None, Some(1), Some(0)]
        );
        assert_eq!(
            identities(&faces, &[person(b), person(a)]),
            [None, Some(0), Some(1)]
        );
        assert_eq!(identities(&faces, &[]), [None; 3]);
        assert_eq!(identities(&[], &[person(a)]), []);
    }

    #[test]
    fn the_best_of_all_assignments_is_made() {
        // The first face likes identity 0 best, but the second has nobody else.
        let faces = [face(0.0, [1.0, 0.8, 0.0]), face(20.0, [1.0, 0.0, 0.2])];
        let people = [person([1.0, 0.0, 0.0]), person([0.3, 1.0, 0.0])];
        assert_eq!(identities(&faces, &people), [Some(1), Some(0)]);
    }

    #[test]
    fn words_come_before_places_and_places_before_likeness() {
        let (a, b) = ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]);
        let mut faces = [face(0.0, a), face(20.0, b), face(40.0, [0.0, 0.0, 1.0])];
        let mut people = [person(a), person(b)];
        people[0].place = Some(region(22.0));
        let assigned = assign_faces(&faces, &people, &AssignmentRules::default()).unwrap();
        let overlap = 80.0 / 120.0;
        let Some(Assigned {
            identity: 0,
            by: Evidence::Place(found),
        }) = assigned[1]
        else {
            panic!("{assigned:?}")
        };
        assert!((found - overlap).abs() < 1e-6, "{found}");
        // Identity 1 looks like face 1 only, which is taken.
        assert_eq!((assigned[0], assigned[2]), (None, None));

        faces[2].given = Some(0);
        assert_eq!(identities(&faces, &people), [None, Some(1), Some(0)]);
        let assigned = assign_faces(&faces, &people, &AssignmentRules::default()).unwrap();
        assert_eq!(assigned[2].unwrap().by, Evidence::Given);
        assert!(matches!(assigned[1].unwrap().by, Evidence::Likeness(cosine) if cosine > 0.99));
    }

    #[test]
    fn contradictions_are_named() {
        let rules = AssignmentRules::default();
        let fails = |faces: &[Sighting], people: &[KnownPerson]| {
            assign_faces(faces, people, &rules).unwrap_err().to_string()
        };
        let a = [1.0, 0.0, 0.0];
        let given = |identity| Sighting {
            given: Some(identity),
            ..face(0.0, a)
        };
        let absent = fails(&[given(2)], &[person(a)]);
        assert_eq!(
            absent,
            "identity of face 0: 2 was asked for, and there are 1"
        );
        let twice = fails(&[given(0), given(0)], &[person(a)]);
        assert_eq!(twice, "identity of face 1: 0 was already given to face 0");

        let twins = [person(a), person([2.0, 0.0, 0.0])];
        assert!(fails(&[face(0.0, a)], &twins).contains("have the same face"));
        let mut placed = twins.clone();
        placed[0].place = Some(region(0.0));
        assert_eq!(
            identities(&[face(0.0, a), face(20.0, a)], &placed),
            [Some(0), Some(1)]
        );

        let short = KnownPerson {
            embedding: Some(FaceEmbedding::new(vec![1.0]).unwrap()),
            place: None,
        };
        assert!(fails(&[face(0.0, a)], &[short]).starts_with("face 0, identity 0: face embedding"));
        assert!(
            AssignmentRules {
                min_cosine: 2.0,
                ..rules
            }
            .check()
            .is_err()
        );
    }

    /// The most that any one-to-one choice gains, by trying them all.
    fn exhaustive(scores: &Array2<Option<f64>>, least: f64, row: usize, used: u32) -> f64 {
        if row == scores.nrows() {
            return 0.0;
        }
        let alone = exhaustive(scores, least, row + 1, used);
        let pair = |column: usize| {
            let score = scores[[row, column]].filter(|score| *score >= least)?;
            let free = used & (1 << column) == 0;
            free.then(|| score - least + exhaustive(scores, least, row + 1, used | 1 << column))
        };
        (0..scores.ncols()).filter_map(pair).fold(alone, f64::max)
    }

    proptest! {
        #[test]
        fn no_other_choice_is_better(
            rows in 0usize..5,
            columns in 0usize..5,
            values in prop::collection::vec(prop::option::of(-1.0f64..1.0), 16),
            least in -0.5f64..0.5,
        ) {
            let scores = Array2::from_shape_fn((rows, columns), |(row, column)| values[4 * row + column]);
            let pairs = best_pairs(&scores, least);
            prop_assert_eq!(pairs.len(), rows);
            let mut used = vec![false; columns];
            let mut gain = 0.0;
            for (row, column) in pairs.into_iter().enumerate() {
                let Some(column) = column else { continue };
                prop_assert!(!std::mem::replace(&mut used[column], true));
                let score = scores[[row, column]].unwrap();
                prop_assert!(score >= least);
                gain += score - least;
            }
            let best = exhaustive(&scores, least, 0, 0);
            prop_assert!((gain - best).abs() < 1e-9, "{} {}", gain, best);
        }
    }
}

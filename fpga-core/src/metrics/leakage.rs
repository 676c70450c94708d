//! Whose face is it? Every face of a picture compared with everybody's reference.

use ndarray::Array2;

use super::cosine::cosine;
use crate::error::{Error, Result};

/// Cosines of faces (rows) with references (columns). Face `i` is meant to be reference `i`; more
/// references than faces are strangers that nobody should look like.
#[derive(Clone, Debug, PartialEq)]
pub struct IdentityTable(Array2<f64>);

impl IdentityTable {
    /// # Errors
    /// If there is no face, fewer references than faces, or vectors of different networks.
    pub fn new(faces: &[&[f32]], references: &[&[f32]]) -> Result<Self> {
        if faces.is_empty() || references.len() < faces.len() {
            let needed = format!(
                "one for each of {} faces, of which at least one",
                faces.len()
            );
            return Err(Error::shape("references", needed, references.len()));
        }
        let mut cosines = Array2::zeros((faces.len(), references.len()));
        for ((face, reference), value) in cosines.indexed_iter_mut() {
            *value = cosine(faces[face], references[reference])?;
        }
        Ok(Self(cosines))
    }

    /// `[faces, references]`
    pub fn cosines(&self) -> &Array2<f64> {
        &self.0
    }

    /// Cosine of each face with its own reference.
    pub fn own(&self) -> Vec<f64> {
        self.0.diag().to_vec()
    }

    /// Largest cosine of each face with the reference of another person *of the picture*: how far
    /// identities leak. `None` for a single person.
    pub fn leakage(&self) -> Vec<Option<f64>> {
        let faces = self.0.nrows();
        let strongest = |face: usize| {
            let others = (0..faces)
                .filter(|&other| other != face)
                .map(|other| self.0[[face, other]]);
            others.reduce(f64::max)
        };
        (0..faces).map(strongest).collect()
    }

    /// For each face, whether no reference of all is more alike than its own.
    pub fn identified(&self) -> Vec<bool> {
        let is_first = |(face, row): (usize, ndarray::ArrayView1<f64>)| {
            row.iter()
                .enumerate()
                .all(|(other, &value)| other == face || value < row[face])
        };
        self.0.outer_iter().enumerate().map(is_first).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swapped_pair_leaks_and_is_not_identified() {
        let references: [&[f32]; 3] = [&[1.0, 0.0, 0.0], &[0.0, 1.0, 0.0], &[0.0, 0.0, 1.0]];
        let right = IdentityTable::new(&[&[0.9, 0.1, 0.0], &[0.0, 0.8, 0.6]], &references).unwrap();
        assert_eq!(right.identified(), [true, true]);
        assert_eq!(right.leakage()[1], Some(0.0));
        assert!((right.own()[1] - 0.8).abs() < 1e-7);
        let swapped =
            IdentityTable::new(&[&[0.0, 1.0, 0.0], &[1.0, 0.0, 0.0]], &references).unwrap();
        assert_eq!(
            (swapped.identified(), swapped.leakage()),
            (vec![false; 2], vec![Some(1.0); 2])
        );
        let stranger = IdentityTable::new(&[&[0.5, 0.0, 0.9]], &references).unwrap();
        assert_eq!(
            (stranger.identified(), stranger.leakage()),
            (vec![false], vec![None])
        );
        assert!(IdentityTable::new(&[], &references).is_err());
        assert!(IdentityTable::new(&references, &references[..2]).is_err());
    }
}

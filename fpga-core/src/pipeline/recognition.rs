//! Whether people are recognised where they were placed, in the finished picture.

use std::fmt;

use image::RgbImage;

use super::people::{PersonReport, PortraitIdentity};
use crate::error::{Context, Result};
use crate::face::{DetectedFace, FaceDetector, FaceEmbedder};
use crate::identity::RegionMask;

/// Who looks at the finished pictures.
#[derive(Clone, Copy)]
pub struct Recognition<'a> {
    /// Finds the faces.
    pub detector: &'a dyn FaceDetector,
    /// Says whose they are; the network that made people's own embeddings.
    pub embedder: &'a dyn FaceEmbedder,
}

impl fmt::Debug for Recognition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recognition").finish_non_exhaustive()
    }
}

impl Recognition<'_> {
    /// Fills in the face that is found at everyone's place, and how much it is theirs.
    ///
    /// # Errors
    /// What detector or embedder refuse, faces without the landmarks that an embedder needs, or
    /// embeddings of another network than people's own.
    pub(super) fn look(
        &self,
        picture: &RgbImage,
        people: &[PortraitIdentity],
        regions: &[RegionMask],
        reports: &mut [PersonReport],
    ) -> Result<()> {
        let faces = self.detector.detect(picture).context(|| "face detector")?;
        for (person, face) in assign(&faces, regions) {
            let (face, report) = (&faces[face], &mut reports[person]);
            report.face = Some(*face);
            if let Some(own) = &people[person].embedding {
                let seen = face
                    .need_landmarks()
                    .and_then(|landmarks| self.embedder.embed(picture, landmarks))
                    .and_then(|seen| seen.cosine(own));
                report.cosine = Some(seen.context(|| format!("identity {person}"))?);
            }
        }
        Ok(())
    }
}

/// Pairs of person and face, those first who cover a face best; nobody gets two, no face goes twice.
fn assign(faces: &[DetectedFace], regions: &[RegionMask]) -> Vec<(usize, usize)> {
    let mut claims = Vec::new();
    for (person, region) in regions.iter().enumerate() {
        for (face, detected) in faces.iter().enumerate() {
            let share = covered(detected, region);
            if share > 0.0 {
                claims.push((share, person, face));
            }
        }
    }
    // Stable: of equals, the earlier person and the surer face.
    claims.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    for (_, person, face) in claims {
        if pairs.iter().all(|pair| pair.0 != person && pair.1 != face) {
            pairs.push((person, face));
        }
    }
    pairs
}

/// Overlap of a face's box and a region, over what they cover together: a region much larger than a
/// face has no better claim to it than one that fits.
fn covered(face: &DetectedFace, region: &RegionMask) -> f64 {
    let size = region.size();
    let Ok(inside) = RegionMask::from_box(face.bounds.edges(), size) else {
        return 0.0;
    };
    let pairs = inside.weights().iter().zip(region.weights());
    let shared: f64 = pairs.map(|(a, b)| f64::from(a.min(*b))).sum();
    shared / (inside.area() + region.area() - shared)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::FaceBox;

    fn face(edges: [f32; 4]) -> DetectedFace {
        let [x0, y0, x1, y1] = edges;
        DetectedFace {
            bounds: FaceBox::new(x0, y0, x1, y1).unwrap(),
            landmarks: None,
            score: 0.9,
        }
    }

    #[test]
    fn a_face_goes_to_whom_its_place_belongs() {
        let region = |edges| RegionMask::from_box(edges, [64, 64]).unwrap();
        let regions = [
            region([0.0, 0.0, 64.0, 64.0]),
            region([30.0, 10.0, 50.0, 30.0]),
            region([0.0, 50.0, 10.0, 64.0]),
        ];
        let faces = [
            face([32.0, 12.0, 48.0, 28.0]),
            face([5.0, 5.0, 20.0, 25.0]),
            face([-9.0, -9.0, -1.0, -1.0]),
        ];
        assert_eq!(assign(&faces, &regions), [(1, 0), (0, 1)]);
        assert!(assign(&[], &regions).is_empty());
    }
}

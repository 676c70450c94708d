//! FaceSim: how alike two faces are to a face recognition network.

use image::RgbImage;

use crate::error::{Error, Result};
use crate::face::{DetectedFace, FaceBox, FaceDetector, FaceEmbedder, FaceEmbedding};

/// Who finds faces, and who tells them apart.
#[derive(Clone, Copy)]
pub struct FaceSimilarity<'a> {
    /// Must give landmarks.
    pub detector: &'a dyn FaceDetector,
    /// ArcFace or another network of its kind.
    pub embedder: &'a dyn FaceEmbedder,
}

impl FaceSimilarity<'_> {
    /// The vector of the largest face; `None` if there is no face.
    ///
    /// # Errors
    /// What detector and embedder cannot do.
    pub fn largest(&self, picture: &RgbImage) -> Result<Option<FaceEmbedding>> {
        let faces = self.detector.detect(picture)?;
        let largest = faces.iter().max_by(|a, b| a.area().total_cmp(&b.area()));
        largest.map(|face| self.embed(picture, face)).transpose()
    }

    /// The vectors of the faces that lie in the given places, in their order: for each place the face
    /// whose box overlaps it most, `None` where none does. No face is taken twice.
    ///
    /// # Errors
    /// What detector and embedder cannot do.
    pub fn at(&self, picture: &RgbImage, places: &[FaceBox]) -> Result<Vec<Option<FaceEmbedding>>> {
        let faces = self.detector.detect(picture)?;
        let mut pairs: Vec<(f32, usize, usize)> = Vec::new();
        for (place, bounds) in places.iter().enumerate() {
            let shares = faces
                .iter()
                .enumerate()
                .map(|(face, found)| (overlap(bounds, &found.bounds), place, face));
            pairs.extend(shares.filter(|(share, ..)| *share > 0.0));
        }
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut chosen = vec![None; places.len()];
        for (_, place, face) in pairs {
            if chosen[place].is_none() && !chosen.contains(&Some(face)) {
                chosen[place] = Some(face);
            }
        }
        chosen
            .into_iter()
            .map(|face| {
                face.map(|face| self.embed(picture, &faces[face]))
                    .transpose()
            })
            .collect()
    }

    /// Cosine of the largest faces of two pictures; `None` if one of them has no face.
    ///
    /// # Errors
    /// What detector and embedder cannot do.
    pub fn compare(&self, one: &RgbImage, other: &RgbImage) -> Result<Option<f64>> {
        match (self.largest(one)?, self.largest(other)?) {
            (Some(one), Some(other)) => one.cosine(&other).map(Some),
            _ => Ok(None),
        }
    }

    fn embed(&self, picture: &RgbImage, face: &DetectedFace) -> Result<FaceEmbedding> {
        let landmarks = face.landmarks.as_ref().ok_or_else(|| {
            Error::invalid(
                "FaceSim",
                "needs five landmarks, and the detector gave none",
            )
        })?;
        self.embedder.embed(picture, landmarks)
    }
}

/// Intersection over union.
fn overlap(one: &FaceBox, other: &FaceBox) -> f32 {
    let ([a0, b0, a1, b1], [c0, d0, c1, d1]) = (one.edges(), other.edges());
    let shared = (a1.min(c1) - a0.max(c0)).max(0.0) * (b1.min(d1) - b0.max(d0)).max(0.0);
    let both = one.width() * one.height() + other.width() * other.height() - shared;
    shared / both
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::Landmarks5;

    fn face(x: f32, size: f32) -> DetectedFace {
        let points = [[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]];
        let landmarks = Landmarks5::new(points.map(|[u, v]| [x + u * size, v * size])).ok();
        let bounds = FaceBox::new(x, 0.0, x + size, size).unwrap();
        DetectedFace {
            bounds,
            landmarks,
            score: 0.9,
        }
    }

    fn embedder(_: &RgbImage, landmarks: &Landmarks5) -> Result<FaceEmbedding> {
        let [[x, _], ..] = landmarks.points();
        FaceEmbedding::new(vec![x, 10.0])
    }

    #[test]
    fn faces_are_matched_to_their_places_once_each() {
        let detector = |_: &RgbImage| -> Result<_> { Ok(vec![face(40.0, 20.0), face(0.0, 30.0)]) };
        let similarity = FaceSimilarity {
            detector: &detector,
            embedder: &embedder,
        };
        let picture = RgbImage::new(64, 32);
        let places = [
            [38.0, 0.0, 60.0, 20.0],
            [0.0, 0.0, 30.0, 30.0],
            [41.0, 1.0, 60.0, 20.0],
            [200.0, 0.0, 220.0, 9.0],
        ];
        let places = places.map(|[x0, y0, x1, y1]| FaceBox::new(x0, y0, x1, y1).unwrap());
        let found = similarity.at(&picture, &places).unwrap();
        let first = |index: usize| found[index].as_ref().map(|embedding| embedding.raw()[0]);
        assert_eq!(
            (first(0), first(1), first(2), first(3)),
            // The first and the third place share a face: 0.909 and 0.903 of it and them overlap.
            (Some(46.0), Some(9.0), None, None)
        );
        assert_eq!(similarity.largest(&picture).unwrap().unwrap().raw()[0], 9.0);
        assert!(similarity.compare(&picture, &picture).unwrap().unwrap() > 0.999_999);
    }

    #[test]
    fn no_face_is_no_error() {
        let detector = |_: &RgbImage| -> Result<Vec<DetectedFace>> { Ok(vec![]) };
        let similarity = FaceSimilarity {
            detector: &detector,
            embedder: &embedder,
        };
        assert_eq!(
            similarity
                .compare(&RgbImage::new(4, 4), &RgbImage::new(4, 4))
                .unwrap(),
            None
        );
    }
}

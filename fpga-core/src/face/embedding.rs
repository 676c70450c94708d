//! What makes a face this person's: the vector that a face recognition network sees in it.
//!
//! Networks of one family compare by the angle between vectors (ArcFace, Deng et al. 2019); vectors
//! of two networks have nothing to say to each other, even where their lengths agree.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::landmarks::Landmarks5;
use crate::error::{Error, ErrorKind, Result};

/// A face's vector, as the network gave it.
///
/// In JSON: the list of its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<f32>", into = "Vec<f32>")]
pub struct FaceEmbedding(Vec<f32>);

impl FaceEmbedding {
    /// From the network's output; usually 512 numbers.
    ///
    /// # Errors
    /// `NotFinite` if one is NaN or infinite; if the vector is empty or has no direction.
    pub fn new(values: Vec<f32>) -> Result<Self> {
        if !values.iter().all(|value| value.is_finite()) {
            return Err(Error::new(ErrorKind::NotFinite {
                what: "face embedding".to_owned(),
            }));
        }
        let embedding = Self(values);
        let norm = embedding.norm();
        if norm < 1e-12 {
            let count = embedding.0.len();
            let why = format!("needs a direction, found {count} values of norm {norm}");
            return Err(Error::invalid("face embedding", why));
        }
        Ok(embedding)
    }

    /// As the network gave it (InstantID takes it so).
    pub fn raw(&self) -> &[f32] {
        &self.0
    }

    /// At length 1 (IP-Adapter and ConsistentID take it so).
    pub fn unit(&self) -> Vec<f32> {
        let norm = self.norm();
        let scaled = |&value: &f32| (f64::from(value) / norm) as f32;
        self.0.iter().map(scaled).collect()
    }

    /// Its length, which tells good pictures from bad ones: blurred faces give short vectors.
    pub fn norm(&self) -> f64 {
        self.dot(self).sqrt()
    }

    /// Cosine of the angle between two faces: 1 = the same, around 0 = strangers.
    ///
    /// # Errors
    /// If the vectors differ in length: they are of different networks.
    pub fn cosine(&self, other: &Self) -> Result<f64> {
        if self.0.len() != other.0.len() {
            let needed = format!("{} values, as the other has", other.0.len());
            return Err(Error::shape("face embedding", needed, self.0.len()));
        }
        Ok((self.dot(other) / (self.norm() * other.norm())).clamp(-1.0, 1.0))
    }

    /// The mean direction of several pictures of one person, at length 1.
    ///
    /// # Errors
    /// If the list is empty, lengths differ, or the vectors cancel each other.
    pub fn mean(embeddings: &[Self]) -> Result<Self> {
        let Some(first) = embeddings.first() else {
            return Err(Error::shape("face embeddings", "at least one", 0));
        };
        let mut sum = vec![0.0; first.0.len()];
        for embedding in embeddings {
            embedding.cosine(first)?;
            for (sum, value) in sum.iter_mut().zip(embedding.unit()) {
                *sum += value;
            }
        }
        let mean = Self::new(sum)?;
        Self::new(mean.unit())
    }

    fn dot(&self, other: &Self) -> f64 {
        let products = self.0.iter().zip(&other.0);
        products.map(|(&p, &q)| f64::from(p) * f64::from(q)).sum()
    }
}

impl TryFrom<Vec<f32>> for FaceEmbedding {
    type Error = Error;

    fn try_from(values: Vec<f32>) -> Result<Self> {
        Self::new(values)
    }
}

impl From<FaceEmbedding> for Vec<f32> {
    fn from(embedding: FaceEmbedding) -> Self {
        embedding.0
    }
}

/// Turns faces into vectors.
///
/// Any `Fn(&RgbImage, &Landmarks5) -> Result<FaceEmbedding>` is one.
pub trait FaceEmbedder: Send + Sync {
    /// Of the face of `picture` whose eyes, nose and mouth are at `landmarks`.
    ///
    /// # Errors
    /// If the landmarks leave scale and turn open, or the network makes NaN of the face.
    fn embed(&self, picture: &RgbImage, landmarks: &Landmarks5) -> Result<FaceEmbedding>;
}

impl<F> FaceEmbedder for F
where
    F: Fn(&RgbImage, &Landmarks5) -> Result<FaceEmbedding> + Send + Sync,
{
    fn embed(&self, picture: &RgbImage, landmarks: &Landmarks5) -> Result<FaceEmbedding> {
        self(picture, landmarks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedding(values: &[f32]) -> FaceEmbedding {
        FaceEmbedding::new(values.to_vec()).unwrap()
    }

    #[test]
    fn only_the_angle_counts_in_a_comparison() {
        let face = embedding(&[3.0, 4.0, 0.0]);
        assert_eq!((face.norm(), face.unit()), (5.0, vec![0.6, 0.8, 0.0]));
        assert_eq!(face.cosine(&embedding(&[30.0, 40.0, 0.0])).unwrap(), 1.0);
        assert_eq!(face.cosine(&embedding(&[-4.0, 3.0, 0.0])).unwrap(), 0.0);
        let near = face.cosine(&embedding(&[1.0, 0.0, 0.0])).unwrap();
        assert!((near - 0.6).abs() < 1e-12, "{near}");
        assert!(face.cosine(&embedding(&[1.0, 0.0])).is_err());
    }

    #[test]
    fn a_mean_takes_every_picture_alike() {
        let mean =
            FaceEmbedding::mean(&[embedding(&[100.0, 0.0]), embedding(&[0.0, 0.5])]).unwrap();
        let half = 0.5f32.sqrt();
        assert!(mean.raw().iter().all(|value| (value - half).abs() < 1e-6));
        assert!(FaceEmbedding::mean(&[]).is_err());
        assert!(FaceEmbedding::mean(&[embedding(&[1.0, 0.0]), embedding(&[-1.0, 0.0])]).is_err());
        assert!(FaceEmbedding::mean(&[embedding(&[1.0, 0.0]), embedding(&[1.0])]).is_err());
    }

    #[test]
    fn vectors_without_direction_are_refused() {
        for values in [vec![], vec![0.0; 512], vec![1.0, f32::NAN]] {
            assert!(FaceEmbedding::new(values).is_err());
        }
        assert!(serde_json::from_str::<FaceEmbedding>("[0, 0]").is_err());
        let face: FaceEmbedding = serde_json::from_str("[1, 2.5]").unwrap();
        assert_eq!(serde_json::to_string(&face).unwrap(), "[1.0,2.5]");
    }
}

//! Directions of vectors, and what many measurements say together.

use serde::Serialize;

use crate::error::{Error, Result};

/// Cosine of the angle between two vectors of one network.
///
/// # Errors
/// If lengths differ or a vector has no direction.
pub fn cosine(one: &[f32], other: &[f32]) -> Result<f64> {
    if one.len() != other.len() {
        return Err(Error::shape(
            "features",
            format!("{} values", one.len()),
            other.len(),
        ));
    }
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(&p, &q)| f64::from(p) * f64::from(q))
            .sum()
    };
    let norms = (dot(one, one) * dot(other, other)).sqrt();
    if !(norms > 0.0 && norms.is_finite()) {
        return Err(Error::invalid(
            "features",
            "need a direction, found zeros, NaN or infinity",
        ));
    }
    Ok((dot(one, other) / norms).clamp(-1.0, 1.0))
}

/// What many measurements say together. Values that could not be taken are not in it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// How many.
    pub count: usize,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation (of the sample; 0 for a single one).
    pub deviation: f64,
}

impl Summary {
    /// `None` for no values.
    pub fn of(values: &[f64]) -> Option<Self> {
        let count = values.len();
        if count == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / count as f64;
        let squares: f64 = values
            .iter()
            .map(|value| (value - mean) * (value - mean))
            .sum();
        let deviation = (squares / (count.max(2) - 1) as f64).sqrt();
        Some(Self {
            count,
            mean,
            deviation,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn angles_do_not_depend_on_lengths() {
        assert!((cosine(&[1.0, 0.0], &[3.0, 3.0]).unwrap() - 0.5_f64.sqrt()).abs() < 1e-12);
        assert_eq!(cosine(&[2.0, -1.0], &[-4.0, 2.0]).unwrap(), -1.0);
        assert!(cosine(&[1.0], &[1.0, 2.0]).is_err());
        assert!(cosine(&[0.0, 0.0], &[1.0, 2.0]).is_err());
        assert!(cosine(&[f32::NAN, 0.0], &[1.0, 2.0]).is_err());
    }

    #[test]
    fn the_deviation_is_the_sample_s() {
        let summary = Summary::of(&[1.0, 3.0, 5.0]).unwrap();
        assert_eq!(
            (summary.count, summary.mean, summary.deviation),
            (3, 3.0, 2.0)
        );
        assert_eq!(Summary::of(&[7.0]).unwrap().deviation, 0.0);
        assert!(Summary::of(&[]).is_none());
    }
}

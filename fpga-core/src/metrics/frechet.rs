//! Fréchet distance between two sets of features (Heusel et al. 2017, eq. 6).
//!
//! `‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½)`, with tr (Σ₁Σ₂)^½ = tr (Σ₁^½ Σ₂ Σ₁^½)^½: two symmetric
//! eigenvalue problems, exact also for singular covariances. All in double precision.

use faer::{Mat, MatRef, Side};

use crate::error::{Error, ErrorKind, Result};

/// Mean and covariance of features, gathered one vector at a time: memory does not grow with the set.
#[derive(Clone, Debug)]
pub struct FeatureStatistics {
    count: usize,
    mean: Vec<f64>,
    /// Sums of products of deviations from the running mean; only rows ≥ columns are kept up to date.
    products: Mat<f64>,
}

impl FeatureStatistics {
    /// Of vectors of `width` values.
    ///
    /// # Errors
    /// If `width` is 0 or beyond 16384.
    pub fn new(width: usize) -> Result<Self> {
        if !(1..=16_384).contains(&width) {
            return Err(Error::invalid(
                "feature width",
                format!("must be 1 to 16384, found {width}"),
            ));
        }
        Ok(Self {
            count: 0,
            mean: vec![0.0; width],
            products: Mat::zeros(width, width),
        })
    }

    /// Adds one vector (Welford's update).
    ///
    /// # Errors
    /// If it has another width, or `NotFinite`.
    pub fn add(&mut self, features: &[f32]) -> Result<()> {
        if features.len() != self.mean.len() {
            let needed = format!("{} values", self.mean.len());
            return Err(Error::shape("features", needed, features.len()));
        }
        if !features.iter().all(|value| value.is_finite()) {
            return Err(Error::new(ErrorKind::NotFinite {
                what: "features".to_owned(),
            }));
        }
        self.count += 1;
        let before: Vec<f64> = features
            .iter()
            .zip(&self.mean)
            .map(|(&value, mean)| f64::from(value) - mean)
            .collect();
        let share = (self.count - 1) as f64 / self.count as f64;
        for (mean, gap) in self.mean.iter_mut().zip(&before) {
            *mean += gap / self.count as f64;
        }
        for (column, &gap) in before.iter().enumerate() {
            let below = self.products.col_as_slice_mut(column)[column..].iter_mut();
            below
                .zip(&before[column..])
                .for_each(|(sum, other)| *sum += share * gap * other);
        }
        Ok(())
    }

    /// Vectors so far.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Of all vectors.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Of the sample (divided by one less than the count), `[width, width]`.
    fn covariance(&self) -> Mat<f64> {
        let scale = 1.0 / (self.count - 1) as f64;
        let width = self.mean.len();
        Mat::from_fn(width, width, |i, j| {
            scale * self.products[(i.max(j), i.min(j))]
        })
    }
}

/// How far two sets are apart; 0 for equal means and covariances.
///
/// # Errors
/// If widths differ, a set has fewer than two vectors, or eigenvalues cannot be found.
pub fn frechet_distance(one: &FeatureStatistics, other: &FeatureStatistics) -> Result<f64> {
    if one.mean.len() != other.mean.len() {
        let needed = format!("{} values, as the first set has", one.mean.len());
        return Err(Error::shape("features", needed, other.mean.len()));
    }
    let counts = [one.count, other.count];
    if counts.iter().any(|&count| count < 2) {
        let why = format!("a covariance needs at least two vectors, found {counts:?}");
        return Err(Error::invalid("feature sets", why));
    }
    let [first, second] = [one, other].map(FeatureStatistics::covariance);
    let means: f64 = one
        .mean
        .iter()
        .zip(&other.mean)
        .map(|(a, b)| (a - b) * (a - b))
        .sum();
    let root = square_root(first.as_ref())?;
    let product = &root * &second * &root;
    let common: f64 = eigenvalues(product.as_ref())?
        .iter()
        .map(|value| value.max(0.0).sqrt())
        .sum();
    let trace = |matrix: &Mat<f64>| (0..matrix.nrows()).map(|i| matrix[(i, i)]).sum::<f64>();
    // Rounding can leave a distance of equal sets a hair below 0.
    Ok((means + trace(&first) + trace(&second) - 2.0 * common).max(0.0))
}

/// Of a symmetric matrix without negative eigenvalues.
fn square_root(matrix: MatRef<f64>) -> Result<Mat<f64>> {
    let parts = matrix
        .self_adjoint_eigen(Side::Lower)
        .map_err(|_| unsolved())?;
    let (vectors, values) = (parts.U(), parts.S());
    let size = matrix.nrows();
    let scaled = Mat::from_fn(size, size, |i, j| {
        let value: f64 = values[j];
        vectors[(i, j)] * value.max(0.0).sqrt()
    });
    Ok(&scaled * vectors.transpose())
}

fn eigenvalues(matrix: MatRef<f64>) -> Result<Vec<f64>> {
    matrix
        .self_adjoint_eigenvalues(Side::Lower)
        .map_err(|_| unsolved())
}

fn unsolved() -> Error {
    Error::invalid("covariance", "its eigenvalues could not be found")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde::Deserialize;

    use super::*;

    fn gathered(rows: &[Vec<f32>]) -> FeatureStatistics {
        let mut statistics = FeatureStatistics::new(rows[0].len()).unwrap();
        rows.iter().for_each(|row| statistics.add(row).unwrap());
        statistics
    }

    #[derive(Deserialize)]
    struct Case {
        one: Vec<Vec<f32>>,
        other: Vec<Vec<f32>>,
        distance: f64,
    }

    /// pytorch-fid's own function on random features, singular covariances among them.
    #[test]
    fn equals_pytorch_fid() {
        let file =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/frechet/cases.json");
        let cases: Vec<Case> =
            serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        assert!(cases.len() >= 3);
        for case in cases {
            let found = frechet_distance(&gathered(&case.one), &gathered(&case.other)).unwrap();
            // The reference takes a general matrix root, which loses half the digits on singular ones.
            assert!(
                (found - case.distance).abs() < 1e-4 * case.distance,
                "{found} {}",
                case.distance
            );
        }
    }

    #[test]
    fn moved_and_stretched_gaussians_have_the_distance_of_the_formula() {
        let square = |scale: f32, shift: f32| -> Vec<Vec<f32>> {
            let points = [[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]];
            points
                .iter()
                .map(|p| p.iter().map(|x| x * scale + shift).collect())
                .collect()
        };
        let (one, moved) = (gathered(&square(1.0, 0.0)), gathered(&square(3.0, 2.0)));
        // σ² = 4/3 and 12: per axis 2² for the shift and (√12 − √(4/3))² for the spread.
        let expected = 2.0 * (4.0 + (12.0_f64.sqrt() - (4.0_f64 / 3.0).sqrt()).powi(2));
        assert!((frechet_distance(&one, &moved).unwrap() - expected).abs() < 1e-9);
        assert!(frechet_distance(&one, &one).unwrap() < 1e-12);
    }

    #[test]
    fn sets_that_cannot_be_compared_are_refused() {
        let one = gathered(&[vec![1.0, 2.0]]);
        assert!(
            frechet_distance(&one, &one)
                .unwrap_err()
                .to_string()
                .contains("at least two")
        );
        let wide = gathered(&[vec![0.0; 3], vec![1.0; 3]]);
        assert!(frechet_distance(&wide, &one).is_err());
        assert!(FeatureStatistics::new(0).is_err());
        let mut statistics = FeatureStatistics::new(2).unwrap();
        assert!(statistics.add(&[f32::NAN, 0.0]).is_err());
        assert_eq!(statistics.count(), 0);
    }
}

//! Maps of the plane that keep straight lines: where crop pixels lie in the picture.
//!
//! `p ↦ A·p + t` in f64, so that a crop's map and its inverse agree far below a thousandth of a
//! pixel. [`Affine::similarity_from_points`] is the least-squares similarity of Umeyama 1991
//! (eqs. 34–43) in its closed form for the plane: with points as complex numbers, the factor
//! `Σ conj(p)·q / Σ |p|²` holds scale and turn. It never mirrors.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// `[[a, b, tx], [c, d, ty]]`: maps `(x, y)` to `(a·x + b·y + tx, c·x + d·y + ty)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Affine {
    /// The two rows.
    pub rows: [[f64; 3]; 2],
}

impl Affine {
    /// Maps every point to itself.
    pub const IDENTITY: Self = Self {
        rows: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
    };

    /// Moves by `(x, y)`.
    pub const fn translation(x: f64, y: f64) -> Self {
        Self {
            rows: [[1.0, 0.0, x], [0.0, 1.0, y]],
        }
    }

    /// Scales, turns by `angle` radians (x towards y: clockwise on screen), then moves by `shift`.
    pub fn similarity(scale: f64, angle: f64, shift: [f64; 2]) -> Self {
        let (sine, cosine) = angle.sin_cos();
        let (real, imaginary) = (scale * cosine, scale * sine);
        Self {
            rows: [[real, -imaginary, shift[0]], [imaginary, real, shift[1]]],
        }
    }

    /// The similarity that brings `from` nearest to `to` in the sense of least squares.
    ///
    /// # Errors
    /// If the lists differ in length or hold fewer than two points, if a coordinate is not finite,
    /// or if the points leave scale and turn open (all in one place, or no common pattern).
    pub fn similarity_from_points(from: &[[f64; 2]], to: &[[f64; 2]]) -> Result<Self> {
        if from.len() != to.len() || from.len() < 2 {
            let expected = format!("two or more points, as many as targets ({})", to.len());
            return Err(Error::shape("points to align", expected, from.len()));
        }
        if !from
            .iter()
            .chain(to)
            .flatten()
            .all(|value| value.is_finite())
        {
            return Err(Error::invalid("points to align", "must be finite"));
        }
        let (from_mean, to_mean) = (mean(from), mean(to));
        let (mut real, mut imaginary, mut spread) = (0.0, 0.0, 0.0);
        for (p, q) in from.iter().zip(to) {
            let [px, py] = [p[0] - from_mean[0], p[1] - from_mean[1]];
            let [qx, qy] = [q[0] - to_mean[0], q[1] - to_mean[1]];
            real += px * qx + py * qy;
            imaginary += px * qy - py * qx;
            spread += px * px + py * py;
        }
        let (real, imaginary) = (real / spread, imaginary / spread);
        let scale = real.hypot(imaginary);
        if scale.is_nan() || scale < 1e-9 {
            let why = "all in one place, or without likeness to their targets";
            return Err(Error::invalid("points to align", why));
        }
        let [x, y] = from_mean;
        Ok(Self {
            rows: [
                [real, -imaginary, to_mean[0] - (real * x - imaginary * y)],
                [imaginary, real, to_mean[1] - (imaginary * x + real * y)],
            ],
        })
    }

    /// Where `point` goes.
    pub fn apply(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        self.rows.map(|[a, b, shift]| a * x + b * y + shift)
    }

    /// The map that does `first`, then this one.
    #[must_use]
    pub fn after(&self, first: &Self) -> Self {
        let [[a, b, tx], [c, d, ty]] = first.rows;
        Self {
            rows: self
                .rows
                .map(|[p, q, shift]| [p * a + q * c, p * b + q * d, p * tx + q * ty + shift]),
        }
    }

    /// The map that undoes this one.
    ///
    /// # Errors
    /// If this one flattens the plane to a line or a point.
    pub fn inverse(&self) -> Result<Self> {
        let [[a, b, tx], [c, d, ty]] = self.rows;
        let area = a * d - b * c;
        if !(area.abs() > f64::MIN_POSITIVE && area.is_finite()) {
            return Err(Error::invalid(
                "affine map",
                format!("has no inverse: {:?}", self.rows),
            ));
        }
        Ok(Self {
            rows: [
                [d / area, -b / area, (b * ty - d * tx) / area],
                [-c / area, a / area, (c * tx - a * ty) / area],
            ],
        })
    }

    /// Length after / length before, averaged over directions (exact for similarities).
    pub fn scale(&self) -> f64 {
        let [[a, b, _], [c, d, _]] = self.rows;
        (a * d - b * c).abs().sqrt()
    }

    /// Whether rows stay rows and columns stay columns.
    pub fn is_axis_aligned(&self) -> bool {
        self.rows[0][1] == 0.0 && self.rows[1][0] == 0.0
    }
}

fn mean(points: &[[f64; 2]]) -> [f64; 2] {
    let count = points.len() as f64;
    [0, 1].map(|axis| points.iter().map(|p| p[axis]).sum::<f64>() / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composes_in_reading_order_and_inverts() {
        let turn = Affine::similarity(2.0, std::f64::consts::FRAC_PI_2, [10.0, 20.0]);
        let [x, y] = turn.apply([3.0, 1.0]);
        assert!(
            (x - 8.0).abs() < 1e-12 && (y - 26.0).abs() < 1e-12,
            "{x} {y}"
        );

        let moved = turn.after(&Affine::translation(5.0, 7.0));
        assert_eq!(moved.apply([-2.0, -6.0]), turn.apply([3.0, 1.0]));

        let odd = Affine {
            rows: [[0.3, -2.0, 511.0], [1.7, 0.1, -93.0]],
        };
        let back = odd.inverse().unwrap().after(&odd);
        for (found, wanted) in back
            .rows
            .iter()
            .flatten()
            .zip(Affine::IDENTITY.rows.iter().flatten())
        {
            assert!((found - wanted).abs() < 1e-12, "{back:?}");
        }
    }

    #[test]
    fn refuses_what_has_no_answer() {
        let flat = Affine {
            rows: [[1.0, 2.0, 0.0], [2.0, 4.0, 0.0]],
        };
        assert!(flat.inverse().is_err());
        let [one, other] = [[1.0, 1.0], [4.0, 1.0]];
        assert!(Affine::similarity_from_points(&[one, one], &[one, other]).is_err());
        assert!(Affine::similarity_from_points(&[one, other], &[one]).is_err());
        assert!(Affine::similarity_from_points(&[one, [f64::NAN, 0.0]], &[one, other]).is_err());
    }
}

//! Structural similarity (Wang et al. 2004, eq. 13), as scikit-image computes it for colour pictures.
//!
//! `SSIM = (2 μ_x μ_y + C₁)(2 σ_xy + C₂) / ((μ_x² + μ_y² + C₁)(σ_x² + σ_y² + C₂))`, C₁ = (0.01·255)²,
//! C₂ = (0.03·255)², averaged over all whole windows and the three channels.

use image::RgbImage;

use super::pixels::check_sizes;
use crate::error::{Error, Result};

const C1: f64 = (0.01 * 255.0) * (0.01 * 255.0);
const C2: f64 = (0.03 * 255.0) * (0.03 * 255.0);
/// Gaussian windows end here, in standard deviations.
const TRUNCATE: f64 = 3.5;

/// What a window weighs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SsimWindow {
    /// All of its `side`² pixels alike, with the sample's covariance: scikit-image's default (`side` 7).
    Uniform {
        /// Odd, at least 3.
        side: usize,
    },
    /// A Gaussian, with the population's covariance: the paper's choice (`sigma` 1.5).
    Gaussian {
        /// Its standard deviation in pixels.
        sigma: f64,
    },
}

impl SsimWindow {
    /// Weights along one axis, and the factor that makes covariances those of a sample.
    fn weights(self) -> Result<(Vec<f64>, f64)> {
        match self {
            Self::Uniform { side } if side >= 3 && side % 2 == 1 => {
                let pixels = (side * side) as f64;
                Ok((vec![1.0 / side as f64; side], pixels / (pixels - 1.0)))
            }
            Self::Gaussian { sigma } if sigma > 0.0 && sigma < 100.0 => {
                let reach = (TRUNCATE * sigma + 0.5) as i64;
                let bell = |x: i64| (-0.5 * (x as f64 / sigma).powi(2)).exp();
                let bells: Vec<f64> = (-reach..=reach).map(bell).collect();
                let sum: f64 = bells.iter().sum();
                Ok((bells.iter().map(|weight| weight / sum).collect(), 1.0))
            }
            other => Err(Error::invalid(
                "SSIM window",
                format!("needs an odd side of at least 3 or a sigma of 0 to 100, found {other:?}"),
            )),
        }
    }
}

/// Mean structural similarity, 1 for equal pictures.
///
/// # Errors
/// If the pictures differ in size or are smaller than the window.
pub fn ssim(one: &RgbImage, other: &RgbImage, window: SsimWindow) -> Result<f64> {
    check_sizes(one, other)?;
    let (weights, sample) = window.weights()?;
    let (width, height) = (one.width() as usize, one.height() as usize);
    if width < weights.len() || height < weights.len() {
        let needed = format!("at least {0}×{0} pixels, the window's", weights.len());
        return Err(Error::shape("picture", needed, one.dimensions()));
    }
    let channels = (0..3).map(|channel| {
        let [x, y] = [one, other].map(|picture| plane(picture, channel));
        let blur = |values: Vec<f64>| Plane { values, width }.blurred(&weights);
        let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(p, q)| p * q).collect();
        let [xx, yy, xy] = [(&x, &x), (&y, &y), (&x, &y)].map(|(a, b)| blur(product(a, b)));
        let (mx, my) = (blur(x), blur(y));
        let count = mx.len();
        let similar = (0..count).map(|i| {
            let (mx, my) = (mx[i], my[i]);
            let [vx, vy, vxy] =
                [xx[i] - mx * mx, yy[i] - my * my, xy[i] - mx * my].map(|v| sample * v);
            let above = (2.0 * mx * my + C1) * (2.0 * vxy + C2);
            above / ((mx * mx + my * my + C1) * (vx + vy + C2))
        });
        similar.sum::<f64>() / count as f64
    });
    Ok(channels.sum::<f64>() / 3.0)
}

fn plane(picture: &RgbImage, channel: usize) -> Vec<f64> {
    picture
        .iter()
        .skip(channel)
        .step_by(3)
        .map(|&value| f64::from(value))
        .collect()
}

struct Plane {
    values: Vec<f64>,
    width: usize,
}

impl Plane {
    /// Weighted means of all whole windows.
    fn blurred(self, weights: &[f64]) -> Vec<f64> {
        let across: Vec<f64> = self
            .values
            .chunks_exact(self.width)
            .flat_map(|row| {
                row.windows(weights.len())
                    .map(|part| weighted(part.iter(), weights))
            })
            .collect();
        let width = self.width + 1 - weights.len();
        let rows = across.len() / width + 1 - weights.len();
        let mean = |start: usize| weighted(across[start..].iter().step_by(width), weights);
        (0..rows * width).map(mean).collect()
    }
}

fn weighted<'a>(values: impl Iterator<Item = &'a f64>, weights: &[f64]) -> f64 {
    values
        .zip(weights)
        .map(|(value, weight)| value * weight)
        .sum()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde::Deserialize;

    use super::super::psnr;
    use super::*;

    #[derive(Deserialize)]
    struct Expected {
        pair: [String; 2],
        psnr: f64,
        ssim_uniform: f64,
        ssim_gaussian: f64,
    }

    /// scikit-image's own numbers; see `make.py` beside the pictures.
    #[test]
    fn equals_scikit_image() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/pixel_metrics");
        let text = std::fs::read_to_string(folder.join("expected.json")).unwrap();
        let cases: Vec<Expected> = serde_json::from_str(&text).unwrap();
        assert!(cases.len() >= 3);
        for case in cases {
            let [a, b] = case
                .pair
                .map(|name| image::open(folder.join(name)).unwrap().into_rgb8());
            let found = [
                psnr(&a, &b).unwrap(),
                ssim(&a, &b, SsimWindow::Uniform { side: 7 }).unwrap(),
                ssim(&a, &b, SsimWindow::Gaussian { sigma: 1.5 }).unwrap(),
            ];
            for (found, expected) in
                found
                    .into_iter()
                    .zip([case.psnr, case.ssim_uniform, case.ssim_gaussian])
            {
                assert!(
                    (found - expected).abs() < 1e-9 * expected.abs(),
                    "{found} {expected}"
                );
            }
        }
    }

    #[test]
    fn equal_pictures_are_alike_and_foreign_sizes_refused() {
        let picture = RgbImage::from_fn(12, 9, |x, y| image::Rgb([x as u8 * 20, y as u8 * 7, 3]));
        assert_eq!(
            ssim(&picture, &picture, SsimWindow::Uniform { side: 7 }).unwrap(),
            1.0
        );
        assert_eq!(psnr(&picture, &picture).unwrap(), f64::INFINITY);
        assert!(
            ssim(
                &picture,
                &RgbImage::new(9, 12),
                SsimWindow::Uniform { side: 7 }
            )
            .is_err()
        );
        assert!(ssim(&picture, &picture, SsimWindow::Gaussian { sigma: 1.5 }).is_err());
        assert!(ssim(&picture, &picture, SsimWindow::Uniform { side: 6 }).is_err());
    }
}

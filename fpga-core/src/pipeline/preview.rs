//! A cheap look at latents: one linear map from latent channels to red, green and blue.
//!
//! The map is fitted to the model's own VAE: it encodes a chart of colour patches and solves least
//! squares from latents to patch colours. So it fits any VAE, at the cost of one small encode.

use burn::tensor::{Device, Tensor};
use image::{Rgb, RgbImage};

use crate::error::Result;
use crate::nn::read_values;
use crate::vae::AutoencoderKl;
use crate::vae::{host_values, picture_to_tensor};

/// Patches along one side of the chart.
const PATCHES: usize = 8;

/// Linear map from scaled latents to 8-bit RGB.
#[derive(Clone, Debug)]
pub struct LatentPreview {
    /// Per colour: one weight per latent channel, then the constant.
    weights: [Vec<f64>; 3],
}

impl LatentPreview {
    /// Fits the map to `vae`.
    ///
    /// # Errors
    /// The VAE encodes the chart to NaN or infinity.
    pub fn fit(vae: &AutoencoderKl, device: &Device) -> Result<Self> {
        // Each patch covers two by two latents, and only its last one is used: the others see
        // their neighbours' colours.
        let patch = 2 * vae.config().reduction() as u32;
        let chart = RgbImage::from_fn(PATCHES as u32 * patch, PATCHES as u32 * patch, |x, y| {
            colour((y / patch) as usize * PATCHES + (x / patch) as usize)
        });
        let latents = vae.scale(vae.encode(picture_to_tensor(&chart, device)).mean);
        let [_, channels, height, width] = latents.dims();
        let values = host_values(latents, "latents of the preview chart")?;
        let sample = |index: usize| -> Vec<f64> {
            let (row, column) = (index / PATCHES, index % PATCHES);
            let (tall, wide) = (height / PATCHES, width / PATCHES);
            let centre = (row * tall + tall / 2) * width + column * wide + wide / 2;
            let level = |c| f64::from(values[c * height * width + centre]);
            (0..channels).map(level).chain([1.0]).collect()
        };
        let rows: Vec<Vec<f64>> = (0..PATCHES * PATCHES).map(sample).collect();
        let solve = |channel: usize| {
            let targets = (0..rows.len()).map(|index| f64::from(colour(index)[channel]));
            least_squares(&rows, &targets.collect::<Vec<_>>())
        };
        Ok(Self {
            weights: [solve(0), solve(1), solve(2)],
        })
    }

    /// The first picture of the batch, one pixel per latent.
    ///
    /// # Shapes
    /// - `latents`: `[b, c, h, w]`, scaled as the UNet sees them
    ///
    /// # Errors
    /// As [`read_values`].
    pub fn render(&self, latents: Tensor<4>) -> Result<RgbImage> {
        let [_, channels, height, width] = latents.dims();
        let values = read_values(latents)?;
        Ok(RgbImage::from_fn(width as u32, height as u32, |x, y| {
            let at = y as usize * width + x as usize;
            let level = |weights: &Vec<f64>| {
                let sum = (0..channels)
                    .map(|c| weights[c] * f64::from(values[c * height * width + at]))
                    .sum::<f64>();
                (sum + weights[channels]).round().clamp(0.0, 255.0) as u8
            };
            Rgb([0, 1, 2].map(|channel| level(&self.weights[channel])))
        }))
    }
}

/// Colours that fill the cube evenly: the bits of the index, in Gray code, spread over channels.
fn colour(index: usize) -> Rgb<u8> {
    let level = |shift: usize| [16, 88, 168, 240][index >> shift & 3];
    Rgb([level(0), level(2), level(4)])
}

/// Solves `min ‖rows·w − targets‖²` by the normal equations, with a little ridge for VAEs whose
/// channels carry the same thing.
fn least_squares(rows: &[Vec<f64>], targets: &[f64]) -> Vec<f64> {
    let size = rows.first().map_or(0, Vec::len);
    let mut system = vec![vec![0.0; size + 1]; size];
    for (row, target) in rows.iter().zip(targets) {
        for i in 0..size {
            for j in 0..size {
                system[i][j] += row[i] * row[j];
            }
            system[i][size] += row[i] * target;
        }
    }
    for (i, equation) in system.iter_mut().enumerate() {
        equation[i] += 1e-6 * equation[i].max(1e-6);
    }
    eliminate(&mut system);
    system
        .iter()
        .enumerate()
        .map(|(i, equation)| equation[size] / equation[i])
        .collect()
}

/// Gauss–Jordan with row pivoting, in place.
fn eliminate(system: &mut [Vec<f64>]) {
    for column in 0..system.len() {
        let below = column..system.len();
        let size = |row: &usize| system[*row][column].abs();
        let best = below
            .max_by(|a, b| size(a).total_cmp(&size(b)))
            .unwrap_or(column);
        system.swap(column, best);
        let pivot = system[column].clone();
        for (row, equation) in system.iter_mut().enumerate() {
            if row != column {
                let factor = equation[column] / pivot[column];
                equation
                    .iter_mut()
                    .zip(&pivot)
                    .for_each(|(value, p)| *value -= factor * p);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn least_squares_recovers_a_linear_map() {
        let rows: Vec<Vec<f64>> = (0..20)
            .map(|i| vec![f64::from(i % 5), f64::from(i * i % 7), 1.0])
            .collect();
        let targets: Vec<f64> = rows
            .iter()
            .map(|r| 3.0 * r[0] - 2.0 * r[1] + 50.0)
            .collect();
        let found = least_squares(&rows, &targets);
        for (value, expected) in found.iter().zip([3.0, -2.0, 50.0]) {
            assert!((value - expected).abs() < 1e-3, "{found:?}");
        }
    }
}

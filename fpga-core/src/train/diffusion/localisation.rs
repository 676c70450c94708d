//! Attention that stays where it belongs: a facial part's word should be looked at by that part's
//! pixels (ConsistentID's facial attention localisation; balanced L1 of Xiao et al. 2023, eq. 6).

use burn::tensor::Tensor;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::batch::PartTarget;
use super::masks::{resize, to_tensor};
use crate::error::{Error, Result};
use crate::unet::{AttentionMap, AttentionSite};

/// How much, and where it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Localisation {
    /// Factor of this loss beside the prediction's.
    pub weight: f64,
    /// How many stages, counted from the middle of the UNet outwards.
    pub stages: usize,
    /// Whose attention.
    pub site: AttentionSite,
}

impl Default for Localisation {
    /// As Stable Diffusion 1.5's ConsistentID was trained, but on the attention to the text.
    fn default() -> Self {
        Self {
            weight: 0.01,
            stages: 5,
            site: AttentionSite::Text,
        }
    }
}

/// Added to sums that are divided by.
const EPSILON: f64 = 1e-5;

impl Localisation {
    /// Which of `count` stages (down, middle, up, in the order of use) are watched: the middle ones.
    pub fn watched(&self, count: usize) -> std::ops::Range<usize> {
        let start = count.saturating_sub(self.stages) / 2;
        start..(start + self.stages).min(count)
    }

    /// The mean over all watched layers; `None` where no picture has a part.
    ///
    /// # Errors
    /// No layer was watched, or a part's position lies beyond the keys of a map.
    pub fn loss(
        &self,
        maps: &[AttentionMap],
        parts: &[Vec<PartTarget>],
    ) -> Result<Option<Tensor<1>>> {
        if parts.iter().all(Vec::is_empty) {
            return Ok(None);
        }
        let mut sum = None::<Tensor<1>>;
        for map in maps {
            let loss = layer_loss(map, parts)?;
            sum = Some(match sum {
                Some(others) => others + loss,
                None => loss,
            });
        }
        let sum = sum.ok_or_else(|| {
            let why = "no layer with such attention lies in the watched stages";
            Error::invalid("attention localisation", why)
        })?;
        Ok(Some(sum / maps.len() as f64))
    }
}

/// Mean over the parts of each picture, then over pictures and heads.
fn layer_loss(map: &AttentionMap, parts: &[Vec<PartTarget>]) -> Result<Tensor<1>> {
    let [rows, heads, pixels, keys] = map.shares.dims();
    let mut sum = Tensor::<1>::zeros([1], &map.shares.device());
    for (row, parts) in parts
        .iter()
        .enumerate()
        .filter(|(_, parts)| !parts.is_empty())
    {
        let of_row = map.shares.clone().slice_dim(0, row..row + 1);
        for part in parts {
            if part.token >= keys {
                let why = format!("the map has {keys} keys, found position {}", part.token);
                return Err(Error::invalid("token of a part", why));
            }
            let shares = of_row.clone().slice_dim(3, part.token..part.token + 1);
            let loss = balanced_l1(shares.reshape([heads, pixels]), &part.region, map.grid);
            sum = sum + loss.mean() / (parts.len() as f64 + EPSILON);
        }
    }
    Ok(sum / rows as f64)
}

/// `ΣA(1−S)/Σ(1−S) − ΣA·S/ΣS` with `A` divided by its maximum: −1 where attention lies on the part
/// and nowhere else, 1 where it lies everywhere else.
///
/// # Shapes
/// - `shares`: `[heads, h·w]`, attention of every pixel to one token
/// - `region`: `[H, W]`, brought to `grid`, which is `[h, w]`
/// - returns `[heads]`
pub fn balanced_l1(shares: Tensor<2>, region: &Array2<f32>, grid: [usize; 2]) -> Tensor<1> {
    let [heads, pixels] = shares.dims();
    let part = to_tensor(&[resize(region, grid)], &shares.device()).reshape([1, pixels]);
    let rest = 1.0 - part.clone();
    let shares = shares.clone() / (shares.max_dim(1) + EPSILON);
    let mean_on = |place: Tensor<2>| {
        let area = place.clone().sum_dim(1) + EPSILON;
        (shares.clone() * place).sum_dim(1) / area
    };
    (mean_on(rest) - mean_on(part)).reshape([heads])
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn part() -> Array2<f32> {
        Array2::from_shape_fn((4, 6), |(y, x)| f32::from((1..3).contains(&y) && x < 3))
    }

    fn loss(shares: impl Fn(f32) -> f32) -> f32 {
        let region = part();
        let values: Vec<f32> = region.iter().map(|&share| shares(share)).collect();
        let shares = Tensor::<1>::from_floats(values.as_slice(), &Device::flex());
        balanced_l1(shares.reshape([1, 24]), &region, [4, 6]).into_scalar()
    }

    #[test]
    fn a_perfect_map_is_minus_one_and_its_complement_one() {
        assert!((loss(|share| share) + 1.0).abs() < 1e-4);
        assert!(
            (loss(|share| 0.2 * share) + 1.0).abs() < 1e-3,
            "only the shape counts"
        );
        assert!((loss(|share| 1.0 - share) - 1.0).abs() < 1e-4);
        assert!(loss(|_| 0.3).abs() < 1e-4);
    }

    #[test]
    fn the_middle_stages_are_watched() {
        let of = |stages| Localisation {
            stages,
            ..Localisation::default()
        };
        assert_eq!(of(5).watched(7), 1..6);
        assert_eq!(of(3).watched(7), 2..5);
        assert_eq!(of(9).watched(4), 0..4);
    }
}

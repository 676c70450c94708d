//! Where errors count more.

use burn::tensor::{Device, Tensor};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::batch::{DiffusionBatch, FaceTarget};
use super::masks::{resize, to_tensor, union};
use crate::train::Draw;

/// The weight of every pixel of the latents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Focus {
    /// All pixels count the same.
    #[default]
    Everywhere,
    /// `w = 1 + extra·M`, M being the faces.
    Faces {
        /// λ; 1 is usual.
        extra: f64,
    },
    /// In this share of all batches only the faces count, in the others all pixels do.
    OnlyFaces {
        /// 0 to 1; one half is usual.
        share: f64,
    },
}

impl Focus {
    /// Weights `[b, 1, h, w]`; `None` where all are 1.
    pub(super) fn weights(
        &self,
        batch: &DiffusionBatch,
        device: &Device,
        draw: &mut Draw,
    ) -> Option<Tensor<4>> {
        // Weight outside, and what the faces have more.
        let (outside, extra) = match *self {
            Self::Everywhere => return None,
            Self::Faces { extra } => (1.0, extra as f32),
            Self::OnlyFaces { share } => match draw.chance(share) {
                true => (0.0, 1.0),
                false => return None,
            },
        };
        if batch.faces.is_empty() {
            return None;
        }
        let [_, _, height, width] = batch.latents.dims();
        let map = |faces: &Vec<FaceTarget>| {
            let all = faces
                .iter()
                .map(|face| resize(&face.region, [height, width]));
            let faces = all.fold(Array2::zeros((height, width)), |sum, face| {
                union(sum, &face)
            });
            faces.mapv(|face| outside + extra * face)
        };
        let maps: Vec<_> = batch.faces.iter().map(map).collect();
        Some(to_tensor(&maps, device))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unet::Conditioning;

    #[test]
    fn faces_count_more_or_alone() {
        let device = Device::flex();
        let region = Array2::from_shape_fn((32, 32), |(y, _)| f32::from(y < 16));
        let text = Conditioning::text(Tensor::zeros([1, 2, 3], &device));
        let batch = DiffusionBatch {
            faces: vec![vec![FaceTarget::unknown(region)]],
            ..DiffusionBatch::new(Tensor::zeros([1, 4, 4, 4], &device), text)
        };
        let weights = |focus: Focus, step| {
            let draw = &mut Draw::new(1, step, 0);
            let weights = focus.weights(&batch, &device, draw)?;
            let values: Vec<f32> = weights.into_data().try_to_vec().unwrap();
            Some([values[0], values[15]])
        };
        let close = |found: [f32; 2], expected: [f32; 2]| {
            found
                .iter()
                .zip(expected)
                .all(|(a, b)| (a - b).abs() < 1e-6)
        };
        assert!(close(
            weights(Focus::Faces { extra: 1.5 }, 0).unwrap(),
            [2.5, 1.0]
        ));
        assert!(weights(Focus::Everywhere, 0).is_none());
        let found: Vec<_> = (0..200)
            .filter_map(|step| weights(Focus::OnlyFaces { share: 0.5 }, step))
            .collect();
        assert!(found.iter().all(|&weights| close(weights, [1.0, 0.0])));
        assert!((70..130).contains(&found.len()), "{}", found.len());
    }
}

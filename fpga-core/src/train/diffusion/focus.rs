//! Where errors count more.

use burn::tensor::{Device, Tensor};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::batch::{DiffusionBatch, FaceTarget};
use super::masks::{resize, to_tensor, union};

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
}

impl Focus {
    /// Weights `[b, 1, h, w]`; `None` where all are 1.
    pub(super) fn weights(&self, batch: &DiffusionBatch, device: &Device) -> Option<Tensor<4>> {
        let Self::Faces { extra } = *self else {
            return None;
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
            faces.mapv(|face| 1.0 + extra as f32 * face)
        };
        let maps: Vec<_> = batch.faces.iter().map(map).collect();
        Some(to_tensor(&maps, device))
    }
}

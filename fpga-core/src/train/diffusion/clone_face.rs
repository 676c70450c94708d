//! Clone Face Tuning, our design: pictures of several people, of whom one is given.
//!
//! Where one stream of identity reaches several faces, they all become the same person. Here one face
//! of each picture is drawn; only its identity is given, and only it counts, so that an identity learns
//! to act where its mask is and nowhere else. As an augmentation the face may be cloned to another
//! place of the same picture: the same person, twice, exactly where the mask says.

use burn::tensor::Tensor;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::batch::{DiffusionBatch, FaceTarget};
use super::masks::{resize, to_tensor, union};
use crate::train::Draw;

/// One active face per picture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CloneFaceTuning {
    /// Weight of the active face's pixels.
    pub face: f64,
    /// Weight of all others; 0 supervises the face alone.
    pub elsewhere: f64,
    /// Share of pictures in which the face is cloned to another place.
    pub clone: f64,
}

impl Default for CloneFaceTuning {
    fn default() -> Self {
        Self {
            face: 1.0,
            elsewhere: 0.0,
            clone: 0.0,
        }
    }
}

/// A batch with one active face per picture.
pub(super) struct Activated {
    pub(super) batch: DiffusionBatch,
    /// `[b, 1, h, w]`
    pub(super) weights: Tensor<4>,
    /// Share of pictures in which a face was cloned.
    pub(super) cloned: f64,
}

impl CloneFaceTuning {
    /// Draws a face per picture among those whose identity is known. Where there is none, all pixels
    /// weigh the same.
    pub(super) fn apply(&self, mut batch: DiffusionBatch, draw: &mut Draw) -> Activated {
        let [rows, _, height, width] = batch.latents.dims();
        batch.faces.resize_with(rows, Vec::new);
        let mut maps = Vec::with_capacity(rows);
        let mut cloned = 0;
        for row in 0..rows {
            let Some(mut face) = drawn(std::mem::take(&mut batch.faces[row]), draw) else {
                maps.push(Array2::ones((height, width)));
                continue;
            };
            if draw.chance(self.clone) {
                let shift = shift(&resize(&face.region, [height, width]), draw);
                if let Some(shift) = shift {
                    batch.latents = clone_latents(batch.latents, row, &face, shift);
                    face.region = clone_region(face.region, [height, width], shift);
                    cloned += 1;
                }
            }
            let grid = resize(&face.region, [height, width]);
            let (inside, outside) = (self.face as f32, self.elsewhere as f32);
            maps.push(grid.mapv(|share| outside + (inside - outside) * share));
            batch.faces[row] = vec![face];
        }
        let weights = to_tensor(&maps, &batch.latents.device());
        let cloned = f64::from(cloned) / rows.max(1) as f64;
        Activated {
            batch,
            weights,
            cloned,
        }
    }
}

fn drawn(faces: Vec<FaceTarget>, draw: &mut Draw) -> Option<FaceTarget> {
    let mut known: Vec<_> = faces.into_iter().filter(FaceTarget::is_known).collect();
    match known.len() {
        0 => None,
        count => Some(known.swap_remove(draw.below(count))),
    }
}

/// Down and right, in cells of the latents.
type Shift = [isize; 2];

/// To a place where the whole face is inside the picture and beside itself; `None` if there is none.
fn shift(grid: &Array2<f32>, draw: &mut Draw) -> Option<Shift> {
    let (height, width) = grid.dim();
    let inside = |&(_, share): &((usize, usize), &f32)| *share >= 0.5;
    let cells: Vec<(usize, usize)> = grid
        .indexed_iter()
        .filter(inside)
        .map(|(at, _)| at)
        .collect();
    let (top, bottom) = range(cells.iter().map(|cell| cell.0))?;
    let (left, right) = range(cells.iter().map(|cell| cell.1))?;
    let (tall, wide) = (bottom - top + 1, right - left + 1);
    let mut places = Vec::new();
    for y in 0..=height - tall {
        for x in 0..=width - wide {
            if y.abs_diff(top) >= tall || x.abs_diff(left) >= wide {
                places.push([y as isize - top as isize, x as isize - left as isize]);
            }
        }
    }
    match places.len() {
        0 => None,
        count => Some(places[draw.below(count)]),
    }
}

fn range(values: impl Iterator<Item = usize> + Clone) -> Option<(usize, usize)> {
    Some((values.clone().min()?, values.max()?))
}

/// The face's cells of one picture once more, at the other place.
fn clone_latents(latents: Tensor<4>, row: usize, face: &FaceTarget, shift: Shift) -> Tensor<4> {
    let [rows, _, height, width] = latents.dims();
    let grid = resize(&face.region, [height, width]).mapv(|share| f32::from(share >= 0.5));
    let mut maps = vec![Array2::zeros((height, width)); rows];
    maps[row] = moved(&grid, shift);
    let place = to_tensor(&maps, &latents.device());
    let copy = latents
        .clone()
        .roll(&shift.map(|cells| cells as i64), &[2, 3]);
    latents * (1.0 - place.clone()) + copy * place
}

/// The face's mask at both places.
fn clone_region(region: Array2<f32>, grid: [usize; 2], shift: Shift) -> Array2<f32> {
    let (rows, columns) = region.dim();
    let pixels = [
        shift[0] * rows as isize / grid[0] as isize,
        shift[1] * columns as isize / grid[1] as isize,
    ];
    let copy = moved(&region, pixels);
    union(region, &copy)
}

/// What leaves the picture is lost; what comes in is zero.
fn moved(map: &Array2<f32>, [down, right]: Shift) -> Array2<f32> {
    Array2::from_shape_fn(map.dim(), |(y, x)| {
        let from = y
            .checked_add_signed(-down)
            .zip(x.checked_add_signed(-right));
        from.and_then(|from| map.get(from)).copied().unwrap_or(0.0)
    })
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Int};

    use super::*;
    use crate::unet::Conditioning;

    fn batch() -> DiffusionBatch {
        let device = Device::flex();
        let latents = Tensor::<1, Int>::arange(0..2 * 2 * 8 * 8, &device).float();
        let text = Conditioning::text(Tensor::zeros([2, 3, 4], &device));
        let face = |left: usize, tokens: Option<f32>| FaceTarget {
            region: Array2::from_shape_fn((64, 64), |(y, x)| {
                f32::from((16..32).contains(&y) && (left..left + 16).contains(&x))
            }),
            tokens: tokens.map(|fill| Tensor::full([2, 4], fill, &device)),
            features: None,
            likeness: None,
        };
        let faces = vec![
            vec![face(0, Some(1.0)), face(40, Some(2.0)), face(20, None)],
            vec![face(8, None)],
        ];
        DiffusionBatch {
            faces,
            ..DiffusionBatch::new(latents.reshape([2, 2, 8, 8]), text)
        }
    }

    fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().try_to_vec().unwrap()
    }

    #[test]
    fn one_known_face_is_active_and_only_it_counts() {
        let tuning = CloneFaceTuning::default();
        let mut picked = [0; 2];
        for step in 0..40 {
            let found = tuning.apply(batch(), &mut Draw::new(1, step, 0));
            let faces = &found.batch.faces;
            assert_eq!([faces[0].len(), faces[1].len()], [1, 0]);
            let who = values(faces[0][0].tokens.clone().unwrap())[0];
            picked[who as usize - 1] += 1;
            let weights = values(found.weights);
            let (first, second) = weights.split_at(64);
            assert!(second.iter().all(|&weight| weight == 1.0));
            // Cells 2 and 3 down; 0 and 1, or 5 and 6, across.
            let left = if who == 1.0 { 0 } else { 5 };
            // Edges are soft, and sums stay about the same.
            assert!(first[2 * 8 + left] > 0.7);
            assert_eq!(first[2 * 8 + 3], 0.0);
            assert!((first.iter().sum::<f32>() - 4.0).abs() < 0.3);
            assert_eq!(found.cloned, 0.0);
        }
        assert!(picked[0] > 8 && picked[1] > 8, "{picked:?}");
    }

    #[test]
    fn a_cloned_face_is_twice_in_the_picture_and_in_its_mask() {
        let tuning = CloneFaceTuning {
            clone: 1.0,
            ..CloneFaceTuning::default()
        };
        let before = values(batch().latents);
        for step in 0..20 {
            let found = tuning.apply(batch(), &mut Draw::new(2, step, 0));
            assert_eq!(found.cloned, 0.5);
            let region = &found.batch.faces[0][0].region;
            assert!((region.sum() - 512.0).abs() < 1e-3, "{}", region.sum());
            let after = values(found.batch.latents);
            let changed = (0..256).filter(|&at| before[at] != after[at]).count();
            assert_eq!(changed, 2 * 4, "four cells of both channels");
            let sum: f32 = values(found.weights)[..64].iter().sum();
            assert!((sum - 8.0).abs() < 0.6, "{sum}");
        }
    }
}

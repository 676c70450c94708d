//! Where a person may act: a mask in picture pixels, and the same mask on the grids of a UNet's layers.

use ndarray::Array2;

use crate::error::{Error, ErrorKind, Result};

/// Weights 0–1 of every pixel of a picture, not all 0.
#[derive(Clone, Debug, PartialEq)]
pub struct RegionMask {
    weights: Array2<f32>,
}

/// A cell that is covered to this share shows a person well enough.
const VISIBLE: f32 = 0.5;

impl RegionMask {
    /// A mask `[height, width]`.
    ///
    /// # Errors
    /// No pixel is above 0, or one is outside 0–1 or not a number.
    pub fn new(weights: Array2<f32>) -> Result<Self> {
        if weights.iter().any(|weight| weight.is_nan()) {
            return Err(Error::new(ErrorKind::NotFinite {
                what: "identity mask".to_owned(),
            }));
        }
        if let Some(weight) = weights.iter().find(|weight| !(0.0..=1.0).contains(*weight)) {
            let why = format!("values must be 0 to 1, found {weight}");
            return Err(Error::invalid("identity mask", why));
        }
        if weights.iter().all(|&weight| weight == 0.0) {
            let (height, width) = weights.dim();
            let why = format!("is empty: all of its {width}×{height} pixels are 0");
            return Err(Error::invalid("identity mask", why));
        }
        Ok(Self { weights })
    }

    /// The whole picture of this height and width.
    ///
    /// # Errors
    /// The picture has no pixels.
    pub fn everywhere([height, width]: [usize; 2]) -> Result<Self> {
        Self::new(Array2::ones((height, width)))
    }

    /// The rectangle from left, top, right, bottom, in a picture of this height and width. Pixels at
    /// its border weigh as much as it covers of them.
    ///
    /// # Errors
    /// The rectangle covers nothing of the picture.
    pub fn from_box(edges: [f32; 4], [height, width]: [usize; 2]) -> Result<Self> {
        let [left, top, right, bottom] = edges;
        let covered = |low: f32, high: f32, pixel: usize| {
            let pixel = pixel as f32;
            (high.min(pixel + 1.0) - low.max(pixel)).clamp(0.0, 1.0)
        };
        let weights = Array2::from_shape_fn((height, width), |(y, x)| {
            covered(left, right, x) * covered(top, bottom, y)
        });
        if edges.iter().any(|edge| edge.is_nan()) || weights.iter().all(|&weight| weight == 0.0) {
            let why = format!("{edges:?} covers nothing of the {width}×{height} picture");
            return Err(Error::invalid("identity box", why));
        }
        Self::new(weights)
    }

    /// Height and width in pixels.
    pub fn size(&self) -> [usize; 2] {
        self.weights.dim().into()
    }

    /// `[height, width]`
    pub fn weights(&self) -> &Array2<f32> {
        &self.weights
    }

    /// How many pixels it covers, each by its weight.
    pub fn area(&self) -> f64 {
        self.weights.iter().map(|&weight| f64::from(weight)).sum()
    }

    /// Left, top, right, bottom of the pixels above 0.
    pub fn bounds(&self) -> [usize; 4] {
        let inside = self.weights.indexed_iter().filter(|(_, w)| **w > 0.0);
        let start = [usize::MAX, usize::MAX, 0, 0];
        inside.fold(start, |[left, top, right, bottom], ((y, x), _)| {
            [left.min(x), top.min(y), right.max(x + 1), bottom.max(y + 1)]
        })
    }

    /// The mean over each cell of a grid (adaptive average: cells may share a pixel).
    ///
    /// # Shapes
    /// - returns `[h, w]`
    pub fn averaged(&self, [height, width]: [usize; 2]) -> Array2<f32> {
        let (tall, wide) = self.weights.dim();
        Array2::from_shape_fn((height, width), |(row, column)| {
            let (rows, columns) = (cell(row, tall, height), cell(column, wide, width));
            let count = rows.len() * columns.len();
            let cell = self.weights.slice(ndarray::s![rows, columns]);
            let sum: f64 = cell.iter().map(|&weight| f64::from(weight)).sum();
            (sum / count as f64) as f32
        })
    }

    /// As [`averaged`](Self::averaged), but never lost: where no cell is half covered, the cell at
    /// the mask's centre of mass is covered wholly.
    ///
    /// # Shapes
    /// - returns `[h, w]`
    pub fn on_grid(&self, grid: [usize; 2]) -> Array2<f32> {
        let mut cells = self.averaged(grid);
        if cells.iter().all(|&share| share < VISIBLE) {
            cells[self.centre_on(grid)] = 1.0;
        }
        cells
    }

    /// The cell that holds the mean row and column of all pixels above 0.
    fn centre_on(&self, grid: [usize; 2]) -> [usize; 2] {
        let (mut count, mut sums) = (0, [0; 2]);
        for ((row, column), _) in self.weights.indexed_iter().filter(|(_, w)| **w > 0.0) {
            count += 1;
            sums = [sums[0] + row, sums[1] + column];
        }
        let size = self.size();
        // In whole numbers: a mean on the border of two cells must not fall either way by rounding.
        [0, 1].map(|axis| sums[axis] * grid[axis] / (count * size[axis]))
    }
}

/// The pixels, out of `pixels`, that cell number `index` of `cells` averages.
fn cell(index: usize, pixels: usize, cells: usize) -> std::ops::Range<usize> {
    index * pixels / cells..((index + 1) * pixels).div_ceil(cells)
}

/// What each person gets of every cell: where masks together exceed 1, each gets its part of 1.
///
/// # Shapes
/// - all `[h, w]` alike
pub(super) fn share_cells(mut masks: Vec<Array2<f32>>) -> Vec<Array2<f32>> {
    let Some(first) = masks.first() else {
        return masks;
    };
    let mut together = Array2::<f32>::zeros(first.dim());
    for mask in &masks {
        together += mask;
    }
    together.mapv_inplace(|sum| sum.max(1.0));
    for mask in &mut masks {
        *mask /= &together;
    }
    masks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mask(rows: &[&[f32]]) -> RegionMask {
        let (height, width) = (rows.len(), rows[0].len());
        RegionMask::new(Array2::from_shape_vec((height, width), rows.concat()).unwrap()).unwrap()
    }

    #[test]
    fn a_cell_is_the_mean_of_every_pixel_that_it_touches() {
        // 3 pixels on 2 cells: PyTorch's adaptive_avg_pool2d takes pixels 0–1 and 1–2.
        let mask = mask(&[&[1.0, 0.0, 0.5], &[1.0, 0.0, 0.5]]);
        let cells = mask.averaged([1, 2]);
        assert_eq!(cells.into_raw_vec_and_offset().0, [0.5, 0.25]);
    }

    #[test]
    fn a_small_face_keeps_the_cell_at_its_centre() {
        let mut weights = Array2::zeros((64, 48));
        weights[[40, 30]] = 1.0;
        weights[[41, 31]] = 0.1;
        let mask = RegionMask::new(weights).unwrap();
        let cells = mask.on_grid([8, 6]);
        assert_eq!(cells[[5, 3]], 1.0);
        assert_eq!(cells.iter().filter(|share| **share > 0.0).count(), 1);
        // Half a cell is enough to be seen.
        let half = RegionMask::from_box([0.0, 0.0, 4.0, 8.0], [64, 48]).unwrap();
        assert_eq!(half.on_grid([8, 6])[[0, 0]], 0.5);
        assert_eq!(half.on_grid([4, 3])[[0, 0]], 1.0);
    }

    #[test]
    fn a_box_weighs_its_border_by_what_it_covers() {
        let mask = RegionMask::from_box([0.5, -3.0, 2.25, 1.0], [2, 4]).unwrap();
        let expected = [0.5, 1.0, 0.25, 0.0, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(mask.weights().iter().copied().collect::<Vec<_>>(), expected);
        assert_eq!(mask.bounds(), [0, 0, 3, 1]);
        assert_eq!(mask.area(), 1.75);
    }

    #[test]
    fn masks_that_are_none_are_refused() {
        let refused = |weights| RegionMask::new(weights).unwrap_err().to_string();
        let empty = refused(Array2::zeros((3, 5)));
        assert_eq!(
            empty,
            "identity mask: is empty: all of its 5×3 pixels are 0"
        );
        assert!(refused(Array2::zeros((0, 5))).contains("empty"));
        assert!(refused(Array2::from_elem((1, 1), 1.5)).contains("found 1.5"));
        assert!(refused(Array2::from_elem((1, 1), f32::NAN)).contains("NaN"));
        let outside = RegionMask::from_box([9.0, 0.0, 12.0, 2.0], [4, 8]).unwrap_err();
        assert!(
            outside.to_string().contains("nothing of the 8×4"),
            "{outside}"
        );
        assert!(RegionMask::from_box([f32::NAN, 0.0, 1.0, 1.0], [4, 8]).is_err());
    }

    fn any_mask() -> impl Strategy<Value = RegionMask> {
        let size = (1usize..40, 1usize..40);
        let mask = size.prop_flat_map(|(height, width)| {
            let weight = prop_oneof![3 => Just(0.0f32), 1 => Just(1.0f32), 1 => 0.0f32..1.0];
            let weights = prop::collection::vec(weight, height * width);
            weights.prop_map(move |w| Array2::from_shape_vec((height, width), w).unwrap())
        });
        mask.prop_filter_map("not empty", |weights| RegionMask::new(weights).ok())
    }

    proptest! {
        #[test]
        fn nobody_vanishes_and_no_cell_is_given_twice(
            masks in prop::collection::vec(any_mask(), 1..5), height in 1usize..12, width in 1usize..12,
        ) {
            let grids: Vec<_> = masks.iter().map(|mask| mask.on_grid([height, width])).collect();
            for (mask, cells) in masks.iter().zip(&grids) {
                prop_assert!(cells.iter().any(|&share| share >= VISIBLE));
                prop_assert!(cells.iter().all(|share| (0.0..=1.0).contains(share)));
                // Where the grid divides the picture, averaging loses nothing.
                let [tall, wide] = mask.size();
                if tall % height == 0 && wide % width == 0 {
                    let mean = mask.averaged([height, width]).mean().unwrap();
                    prop_assert!((f64::from(mean) - mask.area() / (tall * wide) as f64).abs() < 1e-5);
                }
            }
            let before = grids.clone();
            let shares = share_cells(grids);
            for place in (0..height).flat_map(|y| (0..width).map(move |x| [y, x])) {
                let sum: f32 = shares.iter().map(|share| share[place]).sum();
                let claimed: f32 = before.iter().map(|mask| mask[place]).sum();
                prop_assert!((sum - claimed.min(1.0)).abs() < 1e-5);
                for (share, mask) in shares.iter().zip(&before) {
                    prop_assert!(share[place] <= mask[place]);
                    prop_assert!(claimed > 1.0 || share[place] == mask[place]);
                }
            }
        }
    }
}

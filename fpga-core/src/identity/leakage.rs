//! Where each person's attention goes: into the picture, and into whose part of it.
//!
//! The meter sums, per person and cell, the mean square of the masked attention output
//! `λ_k · m_k ⊙ Attn(Q, K_k, V_k)` over channels, layers and steps. A cell of a coarse grid may reach into
//! several regions; its energy then counts for each by the area that it covers there.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::Tensor;
use ndarray::Array2;

use super::region::{RegionMask, share_cells};
use crate::nn::{Groups, Reach, attend, cast_to, read_values, sum_type};

/// Collects measurements while a job runs; clones share what is collected.
#[derive(Clone, Debug)]
pub struct LeakageMeter(Arc<Tally>);

#[derive(Debug)]
struct Tally {
    /// Rows of the batch that are measured, one per picture.
    rows: Range<usize>,
    /// Where the caller lists each person, in the order of computation.
    callers: Vec<usize>,
    grids: Vec<[usize; 2]>,
    /// `[grid][row][person][cell]`
    energy: Mutex<Vec<Vec<Vec<Vec<f64>>>>>,
}

/// Which part of a person's attention lands where; the three sum to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Leakage {
    /// Inside the person's own mask.
    pub inside: f64,
    /// Inside other people's masks.
    pub others: f64,
    /// Where nobody is.
    pub background: f64,
}

impl LeakageMeter {
    pub(super) fn new(rows: Range<usize>, grids: Vec<[usize; 2]>, callers: Vec<usize>) -> Self {
        let cells = |grid: &[usize; 2]| vec![0.0; grid[0] * grid[1]];
        let people = |grid| vec![cells(grid); callers.len()];
        let energy = grids.iter().map(|grid| vec![people(grid); rows.len()]);
        Self(Arc::new(Tally {
            energy: Mutex::new(energy.collect()),
            rows,
            callers,
            grids,
        }))
    }

    /// Adds what one layer's queries find; `weight` is `λ_k · m_k` of a person in a cell.
    pub(super) fn measure(
        &self,
        query: &Tensor<3>,
        groups: &Groups<'_>,
        (heads, grid): (usize, usize),
        weight: impl Fn(usize, usize) -> f64,
    ) {
        let rows = self.0.rows.clone();
        let of_rows = |tokens: &Tensor<3>| tokens.clone().narrow(0, rows.start, rows.len());
        let (query, keys) = (of_rows(query), of_rows(&groups.key_value.key));
        let values = of_rows(&groups.key_value.value);
        let cells = query.dims()[1];
        let mut start = 0;
        for (person, &length) in groups.lengths.iter().enumerate() {
            let first = start;
            start += length;
            let part = |tokens: &Tensor<3>| tokens.clone().narrow(1, first, length);
            if (0..cells).all(|cell| weight(person, cell) == 0.0) {
                continue;
            }
            let (key, value) = (part(&keys), part(&values));
            let found = attend(query.clone(), key, value, heads, Reach::Full);
            // Squares of halves may leave their range.
            let exact = sum_type(found.dtype());
            let found = cast_to(found, exact);
            // What cannot be read failed, and the picture with it: whoever reads that gets the error.
            let Ok(squares) = read_values(found.square().mean_dim(2)) else {
                return;
            };
            let mut energy = self.0.energy.lock().unwrap_or_else(PoisonError::into_inner);
            for (place, square) in squares.into_iter().map(f64::from).enumerate() {
                let (row, cell) = (place / cells, place % cells);
                // Every layer counts by its mean over the picture, however fine its grid.
                energy[grid][row][person][cell] +=
                    weight(person, cell).powi(2) * square / cells as f64;
            }
        }
    }

    /// How much of everyone's attention landed where, in picture number `picture` of the batch.
    /// In the caller's order; zeros for whoever never acted.
    pub fn leakage(&self, picture: usize, regions: &[&RegionMask]) -> Vec<Leakage> {
        let mut sums = vec![[0.0; 3]; regions.len()];
        for (grid, size) in self.0.grids.iter().enumerate() {
            let areas = share_cells(regions.iter().map(|mask| mask.averaged(*size)).collect());
            for (person, energy) in self.energies(grid, picture) {
                for (cell, energy) in energy.into_iter().enumerate() {
                    let place = [cell / size[1], cell % size[1]];
                    let covered: f64 = areas.iter().map(|area| f64::from(area[place])).sum();
                    let own = f64::from(areas[person][place]);
                    let parts = [own, covered - own, (1.0 - covered).max(0.0)];
                    for (sum, part) in sums[person].iter_mut().zip(parts) {
                        *sum += energy * part;
                    }
                }
            }
        }
        sums.into_iter().map(Leakage::from_sums).collect()
    }

    /// Where person number `person` (in the caller's order) acted in picture number `picture`, as
    /// large as the picture; the strongest place is 1.
    ///
    /// # Shapes
    /// - returns `[height, width]`
    pub fn attention_map(
        &self,
        picture: usize,
        person: usize,
        [height, width]: [usize; 2],
    ) -> Array2<f32> {
        let mut map = Array2::<f64>::zeros((height, width));
        for (grid, size) in self.0.grids.iter().enumerate() {
            let own = self.energies(grid, picture).into_iter();
            for (_, energy) in own.filter(|(index, _)| *index == person) {
                let cells = (size[0] * size[1]) as f64;
                let density = |row: usize, column: usize| energy[row * size[1] + column] * cells;
                let spread = |(y, x)| bilinear(density, *size, [y, x], [height, width]);
                map += &Array2::from_shape_fn((height, width), spread);
            }
        }
        let top = map.iter().copied().fold(0.0, f64::max);
        // The root: energies are squares, and eyes judge amplitudes.
        map.mapv(|energy| {
            if top > 0.0 {
                (energy / top).sqrt() as f32
            } else {
                0.0
            }
        })
    }

    /// The caller's index and the energy of every cell of a grid.
    fn energies(&self, grid: usize, picture: usize) -> Vec<(usize, Vec<f64>)> {
        let energy = self.0.energy.lock().unwrap_or_else(PoisonError::into_inner);
        let row = energy[grid].get(picture).into_iter().flatten();
        self.0.callers.iter().copied().zip(row.cloned()).collect()
    }
}

impl Leakage {
    fn from_sums(sums: [f64; 3]) -> Self {
        let total: f64 = sums.iter().sum();
        let [inside, others, background] = sums.map(|sum| match total > 0.0 {
            true => sum / total,
            false => 0.0,
        });
        Self {
            inside,
            others,
            background,
        }
    }
}

/// The value at the centre of a pixel, between the centres of the four cells around it.
fn bilinear(
    value: impl Fn(usize, usize) -> f64,
    cells: [usize; 2],
    pixel: [usize; 2],
    pixels: [usize; 2],
) -> f64 {
    let [down, across] = [0, 1].map(|axis| {
        let place = (pixel[axis] as f64 + 0.5) * cells[axis] as f64 / pixels[axis] as f64 - 0.5;
        let last = cells[axis] - 1;
        let place = place.clamp(0.0, last as f64);
        let low = place as usize;
        (low, (low + 1).min(last), place - low as f64)
    });
    let row = |row| {
        let (left, right) = (value(row, across.0), value(row, across.1));
        left + (right - left) * across.2
    };
    let (above, below) = (row(down.0), row(down.1));
    above + (below - above) * down.2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(energy: &[f64]) -> LeakageMeter {
        let meter = LeakageMeter::new(3..4, vec![[1, 2]], vec![1, 0]);
        meter.0.energy.lock().unwrap()[0][0][0].copy_from_slice(energy);
        meter
    }

    #[test]
    fn a_cell_counts_for_everyone_whom_it_reaches() {
        // Cells of 4×2 pixels. Person 1 has the left cell; person 0 a quarter of the right one.
        let left = RegionMask::from_box([0.0, 0.0, 2.0, 4.0], [4, 4]).unwrap();
        let corner = RegionMask::from_box([2.0, 0.0, 4.0, 1.0], [4, 4]).unwrap();
        let found = meter(&[3.0, 1.0]).leakage(0, &[&corner, &left]);
        let expected = Leakage {
            inside: 0.75,
            others: 0.0625,
            background: 0.1875,
        };
        assert_eq!(found, [Leakage::default(), expected]);
    }

    #[test]
    fn a_map_is_brightest_where_the_attention_is() {
        let map = meter(&[4.0, 1.0]).attention_map(0, 1, [2, 8]);
        assert_eq!(map.row(0), map.row(1));
        let row: Vec<f32> = map.row(0).to_vec();
        assert_eq!((row[0], row[1], row[7]), (1.0, 1.0, 0.5));
        assert!(row.windows(2).all(|pair| pair[0] >= pair[1]), "{row:?}");
        let nothing = meter(&[4.0, 1.0]).attention_map(0, 0, [2, 8]);
        assert!(nothing.iter().all(|&value| value == 0.0));
    }
}

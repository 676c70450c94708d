//! Antialiased resampling along an affine map.
//!
//! Each result pixel is a weighted mean of source pixels around the point that the map gives for
//! its centre. The weights are a separable kernel along the source axes, stretched by the map's
//! scale where it shrinks, so that detail the result cannot hold is averaged out instead of
//! aliased. Outside the source lies its mirror image (the edge pixel repeated first), which exists
//! at any size, down to one pixel. Maps that keep rows and columns run in two passes.

use rayon::prelude::*;

use super::affine::Affine;

/// How source pixels are weighted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kernel {
    /// Catmull–Rom (Keys 1981, a = −½): sharp, passes through the source's pixels.
    Cubic,
    /// Triangle: never leaves the source's range, so zero stays zero. For masks.
    Linear,
}

impl Kernel {
    /// Half width in source pixels when the result is not smaller.
    pub(super) fn radius(self) -> f64 {
        match self {
            Self::Cubic => 2.0,
            Self::Linear => 1.0,
        }
    }

    fn weight(self, distance: f64) -> f64 {
        let x = distance.abs();
        match self {
            Self::Cubic if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
            Self::Cubic if x < 2.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
            Self::Linear if x < 1.0 => 1.0 - x,
            _ => 0.0,
        }
    }
}

/// Pixels in rows, `C` values each.
#[derive(Clone, Copy)]
pub(super) struct Grid<'a, T, const C: usize> {
    pub(super) pixels: &'a [[T; C]],
    pub(super) width: usize,
}

/// Samples `source` at `to_source` of every pixel centre of a `width`×`height` result.
///
/// `source` is not empty. Values are in the source's units and may overshoot its range with
/// [`Kernel::Cubic`].
pub(super) fn resample<T, const C: usize>(
    source: Grid<'_, T, C>,
    to_source: &Affine,
    [width, height]: [usize; 2],
    kernel: Kernel,
) -> Vec<[f32; C]>
where
    T: Copy + Into<f32> + Sync,
{
    let stretch = to_source.scale().max(1.0);
    let source_height = source.pixels.len() / source.width;
    if to_source.is_axis_aligned() {
        let along = |axis: usize, count: usize, length: usize| -> Vec<Taps> {
            let [scale, shift] = [to_source.rows[axis][axis], to_source.rows[axis][2]];
            (0..count)
                .map(|i| {
                    let mut taps = Taps::default();
                    taps.place(scale * (i as f64 + 0.5) + shift, stretch, length, kernel);
                    taps
                })
                .collect()
        };
        let columns = along(0, width, source.width);
        let rows = along(1, height, source_height);
        return resample_separably(source, &columns, &rows);
    }
    let mut result = vec![[0f32; C]; width * height];
    result
        .par_chunks_mut(width)
        .enumerate()
        .for_each(|(y, out)| {
            let (mut column, mut row) = (Taps::default(), Taps::default());
            for (x, pixel) in out.iter_mut().enumerate() {
                let [sx, sy] = to_source.apply([x as f64 + 0.5, y as f64 + 0.5]);
                column.place(sx, stretch, source.width, kernel);
                row.place(sy, stretch, source_height, kernel);
                *pixel = row.mean(|y| {
                    let line = &source.pixels[y * source.width..][..source.width];
                    column.mean(|x| line[x].map(Into::into))
                });
            }
        });
    result
}

fn resample_separably<T, const C: usize>(
    source: Grid<'_, T, C>,
    columns: &[Taps],
    rows: &[Taps],
) -> Vec<[f32; C]>
where
    T: Copy + Into<f32> + Sync,
{
    let used = || rows.iter().flat_map(|row| row.indices.iter().copied());
    let (Some(first), Some(last)) = (used().min(), used().max()) else {
        return Vec::new();
    };
    let width = columns.len();
    let mut narrowed = vec![[0f32; C]; (last + 1 - first) * width];
    narrowed
        .par_chunks_mut(width)
        .enumerate()
        .for_each(|(index, out)| {
            let line = &source.pixels[(first + index) * source.width..][..source.width];
            for (pixel, column) in out.iter_mut().zip(columns) {
                *pixel = column.mean(|x| line[x].map(Into::into));
            }
        });
    let mut result = vec![[0f32; C]; rows.len() * width];
    result
        .par_chunks_mut(width)
        .zip(rows)
        .for_each(|(out, row)| {
            for (x, pixel) in out.iter_mut().enumerate() {
                *pixel = row.mean(|y| narrowed[(y - first) * width + x]);
            }
        });
    result
}

/// The source indices that one result coordinate averages, and their weights (sum 1).
#[derive(Default)]
struct Taps {
    indices: Vec<usize>,
    weights: Vec<f32>,
}

impl Taps {
    fn place(&mut self, centre: f64, stretch: f64, length: usize, kernel: Kernel) {
        let reach = kernel.radius() * stretch;
        let first = (centre - reach - 0.5).ceil() as i64;
        let last = (centre + reach - 0.5).floor() as i64;
        let weight = |i: i64| kernel.weight((i as f64 + 0.5 - centre) / stretch);
        let sum: f64 = (first..=last).map(weight).sum();
        self.indices.clear();
        self.indices
            .extend((first..=last).map(|i| mirror(i, length)));
        self.weights.clear();
        self.weights
            .extend((first..=last).map(|i| (weight(i) / sum) as f32));
    }

    #[inline]
    fn mean<const C: usize>(&self, value: impl Fn(usize) -> [f32; C]) -> [f32; C] {
        let mut sum = [0f32; C];
        for (&index, &weight) in self.indices.iter().zip(&self.weights) {
            let value = value(index);
            for channel in 0..C {
                sum[channel] += weight * value[channel];
            }
        }
        sum
    }
}

/// The index that a mirror at both ends of `0..length` shows at `index`.
fn mirror(index: i64, length: usize) -> usize {
    let length = length as i64;
    let folded = index.rem_euclid(2 * length);
    folded.min(2 * length - 1 - folded) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &[f32]) -> Vec<[f32; 1]> {
        values.iter().map(|&value| [value]).collect()
    }

    #[test]
    fn mirrors_without_end() {
        let shown: Vec<usize> = (-5..8).map(|i| mirror(i, 3)).collect();
        assert_eq!(shown, [1, 2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0, 1]);
        assert!((-3..3).all(|i| mirror(i, 1) == 0));
    }

    #[test]
    fn whole_pixel_shifts_copy() {
        let pixels = row(&[1.0, 7.0, 3.0, 9.0]);
        let source = Grid {
            pixels: &pixels,
            width: 4,
        };
        for kernel in [Kernel::Cubic, Kernel::Linear] {
            let shifted = resample(source, &Affine::translation(1.0, 0.0), [4, 1], kernel);
            assert_eq!(shifted, row(&[7.0, 3.0, 9.0, 9.0]));
        }
    }

    #[test]
    fn halfway_weights_are_the_kernel_s() {
        let pixels = row(&[0.0, 0.0, 16.0, 0.0, 0.0]);
        let source = Grid {
            pixels: &pixels,
            width: 5,
        };
        let half = Affine::translation(0.5, 0.0);
        let cubic = resample(source, &half, [4, 1], Kernel::Cubic);
        assert_eq!(cubic, row(&[-1.0, 9.0, 9.0, -1.0]));
        let linear = resample(source, &half, [4, 1], Kernel::Linear);
        assert_eq!(linear, row(&[0.0, 8.0, 8.0, 0.0]));
    }

    #[test]
    fn both_paths_agree() {
        let pixels: Vec<[u8; 2]> = (0..35u32)
            .map(|i| [(i * 37 % 251) as u8, (i * i % 199) as u8])
            .collect();
        let source = Grid {
            pixels: &pixels,
            width: 7,
        };
        for scale in [0.3, 1.0, 2.7] {
            let straight = Affine::similarity(scale, 0.0, [-0.8, 0.3]);
            let mut bent = straight;
            bent.rows[0][1] = 1e-12; // enough to leave the two-pass path, too little to see
            let [one, other] =
                [straight, bent].map(|map| resample(source, &map, [9, 6], Kernel::Cubic));
            for (p, q) in one.iter().flatten().zip(other.iter().flatten()) {
                assert!((p - q).abs() < 1e-3, "{scale}: {p} {q}");
            }
        }
    }

    #[test]
    fn shrinking_averages_what_it_cannot_hold() {
        let pixels: Vec<[u8; 1]> = (0..64)
            .map(|i| [if (i % 8 + i / 8) % 2 == 0 { 0 } else { 200 }])
            .collect();
        let source = Grid {
            pixels: &pixels,
            width: 8,
        };
        for turned in [0.0, 0.3] {
            let map = Affine::similarity(4.0, turned, [0.0, 0.0]);
            for [value] in resample(source, &map, [2, 2], Kernel::Cubic) {
                assert!((value - 100.0).abs() < 6.0, "{value}");
            }
        }
    }
}

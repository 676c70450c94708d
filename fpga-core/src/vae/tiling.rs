//! Large pictures in tiles, with the memory of one tile.
//!
//! Tiles overlap, are equally large, and are laid out evenly. The outer quarter of an overlap is
//! dropped, because a tile does not see what lies beyond its cut; the inner half is blended with a
//! raised cosine. A picture that fits one tile takes the untiled path and gets the same result.
//!
//! The result is close to the untiled one, not equal to it: group norms and the middle attention
//! see one tile instead of the whole picture, so that large flat areas may differ in tone. Larger
//! tiles differ less.

use std::ops::Range;

use burn::tensor::{Device, Tensor};

use super::{AutoencoderKl, LatentDistribution};
use crate::error::{Error, Result};

/// How a large picture is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiling {
    /// Longest side of a tile in pixels.
    pub tile: usize,
    /// Shortest overlap of two tiles in pixels.
    pub overlap: usize,
}

/// One tile along one axis.
#[derive(Clone, Debug, PartialEq)]
struct Strip {
    /// In latent pixels.
    latents: Range<usize>,
    /// One per pixel of the result; those of all strips add up to 1.
    weights: Vec<f32>,
}

impl Default for Tiling {
    /// 768 pixels, of which 128 overlap.
    fn default() -> Self {
        Self {
            tile: 768,
            overlap: 128,
        }
    }
}

impl AutoencoderKl {
    /// As [`encode`](Self::encode), tile by tile.
    ///
    /// # Shapes
    /// - `picture`: `[b, in_channels, H, W]` in −1..1
    ///
    /// # Errors
    /// A picture or tiling that does not fit, or what `on_tile` returns: it is called before each
    /// tile with the number of tiles done and of all tiles.
    pub fn encode_tiled(
        &self,
        picture: Tensor<4>,
        tiling: Tiling,
        mut on_tile: impl FnMut(usize, usize) -> Result<()>,
    ) -> Result<LatentDistribution> {
        self.check_picture(picture.dims())?;
        let [batch, _, height, width] = picture.dims();
        let (channels, side) = (self.config.latent_channels, self.config.reduction());
        let cut = |pixels: usize| tiling.cut(pixels / side, side, 1);
        let [rows, columns] = [cut(height)?, cut(width)?];
        let total = rows.len() * columns.len();
        if total == 1 {
            on_tile(0, 1)?;
            return Ok(self.encode(picture));
        }
        let shape = [batch, channels, height / side, width / side];
        let empty = || Tensor::zeros(shape, &picture.device());
        let (mut mean, mut logvar) = (empty(), empty());
        for (done, (row, column)) in pairs(&rows, &columns).enumerate() {
            on_tile(done, total)?;
            // The last strip takes the rest that fills no latent pixel, as the untiled path does.
            let region = [row.pixels(side, height), column.pixels(side, width)];
            let tile = self.encode(crop(picture.clone(), region));
            let at = [row.latents.clone(), column.latents.clone()];
            let weights = blend(row, column, &picture.device());
            mean = add(mean, tile.mean * weights.clone(), at.clone());
            logvar = add(logvar, tile.logvar * weights, at);
        }
        Ok(LatentDistribution { mean, logvar })
    }

    /// As [`decode`](Self::decode), tile by tile.
    ///
    /// # Shapes
    /// - `latents`: `[b, latent_channels, h, w]`, not scaled
    /// - returns `[b, out_channels, H, W]`
    ///
    /// # Errors
    /// Latents or a tiling that do not fit, or what `on_tile` returns: it is called before each
    /// tile with the number of tiles done and of all tiles.
    pub fn decode_tiled(
        &self,
        latents: Tensor<4>,
        tiling: Tiling,
        mut on_tile: impl FnMut(usize, usize) -> Result<()>,
    ) -> Result<Tensor<4>> {
        self.check_latents(latents.dims())?;
        let [batch, _, height, width] = latents.dims();
        let side = self.config.reduction();
        let cut = |latents: usize| tiling.cut(latents, side, side);
        let [rows, columns] = [cut(height)?, cut(width)?];
        let total = rows.len() * columns.len();
        if total == 1 {
            on_tile(0, 1)?;
            return Ok(self.decode(latents));
        }
        let shape = [batch, self.config.out_channels, height * side, width * side];
        let mut picture = Tensor::zeros(shape, &latents.device());
        for (done, (row, column)) in pairs(&rows, &columns).enumerate() {
            on_tile(done, total)?;
            let region = [row.latents.clone(), column.latents.clone()];
            let tile = self.decode(crop(latents.clone(), region));
            let at = [
                row.pixels(side, height * side),
                column.pixels(side, width * side),
            ];
            picture = add(picture, tile * blend(row, column, &latents.device()), at);
        }
        Ok(picture)
    }
}

impl Tiling {
    /// Strips that cover `size` latent pixels, with `scale` weights for each of them.
    fn cut(&self, size: usize, side: usize, scale: usize) -> Result<Vec<Strip>> {
        let (tile, overlap) = (self.tile / side, self.overlap.div_ceil(side));
        if tile <= overlap {
            let why = format!(
                "a tile of {} pixels must exceed the overlap of {} by at least {side}",
                self.tile, self.overlap
            );
            return Err(Error::invalid("tiling", why));
        }
        if size <= tile {
            return Ok(vec![Strip {
                latents: 0..size,
                weights: vec![1.0; size * scale],
            }]);
        }
        let count = 1 + (size - tile).div_ceil(tile - overlap);
        // no larger than so many equal tiles need to be
        let tile = (size + (count - 1) * overlap).div_ceil(count);
        let start = |index: usize| index * (size - tile) / (count - 1);
        let latents = (0..count).map(|index| start(index)..start(index) + tile);
        Ok(weigh(latents.collect(), size, overlap, scale))
    }
}

impl Strip {
    /// The pixels of the strip; the last one ends where the picture does.
    fn pixels(&self, side: usize, size: usize) -> Range<usize> {
        let is_last = self.latents.end == size / side;
        let end = if is_last {
            size
        } else {
            self.latents.end * side
        };
        self.latents.start * side..end
    }
}

/// Weights that rise from the cuts of each range and add up to 1 everywhere.
fn weigh(ranges: Vec<Range<usize>>, size: usize, overlap: usize, scale: usize) -> Vec<Strip> {
    let rise = |distance: usize| {
        let across = (distance as f32 + 0.5) / (overlap * scale) as f32;
        let inner = (2.0 * across - 0.5).clamp(0.0, 1.0);
        0.5 - 0.5 * (std::f32::consts::PI * inner).cos()
    };
    let weight = |range: &Range<usize>, at: usize| {
        let (start, end) = (range.start * scale, range.end * scale);
        let from_left = if start == 0 { 1.0 } else { rise(at - start) };
        let from_right = if end == size * scale {
            1.0
        } else {
            rise(end - 1 - at)
        };
        f32::min(from_left, from_right)
    };
    let sum = |at: usize| -> f32 {
        let covering = ranges.iter().filter(|range| range.contains(&(at / scale)));
        covering.map(|range| weight(range, at)).sum()
    };
    let strip = |range: &Range<usize>| Strip {
        latents: range.clone(),
        weights: (range.start * scale..range.end * scale)
            .map(|at| weight(range, at) / sum(at))
            .collect(),
    };
    ranges.iter().map(strip).collect()
}

fn pairs<'a>(
    rows: &'a [Strip],
    columns: &'a [Strip],
) -> impl Iterator<Item = (&'a Strip, &'a Strip)> {
    rows.iter()
        .flat_map(move |row| columns.iter().map(move |column| (row, column)))
}

/// `[1, 1, h, w]`
fn blend(row: &Strip, column: &Strip, device: &Device) -> Tensor<4> {
    let [row, column] =
        [row, column].map(|strip| Tensor::<1>::from_floats(strip.weights.as_slice(), device));
    row.reshape([1, 1, -1, 1]) * column.reshape([1, 1, 1, -1])
}

fn crop(picture: Tensor<4>, [rows, columns]: [Range<usize>; 2]) -> Tensor<4> {
    let [batch, channels, ..] = picture.dims();
    picture.slice([0..batch, 0..channels, rows, columns])
}

fn add(sum: Tensor<4>, tile: Tensor<4>, [rows, columns]: [Range<usize>; 2]) -> Tensor<4> {
    let [batch, channels, ..] = sum.dims();
    let region = [0..batch, 0..channels, rows, columns];
    let tile = sum.clone().slice(region.clone()) + tile;
    sum.slice_assign(region, tile)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strips_cover_everything_once() {
        for (size, tile, overlap, scale) in [
            (10, 80, 16, 8),
            (11, 80, 16, 8),
            (100, 80, 16, 8),
            (97, 64, 40, 1),
            (33, 64, 0, 8),
        ] {
            let tiling = Tiling { tile, overlap };
            let strips = tiling.cut(size, 8, scale).unwrap();
            let mut sums = vec![0.0; size * scale];
            for strip in &strips {
                assert!(strip.latents.len() <= tile / 8);
                let start = strip.latents.start * scale;
                for (index, weight) in strip.weights.iter().enumerate() {
                    sums[start + index] += weight;
                }
            }
            let worst = sums.iter().map(|sum: &f32| (sum - 1.0).abs());
            assert!(worst.fold(0.0, f32::max) < 1e-6, "{size} {tiling:?}");
            for pair in strips.windows(2) {
                let shared = pair[0].latents.end - pair[1].latents.start;
                assert!(shared >= overlap / 8, "{size} {tiling:?}");
            }
        }
    }

    #[test]
    fn cut_edges_count_for_nothing() {
        let tiling = Tiling {
            tile: 128,
            overlap: 64,
        };
        let strips = tiling.cut(24, 8, 1).unwrap();
        assert_eq!(strips.len(), 2);
        assert_eq!(strips[0].weights[0], 1.0);
        assert_eq!(strips[0].weights[15], 0.0);
        assert_eq!(strips[1].weights[0], 0.0);
    }

    #[test]
    fn a_tile_must_exceed_the_overlap() {
        for (tile, overlap) in [(0, 0), (7, 0), (64, 64), (64, 60), (64, usize::MAX)] {
            let tiling = Tiling { tile, overlap };
            assert!(tiling.cut(100, 8, 8).is_err(), "{tiling:?}");
        }
    }
}

//! 3×3 convolution of stride 1 by Winograd's F(4×4, 3×3).
//!
//! Tiles of 6×6 pixels become 36 matrices `V[tile][channel]`; kernels become 36 matrices
//! `U[channel][output]`, a block of channels and a panel of outputs at a time, straight from the stored
//! weights; 36 products give `M[tile][output]`, from which 4×4 pixels are read. Only `V` is large: tiles are
//! taken in batches that keep it within [`TRANSFORMED`]. Strides between the 36 matrices are kept
//! off powers of two, which would all fall into one set of the first-level cache.

use super::{Convolution, Shape, sources, transform};
use crate::kernels::level::Level;
use crate::kernels::micro::{Product, Start, multiply, read, write};
use crate::kernels::pack::{Block, pack_panel};
use crate::kernels::parallel::{Shared, for_each, threads};
use crate::kernels::pool::Buffer;
use crate::kernels::simd::{Kernel, Simd};

/// Values of transformed input that one batch of tiles may take.
const TRANSFORMED: usize = 6 << 20;
/// Channels whose kernels are transformed at once, at most.
const CHANNELS: usize = 160;
/// Up to this many tiles, half of them: most of the time then goes into transforms, whose results should
/// stay in the second-level cache.
const FEW_TILES: usize = 56;
/// Tiles that share one transformed block of kernels, at most.
const TILES: usize = 256;
/// Values between the 36 matrices beyond their size.
const SKEW: usize = 16;

pub(super) fn run(
    conv: &Convolution<'_>,
    level: Level,
    input: &[f32],
    shape: Shape,
    out: &mut [f32],
) {
    let plan = Plan::new(conv, shape);
    let per_tile = 36 * plan.blocks * plan.block;
    // Batches of about equal size: kernels are transformed anew for each, however few tiles it has.
    let most = (TRANSFORMED / per_tile).max(TILES);
    let batch = plan.tiles.div_ceil(plan.tiles.div_ceil(most).max(1));
    let mut transformed = Buffer::take(plan.blocks * 36 * (batch * plan.block + SKEW));
    let out = Shared::new(out);
    for first in (0..plan.tiles).step_by(batch) {
        let count = batch.min(plan.tiles - first);
        let tiles = Tiles {
            plan: &plan,
            first,
            count,
        };
        transform_input(tiles, level, input, Shared::new(&mut transformed));
        let transformed = &transformed;
        let panels = conv.outputs.div_ceil(level.panel());
        let chunk = tiles.chunk(panels);
        for_each(count.div_ceil(chunk) * panels, |task| {
            let from = task / panels * chunk;
            level.run(Multiply {
                tiles,
                conv,
                transformed,
                from,
                to: count.min(from + chunk),
                panel: task % panels,
                out,
            });
        });
    }
}

/// How the picture is cut.
struct Plan {
    shape: Shape,
    /// Height and width of the result.
    size: [usize; 2],
    /// Tiles per column and per row of one picture.
    grid: [usize; 2],
    tiles: usize,
    /// Blocks of input channels, and channels of a block.
    blocks: usize,
    block: usize,
    /// Input row and column of each padded one.
    sources: [Vec<Option<usize>>; 2],
}

impl Plan {
    fn new(conv: &Convolution<'_>, shape: Shape) -> Self {
        let result = conv.output_shape(shape);
        let grid = [result.height.div_ceil(4), result.width.div_ceil(4)];
        let tiles = shape.batch * grid[0] * grid[1];
        let most = if tiles <= FEW_TILES {
            CHANNELS / 2
        } else {
            CHANNELS
        };
        let blocks = shape.channels.div_ceil(most);
        let enlarged = conv.enlarge.unwrap_or([shape.height, shape.width]);
        Self {
            shape,
            size: [result.height, result.width],
            grid,
            tiles,
            blocks,
            // Equal shares of whole registers.
            block: shape.channels.div_ceil(blocks).next_multiple_of(16),
            sources: [
                sources(conv.window, shape.height, enlarged[0]),
                sources(conv.window, shape.width, enlarged[1]),
            ],
        }
    }

    /// Picture, and row and column of the first output pixel, of a tile.
    fn place(&self, tile: usize) -> (usize, usize, usize) {
        let [rows, columns] = self.grid;
        let (picture, inside) = (tile / (rows * columns), tile % (rows * columns));
        (picture, inside / columns * 4, inside % columns * 4)
    }
}

/// A batch of tiles that is transformed together.
#[derive(Clone, Copy)]
struct Tiles<'a> {
    plan: &'a Plan,
    first: usize,
    count: usize,
}

impl Tiles<'_> {
    /// Where matrix `position` of block `block` of the transformed input starts.
    #[inline(always)]
    fn matrix(&self, block: usize, position: usize) -> usize {
        (block * 36 + position) * (self.count * self.plan.block + SKEW)
    }

    /// Tiles per task: few enough for the caches, and for all threads to have work.
    fn chunk(&self, panels: usize) -> usize {
        let wanted = (3 * threads())
            .div_ceil(panels)
            .max(self.count.div_ceil(TILES));
        self.count.div_ceil(wanted).next_multiple_of(14).min(TILES)
    }
}

fn transform_input(tiles: Tiles<'_>, level: Level, input: &[f32], to: Shared<'_>) {
    const TOGETHER: usize = 8;
    for_each(tiles.count.div_ceil(TOGETHER), |task| {
        let from = task * TOGETHER;
        let range = from..tiles.count.min(from + TOGETHER);
        level.run(TransformInput {
            tiles,
            input,
            to,
            range,
        });
    });
}

struct TransformInput<'a> {
    tiles: Tiles<'a>,
    input: &'a [f32],
    to: Shared<'a>,
    range: std::ops::Range<usize>,
}

impl Kernel for TransformInput<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let plan = self.tiles.plan;
        let Shape {
            height,
            width,
            channels,
            ..
        } = plan.shape;
        for tile in self.range {
            let (picture, row, column) = plan.place(self.tiles.first + tile);
            let rows: [_; 6] = std::array::from_fn(|i| *plan.sources[0].get(row + i)?);
            let columns: [_; 6] = std::array::from_fn(|j| *plan.sources[1].get(column + j)?);
            let pixels = rows.map(|row| {
                columns.map(|column| Some(((picture * height + row?) * width + column?) * channels))
            });
            for channel in (0..channels).step_by(S::LANES) {
                let (block, inside) = (channel / plan.block, channel % plan.block);
                let start = self.tiles.matrix(block, 0) + tile * plan.block + inside;
                let stride = self.tiles.matrix(0, 1);
                // SAFETY: every pixel lies inside the input and has `channels − channel` values left;
                // a register of this tile and block lies inside `to` (blocks are padded), and tiles
                // belong to one task each.
                unsafe {
                    let from = self.input.as_ptr().add(channel);
                    let left = channels - channel;
                    transform_tile(simd, from, &pixels, left, self.to.at(start), stride);
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn transform_tile<S: Simd>(
    simd: S,
    from: *const f32,
    pixels: &[[Option<usize>; 6]; 6],
    left: usize,
    to: *mut f32,
    stride: usize,
) {
    let zero = simd.splat(0.0);
    let mut half = [[zero; 6]; 6];
    for j in 0..6 {
        let mut column = [zero; 6];
        for i in 0..6 {
            if let Some(offset) = pixels[i][j] {
                // SAFETY: the caller promises `left` values at every pixel.
                column[i] = unsafe { read(simd, from.add(offset), left, 0) };
            }
        }
        let column = transform::input(simd, column);
        for i in 0..6 {
            half[i][j] = column[i];
        }
    }
    for (i, row) in half.into_iter().enumerate() {
        for (j, value) in transform::input(simd, row).into_iter().enumerate() {
            // SAFETY: the caller promises 36 registers, `stride` apart.
            unsafe { simd.store(to.add((6 * i + j) * stride), value) };
        }
    }
}

/// Tiles `from..to` of the batch for one panel of output channels.
struct Multiply<'a> {
    tiles: Tiles<'a>,
    conv: &'a Convolution<'a>,
    transformed: &'a [f32],
    from: usize,
    to: usize,
    panel: usize,
    out: Shared<'a>,
}

impl Kernel for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Plan {
            shape,
            block: width,
            ..
        } = *self.tiles.plan;
        let channels = shape.channels;
        let tiles = self.to - self.from;
        let product_stride = tiles * S::PANEL + SKEW;
        let kernel_stride = width * S::PANEL + SKEW;
        let mut raw = Buffer::take(width * 9 * S::PANEL);
        let mut kernels = Buffer::take(36 * kernel_stride);
        let mut products = Buffer::take(36 * product_stride);
        for block in 0..self.tiles.plan.blocks {
            let first_channel = block * width;
            let count = width.min(channels - first_channel);
            let first_row = self.panel * S::PANEL;
            let weights = Block {
                matrix: self.conv.weights,
                stride: channels * 9,
                first_row,
                rows: S::PANEL.min(self.conv.outputs - first_row),
                first_column: first_channel * 9,
                columns: count * 9,
            };
            pack_panel(simd, weights, &mut raw);
            transform_kernels(simd, &raw, count, &mut kernels, kernel_stride);
            for position in 0..36 {
                let a = self.tiles.matrix(block, position) + self.from * width;
                // SAFETY: `tiles` rows of `count` values start at `a`; the 36 matrices of kernels and
                // products have the strides that their buffers were made for.
                unsafe {
                    multiply::<S, 2>(
                        simd,
                        Product {
                            rows: tiles,
                            columns: S::PANEL,
                            k: count,
                            a: self.transformed[a..a + tiles * width].as_ptr(),
                            a_stride: width,
                            a_step: 1,
                            b: kernels.as_ptr().add(position * kernel_stride),
                            c: products.as_mut_ptr().add(position * product_stride),
                            c_stride: S::PANEL,
                            start: if block == 0 { Start::Zero } else { Start::Sum },
                        },
                    );
                }
            }
        }
        self.write_pixels(simd, &products, product_stride);
    }
}

impl Multiply<'_> {
    #[inline(always)]
    fn write_pixels<S: Simd>(&self, simd: S, products: &[f32], stride: usize) {
        let plan = self.tiles.plan;
        let outputs = self.conv.outputs;
        for tile in self.from..self.to {
            let (picture, row, column) = plan.place(self.tiles.first + tile);
            for vector in 0..2 {
                let channel = self.panel * S::PANEL + vector * S::LANES;
                if channel >= outputs {
                    break;
                }
                let left = outputs - channel;
                let from = (tile - self.from) * S::PANEL + vector * S::LANES;
                // SAFETY: 36 registers `stride` apart lie inside `products`; pixels inside the picture
                // lie inside out and residual, and only this task writes this tile and panel.
                unsafe {
                    let mut pixels = inverse(simd, products[from..].as_ptr(), stride);
                    let added = self.added(simd, picture, channel);
                    for (i, pixels) in pixels.iter_mut().enumerate().take(plan.size[0] - row) {
                        for (j, pixel) in pixels.iter_mut().enumerate().take(plan.size[1] - column)
                        {
                            let place =
                                (picture * plan.size[0] + row + i) * plan.size[1] + column + j;
                            let place = place * outputs + channel;
                            let mut value = simd.add(*pixel, added);
                            if let Some(residual) = self.conv.residual {
                                let old = read(simd, residual.as_ptr().add(place), left, 0);
                                value = simd.add(value, old);
                            }
                            write(simd, self.out.at(place), value, left, 0);
                        }
                    }
                }
            }
        }
    }

    /// Bias and shift of one register of channels.
    #[inline(always)]
    fn added<S: Simd>(&self, simd: S, picture: usize, channel: usize) -> S::V {
        let outputs = self.conv.outputs;
        let mut sum = simd.splat(0.0);
        let start = picture * outputs + channel;
        for (values, start) in [(self.conv.bias, channel), (self.conv.shift, start)] {
            if let Some(values) = values {
                let left = outputs - channel;
                // SAFETY: the slice holds at least `left` values from `start` on.
                let values = unsafe { read(simd, values[start..start + left].as_ptr(), left, 0) };
                sum = simd.add(sum, values);
            }
        }
        sum
    }
}

/// `G g Gᵀ` of `count` channels: `raw[channel][9][panel] → to[36][channel][panel]`.
#[expect(clippy::needless_range_loop, reason = "columns of small matrices")]
#[inline(always)]
fn transform_kernels<S: Simd>(simd: S, raw: &[f32], count: usize, to: &mut [f32], stride: usize) {
    let zero = simd.splat(0.0);
    assert!(raw.len() >= count * 9 * S::PANEL && to.len() >= 35 * stride + count * S::PANEL);
    for channel in 0..count {
        for vector in 0..2 {
            // SAFETY: both slices were just measured.
            unsafe {
                let from = raw.as_ptr().add(channel * 9 * S::PANEL + vector * S::LANES);
                let to = to.as_mut_ptr().add(channel * S::PANEL + vector * S::LANES);
                let mut half = [[zero; 3]; 6];
                for j in 0..3 {
                    let mut g = [zero; 3];
                    for (i, value) in g.iter_mut().enumerate() {
                        *value = simd.load(from.add((3 * i + j) * S::PANEL));
                    }
                    let column = transform::kernel(simd, g);
                    for i in 0..6 {
                        half[i][j] = column[i];
                    }
                }
                for (i, row) in half.into_iter().enumerate() {
                    for (j, value) in transform::kernel(simd, row).into_iter().enumerate() {
                        simd.store(to.add((6 * i + j) * stride), value);
                    }
                }
            }
        }
    }
}

/// `Aᵀ m A` of one tile and register.
#[expect(clippy::needless_range_loop, reason = "columns of small matrices")]
#[inline(always)]
unsafe fn inverse<S: Simd>(simd: S, from: *const f32, stride: usize) -> [[S::V; 4]; 4] {
    let zero = simd.splat(0.0);
    let mut half = [[zero; 6]; 4];
    for j in 0..6 {
        let mut m = [zero; 6];
        for (i, value) in m.iter_mut().enumerate() {
            // SAFETY: the caller promises 36 registers, `stride` apart.
            *value = unsafe { simd.load(from.add((6 * i + j) * stride)) };
        }
        let column = transform::output(simd, m);
        for i in 0..4 {
            half[i][j] = column[i];
        }
    }
    let mut pixels = [[zero; 4]; 4];
    for (row, half) in pixels.iter_mut().zip(half) {
        *row = transform::output(simd, half);
    }
    pixels
}

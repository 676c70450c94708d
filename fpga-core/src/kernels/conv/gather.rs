//! Convolution of any kernel size and stride: the pixels that each output sees are gathered into a row,
//! and rows meet packed weights as in a linear layer.
//!
//! A row is ordered `[kernel row][kernel column][channel]`, so that gathering copies whole pixels;
//! the weights, stored channel first, are brought into the same order while they are packed.

use super::{Convolution, Shape, sources};
use crate::kernels::level::Level;
use crate::kernels::micro::{Product, Start, multiply};
use crate::kernels::pack::{Block, pack_panel};
use crate::kernels::parallel::{Shared, for_each, threads};
use crate::kernels::pool::Buffer;
use crate::kernels::simd::{Kernel, Simd};

/// Output pixels per task.
const PIXELS: usize = 112;
/// Values of packed weights that are in use at once.
const PACKED: usize = 2 << 20;

pub(super) fn run(
    conv: &Convolution<'_>,
    level: Level,
    input: &[f32],
    shape: Shape,
    out: &mut [f32],
) {
    let plan = Plan::new(conv, shape);
    let width = level.panel();
    let panels = conv.outputs.div_ceil(width);
    let together = (PACKED / (plan.depth * width)).clamp(1, panels);
    let mut packed = Buffer::take(together * plan.depth * width);
    let out = Shared::new(out);
    for first in (0..panels).step_by(together) {
        let count = together.min(panels - first);
        let to = Shared::new(&mut packed);
        for_each(count, |index| {
            level.run(PackWeights {
                conv,
                plan: &plan,
                panel: first + index,
                index,
                to,
            });
        });
        let pixels = plan.result.batch * plan.result.height * plan.result.width;
        let size = pixels
            .div_ceil(3 * threads())
            .next_multiple_of(14)
            .min(PIXELS);
        for_each(pixels.div_ceil(size), |task| {
            level.run(MultiplyPixels {
                conv,
                plan: &plan,
                input,
                packed: &packed,
                pixels: task * size..pixels.min((task + 1) * size),
                panels: first..first + count,
                out,
            });
        });
    }
}

struct Plan {
    shape: Shape,
    result: Shape,
    kernel: usize,
    stride: usize,
    /// Values that one output pixel sees.
    depth: usize,
    /// Input row and column of each padded one.
    sources: [Vec<Option<usize>>; 2],
}

impl Plan {
    fn new(conv: &Convolution<'_>, shape: Shape) -> Self {
        let enlarged = conv.enlarge.unwrap_or([shape.height, shape.width]);
        Self {
            shape,
            result: conv.output_shape(shape),
            kernel: conv.window.kernel,
            stride: conv.window.stride,
            depth: conv.window.kernel * conv.window.kernel * shape.channels,
            sources: [
                sources(conv.window, shape.height, enlarged[0]),
                sources(conv.window, shape.width, enlarged[1]),
            ],
        }
    }

    /// Copies what output pixel `pixel` sees into `row`.
    #[inline(always)]
    fn gather(&self, input: &[f32], pixel: usize, row: &mut [f32]) {
        let Shape { height, width, .. } = self.result;
        let (picture, inside) = (pixel / (height * width), pixel % (height * width));
        let (y, x) = (inside / width * self.stride, inside % width * self.stride);
        let channels = self.shape.channels;
        let mut row = row.chunks_exact_mut(channels);
        for source_row in &self.sources[0][y..y + self.kernel] {
            for source_column in &self.sources[1][x..x + self.kernel] {
                let to = row.next().expect("a row holds kernel² pixels");
                match (source_row, source_column) {
                    (Some(y), Some(x)) => {
                        let at = (picture * self.shape.height + y) * self.shape.width + x;
                        to.copy_from_slice(&input[at * channels..(at + 1) * channels]);
                    }
                    _ => to.fill(0.0),
                }
            }
        }
    }
}

/// Packs panel `panel` as the `index`-th, in the order of gathered rows.
struct PackWeights<'a> {
    conv: &'a Convolution<'a>,
    plan: &'a Plan,
    panel: usize,
    index: usize,
    to: Shared<'a>,
}

impl Kernel for PackWeights<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let depth = self.plan.depth;
        let first_row = self.panel * S::PANEL;
        let mut stored = Buffer::take(depth * S::PANEL);
        let block = Block {
            matrix: self.conv.weights,
            stride: depth,
            first_row,
            rows: S::PANEL.min(self.conv.outputs - first_row),
            first_column: 0,
            columns: depth,
        };
        pack_panel(simd, block, &mut stored);
        let size = depth * S::PANEL;
        // SAFETY: panels do not overlap, and each index runs once.
        let to = unsafe { self.to.part(self.index * size..(self.index + 1) * size) };
        let taps = self.plan.kernel * self.plan.kernel;
        for (place, from) in stored.chunks_exact(S::PANEL).enumerate() {
            let (channel, tap) = (place / taps, place % taps);
            let place = (tap * self.plan.shape.channels + channel) * S::PANEL;
            to[place..place + S::PANEL].copy_from_slice(from);
        }
    }
}

/// A run of output pixels times some panels.
struct MultiplyPixels<'a> {
    conv: &'a Convolution<'a>,
    plan: &'a Plan,
    input: &'a [f32],
    packed: &'a [f32],
    pixels: std::ops::Range<usize>,
    panels: std::ops::Range<usize>,
    out: Shared<'a>,
}

impl Kernel for MultiplyPixels<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let depth = self.plan.depth;
        let mut rows = Buffer::take(self.pixels.len() * depth);
        for (pixel, row) in self.pixels.clone().zip(rows.chunks_exact_mut(depth)) {
            self.plan.gather(self.input, pixel, row);
        }
        let outputs = self.conv.outputs;
        for (index, panel) in self.panels.clone().enumerate() {
            let column = panel * S::PANEL;
            let packed = &self.packed[index * depth * S::PANEL..(index + 1) * depth * S::PANEL];
            let place = self.pixels.start * outputs + column;
            let residual = self.conv.residual.map(|values| values[place..].as_ptr());
            let bias = self.conv.bias.map(|bias| bias[column..].as_ptr());
            let product = Product {
                rows: self.pixels.len(),
                columns: S::PANEL.min(outputs - column),
                k: depth,
                a: rows.as_ptr(),
                a_stride: depth,
                a_step: 1,
                b: packed.as_ptr(),
                c: self.out.at(place),
                c_stride: outputs,
                start: Start::Given {
                    bias: bias.unwrap_or(std::ptr::null()),
                    residual: residual.unwrap_or(std::ptr::null()),
                    residual_stride: outputs,
                },
            };
            // SAFETY: `rows` holds a row of `depth` values per pixel; lengths of bias, residual and out
            // were checked on entry; only this task writes these pixels and panels.
            unsafe { multiply::<S, 2>(simd, product) };
        }
        self.add_shift();
    }
}

impl MultiplyPixels<'_> {
    fn add_shift(&self) {
        let Some(shift) = self.conv.shift else { return };
        let outputs = self.conv.outputs;
        let width = self.packed.len() / self.plan.depth / self.panels.len().max(1);
        let columns = self.panels.start * width..outputs.min(self.panels.end * width);
        for pixel in self.pixels.clone() {
            let picture = pixel / (self.plan.result.height * self.plan.result.width);
            let shift = &shift[picture * outputs..][columns.clone()];
            let start = pixel * outputs;
            // SAFETY: only this task writes these pixels and panels.
            let row = unsafe { self.out.part(start + columns.start..start + columns.end) };
            row.iter_mut()
                .zip(shift)
                .for_each(|(value, shift)| *value += shift);
        }
    }
}

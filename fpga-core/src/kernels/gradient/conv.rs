//! Gradients of a convolution of NHWC pictures.
//!
//! With respect to the input it is a convolution again: of the gradient, its pixels spread apart by the
//! stride, with kernels turned by half a turn and inputs and outputs exchanged; that of an enlarged input
//! is summed over the pixels that came from one. With respect to the weights it is the product `dYᵀ X`,
//! where each row of `X` holds the pixels that one output saw, gathered while they are packed.

use rayon::prelude::*;

use super::linear::LinearGradient;
use super::product::{Source, transposed_product};
use crate::kernels::conv::{Convolution, Shape, Window, sources};
use crate::kernels::level::Level;
use crate::kernels::pool::Buffer;
use crate::kernels::weights::WeightView;

/// A convolution that is gone back through.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConvolutionGradient {
    /// Size of the input.
    pub(crate) input: Shape,
    /// Number of output channels.
    pub(crate) outputs: usize,
    /// Kernel size, stride and padding.
    pub(crate) window: Window,
    /// Height and width to which the input is enlarged first.
    pub(crate) enlarge: Option<[usize; 2]>,
}

impl ConvolutionGradient {
    /// Whether the window has a centre and pads no further than from it.
    pub(crate) fn serves(window: Window) -> bool {
        let reach = window.kernel / 2;
        window.kernel % 2 == 1 && window.before <= reach && window.after <= reach
    }

    /// # Shapes
    /// - `weights`: `[out, in, kernel, kernel]`; `gradient`: `[b, h′, w′, out]`; `out`: `[b, h, w, in]`
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub(crate) fn input(&self, weights: &[f32], gradient: &[f32], out: &mut [f32]) {
        assert_eq!(out.len(), self.input.len(), "convolution gradient: output");
        if self.window == Window::POINT && self.enlarge.is_none() {
            self.linear().input(weights, gradient, out);
            return;
        }
        let enlarged = self.enlarged();
        if enlarged == self.input {
            self.turned(weights, gradient, out);
        } else {
            let mut large = Buffer::take(enlarged.len());
            self.turned(weights, gradient, &mut large);
            self.collect(&large, out);
        }
    }

    /// # Shapes
    /// - `input`: `[b, h, w, in]`; `gradient`: `[b, h′, w′, out]`; `out`: `[out, in, kernel, kernel]`
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub(crate) fn weights(&self, input: &[f32], gradient: &[f32], out: &mut [f32]) {
        assert_eq!(input.len(), self.input.len(), "convolution gradient: input");
        if self.window == Window::POINT && self.enlarge.is_none() {
            self.linear().weights(input, gradient, out);
            return;
        }
        let taps = self.window.kernel * self.window.kernel;
        let (channels, width) = (self.input.channels, taps * self.input.channels);
        let patches = Patches::new(self, input);
        let mut sums = Buffer::take(self.outputs * width);
        let level = Level::current();
        transposed_product(level, gradient, self.outputs, &patches, width, &mut sums);
        // Patches are ordered tap first, weights channel first.
        let kernels = out.chunks_exact_mut(width).zip(sums.chunks_exact(width));
        for (out, sums) in kernels {
            for (channel, out) in out.chunks_exact_mut(taps).enumerate() {
                for (tap, out) in out.iter_mut().enumerate() {
                    *out = sums[tap * channels + channel];
                }
            }
        }
    }

    fn linear(&self) -> LinearGradient {
        LinearGradient {
            inputs: self.input.channels,
            outputs: self.outputs,
        }
    }

    fn enlarged(&self) -> Shape {
        let [height, width] = self
            .enlarge
            .unwrap_or([self.input.height, self.input.width]);
        Shape {
            height,
            width,
            ..self.input
        }
    }

    fn result(&self) -> Shape {
        let enlarged = self.enlarged();
        Shape {
            height: self.window.output(enlarged.height),
            width: self.window.output(enlarged.width),
            channels: self.outputs,
            ..enlarged
        }
    }

    /// The gradient of the enlarged input.
    fn turned(&self, weights: &[f32], gradient: &[f32], out: &mut [f32]) {
        let (kernel, channels) = (self.window.kernel, self.input.channels);
        let taps = kernel * kernel;
        assert_eq!(
            weights.len(),
            self.outputs * channels * taps,
            "convolution gradient: number of weights"
        );
        let mut turned = Buffer::take(weights.len());
        for (channel, to) in turned.chunks_exact_mut(self.outputs * taps).enumerate() {
            for (output, to) in to.chunks_exact_mut(taps).enumerate() {
                let from = &weights[(output * channels + channel) * taps..][..taps];
                to.iter_mut()
                    .zip(from.iter().rev())
                    .for_each(|(to, from)| *to = *from);
            }
        }
        let reach = kernel / 2;
        let window = Window {
            kernel,
            stride: 1,
            before: reach,
            after: reach,
        };
        let shape = Shape {
            channels: self.outputs,
            ..self.enlarged()
        };
        let convolution = Convolution::new(WeightView::F32(&turned), channels, window);
        if self.window == window {
            convolution.run(gradient, shape, out);
        } else {
            let spread = self.spread(gradient, shape);
            convolution.run(&spread, shape, out);
        }
    }

    /// The gradient on a map of the input's size: each output where the middle of its window lay.
    fn spread(&self, gradient: &[f32], shape: Shape) -> Buffer {
        let result = self.result();
        assert_eq!(gradient.len(), result.len(), "convolution gradient: length");
        let Window {
            kernel,
            stride,
            before,
            ..
        } = self.window;
        let (shift, channels) = (kernel / 2 - before, self.outputs);
        let mut spread = Buffer::take(shape.len());
        let rows = spread.par_chunks_exact_mut((shape.width * channels).max(1));
        rows.enumerate().for_each(|(index, row)| {
            row.fill(0.0);
            let (picture, y) = (index / shape.height, index % shape.height);
            let Some(y) = y.checked_sub(shift) else {
                return;
            };
            if y % stride != 0 || y / stride >= result.height {
                return;
            }
            let from = (picture * result.height + y / stride) * result.width;
            for x in 0..result.width {
                let from = &gradient[(from + x) * channels..][..channels];
                row[(x * stride + shift) * channels..][..channels].copy_from_slice(from);
            }
        });
        spread
    }

    /// Sums over all enlarged pixels that were copied from one.
    fn collect(&self, large: &[f32], out: &mut [f32]) {
        let (enlarged, input) = (self.enlarged(), self.input);
        let channels = input.channels;
        let picture = input.height * input.width * channels;
        let large = large.par_chunks_exact((enlarged.height * enlarged.width * channels).max(1));
        let pictures = out.par_chunks_exact_mut(picture.max(1)).zip(large);
        pictures.for_each(|(out, large)| {
            out.fill(0.0);
            for (pixel, from) in large.chunks_exact(channels).enumerate() {
                let y = pixel / enlarged.width * input.height / enlarged.height;
                let x = pixel % enlarged.width * input.width / enlarged.width;
                let to = &mut out[(y * input.width + x) * channels..][..channels];
                to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
            }
        });
    }
}

/// What each output pixel saw, `[kernel row][kernel column][channel]`.
struct Patches<'a> {
    input: &'a [f32],
    shape: Shape,
    result: Shape,
    window: Window,
    /// Input row and column of each padded one.
    sources: [Vec<Option<usize>>; 2],
}

impl<'a> Patches<'a> {
    fn new(gradient: &ConvolutionGradient, input: &'a [f32]) -> Self {
        let (shape, enlarged) = (gradient.input, gradient.enlarged());
        Self {
            input,
            shape,
            result: gradient.result(),
            window: gradient.window,
            sources: [
                sources(gradient.window, shape.height, enlarged.height),
                sources(gradient.window, shape.width, enlarged.width),
            ],
        }
    }
}

impl Source for Patches<'_> {
    #[inline(always)]
    fn row<'a>(&'a self, row: usize, buffer: &'a mut [f32]) -> &'a [f32] {
        let Shape { height, width, .. } = self.result;
        let Window { kernel, stride, .. } = self.window;
        let (picture, inside) = (row / (height * width), row % (height * width));
        let (y, x) = (inside / width * stride, inside % width * stride);
        let channels = self.shape.channels;
        let mut patch = buffer.chunks_exact_mut(channels);
        for source_row in &self.sources[0][y..y + kernel] {
            for source_column in &self.sources[1][x..x + kernel] {
                let to = patch.next().expect("a row holds kernel² pixels");
                match (source_row, source_column) {
                    (Some(y), Some(x)) => {
                        let at = (picture * self.shape.height + y) * self.shape.width + x;
                        to.copy_from_slice(&self.input[at * channels..(at + 1) * channels]);
                    }
                    _ => to.fill(0.0),
                }
            }
        }
        buffer
    }
}

//! Convolution of NHWC pictures with weights in PyTorch's order, `[out, in, kernel, kernel]`.
//!
//! 3×3 kernels of stride 1 that keep the size go through Winograd's F(4×4, 3×3); 1×1 through the matrix
//! product; all others (stride 2, few input channels, odd kernels) gather their pixels into rows first.

mod gather;
mod transform;
mod winograd;

use super::level::Level;
use super::linear::Linear;
use super::weights::WeightView;

/// Below this many input channels the transforms cost more than they save.
const WINOGRAD_CHANNELS: usize = 12;

/// Size of a batch of pictures stored `[batch, height, width, channels]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Number of pictures.
    pub batch: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Values per pixel.
    pub channels: usize,
}

impl Shape {
    /// Number of values.
    pub fn len(&self) -> usize {
        self.batch * self.height * self.width * self.channels
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Which input pixels an output pixel sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Height and width of the kernel.
    pub kernel: usize,
    /// Pixels from one output to the next.
    pub stride: usize,
    /// Zeros above and to the left.
    pub before: usize,
    /// Zeros below and to the right.
    pub after: usize,
}

impl Window {
    /// A 3×3 kernel that keeps the size.
    pub const SAME: Self = Self {
        kernel: 3,
        stride: 1,
        before: 1,
        after: 1,
    };
    /// A 1×1 kernel.
    pub const POINT: Self = Self {
        kernel: 1,
        stride: 1,
        before: 0,
        after: 0,
    };

    /// Output length of an input length; 0 if the kernel does not fit.
    pub fn output(&self, length: usize) -> usize {
        let padded = length + self.before + self.after;
        match padded.checked_sub(self.kernel) {
            Some(room) => room / self.stride.max(1) + 1,
            None => 0,
        }
    }
}

/// A convolution and what is added to its result.
#[derive(Clone, Copy, Debug)]
pub struct Convolution<'a> {
    /// `[out, in, kernel, kernel]`
    pub weights: WeightView<'a>,
    /// `[out]`
    pub bias: Option<&'a [f32]>,
    /// `[batch, out]`: one value per picture and channel, such as a projected time embedding.
    pub shift: Option<&'a [f32]>,
    /// Shaped like the output.
    pub residual: Option<&'a [f32]>,
    /// Number of output channels.
    pub outputs: usize,
    /// Kernel size, stride and padding.
    pub window: Window,
    /// Height and width to which the input is enlarged first, taking the nearest pixel.
    pub enlarge: Option<[usize; 2]>,
}

impl<'a> Convolution<'a> {
    /// A bare convolution; set the other fields as needed.
    pub fn new(weights: WeightView<'a>, outputs: usize, window: Window) -> Self {
        Self {
            weights,
            bias: None,
            shift: None,
            residual: None,
            outputs,
            window,
            enlarge: None,
        }
    }

    /// Size of the result for an input of this size.
    pub fn output_shape(&self, input: Shape) -> Shape {
        let [height, width] = self.enlarge.unwrap_or([input.height, input.width]);
        Shape {
            batch: input.batch,
            height: self.window.output(height),
            width: self.window.output(width),
            channels: self.outputs,
        }
    }

    /// Convolves `input` into `out`, overwriting it.
    ///
    /// # Shapes
    /// - `input`: `[batch, height, width, in]`, as `shape` says
    /// - `out`: `[batch, height′, width′, out]`, as [`Self::output_shape`] says
    ///
    /// # Panics
    /// If a slice has another length than its shape.
    pub fn run(&self, input: &[f32], shape: Shape, out: &mut [f32]) {
        let level = Level::current().for_product(input.len().saturating_mul(self.outputs));
        self.run_at(level, input, shape, out);
    }

    pub(super) fn run_at(&self, level: Level, input: &[f32], shape: Shape, out: &mut [f32]) {
        self.check(input, shape, out);
        let point = self.window == Window::POINT && self.enlarge.is_none() && self.shift.is_none();
        if out.is_empty() {
        } else if point {
            let linear = Linear {
                weights: self.weights,
                bias: self.bias,
                residual: self.residual,
                inputs: shape.channels,
                outputs: self.outputs,
            };
            linear.run_at(level, input, out);
        } else if self.window == Window::SAME && shape.channels >= WINOGRAD_CHANNELS {
            winograd::run(self, level, input, shape, out);
        } else {
            gather::run(self, level, input, shape, out);
        }
    }

    fn check(&self, input: &[f32], shape: Shape, out: &[f32]) {
        let result = self.output_shape(shape);
        let kernel = self.window.kernel * self.window.kernel;
        assert!(
            self.window.stride > 0,
            "a convolution moves by at least one pixel"
        );
        assert_eq!(input.len(), shape.len(), "convolution: input length");
        assert_eq!(out.len(), result.len(), "convolution: output length");
        let weights = self.outputs * shape.channels * kernel;
        assert_eq!(
            self.weights.len(),
            weights,
            "convolution: number of weights"
        );
        let fits =
            |values: Option<&[f32]>, length| values.is_none_or(|values| values.len() == length);
        assert!(fits(self.bias, self.outputs), "convolution: bias length");
        assert!(
            fits(self.shift, shape.batch * self.outputs),
            "convolution: shift length"
        );
        assert!(
            fits(self.residual, out.len()),
            "convolution: residual length"
        );
        let empty = shape.height == 0 || shape.width == 0;
        assert!(
            !empty || out.is_empty(),
            "convolution: an empty picture has no pixels to see"
        );
    }
}

/// Input row (or column) behind each row of the padded, enlarged picture; `None` in the padding.
pub(super) fn sources(window: Window, length: usize, enlarged: usize) -> Vec<Option<usize>> {
    let inside = (0..enlarged).map(|position| Some(position * length / enlarged));
    let padding = |count| std::iter::repeat_n(None, count);
    padding(window.before)
        .chain(inside)
        .chain(padding(window.after))
        .collect()
}

#[cfg(test)]
mod tests;

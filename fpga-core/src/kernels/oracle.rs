//! What the kernels must compute, written as plainly as possible in f64, and numbers to try them on.

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

use super::conv::{Convolution, Shape};
use super::weights::WeightView;

/// A repeatable stream of numbers, roughly normal.
pub(super) struct Numbers(u64);

impl Numbers {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn take(&mut self, count: usize) -> Vec<f32> {
        (0..count)
            .map(|_| (0..4).map(|_| self.uniform()).sum::<f32>() * 1.7)
            .collect()
    }

    fn uniform(&mut self) -> f32 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    }
}

/// Gives the weights in each storage type, with the values that this type really holds.
pub(super) fn in_all_types(weights: &[f32], test: impl Fn(WeightView<'_>, &[f32])) {
    test(WeightView::F32(weights), weights);
    let halves = Vec::<f16>::from_iter(weights.iter().map(|&w| f16::from_f32(w)));
    test(WeightView::F16(&halves), &halves.to_f32_vec());
    let brains = Vec::<bf16>::from_iter(weights.iter().map(|&w| bf16::from_f32(w)));
    test(WeightView::BF16(&brains), &brains.to_f32_vec());
}

/// What tiles are allowed where others are allowed less.
const TILES: f64 = 2e-5;

/// Fails unless the relative L2 error is at most `tolerance`, or what tiles are allowed.
#[track_caller]
pub(super) fn check(what: &str, found: &[f32], expected: &[f64], tolerance: f64) {
    let tolerance = if what == "amx" {
        TILES.max(tolerance)
    } else {
        tolerance
    };
    let error = relative_error(found, expected);
    assert!(
        error <= tolerance,
        "{what}: relative L2 error {error:.2e}, allowed {tolerance:.0e}"
    );
}

pub(super) fn relative_error(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let square = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>();
    let difference = square(&mut found.iter().zip(expected).map(|(&f, &e)| f64::from(f) - e));
    (difference / square(&mut expected.iter().copied()).max(1e-30)).sqrt()
}

pub(super) fn linear(
    x: &[f32],
    w: &[f32],
    bias: Option<&[f32]>,
    residual: Option<&[f32]>,
    [rows, inputs, outputs]: [usize; 3],
) -> Vec<f64> {
    let value = |row: usize, output: usize| {
        let x = &x[row * inputs..(row + 1) * inputs];
        let w = &w[output * inputs..(output + 1) * inputs];
        let product: f64 = x
            .iter()
            .zip(w)
            .map(|(&x, &w)| f64::from(x) * f64::from(w))
            .sum();
        let bias = bias.map_or(0.0, |bias| f64::from(bias[output]));
        product + bias + residual.map_or(0.0, |r| f64::from(r[row * outputs + output]))
    };
    (0..rows)
        .flat_map(|row| (0..outputs).map(move |output| value(row, output)))
        .collect()
}

/// `weights` are the f32 values of `conv.weights`.
pub(super) fn convolution(
    conv: &Convolution<'_>,
    weights: &[f32],
    x: &[f32],
    shape: Shape,
) -> Vec<f64> {
    let result = conv.output_shape(shape);
    let [height, width] = conv.enlarge.unwrap_or([shape.height, shape.width]);
    let kernel = conv.window.kernel;
    let mut out = Vec::with_capacity(result.len());
    for picture in 0..result.batch {
        for (row, column) in (0..result.height).flat_map(|y| (0..result.width).map(move |x| (y, x)))
        {
            for output in 0..result.channels {
                let mut sum = conv.bias.map_or(0.0, |bias| f64::from(bias[output]));
                sum += conv
                    .shift
                    .map_or(0.0, |s| f64::from(s[picture * result.channels + output]));
                sum += conv.residual.map_or(0.0, |r| f64::from(r[out.len()]));
                for (i, j) in (0..kernel).flat_map(|i| (0..kernel).map(move |j| (i, j))) {
                    let y = (row * conv.window.stride + i).checked_sub(conv.window.before);
                    let x_ = (column * conv.window.stride + j).checked_sub(conv.window.before);
                    let (Some(y), Some(x_)) = (y, x_) else {
                        continue;
                    };
                    if y >= height || x_ >= width {
                        continue;
                    }
                    let (y, x_) = (y * shape.height / height, x_ * shape.width / width);
                    for channel in 0..shape.channels {
                        let at = ((picture * shape.height + y) * shape.width + x_) * shape.channels;
                        let w = ((output * shape.channels + channel) * kernel + i) * kernel + j;
                        sum += f64::from(x[at + channel]) * f64::from(weights[w]);
                    }
                }
                out.push(sum);
            }
        }
    }
    out
}

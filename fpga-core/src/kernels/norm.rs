//! Group normalisation of NHWC pictures (Wu & He 2018, eq. 1) and layer normalisation of tokens.
//!
//! Group norm reads the picture twice: once for sums per channel, once to write
//! `(x − center)·scale + shift`, with SiLU in the same pass where it is asked for. Sums are taken of the
//! distance to the first pixel, so that a large common offset costs no digits, and joined in f64.

use std::ops::Range;

use super::activation::{Activation, get, registers, set};
use super::conv::Shape;
use super::level::Level;
use super::parallel::{Shared, for_each, for_each_range, threads};
use super::pool::Buffer;
use super::simd::{Kernel, Simd};

/// Pixels whose f32 sums are trusted.
const PIXELS: usize = 1024;

/// Normalises groups of channels over each picture.
#[derive(Clone, Copy, Debug)]
pub struct GroupNorm<'a> {
    /// `[channels]`
    pub weight: &'a [f32],
    /// `[channels]`
    pub bias: &'a [f32],
    /// Number of groups; divides the channels.
    pub groups: usize,
    /// Added to the variance.
    pub epsilon: f64,
    /// Applied to the result.
    pub activation: Option<Activation>,
}

impl GroupNorm<'_> {
    /// Normalises `input` into `out`.
    ///
    /// # Shapes
    /// - `input` and `out`: `[batch, height, width, channels]`, as `shape` says
    ///
    /// # Panics
    /// If the lengths do not fit, or the groups do not divide the channels.
    pub fn run(&self, input: &[f32], shape: Shape, out: &mut [f32]) {
        self.run_at(Level::current(), input, shape, out);
    }

    pub(super) fn run_at(&self, level: Level, input: &[f32], shape: Shape, out: &mut [f32]) {
        let channels = shape.channels;
        assert_eq!(input.len(), shape.len(), "group norm: input length");
        assert_eq!(out.len(), shape.len(), "group norm: output length");
        assert_eq!(self.weight.len(), channels, "group norm: weight length");
        assert_eq!(self.bias.len(), channels, "group norm: bias length");
        let divides = self.groups > 0 && channels.is_multiple_of(self.groups);
        assert!(
            divides,
            "group norm: {} groups of {channels} channels",
            self.groups
        );
        if out.is_empty() {
            return;
        }
        let pixels = shape.height * shape.width;
        let parts = pixels
            .div_ceil(PIXELS)
            .max((4 * threads()).div_ceil(shape.batch))
            .min(pixels);
        let part = |index: usize| pixels * index / parts..pixels * (index + 1) / parts;
        let picture = |task: usize| &input[task / parts * pixels * channels..][..pixels * channels];

        let mut sums = Buffer::take(shape.batch * parts * 2 * channels);
        let shared = Shared::new(&mut sums);
        for_each(shape.batch * parts, |task| {
            // SAFETY: each task has its own sums.
            let sums = unsafe { shared.part(task * 2 * channels..(task + 1) * 2 * channels) };
            level.run(Sums {
                picture: picture(task),
                pixels: part(task % parts),
                sums,
            });
        });

        let mut maps = Buffer::take(shape.batch * 3 * channels);
        for (index, map) in maps.chunks_exact_mut(3 * channels).enumerate() {
            let sums = &sums[index * parts * 2 * channels..][..parts * 2 * channels];
            self.map_of(&picture(index * parts)[..channels], sums, pixels, map);
        }

        let (maps, out) = (&maps, Shared::new(out));
        for_each(shape.batch * parts, |task| {
            let pixels = part(task % parts);
            let range = pixels.start * channels..pixels.end * channels;
            let start = task / parts * shape.height * shape.width * channels;
            level.run(Apply {
                map: &maps[task / parts * 3 * channels..][..3 * channels],
                input: &picture(task)[range.clone()],
                // SAFETY: parts of pictures do not overlap.
                out: unsafe { out.part(start + range.start..start + range.end) },
                activation: self.activation,
            });
        });
    }

    /// Center, scale and shift of every channel from the sums of all parts of one picture.
    fn map_of(&self, first_pixel: &[f32], sums: &[f32], pixels: usize, map: &mut [f32]) {
        let channels = self.weight.len();
        let in_group = channels / self.groups;
        let count = pixels as f64;
        let (centers, rest) = map.split_at_mut(channels);
        let (scales, shifts) = rest.split_at_mut(channels);
        for group in 0..self.groups {
            let range = group * in_group..(group + 1) * in_group;
            // Mean and summed squares of each channel, then of the group.
            let moments = range.clone().map(|channel| {
                let of = |offset: usize| {
                    let parts = sums.chunks_exact(2 * channels);
                    parts
                        .map(|part| f64::from(part[offset + channel]))
                        .sum::<f64>()
                };
                let (sum, squares) = (of(0), of(channels));
                (
                    f64::from(first_pixel[channel]) + sum / count,
                    squares - sum * sum / count,
                )
            });
            let moments: Vec<(f64, f64)> = moments.collect();
            let mean = moments.iter().map(|(mean, _)| mean).sum::<f64>() / in_group as f64;
            let spread =
                |&(own, squares): &(f64, f64)| squares + count * (own - mean) * (own - mean);
            let variance = moments.iter().map(spread).sum::<f64>() / (in_group as f64 * count);
            let inverse = 1.0 / (variance + self.epsilon).sqrt();
            for channel in range {
                let scale = f64::from(self.weight[channel]) * inverse;
                let center = mean as f32;
                centers[channel] = center;
                scales[channel] = scale as f32;
                let rest = (mean - f64::from(center)) * scale;
                shifts[channel] = (f64::from(self.bias[channel]) - rest) as f32;
            }
        }
    }
}

/// Sum and summed squares of each channel's distance to the first pixel, over some pixels.
pub(super) struct Sums<'a> {
    pub(super) picture: &'a [f32],
    pub(super) pixels: Range<usize>,
    pub(super) sums: &'a mut [f32],
}

impl Kernel for Sums<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let channels = self.sums.len() / 2;
        let (sums, squares) = self.sums.split_at_mut(channels);
        sums.fill(0.0);
        squares.fill(0.0);
        let first = &self.picture[..channels];
        for pixel in self.pixels {
            let values = &self.picture[pixel * channels..(pixel + 1) * channels];
            for (start, count) in registers::<S>(channels) {
                let pivot = get(simd, first, start, count);
                let distance = simd.sub(get(simd, values, start, count), pivot);
                let sum = simd.add(get(simd, sums, start, count), distance);
                let square = simd.mul_add(distance, distance, get(simd, squares, start, count));
                set(simd, sums, start, count, sum);
                set(simd, squares, start, count, square);
            }
        }
    }
}

/// `(x − center)·scale + shift` and the activation, for a run of pixels.
struct Apply<'a> {
    map: &'a [f32],
    input: &'a [f32],
    out: &'a mut [f32],
    activation: Option<Activation>,
}

impl Kernel for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let channels = self.map.len() / 3;
        let (centers, rest) = self.map.split_at(channels);
        let (scales, shifts) = rest.split_at(channels);
        let pixels = self
            .input
            .chunks_exact(channels)
            .zip(self.out.chunks_exact_mut(channels));
        for (input, out) in pixels {
            for (start, count) in registers::<S>(channels) {
                let center = get(simd, centers, start, count);
                let distance = simd.sub(get(simd, input, start, count), center);
                let scale = get(simd, scales, start, count);
                let shift = get(simd, shifts, start, count);
                let mut y = simd.mul_add(distance, scale, shift);
                if let Some(activation) = self.activation {
                    y = activation.apply(simd, y);
                }
                set(simd, out, start, count, y);
            }
        }
    }
}

/// Normalises each token over its width (Ba et al. 2016).
#[derive(Clone, Copy, Debug)]
pub struct LayerNorm<'a> {
    /// `[width]`
    pub weight: &'a [f32],
    /// `[width]`
    pub bias: &'a [f32],
    /// Added to the variance.
    pub epsilon: f32,
}

impl LayerNorm<'_> {
    /// Normalises every row of `input` into `out`.
    ///
    /// # Shapes
    /// - `input` and `out`: `[n, width]`
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn run(&self, input: &[f32], out: &mut [f32]) {
        self.run_at(Level::current(), input, out);
    }

    pub(super) fn run_at(&self, level: Level, input: &[f32], out: &mut [f32]) {
        let width = self.weight.len();
        assert_eq!(self.bias.len(), width, "layer norm: bias length");
        assert_eq!(input.len(), out.len(), "layer norm: output length");
        assert!(
            width > 0 && out.len().is_multiple_of(width),
            "layer norm: width"
        );
        let out = Shared::new(out);
        for_each_range(input.len() / width, (8 << 10) / width, |rows| {
            let range = rows.start * width..rows.end * width;
            // SAFETY: ranges do not overlap.
            let out = unsafe { out.part(range.clone()) };
            level.run(Rows {
                norm: *self,
                input: &input[range],
                out,
            });
        });
    }
}

struct Rows<'a> {
    norm: LayerNorm<'a>,
    input: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let LayerNorm {
            weight,
            bias,
            epsilon,
        } = self.norm;
        let width = weight.len();
        for (input, out) in self
            .input
            .chunks_exact(width)
            .zip(self.out.chunks_exact_mut(width))
        {
            let first = simd.splat(input[0]);
            let mut sums = simd.splat(0.0);
            for (start, count) in registers::<S>(width) {
                let distance = simd.sub(get(simd, input, start, count), first);
                sums = simd.add(sums, kept(simd, out, start, count, distance));
            }
            let mean = simd.splat(simd.sum(sums) / width as f32);
            let mut squares = simd.splat(0.0);
            for (start, count) in registers::<S>(width) {
                let distance = simd.sub(get(simd, out, start, count), mean);
                let distance = kept(simd, out, start, count, distance);
                squares = simd.mul_add(distance, distance, squares);
            }
            let variance = simd.sum(squares) / width as f32;
            let inverse = simd.splat(1.0 / (variance + epsilon).sqrt());
            for (start, count) in registers::<S>(width) {
                let scale = simd.mul(get(simd, weight, start, count), inverse);
                let bias = get(simd, bias, start, count);
                let y = simd.mul_add(get(simd, out, start, count), scale, bias);
                set(simd, out, start, count, y);
            }
        }
    }
}

/// Writes a register of `count` values and returns it with zeros behind them.
#[inline(always)]
pub(super) fn kept<S: Simd>(simd: S, to: &mut [f32], start: usize, count: usize, v: S::V) -> S::V {
    set(simd, to, start, count, v);
    match count == S::LANES {
        true => v,
        false => get(simd, to, start, count),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernels::oracle::{Numbers, check};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn groups_have_mean_zero_and_variance_one(
            batch in 1usize..3, height in 1usize..9, width in 1usize..9,
            in_group in 1usize..12, groups in 1usize..6, offset in -100f32..100.0, seed: u64,
        ) {
            let shape = Shape { batch, height, width, channels: in_group * groups };
            let mut numbers = Numbers::new(seed);
            let x: Vec<f32> = numbers.take(shape.len()).iter().map(|x| x + offset).collect();
            let (weight, bias) = (numbers.take(shape.channels), numbers.take(shape.channels));
            for activation in [None, Some(Activation::Silu)] {
                let norm = GroupNorm { weight: &weight, bias: &bias, groups, epsilon: 1e-5, activation };
                let expected = naive_group_norm(&norm, &x, shape);
                for level in Level::available() {
                    let mut out = vec![f32::NAN; x.len()];
                    norm.run_at(level, &x, shape, &mut out);
                    check(level.name(), &out, &expected, 2e-5);
                }
            }
        }

        #[test]
        fn tokens_have_mean_zero_and_variance_one(
            rows in 1usize..20, width in 2usize..100, offset in -10f32..10.0, seed: u64,
        ) {
            let mut numbers = Numbers::new(seed);
            let x: Vec<f32> = numbers.take(rows * width).iter().map(|x| x + offset).collect();
            let (weight, bias) = (numbers.take(width), numbers.take(width));
            // A layer norm is a group norm of one group over a single pixel.
            let group = GroupNorm {
                weight: &weight, bias: &bias, groups: 1, epsilon: f64::from(1e-5f32), activation: None,
            };
            let shape = Shape { batch: rows, height: 1, width: 1, channels: width };
            let expected = naive_group_norm(&group, &x, shape);
            let norm = LayerNorm { weight: &weight, bias: &bias, epsilon: 1e-5 };
            for level in Level::available() {
                let mut out = vec![f32::NAN; x.len()];
                norm.run_at(level, &x, &mut out);
                check(level.name(), &out, &expected, 2e-5);
            }
        }
    }

    #[test]
    fn many_pixels_in_several_parts() {
        let shape = Shape {
            batch: 2,
            height: 60,
            width: 59,
            channels: 6,
        };
        let x: Vec<f32> = Numbers::new(5)
            .take(shape.len())
            .iter()
            .map(|x| x + 30.0)
            .collect();
        let (weight, bias) = (vec![1.5; 6], vec![-0.5; 6]);
        let activation = Some(Activation::Silu);
        let norm = GroupNorm {
            weight: &weight,
            bias: &bias,
            groups: 2,
            epsilon: 1e-6,
            activation,
        };
        let mut out = vec![f32::NAN; x.len()];
        norm.run(&x, shape, &mut out);
        check(
            "many pixels",
            &out,
            &naive_group_norm(&norm, &x, shape),
            1e-5,
        );
    }

    fn naive_group_norm(norm: &GroupNorm<'_>, x: &[f32], shape: Shape) -> Vec<f64> {
        let (channels, pixels) = (shape.channels, shape.height * shape.width);
        let in_group = channels / norm.groups;
        let mut out = vec![0.0; x.len()];
        for picture in 0..shape.batch {
            for group in 0..norm.groups {
                let places: Vec<usize> = (0..pixels * in_group)
                    .map(|i| {
                        (picture * pixels + i / in_group) * channels
                            + group * in_group
                            + i % in_group
                    })
                    .collect();
                let count = places.len() as f64;
                let mean = places.iter().map(|&i| f64::from(x[i])).sum::<f64>() / count;
                let square = |&i: &usize| (f64::from(x[i]) - mean).powi(2);
                let variance = places.iter().map(square).sum::<f64>() / count;
                for i in places {
                    let (weight, bias) = (norm.weight[i % channels], norm.bias[i % channels]);
                    let y = (f64::from(x[i]) - mean) / (variance + norm.epsilon).sqrt();
                    let y = y * f64::from(weight) + f64::from(bias);
                    out[i] = norm.activation.map_or(y, |_| y / (1.0 + (-y).exp()));
                }
            }
        }
        out
    }
}

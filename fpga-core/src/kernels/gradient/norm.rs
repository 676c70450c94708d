//! Gradients of group norm (with its activation) and layer norm.
//!
//! With `x̂ = (x − mean) / σ`, `z = γ x̂ + β` and `dz = dy f′(z)`: `dβ = Σ dz`, `dγ = Σ dz x̂` and
//! `dx = (γ dz − mean(γ dz) − x̂ mean(γ dz x̂)) / σ`, means over what was normalised together. Mean and
//! `σ` are computed again rather than kept.

use std::ops::Range;

use super::activation::slope;
use super::sums::{join, part, parts};
use crate::kernels::Activation;
use crate::kernels::activation::{get, registers, set};
use crate::kernels::conv::Shape;
use crate::kernels::level::Level;
use crate::kernels::norm::{Sums, kept};
use crate::kernels::parallel::{Shared, for_each};
use crate::kernels::pool::Buffer;
use crate::kernels::simd::{Kernel, Simd};

/// A group norm that is gone back through.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupNormGradient<'a> {
    /// `[channels]`
    pub(crate) weight: &'a [f32],
    /// `[channels]`
    pub(crate) bias: &'a [f32],
    /// Number of groups; divides the channels.
    pub(crate) groups: usize,
    /// Added to the variance.
    pub(crate) epsilon: f64,
    /// Applied to the result.
    pub(crate) activation: Option<Activation>,
}

impl GroupNormGradient<'_> {
    /// Gradients of input, weight and bias.
    ///
    /// # Shapes
    /// - `input`, `gradient` and the first result: `[batch, height, width, channels]`, as `shape` says
    /// - the other results: `[channels]`
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub(crate) fn run(
        &self,
        [input, gradient]: [&[f32]; 2],
        shape: Shape,
        [out, to_weight, to_bias]: [&mut [f32]; 3],
    ) {
        let (level, channels) = (Level::current(), shape.channels);
        let lengths = [input.len(), gradient.len(), out.len()];
        assert_eq!(lengths, [shape.len(); 3], "group norm gradient: lengths");
        let lengths = [self.weight, self.bias, to_weight, to_bias].map(|values| values.len());
        assert_eq!(lengths, [channels; 4], "group norm gradient: channels");
        let (pixels, batch) = (shape.height * shape.width, shape.batch);
        if out.is_empty() {
            to_weight.fill(0.0);
            to_bias.fill(0.0);
            return;
        }
        let parts = parts(pixels, batch);

        let mut sums = Buffer::take(batch * parts * 2 * channels);
        let to_sums = Shared::new(&mut sums);
        for_each(batch * parts, |task| {
            let (first, pixels) = (task / parts * pixels, part(pixels, parts, task));
            level.run(Sums {
                picture: &input[first * channels..],
                pixels: pixels.start - first..pixels.end - first,
                // SAFETY: each task has its own sums.
                sums: unsafe { to_sums.part(task * 2 * channels..(task + 1) * 2 * channels) },
            });
        });
        let mut maps = Buffer::take(batch * 5 * channels);
        for (picture, map) in maps.chunks_exact_mut(5 * channels).enumerate() {
            let first_pixel = &input[picture * pixels * channels..][..channels];
            let sums = &sums[picture * parts * 2 * channels..][..parts * 2 * channels];
            self.moments(first_pixel, sums, pixels, map);
        }

        let (to, to_sums) = (Shared::new(out), Shared::new(&mut sums));
        for_each(batch * parts, |task| {
            let pixels = part(pixels, parts, task);
            let range = pixels.start * channels..pixels.end * channels;
            level.run(Through {
                norm: self,
                map: &maps[task / parts * 5 * channels..][..2 * channels],
                input: &input[range.clone()],
                gradient: &gradient[range.clone()],
                // SAFETY: each task has its own pixels and sums.
                out: unsafe { to.part(range) },
                // SAFETY: as above.
                sums: unsafe { to_sums.part(task * 2 * channels..(task + 1) * 2 * channels) },
            });
        });
        let mut totals = Buffer::take(batch * 2 * channels);
        for (picture, totals) in totals.chunks_exact_mut(2 * channels).enumerate() {
            join(
                &sums[picture * parts * 2 * channels..][..parts * 2 * channels],
                totals,
            );
            self.slopes(
                totals,
                pixels,
                &mut maps[picture * 5 * channels..][..5 * channels],
            );
        }
        for (channel, (to_weight, to_bias)) in to_weight.iter_mut().zip(to_bias).enumerate() {
            let pictures = totals.chunks_exact(2 * channels);
            (*to_bias, *to_weight) = pictures.fold((0.0, 0.0), |(bias, weight), totals| {
                (bias + totals[channel], weight + totals[channels + channel])
            });
        }

        for_each(batch * parts, |task| {
            let pixels = part(pixels, parts, task);
            let range = pixels.start * channels..pixels.end * channels;
            level.run(Back {
                map: &maps[task / parts * 5 * channels..][..5 * channels],
                input: &input[range.clone()],
                // SAFETY: each task has its own pixels.
                out: unsafe { to.part(range) },
            });
        });
    }

    /// Mean and `1/σ` of every channel's group, from sums of distances to the first pixel.
    fn moments(&self, first_pixel: &[f32], sums: &[f32], pixels: usize, map: &mut [f32]) {
        let channels = self.weight.len();
        let mut total = Buffer::take(2 * channels);
        join(sums, &mut total);
        let (means, inverses) = map.split_at_mut(channels);
        let (size, count) = (channels / self.groups, pixels as f64);
        for group in 0..self.groups {
            let range = group * size..(group + 1) * size;
            let own = |channel: usize| {
                f64::from(first_pixel[channel]) + f64::from(total[channel]) / count
            };
            let mean = range.clone().map(own).sum::<f64>() / size as f64;
            let spread = |channel: usize| {
                let (sum, squares) = (total[channel], total[channels + channel]);
                let (sum, squares) = (f64::from(sum), f64::from(squares));
                squares - sum * sum / count + count * (own(channel) - mean).powi(2)
            };
            let variance = range.clone().map(spread).sum::<f64>() / (size as f64 * count);
            means[range.clone()].fill(mean as f32);
            inverses[range].fill((1.0 / (variance.max(0.0) + self.epsilon).sqrt()) as f32);
        }
    }

    /// The three factors of `dx = dz·p + (x − mean)·q + r`, from `Σ dz` and `Σ dz x̂` of one picture.
    fn slopes(&self, totals: &[f32], pixels: usize, map: &mut [f32]) {
        let channels = self.weight.len();
        let size = channels / self.groups;
        let (moments, factors) = map.split_at_mut(2 * channels);
        for group in 0..self.groups {
            let range = group * size..(group + 1) * size;
            let mean = |offset: usize| {
                let values = range.clone().map(|channel| {
                    f64::from(self.weight[channel]) * f64::from(totals[offset + channel])
                });
                values.sum::<f64>() / (size * pixels) as f64
            };
            let (flat, tilted) = (mean(0), mean(channels));
            let inverse = f64::from(moments[channels + range.start]);
            for channel in range {
                factors[channel] = (f64::from(self.weight[channel]) * inverse) as f32;
                factors[channels + channel] = (-tilted * inverse * inverse) as f32;
                factors[2 * channels + channel] = (-flat * inverse) as f32;
            }
        }
    }
}

/// `dz` of some pixels, and its sums with and without `x̂`.
struct Through<'a> {
    norm: &'a GroupNormGradient<'a>,
    /// Means, then `1/σ`.
    map: &'a [f32],
    input: &'a [f32],
    gradient: &'a [f32],
    out: &'a mut [f32],
    sums: &'a mut [f32],
}

impl Kernel for Through<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let GroupNormGradient {
            weight,
            bias,
            activation,
            ..
        } = *self.norm;
        let channels = weight.len();
        let (means, inverses) = self.map.split_at(channels);
        let (flat, tilted) = self.sums.split_at_mut(channels);
        flat.fill(0.0);
        tilted.fill(0.0);
        for at in (0..self.input.len()).step_by(channels) {
            let input = &self.input[at..at + channels];
            let gradient = &self.gradient[at..at + channels];
            let out = &mut self.out[at..at + channels];
            for (start, count) in registers::<S>(channels) {
                let x = simd.sub(
                    get(simd, input, start, count),
                    get(simd, means, start, count),
                );
                let x = simd.mul(x, get(simd, inverses, start, count));
                let mut dz = get(simd, gradient, start, count);
                if let Some(activation) = activation {
                    let (scale, shift) = (
                        get(simd, weight, start, count),
                        get(simd, bias, start, count),
                    );
                    let z = simd.mul_add(x, scale, shift);
                    dz = simd.mul(dz, slope(activation, simd, z));
                }
                set(simd, out, start, count, dz);
                let sum = simd.add(get(simd, flat, start, count), dz);
                set(simd, flat, start, count, sum);
                let sum = simd.mul_add(dz, x, get(simd, tilted, start, count));
                set(simd, tilted, start, count, sum);
            }
        }
    }
}

/// `dz` becomes `dx`.
struct Back<'a> {
    /// Means, `1/σ`, and the three factors.
    map: &'a [f32],
    input: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Back<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let channels = self.map.len() / 5;
        let (means, factors) = (&self.map[..channels], &self.map[2 * channels..]);
        for at in (0..self.input.len()).step_by(channels) {
            let input = &self.input[at..at + channels];
            let out = &mut self.out[at..at + channels];
            for (start, count) in registers::<S>(channels) {
                let x = simd.sub(
                    get(simd, input, start, count),
                    get(simd, means, start, count),
                );
                let [p, q, r] = [
                    get(simd, factors, start, count),
                    get(simd, &factors[channels..], start, count),
                    get(simd, &factors[2 * channels..], start, count),
                ];
                let dz = get(simd, out, start, count);
                let value = simd.mul_add(dz, p, simd.mul_add(x, q, r));
                set(simd, out, start, count, value);
            }
        }
    }
}

/// A layer norm that is gone back through.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LayerNormGradient<'a> {
    /// `[width]`
    pub(crate) weight: &'a [f32],
    /// Added to the variance.
    pub(crate) epsilon: f32,
}

impl LayerNormGradient<'_> {
    /// Gradients of input, weight and bias.
    ///
    /// # Shapes
    /// - `input`, `gradient` and the first result: `[n, width]`
    /// - the other results: `[width]`
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub(crate) fn run(
        &self,
        [input, gradient]: [&[f32]; 2],
        [out, to_weight, to_bias]: [&mut [f32]; 3],
    ) {
        let (level, width) = (Level::current(), self.weight.len());
        let rows = input.len() / width.max(1);
        let lengths = [input.len(), gradient.len(), out.len()];
        assert_eq!(lengths, [rows * width; 3], "layer norm gradient: lengths");
        let lengths = [to_weight.len(), to_bias.len()];
        assert_eq!(lengths, [width; 2], "layer norm gradient: widths");
        let parts = parts(rows, 1);
        let mut sums = Buffer::take(parts * 2 * width);
        let (to, to_sums) = (Shared::new(out), Shared::new(&mut sums));
        for_each(parts, |task| {
            let rows = part(rows, parts, task);
            let range: Range<usize> = rows.start * width..rows.end * width;
            level.run(Rows {
                norm: *self,
                input: &input[range.clone()],
                gradient: &gradient[range.clone()],
                // SAFETY: each task has its own rows and sums.
                out: unsafe { to.part(range) },
                // SAFETY: as above.
                sums: unsafe { to_sums.part(task * 2 * width..(task + 1) * 2 * width) },
            });
        });
        let mut total = Buffer::take(2 * width);
        join(&sums, &mut total);
        to_weight.copy_from_slice(&total[..width]);
        to_bias.copy_from_slice(&total[width..]);
    }
}

struct Rows<'a> {
    norm: LayerNormGradient<'a>,
    input: &'a [f32],
    gradient: &'a [f32],
    out: &'a mut [f32],
    /// Of `dy x̂`, then of `dy`.
    sums: &'a mut [f32],
}

impl Kernel for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let LayerNormGradient { weight, epsilon } = self.norm;
        let width = weight.len();
        let (tilted, flat) = self.sums.split_at_mut(width);
        tilted.fill(0.0);
        flat.fill(0.0);
        for at in (0..self.input.len()).step_by(width) {
            let input = &self.input[at..at + width];
            let gradient = &self.gradient[at..at + width];
            let out = &mut self.out[at..at + width];
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
            let (mut plain, mut leaning) = (simd.splat(0.0), simd.splat(0.0));
            for (start, count) in registers::<S>(width) {
                let x = simd.mul(get(simd, out, start, count), inverse);
                set(simd, out, start, count, x);
                let dy = get(simd, gradient, start, count);
                let sum = simd.mul_add(dy, x, get(simd, tilted, start, count));
                set(simd, tilted, start, count, sum);
                let sum = simd.add(dy, get(simd, flat, start, count));
                set(simd, flat, start, count, sum);
                // Zero behind the row's end.
                let scaled = simd.mul(dy, get(simd, weight, start, count));
                plain = simd.add(plain, scaled);
                leaning = simd.mul_add(scaled, x, leaning);
            }
            let offset = simd.splat(simd.sum(plain) / width as f32);
            let slope = simd.splat(simd.sum(leaning) / width as f32);
            for (start, count) in registers::<S>(width) {
                let x = get(simd, out, start, count);
                let dy = get(simd, gradient, start, count);
                let scaled = simd.mul(dy, get(simd, weight, start, count));
                let rest = simd.neg_mul_add(x, slope, simd.sub(scaled, offset));
                set(simd, out, start, count, simd.mul(rest, inverse));
            }
        }
    }
}

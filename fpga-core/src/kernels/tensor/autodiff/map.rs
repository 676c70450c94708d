//! Operations on feature maps: convolution, group norm, sums and joins.

use burn::tensor::Tensor;
use rayon::prelude::*;

use super::step::{Found, Parent, record};
use crate::kernels::Activation;
use crate::kernels::gradient::{self, ConvolutionGradient, GroupNormGradient};
use crate::kernels::tensor::flex::{
    self, Map, Rows, map_from, map_of, optional, tensor_from, tensor_of,
};
use crate::kernels::tensor::{ConvParts, NormParts};

/// # Shapes
/// - `input`: `[b, in, h, w]`; returns `[b, out, h′, w′]`
pub(crate) fn convolve(input: &Tensor<4>, parts: ConvParts<'_>) -> Option<Tensor<4>> {
    flex::convolve(input, parts).or_else(|| convolve_tracked(input, parts))
}

fn convolve_tracked(input: &Tensor<4>, parts: ConvParts<'_>) -> Option<Tensor<4>> {
    if !ConvolutionGradient::serves(parts.window) {
        return None;
    }
    let (first, weight) = (Parent::of(input)?, Parent::of(parts.weight)?);
    let bias = optional(parts.bias, Parent::of)?;
    let shift = optional(parts.shift, Parent::of)?;
    let residual = optional(parts.residual, Parent::of)?;
    let x = Map::of(&first.plain())?;
    let w = weight.plain::<4>();
    let (b, s, r) = (
        bias.as_ref().map(Parent::plain),
        shift.as_ref().map(Parent::plain),
        residual.as_ref().map(Parent::plain),
    );
    let plain = ConvParts {
        weight: &w,
        bias: b.as_ref(),
        shift: s.as_ref(),
        residual: r.as_ref(),
        ..parts
    };
    let result = flex::convolve(&x.tensor(), plain)?;
    let convolution = ConvolutionGradient {
        input: x.shape,
        outputs: w.dims()[0],
        window: parts.window,
        enlarge: parts.enlarge,
    };
    let [bias, shift, residual] =
        [bias, shift, residual].map(|part| part.unwrap_or_else(|| first.absent()));
    let back = move |gradient: &Tensor<4>, found: &mut Found<5>| {
        let Some(dy) = Map::of(gradient) else { return };
        let (outputs, batch) = (convolution.outputs, dy.shape.batch);
        found.set(0, || {
            let w = Rows::of(&w)?;
            Some(map_from(x.shape, |out| {
                convolution.input(&w.values(), dy.pixels(), out)
            }))
        });
        found.set(1, || {
            Some(tensor_from(w.dims(), |out| {
                convolution.weights(x.pixels(), dy.pixels(), out)
            }))
        });
        found.set(2, || {
            Some(tensor_from([outputs], |out| {
                gradient::column_sums(dy.pixels(), 1, out)
            }))
        });
        found.set(3, || {
            Some(tensor_from([batch, outputs], |out| {
                gradient::column_sums(dy.pixels(), batch, out)
            }))
        });
        found.set(4, || Some(dy.tensor()));
    };
    record([first, weight, bias, shift, residual], result, back)
}

/// # Shapes
/// - `input` and result: `[b, c, h, w]`
pub(crate) fn group_norm(
    input: &Tensor<4>,
    parts: NormParts<'_>,
    groups: usize,
    activation: Option<Activation>,
) -> Option<Tensor<4>> {
    flex::group_norm(input, parts, groups, activation).or_else(|| {
        let parents = [
            Parent::of(input)?,
            Parent::of(parts.weight)?,
            Parent::of(parts.bias)?,
        ];
        let [x, weight, bias] = &parents;
        let (weight, bias) = (weight.plain::<1>(), bias.plain::<1>());
        let x = Map::of(&x.plain())?;
        let epsilon = parts.epsilon;
        let plain = NormParts {
            weight: &weight,
            bias: &bias,
            epsilon,
        };
        let result = flex::group_norm(&x.tensor(), plain, groups, activation)?;
        record(parents, result, move |gradient, found| {
            let rows = (Rows::of(&weight), Rows::of(&bias), Map::of(gradient));
            let (Some(weight), Some(bias), Some(dy)) = rows else {
                return;
            };
            let norm = GroupNormGradient {
                weight: &weight.values(),
                bias: &bias.values(),
                groups,
                epsilon,
                activation,
            };
            let channels = x.shape.channels;
            let [mut dx, mut to_weight, mut to_bias] =
                [x.shape.len(), channels, channels].map(|length| vec![0.0; length]);
            norm.run(
                [x.pixels(), dy.pixels()],
                x.shape,
                [&mut dx, &mut to_weight, &mut to_bias],
            );
            found.set(0, || Some(map_of(x.shape, dx)));
            found.set(1, || Some(tensor_of([channels], to_weight)));
            found.set(2, || Some(tensor_of([channels], to_bias)));
        })
    })
}

/// # Shapes
/// - all `[b, c, h, w]`
pub(crate) fn add_maps(a: &Tensor<4>, b: &Tensor<4>) -> Option<Tensor<4>> {
    flex::add_maps(a, b).or_else(|| {
        // A picture that counts for several has the sum of their gradients.
        if a.dims() != b.dims() {
            return None;
        }
        let parents = [Parent::of(a)?, Parent::of(b)?];
        let [first, second] = parents.each_ref().map(Parent::plain);
        let result = flex::add_maps(&first, &second)?;
        record(parents, result, |gradient, found| {
            found.set(0, || Some(gradient.clone()));
            found.set(1, || Some(gradient.clone()));
        })
    })
}

/// Channels of `a`, then channels of `b`.
///
/// # Shapes
/// - `[b, c, h, w]` and `[b, c′, h, w]` to `[b, c + c′, h, w]`
pub(crate) fn join_channels(a: &Tensor<4>, b: &Tensor<4>) -> Option<Tensor<4>> {
    flex::join_channels(a, b).or_else(|| {
        let parents = [Parent::of(a)?, Parent::of(b)?];
        let [first, second] = parents.each_ref().map(Parent::plain);
        let result = flex::join_channels(&first, &second)?;
        let (left, right) = (a.dims()[1], b.dims()[1]);
        record(parents, result, move |gradient, found| {
            let Some(dy) = Map::of(gradient) else { return };
            found.set(0, || Some(channels_of(&dy, 0, left)));
            found.set(1, || Some(channels_of(&dy, left, right)));
        })
    })
}

/// Channels `from..from + count` of a map.
fn channels_of(map: &Map, from: usize, count: usize) -> Tensor<4> {
    let shape = crate::kernels::Shape {
        channels: count,
        ..map.shape
    };
    let row = map.shape.width * map.shape.channels;
    map_from(shape, |out| {
        let rows = out.par_chunks_exact_mut(map.shape.width * count);
        rows.zip(map.pixels().par_chunks_exact(row))
            .for_each(|(out, pixels)| {
                let pixels = pixels.chunks_exact(map.shape.channels);
                for (out, pixel) in out.chunks_exact_mut(count).zip(pixels) {
                    out.copy_from_slice(&pixel[from..from + count]);
                }
            });
    })
}

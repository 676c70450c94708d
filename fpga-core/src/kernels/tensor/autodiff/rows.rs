//! Operations on tokens and vectors: linear layers, attention, layer norm, activations.

use burn::tensor::Tensor;

use super::step::{Found, Parent, record};
use crate::kernels::gradient::{self, LayerNormGradient, LinearGradient};
use crate::kernels::tensor::flex::{self, Rows, optional, tensor_from, tensor_of};
use crate::kernels::tensor::{LinearParts, NormParts};
use crate::kernels::{Activation, Attention};

/// # Shapes
/// - `input`: `[…, in]`; `residual` and result: `[…, out]`
pub(crate) fn multiply<const D: usize>(
    input: &Tensor<D>,
    parts: LinearParts<'_>,
    residual: Option<&Tensor<D>>,
) -> Option<Tensor<D>> {
    flex::multiply(input, parts, residual).or_else(|| multiply_tracked(input, parts, residual))
}

fn multiply_tracked<const D: usize>(
    input: &Tensor<D>,
    parts: LinearParts<'_>,
    residual: Option<&Tensor<D>>,
) -> Option<Tensor<D>> {
    let (first, weight) = (Parent::of(input)?, Parent::of(parts.weight)?);
    let bias = optional(parts.bias, Parent::of)?;
    let residual = optional(residual, Parent::of)?;
    let (x, w) = (first.plain::<D>(), weight.plain::<2>());
    let (b, r) = (
        bias.as_ref().map(Parent::plain),
        residual.as_ref().map(Parent::plain),
    );
    let plain = LinearParts {
        weight: &w,
        bias: b.as_ref(),
    };
    let result = flex::multiply(&x, plain, r.as_ref())?;
    let [outputs, inputs] = w.dims();
    let linear = LinearGradient { inputs, outputs };
    let [bias, residual] = [bias, residual].map(|part| part.unwrap_or_else(|| first.absent()));
    let back = move |gradient: &Tensor<D>, found: &mut Found<4>| {
        let Some(dy) = Rows::of(gradient) else { return };
        let dy = dy.values();
        found.set(0, || {
            let w = Rows::of(&w)?;
            Some(tensor_from(x.dims(), |out| {
                linear.input(&w.values(), &dy, out)
            }))
        });
        found.set(1, || {
            let x = Rows::of(&x)?;
            Some(tensor_from([outputs, inputs], |out| {
                linear.weights(&x.values(), &dy, out)
            }))
        });
        found.set(2, || {
            Some(tensor_from([outputs], |out| {
                gradient::column_sums(&dy, 1, out)
            }))
        });
        found.set(3, || Some(gradient.clone()));
    };
    record([first, weight, bias, residual], result, back)
}

/// Every value through `activation`.
pub(crate) fn activate<const D: usize>(
    input: &Tensor<D>,
    activation: Activation,
) -> Option<Tensor<D>> {
    flex::activate(input, activation).or_else(|| {
        let parent = Parent::of(input)?;
        let x = parent.plain::<D>();
        let result = flex::activate(&x, activation)?;
        record([parent], result, move |gradient, found| {
            found.set(0, || {
                let (x, dy) = (Rows::of(&x)?, Rows::of(gradient)?);
                Some(tensor_from(gradient.dims(), |out| {
                    gradient::activation(activation, &x.values(), &dy.values(), out)
                }))
            });
        })
    })
}

/// Value times gate, side by side in the last dimension.
///
/// # Shapes
/// - `input`: `[b, n, 2·width]`; returns `[b, n, width]`
pub(crate) fn gated_gelu(input: &Tensor<3>) -> Option<Tensor<3>> {
    flex::gated_gelu(input).or_else(|| {
        let parent = Parent::of(input)?;
        let x = parent.plain::<3>();
        let result = flex::gated_gelu(&x)?;
        let [_, _, width] = result.dims();
        record([parent], result, move |gradient, found| {
            found.set(0, || {
                let (x_rows, dy) = (Rows::of(&x)?, Rows::of(gradient)?);
                Some(tensor_from(x.dims(), |out| {
                    gradient::geglu(&x_rows.values(), &dy.values(), width, out)
                }))
            });
        })
    })
}

/// # Shapes
/// - `query` and result: `[b, n, heads·d]`; `key`, `value`: `[b, m, heads·d]`
pub(crate) fn attend(
    [query, key, value]: [&Tensor<3>; 3],
    heads: usize,
    causal: bool,
) -> Option<Tensor<3>> {
    flex::attend([query, key, value], heads, causal).or_else(|| {
        let parents = [Parent::of(query)?, Parent::of(key)?, Parent::of(value)?];
        let [query, key, value] = parents.each_ref().map(Parent::plain::<3>);
        let result = flex::attend([&query, &key, &value], heads, causal)?;
        record(parents, result, move |gradient, found| {
            let [batch, queries, all] = query.dims();
            let [_, keys, _] = key.dims();
            let attention = Attention {
                batch,
                queries,
                keys,
                heads,
                width: all / heads,
                causal,
            };
            let rows = [&query, &key, &value, gradient].map(Rows::of);
            let [Some(q), Some(k), Some(v), Some(dy)] = rows else {
                return;
            };
            let [mut dq, mut dk, mut dv] =
                [query.dims(), key.dims(), key.dims()].map(|dims| vec![0.0; dims.iter().product()]);
            gradient::attention(
                &attention,
                [&q.values(), &k.values(), &v.values(), &dy.values()],
                [&mut dq, &mut dk, &mut dv],
            );
            found.set(0, || Some(tensor_of(query.dims(), dq)));
            found.set(1, || Some(tensor_of(key.dims(), dk)));
            found.set(2, || Some(tensor_of(key.dims(), dv)));
        })
    })
}

/// # Shapes
/// - `input` and result: `[…, width]`
pub(crate) fn layer_norm<const D: usize>(
    input: &Tensor<D>,
    parts: NormParts<'_>,
) -> Option<Tensor<D>> {
    flex::layer_norm(input, parts).or_else(|| {
        let parents = [
            Parent::of(input)?,
            Parent::of(parts.weight)?,
            Parent::of(parts.bias)?,
        ];
        let [x, weight, bias] = &parents;
        let (x, weight, bias) = (x.plain::<D>(), weight.plain::<1>(), bias.plain::<1>());
        let plain = NormParts {
            weight: &weight,
            bias: &bias,
            epsilon: parts.epsilon,
        };
        let result = flex::layer_norm(&x, plain)?;
        let epsilon = parts.epsilon as f32;
        record(parents, result, move |gradient, found| {
            let rows = (Rows::of(&x), Rows::of(&weight), Rows::of(gradient));
            let (Some(x_rows), Some(weight), Some(dy)) = rows else {
                return;
            };
            let weight = &weight.values();
            let norm = LayerNormGradient { weight, epsilon };
            let [mut dx, mut to_weight, mut to_bias] =
                [dy.values().len(), weight.len(), weight.len()].map(|length| vec![0.0; length]);
            norm.run(
                [&x_rows.values(), &dy.values()],
                [&mut dx, &mut to_weight, &mut to_bias],
            );
            found.set(0, || Some(tensor_of(x.dims(), dx)));
            found.set(1, || Some(tensor_of([weight.len()], to_weight)));
            found.set(2, || Some(tensor_of([weight.len()], to_bias)));
        })
    })
}

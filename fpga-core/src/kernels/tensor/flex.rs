//! Unwraps tensors of the CPU backend to slices, and wraps results.

use std::borrow::Cow;

use burn::backend::Flex;
use burn::tensor::{Bytes, DType, Tensor};
use burn_flex::{FlexTensor, Layout};
use half::{bf16, f16};
use rayon::prelude::*;

use super::result::filled;
use super::{ConvParts, GroupParts, LinearParts, NormParts};
use crate::kernels::{
    Activation, Attention, Convolution, GatedLinear, GroupNorm, GroupedAttention, LayerNorm,
    Linear, Shape, WeightView, add, geglu,
};

/// # Shapes
/// - `input`: `[b, in, h, w]`; returns `[b, out, h′, w′]`
pub(crate) fn convolve(input: &Tensor<4>, parts: ConvParts<'_>) -> Option<Tensor<4>> {
    let input = Map::of(input)?;
    let weight = Rows::stored(parts.weight)?;
    let bias = optional(parts.bias, Rows::stored)?;
    let bias = bias.as_ref().map(Rows::values);
    let shift = optional(parts.shift, Rows::of)?;
    let shift = shift.as_ref().map(Rows::values);
    let residual = optional(parts.residual, Map::of)?;
    let convolution = Convolution {
        weights: weight.view(),
        bias: bias.as_deref(),
        shift: shift.as_deref(),
        residual: residual.as_ref().map(Map::pixels),
        outputs: parts.weight.dims()[0],
        window: parts.window,
        enlarge: parts.enlarge,
    };
    let shape = convolution.output_shape(input.shape);
    Some(map_from(shape, |out| {
        convolution.run(input.pixels(), input.shape, out)
    }))
}

/// # Shapes
/// - `input`: `[…, in]`; `residual` and result: `[…, out]`
pub(crate) fn multiply<const D: usize>(
    input: &Tensor<D>,
    parts: LinearParts<'_>,
    residual: Option<&Tensor<D>>,
) -> Option<Tensor<D>> {
    let rows = Rows::of(input)?;
    let weight = Rows::stored(parts.weight)?;
    let bias = optional(parts.bias, Rows::stored)?;
    let bias = bias.as_ref().map(Rows::values);
    let residual = optional(residual, Rows::of)?;
    let residual = residual.as_ref().map(Rows::values);
    let [outputs, inputs] = parts.weight.dims();
    let linear = Linear {
        weights: weight.view(),
        bias: bias.as_deref(),
        residual: residual.as_deref(),
        inputs,
        outputs,
    };
    let mut shape = input.dims();
    shape[D - 1] = outputs;
    Some(tensor_from(shape, |out| linear.run(&rows.values(), out)))
}

/// Value times `gelu` of the gate, which the layer finds side by side; not where gradients are tracked.
///
/// # Shapes
/// - `input`: `[b, n, in]`; returns `[b, n, out / 2]`
pub(crate) fn multiply_gated(input: &Tensor<3>, parts: LinearParts<'_>) -> Option<Tensor<3>> {
    let rows = Rows::of(input)?;
    let weight = Rows::stored(parts.weight)?;
    let bias = optional(parts.bias, Rows::stored)?;
    let bias = bias.as_ref().map(Rows::values);
    let [both, inputs] = parts.weight.dims();
    let linear = GatedLinear {
        weights: weight.view(),
        bias: bias.as_deref(),
        inputs,
        outputs: both / 2,
    };
    let [batch, tokens, _] = input.dims();
    let shape = [batch, tokens, linear.outputs];
    Some(tensor_from(shape, |out| linear.run(&rows.values(), out)))
}

/// # Shapes
/// - `query` and result: `[b, n, heads·d]`; `key`, `value`: `[b, m, heads·d]`
pub(crate) fn attend(
    [query, key, value]: [&Tensor<3>; 3],
    heads: usize,
    causal: bool,
) -> Option<Tensor<3>> {
    let ([batch, queries, width], [_, keys, _]) = (query.dims(), key.dims());
    let attention = Attention {
        batch,
        queries,
        keys,
        heads,
        width: width / heads,
        causal,
    };
    let shape = query.dims();
    let (query, key, value) = (Rows::of(query)?, Rows::of(key)?, Rows::of(value)?);
    Some(tensor_from(shape, |out| {
        attention.run(&query.values(), &key.values(), &value.values(), out);
    }))
}

/// # Shapes
/// - `base`, `query` and result: `[b, n, heads·d]`
pub(crate) fn attend_groups(
    [base, query]: [&Tensor<3>; 2],
    parts: GroupParts<'_>,
    heads: usize,
) -> Option<Tensor<3>> {
    let ([batch, queries, width], [_, keys, _]) = (query.dims(), parts.key.dims());
    let weights = Rows::of(parts.weights)?;
    let grouped = GroupedAttention {
        attention: Attention {
            batch,
            queries,
            keys,
            heads,
            width: width / heads,
            causal: false,
        },
        lengths: parts.lengths,
        weights: &weights.values(),
    };
    let (base, rows) = (Rows::of(base)?, Rows::of(query)?);
    let (key, value) = (Rows::of(parts.key)?, Rows::of(parts.value)?);
    Some(tensor_from(query.dims(), |out| {
        grouped.run(
            [&base.values(), &rows.values()],
            [&key.values(), &value.values()],
            out,
        );
    }))
}

/// # Shapes
/// - `input` and result: `[b, c, h, w]`
pub(crate) fn group_norm(
    input: &Tensor<4>,
    parts: NormParts<'_>,
    groups: usize,
    activation: Option<Activation>,
) -> Option<Tensor<4>> {
    let map = Map::of(input)?;
    let (weight, bias) = (Rows::stored(parts.weight)?, Rows::stored(parts.bias)?);
    let (weight, bias, epsilon) = (&weight.values(), &bias.values(), parts.epsilon);
    let norm = GroupNorm {
        weight,
        bias,
        groups,
        epsilon,
        activation,
    };
    Some(map_from(map.shape, |out| {
        norm.run(map.pixels(), map.shape, out)
    }))
}

/// # Shapes
/// - `input` and result: `[…, width]`
pub(crate) fn layer_norm<const D: usize>(
    input: &Tensor<D>,
    parts: NormParts<'_>,
) -> Option<Tensor<D>> {
    let rows = Rows::of(input)?;
    let (weight, bias) = (Rows::stored(parts.weight)?, Rows::stored(parts.bias)?);
    let (weight, bias, epsilon) = (&weight.values(), &bias.values(), parts.epsilon as f32);
    let norm = LayerNorm {
        weight,
        bias,
        epsilon,
    };
    Some(tensor_from(input.dims(), |out| {
        norm.run(&rows.values(), out)
    }))
}

/// Value times gate, side by side in the last dimension.
///
/// # Shapes
/// - `input`: `[b, n, 2·width]`; returns `[b, n, width]`
pub(crate) fn gated_gelu(input: &Tensor<3>) -> Option<Tensor<3>> {
    let rows = Rows::of(input)?;
    let [batch, tokens, both] = input.dims();
    let width = both / 2;
    Some(tensor_from([batch, tokens, width], |out| {
        geglu(&rows.values(), width, out)
    }))
}

/// Every value through `activation`.
pub(crate) fn activate<const D: usize>(
    input: &Tensor<D>,
    activation: Activation,
) -> Option<Tensor<D>> {
    let rows = Rows::of(input)?;
    Some(tensor_from(input.dims(), |out| {
        activation.run(&rows.values(), out)
    }))
}

/// One of the two may be a single picture, which then counts for all.
///
/// # Shapes
/// - all `[b, c, h, w]`
pub(crate) fn add_maps(a: &Tensor<4>, b: &Tensor<4>) -> Option<Tensor<4>> {
    let (first, second) = (Map::of(a)?, Map::of(b)?);
    let (more, fewer) = match first.shape.batch >= second.shape.batch {
        true => (first, second),
        false => (second, first),
    };
    let Shape { batch, .. } = more.shape;
    let repeated = Shape {
        batch,
        ..fewer.shape
    };
    if more.shape != repeated || ![1, batch].contains(&fewer.shape.batch) || more.shape.is_empty() {
        return None;
    }
    let pictures = fewer.pixels();
    Some(map_from(more.shape, |out| {
        let all = more.pixels().chunks_exact(pictures.len());
        let all = all.zip(out.chunks_exact_mut(pictures.len()));
        all.for_each(|(picture, out)| add(picture, pictures, out));
    }))
}

/// Channels of `a`, then channels of `b`.
///
/// # Shapes
/// - `[b, c, h, w]` and `[b, c′, h, w]` to `[b, c + c′, h, w]`
pub(crate) fn join_channels(a: &Tensor<4>, b: &Tensor<4>) -> Option<Tensor<4>> {
    let (first, second) = (Map::of(a)?, Map::of(b)?);
    let (left, right) = (first.shape.channels, second.shape.channels);
    let shape = Shape {
        channels: left + right,
        ..first.shape
    };
    if (Shape {
        channels: left,
        ..second.shape
    }) != first.shape
        || shape.is_empty()
    {
        return None;
    }
    Some(map_from(shape, |out| {
        let (first, second) = (first.pixels(), second.pixels());
        // A row of pixels is work enough for a task.
        let (row, width) = (shape.width * shape.channels, shape.width);
        out.par_chunks_mut(row)
            .enumerate()
            .for_each(|(index, out)| {
                let pixels = out.chunks_exact_mut(shape.channels).zip(index * width..);
                for (out, pixel) in pixels {
                    let (to_left, to_right) = out.split_at_mut(left);
                    to_left.copy_from_slice(&first[pixel * left..][..left]);
                    to_right.copy_from_slice(&second[pixel * right..][..right]);
                }
            });
    }))
}

/// A feature map `[b, c, h, w]` whose memory is NHWC.
pub(super) struct Map {
    tensor: FlexTensor,
    pub(super) shape: Shape,
}

impl Map {
    /// Permutes the memory if it is not NHWC yet, as at the edges of a network.
    pub(super) fn of(tensor: &Tensor<4>) -> Option<Self> {
        let [batch, channels, height, width] = tensor.dims();
        let tensor = unwrap(tensor)?;
        let permuted = tensor.layout().permute(&[0, 2, 3, 1]);
        let tensor = tensor.with_layout(permuted);
        let tensor = if tensor.is_contiguous() {
            tensor
        } else {
            tensor.to_contiguous()
        };
        Some(Self {
            tensor,
            shape: Shape {
                batch,
                height,
                width,
                channels,
            },
        })
    }

    /// As a tensor again, `[b, c, h, w]`.
    #[cfg(feature = "train")]
    pub(super) fn tensor(&self) -> Tensor<4> {
        let permuted = self.tensor.layout().permute(&[0, 3, 1, 2]);
        Tensor::from_primitive::<Flex>(self.tensor.clone().with_layout(permuted))
    }

    /// `[b, h, w, c]`
    pub(super) fn pixels(&self) -> &[f32] {
        self.tensor
            .as_slice()
            .expect("made contiguous when it was unwrapped")
    }
}

/// Values in row-major order, in their stored type.
pub(super) struct Rows(FlexTensor);

impl Rows {
    /// Activations: f32 only.
    pub(super) fn of<const D: usize>(tensor: &Tensor<D>) -> Option<Self> {
        unwrap(tensor).map(Self::contiguous)
    }

    /// Parameters: any type that weights are stored in.
    fn stored<const D: usize>(tensor: &Tensor<D>) -> Option<Self> {
        let known = matches!(tensor.dtype(), DType::F32 | DType::F16 | DType::BF16);
        let tensor = known.then(|| tensor.clone().try_into_primitive::<Flex>().ok())?;
        tensor.map(Self::contiguous)
    }

    fn contiguous(tensor: FlexTensor) -> Self {
        Self(if tensor.is_contiguous() {
            tensor
        } else {
            tensor.to_contiguous()
        })
    }

    fn view(&self) -> WeightView<'_> {
        let contiguous = "made contiguous when it was unwrapped";
        match self.0.dtype() {
            DType::F16 => WeightView::F16(self.0.as_slice::<f16>().expect(contiguous)),
            DType::BF16 => WeightView::BF16(self.0.as_slice::<bf16>().expect(contiguous)),
            _ => WeightView::F32(self.0.as_slice::<f32>().expect(contiguous)),
        }
    }

    /// As f32 whatever they are stored as.
    pub(super) fn values(&self) -> Cow<'_, [f32]> {
        match self.view() {
            WeightView::F32(values) => Cow::Borrowed(values),
            WeightView::F16(values) => values.iter().map(|value| value.to_f32()).collect(),
            WeightView::BF16(values) => values.iter().map(|value| value.to_f32()).collect(),
        }
    }
}

/// The tensor's primitive, if it is on the CPU, in f32 and without gradients.
fn unwrap<const D: usize>(tensor: &Tensor<D>) -> Option<FlexTensor> {
    if tensor.dtype() != DType::F32 {
        return None;
    }
    tensor.clone().try_into_primitive::<Flex>().ok()
}

/// `Some(None)` where there is no tensor, `None` where there is one that the kernels cannot take.
pub(super) fn optional<T, R>(
    tensor: Option<&T>,
    unwrap: impl Fn(&T) -> Option<R>,
) -> Option<Option<R>> {
    match tensor {
        Some(tensor) => unwrap(tensor).map(Some),
        None => Some(None),
    }
}

pub(super) fn tensor_from<const D: usize>(
    shape: [usize; D],
    fill: impl FnOnce(&mut [f32]),
) -> Tensor<D> {
    let bytes = filled(shape.iter().product(), fill);
    wrap(bytes, Layout::contiguous(shape.into()))
}

#[cfg(feature = "train")]
pub(super) fn tensor_of<const D: usize>(shape: [usize; D], values: Vec<f32>) -> Tensor<D> {
    wrap(Bytes::from_elems(values), Layout::contiguous(shape.into()))
}

/// `[b, c, h, w]` over NHWC memory.
pub(super) fn map_from(shape: Shape, fill: impl FnOnce(&mut [f32])) -> Tensor<4> {
    wrap(filled(shape.len(), fill), nhwc(shape))
}

/// `[b, c, h, w]` over NHWC memory.
#[cfg(feature = "train")]
pub(super) fn map_of(shape: Shape, values: Vec<f32>) -> Tensor<4> {
    wrap(Bytes::from_elems(values), nhwc(shape))
}

/// `[b, c, h, w]` over NHWC memory.
fn nhwc(shape: Shape) -> Layout {
    let Shape {
        batch,
        height,
        width,
        channels,
    } = shape;
    Layout::contiguous([batch, height, width, channels].into()).permute(&[0, 3, 1, 2])
}

fn wrap<const D: usize>(bytes: Bytes, layout: Layout) -> Tensor<D> {
    Tensor::from_primitive::<Flex>(FlexTensor::new(bytes, layout, DType::F32))
}

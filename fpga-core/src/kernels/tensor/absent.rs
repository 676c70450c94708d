//! A build without the CPU backend: there is nothing for the kernels to serve.

use burn::tensor::Tensor;

use super::{ConvParts, GroupParts, LinearParts, NormParts};
use crate::kernels::Activation;

pub(crate) fn convolve(_: &Tensor<4>, _: ConvParts<'_>) -> Option<Tensor<4>> {
    None
}

pub(crate) fn multiply<const D: usize>(
    _: &Tensor<D>,
    _: LinearParts<'_>,
    _: Option<&Tensor<D>>,
) -> Option<Tensor<D>> {
    None
}

pub(crate) fn multiply_gated(_: &Tensor<3>, _: LinearParts<'_>) -> Option<Tensor<3>> {
    None
}

pub(crate) fn attend(_: [&Tensor<3>; 3], _: usize, _: bool) -> Option<Tensor<3>> {
    None
}

pub(crate) fn attend_groups(_: [&Tensor<3>; 2], _: GroupParts<'_>, _: usize) -> Option<Tensor<3>> {
    None
}

pub(crate) fn group_norm(
    _: &Tensor<4>,
    _: NormParts<'_>,
    _: usize,
    _: Option<Activation>,
) -> Option<Tensor<4>> {
    None
}

pub(crate) fn layer_norm<const D: usize>(_: &Tensor<D>, _: NormParts<'_>) -> Option<Tensor<D>> {
    None
}

pub(crate) fn gated_gelu(_: &Tensor<3>) -> Option<Tensor<3>> {
    None
}

pub(crate) fn activate<const D: usize>(_: &Tensor<D>, _: Activation) -> Option<Tensor<D>> {
    None
}

pub(crate) fn add_maps(_: &Tensor<4>, _: &Tensor<4>) -> Option<Tensor<4>> {
    None
}

pub(crate) fn join_channels(_: &Tensor<4>, _: &Tensor<4>) -> Option<Tensor<4>> {
    None
}

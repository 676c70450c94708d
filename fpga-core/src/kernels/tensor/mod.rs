//! The kernels on tensors: what `nn` calls.
//!
//! Each function returns `None` where the kernels cannot serve: on another device or in another type
//! than f32. The caller then uses ordinary tensor operations, which compute the same. Where gradients
//! are tracked (feature `train`), the kernel also records its own way back.
//!
//! Feature maps stay `[b, c, h, w]` to everyone, but their memory is laid out `[b, h, w, c]`: the
//! result of a kernel is a permuted view of NHWC memory, which the next kernel takes as it is.

#[cfg(not(feature = "flex"))]
mod absent;
#[cfg(all(feature = "flex", feature = "train"))]
mod autodiff;
#[cfg(feature = "flex")]
mod flex;
#[cfg(feature = "flex")]
mod result;

#[cfg(not(feature = "flex"))]
pub(crate) use absent::*;
#[cfg(all(feature = "flex", feature = "train"))]
pub(crate) use autodiff::*;
use burn::tensor::Tensor;
#[cfg(all(feature = "flex", not(feature = "train")))]
pub(crate) use flex::*;

/// What a convolution computes besides the sum over its window.
#[derive(Clone, Copy)]
#[cfg_attr(
    not(feature = "flex"),
    expect(dead_code, reason = "only the CPU's kernels read it")
)]
pub(crate) struct ConvParts<'a> {
    /// `[out, in, k, k]`, in its stored type.
    pub(crate) weight: &'a Tensor<4>,
    /// `[out]`
    pub(crate) bias: Option<&'a Tensor<1>>,
    /// `[b, out]`: one value per picture and channel.
    pub(crate) shift: Option<&'a Tensor<2>>,
    /// Shaped like the output.
    pub(crate) residual: Option<&'a Tensor<4>>,
    /// Which pixels it sees.
    pub(crate) window: super::Window,
    /// Size to which the input is enlarged first, taking the nearest pixel.
    pub(crate) enlarge: Option<[usize; 2]>,
}

/// The weights of a linear layer and what is added.
#[derive(Clone, Copy)]
#[cfg_attr(
    not(feature = "flex"),
    expect(dead_code, reason = "only the CPU's kernels read it")
)]
pub(crate) struct LinearParts<'a> {
    /// `[out, in]`, in its stored type.
    pub(crate) weight: &'a Tensor<2>,
    /// `[out]`
    pub(crate) bias: Option<&'a Tensor<1>>,
}

/// Groups of keys and values that stand one after the other, and what each query takes of them.
#[derive(Clone, Copy)]
#[cfg_attr(
    not(feature = "flex"),
    expect(dead_code, reason = "only the CPU's kernels read it")
)]
pub(crate) struct GroupParts<'a> {
    /// `[b, m, heads·d]`
    pub(crate) key: &'a Tensor<3>,
    /// `[b, m, heads·d]`
    pub(crate) value: &'a Tensor<3>,
    /// Keys of each group.
    pub(crate) lengths: &'a [usize],
    /// `[b or 1, groups, n]`
    pub(crate) weights: &'a Tensor<3>,
}

/// Scale and shift of a norm.
#[derive(Clone, Copy)]
#[cfg_attr(
    not(feature = "flex"),
    expect(dead_code, reason = "only the CPU's kernels read it")
)]
pub(crate) struct NormParts<'a> {
    pub(crate) weight: &'a Tensor<1>,
    pub(crate) bias: &'a Tensor<1>,
    pub(crate) epsilon: f64,
}

//! Parameters whose storage type may differ from the type that is computed in.
//!
//! Weights can be kept as f16 or bf16 to halve their memory while activations stay f32. Layers
//! therefore hand `val()` as it is only to kernels that read any type, and to everything else
//! through [`cast_to`]. A fresh
//! parameter costs no memory: its value is made on first use, so a model can be built, and filled
//! from a checkpoint, without ever holding two copies.

use burn::module::{Param, ParamId};
use burn::tensor::{DType, Device, Tensor};

/// A parameter that is zero until weights are loaded.
pub(crate) fn zeros<const D: usize>(shape: [usize; D], device: &Device) -> Param<Tensor<D>> {
    fresh(shape, device, true, |shape, device| {
        Tensor::zeros(shape, device)
    })
}

/// A parameter that is one until weights are loaded (norm scales).
pub(crate) fn ones<const D: usize>(shape: [usize; D], device: &Device) -> Param<Tensor<D>> {
    fresh(shape, device, true, |shape, device| {
        Tensor::ones(shape, device)
    })
}

/// Zero until loaded, and never learns (means of norms).
pub(crate) fn fixed_zeros<const D: usize>(shape: [usize; D], device: &Device) -> Param<Tensor<D>> {
    fresh(shape, device, false, |shape, device| {
        Tensor::zeros(shape, device)
    })
}

/// One until loaded, and never learns (variances of norms).
pub(crate) fn fixed_ones<const D: usize>(shape: [usize; D], device: &Device) -> Param<Tensor<D>> {
    fresh(shape, device, false, |shape, device| {
        Tensor::ones(shape, device)
    })
}

fn fresh<const D: usize>(
    shape: [usize; D],
    device: &Device,
    learns: bool,
    value: impl Fn([usize; D], &Device) -> Tensor<D> + Send + Sync + 'static,
) -> Param<Tensor<D>> {
    let init = move |device: &Device, require_grad: bool| {
        value(shape, device).set_require_grad(require_grad)
    };
    Param::uninitialized(ParamId::new(), init, device.clone(), learns, shape.into())
}

/// A parameter's value in the type that the layer computes in.
pub(crate) fn cast_to<const D: usize>(weight: Tensor<D>, dtype: DType) -> Tensor<D> {
    if weight.dtype() == dtype {
        weight
    } else {
        weight.cast(dtype)
    }
}

/// In which type sums over many values of `dtype` are made: in f32 where halves would overflow or stall.
pub(crate) fn sum_type(dtype: DType) -> DType {
    match dtype {
        DType::F16 | DType::BF16 => DType::F32,
        other => other,
    }
}

//! Parameters whose storage type may differ from the type that is computed in.
//!
//! Weights can be kept as f16 or bf16 to halve their memory while activations stay f32. Layers
//! therefore read a parameter through [`weight_as`], never through `val()` alone. A fresh
//! parameter costs no memory: its value is made on first use, so a model can be built, and filled
//! from a checkpoint, without ever holding two copies.

use burn::module::{Param, ParamId};
use burn::tensor::{DType, Device, Tensor};

/// A parameter that is zero until weights are loaded.
pub(crate) fn zeros<const D: usize>(shape: [usize; D], device: &Device) -> Param<Tensor<D>> {
    fresh(shape, device, |shape, device| Tensor::zeros(shape, device))
}

/// A parameter that is one until weights are loaded (norm scales).
pub(crate) fn ones<const D: usize>(shape: [usize; D], device: &Device) -> Param<Tensor<D>> {
    fresh(shape, device, |shape, device| Tensor::ones(shape, device))
}

fn fresh<const D: usize>(
    shape: [usize; D],
    device: &Device,
    value: impl Fn([usize; D], &Device) -> Tensor<D> + Send + Sync + 'static,
) -> Param<Tensor<D>> {
    let init = move |device: &Device, require_grad: bool| {
        value(shape, device).set_require_grad(require_grad)
    };
    Param::uninitialized(ParamId::new(), init, device.clone(), true, shape.into())
}

/// The parameter's effective value in the type that the layer computes in.
pub(crate) fn weight_as<const D: usize>(param: &Param<Tensor<D>>, dtype: DType) -> Tensor<D> {
    let weight = param.val();
    if weight.dtype() == dtype {
        weight
    } else {
        weight.cast(dtype)
    }
}

//! Tensors of batches, brought to where a model learns.

use burn::tensor::{Device, Tensor};

/// `tensor` where it can meet the parameters on `device`: tracked where they are, plain where not.
pub(super) fn tracked<const D: usize>(tensor: Tensor<D>, device: &Device) -> Tensor<D> {
    let tensor = tensor.to_device(device);
    match device.gradient_checkpointing_strategy() {
        Some(strategy) => tensor
            .autodiff()
            .with_gradient_checkpointing_strategy(strategy),
        None => tensor.without_autodiff(),
    }
}

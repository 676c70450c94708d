//! PyTorch's CPU generator: one fresh generator per draw.

use burn::tensor::Device;
use fpga_core::diffusion::{NoiseSource, TorchCpuNoise};
use fpga_core::{Error, Result};
use serde::Deserialize;

use crate::parity::case::Case;
use crate::parity::tensors::{Array, Tensors};

/// Numbers beyond this make no sense for latents, and would only fill the memory.
const MAX_COUNT: usize = 1 << 28;

#[derive(Deserialize)]
struct Draw {
    seed: u64,
    shape: Vec<usize>,
}

/// `randn.{i}` for every draw.
pub(super) fn torch_randn(case: &Case, _device: &Device) -> Result<Tensors> {
    let draws: Vec<Draw> = case.setting("draws")?;
    let mut outputs = Tensors::default();
    for (index, Draw { seed, shape }) in draws.into_iter().enumerate() {
        let count = shape
            .iter()
            .try_fold(1, |count: usize, &length| count.checked_mul(length));
        let count = count.filter(|&count| count <= MAX_COUNT).ok_or_else(|| {
            let needed = format!("at most {MAX_COUNT} numbers");
            Error::shape(format!("case.json, draws, {index}"), needed, &shape)
        })?;
        let values = TorchCpuNoise::new(seed).normal(count);
        let values = values.into_iter().map(f64::from).collect();
        outputs.push(format!("randn.{index}"), Array { shape, values });
    }
    Ok(outputs)
}

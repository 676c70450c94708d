//! Standard normal noise, reproducible across machines and equal to the reference's generators.
//!
//! A generator belongs to one job and is drawn from in order; nothing here is global. One seed gives
//! other numbers for other generators.

mod philox;
mod torch_cpu;

use burn::tensor::{Device, Tensor, TensorData};

pub use philox::PhiloxNoise;
pub use torch_cpu::TorchCpuNoise;

/// A stream of standard normal numbers.
pub trait NoiseSource {
    /// The next `count` numbers.
    fn normal(&mut self, count: usize) -> Vec<f32>;

    /// The next numbers as latents `[b, c, h, w]`, drawn as one block.
    fn latents(&mut self, shape: [usize; 4], device: &Device) -> Tensor<4> {
        let numbers = self.normal(shape.iter().product());
        Tensor::from_data(TensorData::new(numbers, shape), device)
    }
}

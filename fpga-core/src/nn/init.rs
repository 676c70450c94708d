//! Fresh values for networks that are to be trained, or only to be tried.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Tensor, TensorData};
use rand_mt::Mt64;

/// Fills every matrix and kernel as PyTorch's layers start: uniform within `±1/√fan_in`
/// (He et al. 2015 with a = √5). Norm scales stay one, biases zero.
///
/// The same seed gives the same values on every machine and device.
#[must_use]
pub fn randomize<M: Module>(module: M, seed: u64) -> M {
    module.map(&mut Randomizer(Mt64::new(seed)))
}

struct Randomizer(Mt64);

impl ModuleMapper for Randomizer {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if D < 2 {
            return param;
        }
        param.map(|value| {
            let shape = value.dims();
            let bound = 1.0 / (shape[1..].iter().product::<usize>() as f64).sqrt();
            let mut draw = || {
                // 53 bits, the most that a double tells apart.
                let unit = (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
                ((2.0 * unit - 1.0) * bound) as f32
            };
            let values: Vec<f32> = (0..shape.iter().product()).map(|_| draw()).collect();
            let drawn = Tensor::from_data(TensorData::new(values, shape), &value.device());
            // What was to learn still does.
            drawn.set_require_grad(value.is_require_grad())
        })
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::nn::Linear;

    #[test]
    fn a_seed_decides_every_value_and_biases_stay_zero() {
        let layer = |seed| randomize(Linear::new(16, 8, &Device::flex()), seed);
        let values = |layer: &Linear| layer.weight.val().into_data().try_to_vec::<f32>().unwrap();
        let (first, again, other) = (layer(1), layer(1), layer(2));
        assert_eq!(values(&first), values(&again));
        assert_ne!(values(&first), values(&other));
        assert!(values(&first).iter().all(|value| value.abs() <= 0.25));
        let largest = values(&first)
            .iter()
            .fold(0f32, |most, value| most.max(value.abs()));
        assert!(largest > 0.2, "{largest}");
        let bias = first
            .bias
            .unwrap()
            .val()
            .into_data()
            .try_to_vec::<f32>()
            .unwrap();
        assert_eq!(bias, [0.0; 8]);
    }
}

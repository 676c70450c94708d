//! Classifier-free guidance (Ho and Salimans 2022, eq. 6), with the rescaling of Lin et al. 2023,
//! section 3.4, which keeps strong guidance from overexposing the picture.

use burn::tensor::Tensor;

/// How strongly the condition pulls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guidance {
    /// 1 follows the conditional prediction; more goes beyond it.
    pub scale: f64,
    /// How far the spread of the result is pulled back to that of the conditional prediction: 0 to 1.
    pub rescale: f64,
}

impl Guidance {
    /// Guidance without rescaling.
    pub fn new(scale: f64) -> Self {
        Self {
            scale,
            rescale: 0.0,
        }
    }

    /// Whether the unconditional prediction matters at all; if not, it need not be computed.
    pub fn needs_unconditional(self) -> bool {
        self.scale != 1.0
    }

    /// The guided prediction.
    ///
    /// # Shapes
    /// `[b, c, h, w]` in and out.
    pub fn apply(self, unconditional: Tensor<4>, conditional: Tensor<4>) -> Tensor<4> {
        let pull = conditional.clone() - unconditional.clone();
        let guided = unconditional + pull * self.scale;
        if self.rescale == 0.0 {
            return guided;
        }
        let tamed = guided.clone() * (deviation(conditional) / deviation(guided.clone()));
        tamed * self.rescale + guided * (1.0 - self.rescale)
    }
}

/// Standard deviation of every batch item, `[b, 1, 1, 1]`.
fn deviation(values: Tensor<4>) -> Tensor<4> {
    let [batch, channels, height, width] = values.dims();
    let flat = values.reshape([batch, channels * height * width]);
    flat.var(1).sqrt().reshape([batch, 1, 1, 1])
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    fn tensor(values: [f32; 4]) -> Tensor<4> {
        Tensor::from_data(
            TensorData::new(values.to_vec(), [1, 1, 2, 2]),
            &Device::flex(),
        )
    }

    fn values(tensor: Tensor<4>) -> Vec<f32> {
        tensor.into_data().try_to_vec().unwrap()
    }

    #[test]
    fn scale_one_is_the_conditional_prediction() {
        let guided = Guidance::new(1.0).apply(tensor([0.0; 4]), tensor([1.0, 2.0, 3.0, 4.0]));
        assert_eq!(values(guided), [1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn rescaled_guidance_matches_diffusers() {
        let device = Device::flex();
        let two = |values: [f32; 8]| {
            Tensor::<4>::from_data(TensorData::new(values.to_vec(), [2, 1, 2, 2]), &device)
        };
        let unconditional = two([0.5, -1.0, 0.0, 2.0, 1.0, 2.0, -3.0, 4.0]);
        let conditional = two([1.0, 2.0, 3.0, 4.0, -1.0, 0.5, 2.0, 0.0]);
        let guidance = Guidance {
            scale: 7.5,
            rescale: 0.7,
        };
        let expected = [
            1.732_777_1,
            8.765_813,
            9.173_526,
            6.931_108_5,
            -4.663_733_5,
            -3.081_395_4,
            11.492_772,
            -8.661_22,
        ];
        let found = values(guidance.apply(unconditional, conditional));
        for (found, expected) in found.into_iter().zip(expected) {
            let gap: f32 = found - expected;
            assert!(gap.abs() < 1e-5, "{found} is not {expected}");
        }
    }
}

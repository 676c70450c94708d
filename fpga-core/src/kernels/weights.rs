//! Weights as modules store them, borrowed: PyTorch's order, in f32, f16 or bf16.

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

/// Weights of a layer, output channel first; kernels convert them while they pack.
#[derive(Clone, Copy, Debug)]
pub enum WeightView<'a> {
    /// Single precision.
    F32(&'a [f32]),
    /// Half precision (IEEE 754 binary16).
    F16(&'a [f16]),
    /// The upper half of single precision.
    BF16(&'a [bf16]),
}

impl WeightView<'_> {
    /// Number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F16(values) => values.len(),
            Self::BF16(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Converts the values from `start` on into `to`.
    pub(super) fn read(&self, start: usize, to: &mut [f32]) {
        let range = start..start + to.len();
        match self {
            Self::F32(values) => to.copy_from_slice(&values[range]),
            Self::F16(values) => values[range].convert_to_f32_slice(to),
            Self::BF16(values) => {
                for (to, from) in to.iter_mut().zip(&values[range]) {
                    *to = f32::from_bits(u32::from(from.to_bits()) << 16);
                }
            }
        }
    }
}

//! Memory of results: storage of a tensor that goes back to the pool when its last owner drops it.

use std::mem::MaybeUninit;

use burn::tensor::Bytes;
use burn_std::{AccessError, AccessPolicy, AllocationController, AllocationProperty};

use crate::kernels::pool::Buffer;

/// Fewer values than this are served well by the usual allocator.
const SMALLEST: usize = 64 << 10;

/// Storage of `length` values, all of which `fill` writes; what it finds there is unspecified.
pub(super) fn filled(length: usize, fill: impl FnOnce(&mut [f32])) -> Bytes {
    if length < SMALLEST {
        let mut values = vec![0.0; length];
        fill(&mut values);
        return Bytes::from_elems(values);
    }
    let mut values = Buffer::take(length);
    fill(&mut values);
    let bytes = size_of_val(&values[..]);
    // SAFETY: all `bytes` of the buffer are initialised.
    unsafe { Bytes::from_controller(Box::new(Pooled(values)), bytes) }
}

/// A buffer as tensors own it: they may write to it, and copy it when it must grow or become a `Vec`.
struct Pooled(Buffer);

impl AllocationController for Pooled {
    fn alloc_align(&self) -> usize {
        // The most that storage of a tensor may ask for.
        align_of::<u128>()
    }

    fn property(&self) -> AllocationProperty {
        AllocationProperty::Other
    }

    fn memory(&self, _: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        let values = &self.0[..];
        // SAFETY: the same memory seen as bytes, borrowed for as long.
        Ok(unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) })
    }

    unsafe fn memory_mut(
        &mut self,
        _: AccessPolicy,
    ) -> Result<&mut [MaybeUninit<u8>], AccessError> {
        let values = &mut self.0[..];
        let bytes = size_of_val(values);
        // SAFETY: the same memory seen as bytes, borrowed for as long; the caller writes only initialised
        // bytes, and every bit pattern is an f32.
        Ok(unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), bytes) })
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor};

    use super::*;
    use crate::kernels::tensor::flex::tensor_from;

    const LENGTH: usize = SMALLEST + 7;

    fn counted(start: f32) -> Bytes {
        let count = |values: &mut [f32]| {
            (0u16..)
                .zip(values)
                .for_each(|(index, value)| *value = start + f32::from(index % 1000));
        };
        filled(LENGTH, count)
    }

    #[test]
    fn storage_behaves_as_any_other() {
        let (first, mut second) = (counted(0.0), counted(5.0));
        let copy = second.clone();
        assert_eq!(second.len(), 4 * LENGTH);
        assert_eq!(second, copy);
        assert_ne!(first, second);
        second[0] ^= 1;
        assert_ne!(second, copy);
        second.extend_from_byte_slice(&[1, 2, 3, 4]);
        assert_eq!(second[4 * LENGTH..], [1, 2, 3, 4]);
        assert_eq!(second[4..4 * LENGTH], copy[4..]);
        // Its memory is not the allocator's, so no vector may take it over.
        let Err(first) = first.try_into_vec::<f32>() else {
            panic!("a vector took over memory of the pool");
        };
        assert_eq!(first.len(), 4 * LENGTH);
    }

    #[test]
    fn a_living_result_keeps_its_values_while_others_come_and_go() {
        let device = Device::flex();
        let ones = |scale: f32| tensor_from([LENGTH], |out| out.fill(scale));
        let kept: Tensor<1> = ones(1.0);
        let changed = kept.clone() + 1.0;
        for round in 0..20u8 {
            let other: Tensor<1> = ones(f32::from(round)) * 2.0;
            drop(other);
        }
        let expected = Tensor::<1>::ones([LENGTH], &device);
        assert_eq!(kept.into_data(), expected.clone().into_data());
        assert_eq!(changed.into_data(), (expected * 2.0).into_data());
    }
}

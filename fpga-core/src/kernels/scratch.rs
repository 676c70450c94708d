//! Working memory of one kernel, borrowed from the [pool](super::pool).

use std::ops::{Deref, DerefMut};

use super::pool::{self, Buffer};

/// A borrowed buffer of f32 values with unspecified content; returns to the pool when dropped.
pub(super) struct Scratch {
    buffer: Option<Buffer>,
    length: usize,
}

impl Scratch {
    /// A buffer of `length` values.
    pub(super) fn take(length: usize) -> Self {
        // It is back soon: any buffer that is not wastefully large will do.
        Self::at_most(length, 3 * length + 65_536)
    }

    /// A buffer of `length` values that keeps at most `waste` more from others.
    pub(super) fn at_most(length: usize, waste: usize) -> Self {
        Self {
            buffer: Some(pool::take(length, waste)),
            length,
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            pool::give_back(buffer);
        }
    }
}

impl Deref for Scratch {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        let buffer = self.buffer.as_ref().expect("there until it is dropped");
        &buffer[..self.length]
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        let buffer = self.buffer.as_mut().expect("there until it is dropped");
        &mut buffer[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_returned_buffer_is_used_again() {
        let length = 7_654_321;
        let first = Scratch::take(length).as_ptr();
        let second = Scratch::take(length - 1000).as_ptr();
        assert_eq!(first, second);
    }
}

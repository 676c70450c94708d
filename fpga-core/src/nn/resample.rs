//! Halving and doubling of feature maps.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::conv::{Conv2d, Window};

/// Stride-2 convolution.
#[derive(Module, Debug)]
pub struct Downsample {
    /// 3×3, stride 2.
    pub conv: Conv2d,
}

impl Downsample {
    /// The UNet's: one pixel of zeros all round.
    pub fn new(channels: usize, device: &Device) -> Self {
        Self {
            conv: Conv2d::new(channels, channels, Window::HALVE, device),
        }
    }

    /// The VAE encoder's: one pixel of zeros below and to the right.
    pub fn padded_at_end(channels: usize, device: &Device) -> Self {
        let window = Window {
            padding: [0, 1],
            ..Window::HALVE
        };
        Self {
            conv: Conv2d::new(channels, channels, window, device),
        }
    }

    /// # Shapes
    /// - `input`: `[b, c, h, w]`
    /// - returns `[b, c, ⌈h/2⌉, ⌈w/2⌉]` (rounded down in the VAE)
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        self.conv.forward(input)
    }
}

/// Nearest-neighbour enlargement followed by a convolution.
#[derive(Module, Debug)]
pub struct Upsample {
    /// 3×3.
    pub conv: Conv2d,
}

impl Upsample {
    /// Zero until weights are loaded.
    pub fn new(channels: usize, device: &Device) -> Self {
        Self {
            conv: Conv2d::new(channels, channels, Window::SAME, device),
        }
    }

    /// Doubles the size.
    ///
    /// # Shapes
    /// - `input`: `[b, c, h, w]`
    /// - returns `[b, c, 2h, 2w]`
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let [_, _, height, width] = input.dims();
        self.forward_to(input, [2 * height, 2 * width])
    }

    /// Enlarges to exactly `size`, for skips whose size is odd.
    ///
    /// # Shapes
    /// - `input`: `[b, c, h, w]`
    /// - returns `[b, c, size₀, size₁]`
    pub fn forward_to(&self, input: Tensor<4>, size: [usize; 2]) -> Tensor<4> {
        self.conv.forward_enlarged(input, size)
    }
}

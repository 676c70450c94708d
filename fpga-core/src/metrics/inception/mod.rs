//! Inception-v3 up to its last pooling (Szegedy et al. 2016), with the changes of the original FID code
//! as pytorch-fid carries them: averages leave padding out, and the last block takes a maximum.
//!
//! `[b, 3, 299, 299]` in −1…1 become `[b, 2048]`. Every convolution is followed by a batch norm and ReLU.

mod blocks;
mod conv;
mod load;

use burn::module::Module;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Device, Tensor, TensorData, module};
use image::RgbImage;

use blocks::max_pool;
pub use blocks::{BranchPool, MixedA, MixedB, MixedC, MixedD, MixedE};
pub use conv::{InceptionConv, LineKernel, WideConv};
pub use load::inception_from_file;

use crate::error::{Error, Result};
use crate::nn::{Window, read_values};

/// Width of the features.
const FEATURES: usize = 2048;
/// Side of the pictures.
const SIDE: usize = 299;

/// The network; fields are named as in its file, without capitals.
#[derive(Module, Debug)]
pub struct Inception {
    /// 3 → 32, halves.
    pub conv2d_1a_3x3: InceptionConv,
    /// 32 → 32.
    pub conv2d_2a_3x3: InceptionConv,
    /// 32 → 64, keeps the size.
    pub conv2d_2b_3x3: InceptionConv,
    /// 64 → 80.
    pub conv2d_3b_1x1: InceptionConv,
    /// 80 → 192.
    pub conv2d_4a_3x3: InceptionConv,
    /// 192 → 256.
    pub mixed_5b: MixedA,
    /// 256 → 288.
    pub mixed_5c: MixedA,
    /// 288 → 288.
    pub mixed_5d: MixedA,
    /// 288 → 768, halves.
    pub mixed_6a: MixedB,
    /// 768 → 768.
    pub mixed_6b: MixedC,
    /// 768 → 768.
    pub mixed_6c: MixedC,
    /// 768 → 768.
    pub mixed_6d: MixedC,
    /// 768 → 768.
    pub mixed_6e: MixedC,
    /// 768 → 1280, halves.
    pub mixed_7a: MixedD,
    /// 1280 → 2048.
    pub mixed_7b: MixedE,
    /// 2048 → 2048.
    pub mixed_7c: MixedE,
}

impl Inception {
    /// Zero until weights are loaded.
    pub fn new(device: &Device) -> Self {
        let plain = Window {
            kernel: 3,
            stride: 1,
            padding: [0, 0],
        };
        let halve = Window {
            kernel: 3,
            stride: 2,
            padding: [0, 0],
        };
        let conv = |inputs, outputs, window| InceptionConv::new(inputs, outputs, window, device);
        Self {
            conv2d_1a_3x3: conv(3, 32, halve),
            conv2d_2a_3x3: conv(32, 32, plain),
            conv2d_2b_3x3: conv(32, 64, Window::SAME),
            conv2d_3b_1x1: conv(64, 80, Window::POINT),
            conv2d_4a_3x3: conv(80, 192, plain),
            mixed_5b: MixedA::new(192, 32, device),
            mixed_5c: MixedA::new(256, 64, device),
            mixed_5d: MixedA::new(288, 64, device),
            mixed_6a: MixedB::new(288, device),
            mixed_6b: MixedC::new(128, device),
            mixed_6c: MixedC::new(160, device),
            mixed_6d: MixedC::new(160, device),
            mixed_6e: MixedC::new(192, device),
            mixed_7a: MixedD::new(device),
            mixed_7b: MixedE::new(1280, BranchPool::Average, device),
            mixed_7c: MixedE::new(2048, BranchPool::Maximum, device),
        }
    }

    /// # Shapes
    /// - `pixels`: `[b, 3, 299, 299]`, from [`inception_pixels`]
    /// - returns `[b, 2048]`: the mean of the last block over the picture
    pub fn forward(&self, pixels: Tensor<4>) -> Tensor<2> {
        let x = self.conv2d_1a_3x3.forward(pixels);
        let x = self.conv2d_2b_3x3.forward(self.conv2d_2a_3x3.forward(x));
        let x = self.conv2d_3b_1x1.forward(max_pool(x));
        let x = max_pool(self.conv2d_4a_3x3.forward(x));
        let x = self
            .mixed_5d
            .forward(self.mixed_5c.forward(self.mixed_5b.forward(x)));
        let x = self.mixed_6b.forward(self.mixed_6a.forward(x));
        let x = self
            .mixed_6e
            .forward(self.mixed_6d.forward(self.mixed_6c.forward(x)));
        let x = self
            .mixed_7c
            .forward(self.mixed_7b.forward(self.mixed_7a.forward(x)));
        let [batch, ..] = x.dims();
        x.mean_dim(3).mean_dim(2).reshape([batch, FEATURES])
    }

    /// The features of one picture.
    ///
    /// # Errors
    /// An empty picture, or values that cannot be read back.
    pub fn describe(&self, picture: &RgbImage, device: &Device) -> Result<Vec<f32>> {
        read_values(self.forward(inception_pixels(picture, device)?))
    }
}

/// A picture at 299×299 in −1…1: stretched bilinearly *without* antialiasing, as pytorch-fid does it.
///
/// # Shapes
/// - returns `[1, 3, 299, 299]`
///
/// # Errors
/// An empty picture.
pub fn inception_pixels(picture: &RgbImage, device: &Device) -> Result<Tensor<4>> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    if picture.is_empty() {
        return Err(Error::shape(
            "picture",
            "at least one pixel",
            (width, height),
        ));
    }
    let (across, down) = (taps(width), taps(height));
    let mut values = Vec::with_capacity(3 * SIDE * SIDE);
    for channel in 0..3 {
        let at =
            |x: usize, y: usize| f32::from(picture.as_raw()[3 * (y * width + x) + channel]) / 255.0;
        for &(y0, y1, v) in &down {
            values.extend(across.iter().map(|&(x0, x1, u)| {
                let top = at(x0, y0) * (1.0 - u) + at(x1, y0) * u;
                let bottom = at(x0, y1) * (1.0 - u) + at(x1, y1) * u;
                2.0 * (top * (1.0 - v) + bottom * v) - 1.0
            }));
        }
    }
    Ok(Tensor::from_data(
        TensorData::new(values, [1, 3, SIDE, SIDE]),
        device,
    ))
}

/// Two neighbours and the second one's share, for each pixel of the result.
fn taps(length: usize) -> Vec<(usize, usize, f32)> {
    let scale = length as f32 / SIDE as f32;
    let tap = |index: usize| {
        let place = (scale * (index as f32 + 0.5) - 0.5).max(0.0);
        let first = (place as usize).min(length - 1);
        (first, (first + 1).min(length - 1), place - first as f32)
    };
    (0..SIDE).map(tap).collect()
}

/// 3×3 maximum that halves the size, without padding.
fn halving() -> MaxPoolOptions<2> {
    MaxPoolOptions::new([3, 3]).with_stride([2, 2])
}

fn pooled(input: Tensor<4>, options: MaxPoolOptions<2>) -> Tensor<4> {
    module::max_pool2d(input, options)
}

#[cfg(test)]
mod tests;

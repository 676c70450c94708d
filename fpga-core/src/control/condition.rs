//! From a condition picture (skeleton, landmarks, edges) to a feature map of the UNet's first width.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::error::{Error, Result};
use crate::nn::{Conv2d, Window, randomize, silu};

/// Eight convolutions that shrink a picture eightfold (Zhang et al. 2023, section 3.3).
///
/// It does not depend on the timestep: run it once per job.
#[derive(Module, Debug)]
pub struct ConditionEncoder {
    conv_in: Conv2d,
    blocks: Vec<Conv2d>,
    conv_out: Conv2d,
}

impl ConditionEncoder {
    /// `channels` from the picture's size to the latents' (16, 32, 96, 256 in the paper); at least
    /// one. Zero until weights are loaded.
    pub fn new(inputs: usize, channels: &[usize], outputs: usize, device: &Device) -> Self {
        let halve = |pair: &[usize]| {
            [(pair[0], Window::SAME), (pair[1], Window::HALVE)]
                .map(|(outputs, window)| Conv2d::new(pair[0], outputs, window, device))
        };
        Self {
            conv_in: Conv2d::new(inputs, channels[0], Window::SAME, device),
            blocks: channels.windows(2).flat_map(halve).collect(),
            conv_out: Conv2d::new(channels[channels.len() - 1], outputs, Window::SAME, device),
        }
    }

    /// As training starts: random, but for the last layer, which is zero, so that the hint is zero.
    #[must_use]
    pub fn fresh(inputs: usize, channels: &[usize], outputs: usize, at: (u64, &Device)) -> Self {
        let (seed, device) = at;
        let zeros = Self::new(inputs, channels, outputs, device);
        Self {
            conv_out: zeros.conv_out.clone(),
            ..randomize(zeros, seed)
        }
    }

    /// Channels of the condition picture.
    pub fn inputs(&self) -> usize {
        self.conv_in.weight.lazy_shape()[1]
    }

    /// Channels at the picture's own size.
    pub fn width(&self) -> usize {
        self.conv_in.weight.lazy_shape()[0]
    }

    /// Channels of the hint.
    pub fn outputs(&self) -> usize {
        self.conv_out.weight.lazy_shape()[0]
    }

    /// How many times smaller the hint is than the condition picture.
    pub fn shrinkage(&self) -> usize {
        1 << (self.blocks.len() / 2)
    }

    /// Checks that latents `[b, c, h, w]` and condition picture fit each other.
    ///
    /// # Errors
    /// Says what was needed and what was found.
    pub fn check(&self, latents: [usize; 4], condition: [usize; 4]) -> Result<()> {
        let [batch, _, height, width] = latents;
        let (channels, shrinkage) = (self.inputs(), self.shrinkage());
        let size = [height * shrinkage, width * shrinkage];
        let rows = condition[0] == batch || condition[0] == 1;
        if rows && condition[1..] == [channels, size[0], size[1]] {
            return Ok(());
        }
        let expected = format!("[{batch}, {channels}, {}, {}]", size[0], size[1]);
        Err(Error::shape("condition picture", expected, condition))
    }

    /// # Shapes
    /// - `condition`: `[b, inputs, H, W]`, values 0..1
    /// - returns `[b, outputs, H/8, W/8]` for four widths
    pub fn forward(&self, condition: Tensor<4>) -> Tensor<4> {
        let hidden = silu(self.conv_in.forward(condition));
        let hidden = self
            .blocks
            .iter()
            .fold(hidden, |hidden, conv| silu(conv.forward(hidden)));
        self.conv_out.forward(hidden)
    }
}

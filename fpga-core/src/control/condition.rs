//! From a condition picture (skeleton, landmarks, edges) to a feature map of the UNet's first width.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::nn::{Conv2d, Window, silu};

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

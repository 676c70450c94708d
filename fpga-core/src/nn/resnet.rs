//! The residual convolution block of UNet and VAE.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::conv::{Added, Conv2d, Window};
use super::linear::Linear;
use super::norm::GroupNorm;

/// Sizes of a [`ResnetBlock`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResnetConfig {
    /// Channels in.
    pub inputs: usize,
    /// Channels out.
    pub outputs: usize,
    /// Width of the time embedding; the VAE has none.
    pub time_width: Option<usize>,
    /// Groups of both norms.
    pub norm_groups: usize,
    /// Epsilon of both norms.
    pub norm_epsilon: f64,
}

/// `x + conv(silu(norm(conv(silu(norm(x))) + time)))`, with a 1×1 shortcut where the width changes.
#[derive(Module, Debug)]
pub struct ResnetBlock {
    /// Before the first convolution.
    pub norm1: GroupNorm,
    /// Changes the width.
    pub conv1: Conv2d,
    /// Time embedding to one shift per channel.
    pub time_emb_proj: Option<Linear>,
    /// Before the second convolution.
    pub norm2: GroupNorm,
    /// Keeps the width.
    pub conv2: Conv2d,
    /// Present where the width changes.
    pub conv_shortcut: Option<Conv2d>,
}

impl ResnetConfig {
    /// Zero until weights are loaded.
    pub fn init(&self, device: &Device) -> ResnetBlock {
        let &Self {
            inputs,
            outputs,
            time_width,
            norm_groups,
            norm_epsilon,
        } = self;
        let changes_width = inputs != outputs;
        ResnetBlock {
            norm1: GroupNorm::new(norm_groups, inputs, norm_epsilon, device),
            conv1: Conv2d::new(inputs, outputs, Window::SAME, device),
            time_emb_proj: time_width.map(|width| Linear::new(width, outputs, device)),
            norm2: GroupNorm::new(norm_groups, outputs, norm_epsilon, device),
            conv2: Conv2d::new(outputs, outputs, Window::SAME, device),
            conv_shortcut: changes_width
                .then(|| Conv2d::new(inputs, outputs, Window::POINT, device)),
        }
    }
}

impl ResnetBlock {
    /// # Shapes
    /// - `input`: `[b, inputs, h, w]`
    /// - `time`: `[b, time_width]`, already through SiLU; `None` in the VAE
    /// - returns `[b, outputs, h, w]`
    pub fn forward(&self, input: Tensor<4>, time: Option<&Tensor<2>>) -> Tensor<4> {
        let project = self.time_emb_proj.as_ref().zip(time);
        let shift = project.map(|(project, time)| project.forward(time.clone()));
        let hidden = self.norm1.forward_silu(input.clone());
        let hidden = self.conv1.forward_added(
            hidden,
            Added {
                shift,
                residual: None,
            },
        );

        let residual = match &self.conv_shortcut {
            Some(shortcut) => shortcut.forward(input),
            None => input,
        };
        let hidden = self.norm2.forward_silu(hidden);
        self.conv2.forward_added(
            hidden,
            Added {
                shift: None,
                residual: Some(residual),
            },
        )
    }
}

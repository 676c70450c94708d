//! What stays the same from step to step, computed once per job: the text's keys and values of
//! every layer, and SDXL's embedded extra vector.

use std::slice::Iter;

use burn::tensor::Tensor;

use crate::nn::{KeyValue, add};

/// A [`Conditioning`](super::Conditioning) as one network sees it.
#[derive(Clone, Debug)]
pub struct PreparedConditioning {
    /// One per transformer block, in the order of use: down, middle, up.
    pub(super) text: Vec<KeyValue>,
    /// SDXL's extra vector `[b, time_width]`.
    pub(super) added: Option<Tensor<2>>,
    /// Encoded condition pictures, added after `conv_in`: `[b or 1, channels₀, h, w]`.
    pub(super) hint: Option<Tensor<4>>,
}

impl PreparedConditioning {
    /// Adds an encoded condition picture to the features after `conv_in`, on top of those that are
    /// there: the way in which a merged RepControlNet is told what to draw.
    ///
    /// # Shapes
    /// - `hint`: `[b or 1, channels₀, h, w]` for latents `[b, c, h, w]`
    #[must_use]
    pub fn with_hint(self, hint: Tensor<4>) -> Self {
        let hint = match self.hint {
            Some(others) => add(others, hint),
            None => hint,
        };
        Self {
            hint: Some(hint),
            ..self
        }
    }
}

/// What one step hands to its blocks.
pub(super) struct Guide<'a> {
    /// `[b, time_width]`, through SiLU.
    pub(super) time: Tensor<2>,
    text: Iter<'a, KeyValue>,
}

impl<'a> Guide<'a> {
    pub(super) fn new(time: Tensor<2>, conditioning: &'a PreparedConditioning) -> Self {
        Self {
            time,
            text: conditioning.text.iter(),
        }
    }

    /// Keys and values for the next transformer block.
    pub(super) fn next_text(&mut self) -> KeyValue {
        self.text
            .next()
            .expect("prepared by the network that uses it: one per block")
            .clone()
    }
}

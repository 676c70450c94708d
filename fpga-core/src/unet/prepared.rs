//! What stays the same from step to step, computed once per job: the text's keys and values of
//! every layer, and SDXL's embedded extra vector.

use std::slice::Iter;

use burn::tensor::Tensor;

use crate::nn::KeyValue;

/// A [`Conditioning`](super::Conditioning) as one network sees it.
#[derive(Clone, Debug)]
pub struct PreparedConditioning {
    /// One per transformer block, in the order of use: down, middle, up.
    pub(super) text: Vec<KeyValue>,
    /// SDXL's extra vector `[b, time_width]`.
    pub(super) added: Option<Tensor<2>>,
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

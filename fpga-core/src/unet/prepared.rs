//! What stays the same from step to step, computed once per job: the text's keys and values of
//! every layer, SDXL's embedded extra vector, and the people with their places.

use std::iter::Enumerate;
use std::slice::Iter;

use burn::tensor::Tensor;

use crate::error::{Error, Result};
use crate::identity::PreparedIdentities;
use crate::nn::{Attention, KeyValue};

/// A [`Conditioning`](super::Conditioning) as one network sees it.
#[derive(Clone, Debug)]
pub struct PreparedConditioning {
    /// One per transformer block, in the order of use: down, middle, up.
    pub(super) text: Vec<KeyValue>,
    /// SDXL's extra vector `[b, time_width]`.
    pub(super) added: Option<Tensor<2>>,
    /// Who appears where.
    pub(super) identities: Option<PreparedIdentities>,
}

impl PreparedConditioning {
    /// With people, from [`UNet::prepare_identities`](super::UNet::prepare_identities) of the same
    /// network.
    ///
    /// # Errors
    /// They were prepared for another number of rows.
    pub fn with_identities(self, identities: PreparedIdentities) -> Result<Self> {
        let rows = self.text.first().map_or(0, |text| text.key.dims()[0]);
        if identities.rows() != 0 && identities.rows() != rows {
            let expected = format!("{rows} rows like the text");
            return Err(Error::shape("identity tokens", expected, identities.rows()));
        }
        let identities = Some(identities);
        Ok(Self { identities, ..self })
    }

    /// The people, to tell them which step it is.
    pub fn identities_mut(&mut self) -> Option<&mut PreparedIdentities> {
        self.identities.as_mut()
    }
}

/// What one step hands to its blocks.
pub(super) struct Guide<'a> {
    /// `[b, time_width]`, through SiLU.
    pub(super) time: Tensor<2>,
    text: Enumerate<Iter<'a, KeyValue>>,
    identities: Option<&'a PreparedIdentities>,
}

impl<'a> Guide<'a> {
    pub(super) fn new(time: Tensor<2>, conditioning: &'a PreparedConditioning) -> Self {
        Self {
            time,
            text: conditioning.text.iter().enumerate(),
            identities: conditioning.identities.as_ref(),
        }
    }

    /// What the next transformer block may find.
    pub(super) fn next_context(&mut self) -> Context<'a> {
        let (layer, text) = self
            .text
            .next()
            .expect("prepared by the network that uses it: one per block");
        Context {
            text,
            people: self.identities.map(|identities| (identities, layer)),
        }
    }
}

/// What a cross-attention layer may find.
pub(super) struct Context<'a> {
    text: &'a KeyValue,
    /// Everyone, and which layer it is.
    people: Option<(&'a PreparedIdentities, usize)>,
}

impl Context<'_> {
    /// # Shapes
    /// - `tokens` and result: `[b, h·w, width]`, before and after the layer's projections
    pub(super) fn found_by(
        &self,
        layer: &Attention,
        tokens: Tensor<3>,
        residual: Tensor<3>,
    ) -> Tensor<3> {
        let query = layer.query(tokens);
        let found = layer.find(query.clone(), self.text.clone());
        let found = match self.people {
            Some((identities, index)) => identities.add_to(found, query, index),
            None => found,
        };
        layer.answer(found, residual)
    }
}

//! What stays the same from step to step, computed once per job: the text's keys and values of
//! every layer, SDXL's embedded extra vector, and the people with their places.

use std::iter::Enumerate;
use std::slice::Iter;

use burn::tensor::Tensor;

use super::watch::{AttentionSite, AttentionWatch, Watcher};
use crate::error::{Error, Result};
use crate::identity::PreparedIdentities;
use crate::nn::{Attention, KeyValue, add};

/// A [`Conditioning`](super::Conditioning) as one network sees it.
#[derive(Clone, Debug)]
pub struct PreparedConditioning {
    /// One per transformer block, in the order of use: down, middle, up.
    pub(super) text: Vec<KeyValue>,
    /// SDXL's extra vector `[b, time_width]`.
    pub(super) added: Option<Tensor<2>>,
    /// Who appears where.
    pub(super) identities: Option<PreparedIdentities>,
    /// Encoded condition pictures, added after `conv_in`: `[b or 1, channels₀, h, w]`.
    pub(super) hint: Option<Tensor<4>>,
    /// Who looks on.
    pub(super) watch: Option<AttentionWatch>,
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

    /// From now on, `watch` sees attention maps.
    #[must_use]
    pub fn watched_by(self, watch: AttentionWatch) -> Self {
        let watch = Some(watch);
        Self { watch, ..self }
    }

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
    watch: Option<&'a AttentionWatch>,
    /// How many stages are done.
    stage: usize,
}

impl<'a> Guide<'a> {
    pub(super) fn new(time: Tensor<2>, conditioning: &'a PreparedConditioning) -> Self {
        Self {
            time,
            text: conditioning.text.iter().enumerate(),
            identities: conditioning.identities.as_ref(),
            watch: conditioning.watch.as_ref(),
            stage: 0,
        }
    }

    /// A stage is done.
    pub(super) fn next_stage(&mut self) {
        self.stage += 1;
    }

    /// Who looks at such attention in this stage.
    pub(super) fn watcher(&self, site: AttentionSite, grid: [usize; 2]) -> Option<Watcher<'a>> {
        self.watch?.watcher(site, self.stage, grid)
    }

    /// What the next transformer block may find.
    pub(super) fn next_context(&mut self, grid: [usize; 2]) -> Context<'a> {
        let watcher = self.watcher(AttentionSite::Text, grid);
        let (layer, text) = self
            .text
            .next()
            .expect("prepared by the network that uses it: one per block");
        Context {
            text,
            people: self.identities.map(|identities| (identities, layer)),
            watcher,
        }
    }
}

/// What a cross-attention layer may find.
pub(super) struct Context<'a> {
    text: &'a KeyValue,
    /// Everyone, and which layer it is.
    people: Option<(&'a PreparedIdentities, usize)>,
    watcher: Option<Watcher<'a>>,
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
        if let Some(watcher) = &self.watcher {
            watcher.see(layer, query.clone(), self.text.key.clone());
        }
        let found = layer.find(query.clone(), self.text.clone());
        let found = match self.people {
            Some((identities, index)) => identities.add_to(found, query, index),
            None => found,
        };
        layer.answer(found, residual)
    }
}

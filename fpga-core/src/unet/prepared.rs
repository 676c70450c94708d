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

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};
    use rand_mt::Mt64;
    use serde_json::json;

    use crate::error::Result;
    use crate::identity::{
        Identity, IdentityAttention, IdentityAttentionConfig, IdentitySet, LeakageMeter, RegionMask,
    };
    use crate::nn::randomize;
    use crate::unet::{Conditioning, UNet, UNetConfig};

    use super::*;

    const PICTURE: [usize; 2] = [72, 48];
    const LATENTS: [usize; 2] = [9, 6];

    struct Model {
        unet: UNet,
        adapter: IdentityAttention,
        device: Device,
    }

    fn values<const D: usize>(seed: u64, shape: [usize; D], device: &Device) -> Tensor<D> {
        let mut noise = Mt64::new(seed);
        let mut one = || (noise.next_u64() >> 40) as f32 / (1u64 << 23) as f32 - 1.0;
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| one()).collect();
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    fn model() -> Model {
        let device = Device::flex();
        let json = json!({
            "block_out_channels": [4, 8],
            "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
            "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
            "layers_per_block": 1,
            "cross_attention_dim": 6,
            "attention_head_dim": 2,
            "norm_num_groups": 2,
        });
        let unet = UNetConfig::from_json(&json).unwrap().init(&device).unwrap();
        let layers = unet.config().cross_attention();
        let sizes = IdentityAttentionConfig {
            token_width: 5,
            widths: layers.iter().map(|layer| layer.width).collect(),
        };
        Model {
            unet: randomize(unet, 1),
            adapter: randomize(sizes.init(&device), 2),
            device,
        }
    }

    /// A person in a box, whose two rows of tokens follow from a seed.
    fn person(seed: u64, edges: [f32; 4]) -> Identity {
        let tokens = values(seed, [2, 3 + seed as usize % 2, 5], &Device::flex()) * 3.0;
        Identity::new(tokens, RegionMask::from_box(edges, PICTURE).unwrap())
    }

    fn three() -> Vec<Identity> {
        vec![
            person(1, [0.0, 0.0, 30.0, 40.0]),
            person(2, [20.0, 10.0, 48.0, 72.0]),
            person(3, [3.0, 60.0, 6.0, 64.0]),
        ]
    }

    impl Model {
        fn prepared(&self, people: Vec<Identity>) -> PreparedIdentities {
            let set = IdentitySet::new(people).unwrap();
            let prepared = self.unet.prepare_identities(&self.adapter, &set, LATENTS);
            prepared.unwrap()
        }

        fn plain(&self) -> PreparedConditioning {
            let context = values(3, [2, 7, 6], &self.device);
            self.unet.prepare(&Conditioning::text(context))
        }

        fn run(&self, conditioning: &PreparedConditioning) -> Vec<u32> {
            let latents = values(4, [2, 4, LATENTS[0], LATENTS[1]], &self.device);
            let timesteps = Tensor::from_floats([700.0, 20.0], &self.device);
            let noise = self.unet.forward(latents, timesteps, conditioning, None);
            noise.into_data().iter::<f32>().map(f32::to_bits).collect()
        }

        fn with(&self, people: PreparedIdentities) -> Result<PreparedConditioning> {
            self.plain().with_identities(people)
        }

        fn of(&self, people: Vec<Identity>) -> Vec<u32> {
            self.run(&self.with(self.prepared(people)).unwrap())
        }
    }

    #[test]
    fn nobody_and_the_silent_leave_every_bit() {
        let model = model();
        let plain = model.run(&model.plain());
        assert_eq!(model.of(Vec::new()), plain);
        let silent = three().into_iter().map(|one| Identity {
            strength: 0.0,
            ..one
        });
        assert_eq!(model.of(silent.collect()), plain);
        assert_ne!(model.of(three()), plain);
    }

    #[test]
    fn the_order_of_people_changes_no_bit() {
        let model = model();
        let [a, b, c] = <[Identity; 3]>::try_from(three()).unwrap();
        let first = model.of(three());
        assert_eq!(model.of(vec![c.clone(), b.clone(), a.clone()]), first);
        assert_eq!(model.of(vec![b.clone(), a.clone(), c.clone()]), first);
        assert_ne!(model.of(vec![a, b]), first);
    }

    #[test]
    fn windows_open_and_close() {
        let model = model();
        let plain = model.run(&model.plain());
        let mut people = three();
        people[0].window = (0.0, 0.5);
        people[1].window = (0.5, 1.0);
        people[2].window = (0.5, 1.0);
        let mut conditioning = model.with(model.prepared(people)).unwrap();
        let mut at = |step| {
            conditioning.identities_mut().unwrap().at_step(step, 4);
            model.run(&conditioning)
        };
        // Whoever is silent still keeps the place.
        let silent = |silenced: &[usize]| {
            let mut people = three();
            silenced.iter().for_each(|&one| people[one].strength = 0.0);
            model.of(people)
        };
        let early = at(1);
        assert_eq!(early, silent(&[1, 2]));
        assert_eq!(at(2), silent(&[0]));
        assert_eq!(at(0), early);
        let never = Identity {
            window: (0.3, 0.4),
            ..three().swap_remove(0)
        };
        let mut conditioning = model.with(model.prepared(vec![never])).unwrap();
        for step in 0..4 {
            conditioning.identities_mut().unwrap().at_step(step, 4);
            assert_eq!(model.run(&conditioning), plain);
        }
    }

    #[test]
    fn measuring_changes_no_bit_and_finds_people_where_they_are() {
        let model = model();
        let people = three();
        let regions: Vec<RegionMask> = people.iter().map(|one| one.region.clone()).collect();
        let (prepared, meter): (_, LeakageMeter) = model.prepared(people.clone()).measured_in(1..2);
        assert_eq!(model.run(&model.with(prepared).unwrap()), model.of(people));
        let found = meter.leakage(0, &regions.iter().collect::<Vec<_>>());
        for (index, leakage) in found.iter().enumerate() {
            let sum = leakage.inside + leakage.others + leakage.background;
            assert!((sum - 1.0).abs() < 1e-6, "{leakage:?}");
            // The third is smaller than a cell, and overlaps nobody's cell wholly.
            let least = if index == 2 { 0.02 } else { 0.6 };
            assert!(leakage.inside > least, "{index}: {leakage:?}");
            let map = meter.attention_map(0, index, PICTURE);
            let bright = map.indexed_iter().filter(|(_, value)| **value > 0.8);
            for ((y, x), _) in bright {
                let [left, top, right, bottom] = regions[index].bounds();
                let near = |at: usize, low: usize, high: usize| at + 16 >= low && at <= high + 16;
                assert!(
                    near(x, left, right) && near(y, top, bottom),
                    "{index}: {x}, {y}"
                );
            }
        }
    }

    #[test]
    fn people_who_do_not_fit_the_network_are_refused() {
        let model = model();
        let set = IdentitySet::new(three()).unwrap();
        let refused = |adapter: &IdentityAttention| {
            let refused = model.unet.prepare_identities(adapter, &set, LATENTS);
            refused.unwrap_err().to_string()
        };
        let mut short = model.adapter.clone();
        short.layers.pop();
        assert!(refused(&short).contains("widths [4, 8, 8, 8, 8, 4, 4]"));
        let sizes = IdentityAttentionConfig {
            token_width: 9,
            widths: model.adapter.widths(),
        };
        let error = refused(&sizes.init(&model.device));
        assert_eq!(
            error,
            "identity adapter: identity tokens: expected width 9, found 5"
        );
        let alone = Identity {
            tokens: values(1, [1, 3, 5], &model.device),
            ..three().swap_remove(0)
        };
        let error = model.with(model.prepared(vec![alone])).unwrap_err();
        assert!(
            error.to_string().contains("2 rows like the text"),
            "{error}"
        );
    }
}

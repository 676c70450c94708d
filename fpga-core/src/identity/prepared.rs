//! Masked attention to several identities (MGMICA): what does not depend on the step, computed once.
//!
//! A cross-attention layer with queries `Q` on an h×w grid finds
//! `O = Attn(Q, K_text, V_text) + Σ_k λ_k · m_k ⊙ Attn(Q, W_k e_k, W_v e_k)`, where `e_k` are the tokens
//! of person `k`, `λ_k` the strength, and `m_k` the mask on that grid. This is the second part, for all
//! people in one pass; only `λ_k` changes from step to step, where windows open and close.

use burn::tensor::{DType, Tensor, TensorData};
use ndarray::Array2;

use super::attention::{IdentityAttention, IdentityProjection};
use super::leakage::LeakageMeter;
use super::region::share_cells;
use super::set::{Identity, IdentitySet};
use crate::error::{Context, Error, Result};
use crate::nn::{Groups, KeyValue, attend_groups, cast_to};

/// A cross-attention layer as people see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerSite {
    /// Channels of its queries.
    pub width: usize,
    /// Attention heads.
    pub heads: usize,
    /// Height and width of its grid.
    pub grid: [usize; 2],
}

/// The people of one job, as one UNet sees them at one size of latents.
#[derive(Clone, Debug)]
pub struct PreparedIdentities {
    layers: Vec<PreparedLayer>,
    grids: Vec<PreparedGrid>,
    people: Vec<Person>,
    rows: usize,
    meter: Option<LeakageMeter>,
}

/// One layer: everyone's keys and values, one after the other.
#[derive(Clone, Debug)]
struct PreparedLayer {
    /// `[rows, Σ tokens, width]`
    key_value: KeyValue,
    heads: usize,
    /// Index into the grids.
    grid: usize,
}

/// One grid size.
#[derive(Clone, Debug)]
struct PreparedGrid {
    size: [usize; 2],
    /// `m_k`, one per person.
    shares: Vec<Array2<f32>>,
    /// `λ_k · m_k` of this step, `[people, h·w]`; `None` while nobody acts.
    weights: Option<Tensor<2>>,
}

/// What a step needs to know of a person.
#[derive(Clone, Debug)]
struct Person {
    /// Where the caller lists them.
    index: usize,
    tokens: usize,
    strength: f64,
    window: (f64, f64),
    acts: bool,
}

impl IdentityAttention {
    /// Reads everyone's tokens for every layer, and puts everyone's mask on every grid.
    ///
    /// # Errors
    /// The projections are not for these layers, or the tokens have another width.
    pub fn prepare(&self, set: &IdentitySet, sites: &[LayerSite]) -> Result<PreparedIdentities> {
        self.check(set, sites).context(|| "identity adapter")?;
        let mut grids: Vec<[usize; 2]> = sites.iter().map(|site| site.grid).collect();
        grids.sort_unstable();
        grids.dedup();
        let tokens: Vec<_> = set.in_order().map(|(_, one)| one.tokens.clone()).collect();
        let layer = |(projection, site): (&IdentityProjection, &LayerSite)| PreparedLayer {
            key_value: projection.key_value(Tensor::cat(tokens.clone(), 1)),
            heads: site.heads,
            grid: grids
                .binary_search(&site.grid)
                .expect("the list holds every layer's grid"),
        };
        let layers = match set.is_empty() {
            true => Vec::new(),
            false => self.layers.iter().zip(sites).map(layer).collect(),
        };
        let grid = |size| PreparedGrid {
            size,
            shares: share_cells(
                set.in_order()
                    .map(|(_, one)| one.region.on_grid(size))
                    .collect(),
            ),
            weights: None,
        };
        let mut prepared = PreparedIdentities {
            layers,
            grids: grids.iter().copied().map(grid).collect(),
            people: set.in_order().map(Person::new).collect(),
            rows: set.token_rows().map_or(0, |[rows, _]| rows),
            meter: None,
        };
        prepared.weigh();
        Ok(prepared)
    }

    fn check(&self, set: &IdentitySet, sites: &[LayerSite]) -> Result<()> {
        let needed: Vec<_> = sites.iter().map(|site| site.width).collect();
        let found = self.widths();
        if found != needed {
            let expected = format!("cross-attention layers of widths {needed:?} as this model has");
            return Err(Error::shape("projections", expected, found));
        }
        match set.token_rows() {
            Some([_, width]) if width != self.token_width() => {
                let expected = format!("width {}", self.token_width());
                Err(Error::shape("identity tokens", expected, width))
            }
            _ => Ok(()),
        }
    }
}

impl PreparedIdentities {
    /// Rows of the batch that it was made for; 0 where nobody is there.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// For queries of this type.
    #[must_use]
    pub fn in_type(mut self, dtype: DType) -> Self {
        for KeyValue { key, value } in self.layers.iter_mut().map(|layer| &mut layer.key_value) {
            *key = cast_to(key.clone(), dtype);
            *value = cast_to(value.clone(), dtype);
        }
        self
    }

    /// Lets those act whose windows include step `step` of `count`; everyone, until this is called.
    pub fn at_step(&mut self, step: usize, count: usize) {
        let (begun, done) = (step as f64 / count as f64, (step + 1) as f64 / count as f64);
        let mut changed = false;
        for person in &mut self.people {
            let (start, end) = person.window;
            let acts = start <= begun && done <= end;
            changed |= acts != person.acts;
            person.acts = acts;
        }
        if changed {
            self.weigh();
        }
    }

    /// From now on, measures where everyone's attention goes, in these rows of the batch. Costs about
    /// one more attention per person and layer.
    #[must_use]
    pub fn measured_in(self, rows: std::ops::Range<usize>) -> (Self, LeakageMeter) {
        let sizes = self.grids.iter().map(|grid| grid.size).collect();
        let callers = self.people.iter().map(|person| person.index).collect();
        let meter = LeakageMeter::new(rows, sizes, callers);
        let measured = Self {
            meter: Some(meter.clone()),
            ..self
        };
        (measured, meter)
    }

    /// What the queries of layer number `layer` find in everyone, added to what they found in the text.
    ///
    /// # Shapes
    /// - `found`, `query` and result: `[rows, h·w, width]`
    pub fn add_to(&self, found: Tensor<3>, query: Tensor<3>, layer: usize) -> Tensor<3> {
        let Some((layer, grid, weights)) = self.acting_in(layer) else {
            return found;
        };
        debug_assert_eq!(
            weights.dims()[1],
            query.dims()[1],
            "prepared for other latents"
        );
        let lengths: Vec<_> = self.people.iter().map(|person| person.tokens).collect();
        let groups = Groups {
            key_value: &layer.key_value,
            lengths: &lengths,
            weights,
        };
        if let Some(meter) = &self.meter {
            let strengths: Vec<_> = self.people.iter().map(Person::strength_now).collect();
            let [_, wide] = grid.size;
            meter.measure(
                &query,
                &groups,
                (layer.heads, layer.grid),
                |person, cell| {
                    strengths[person] * f64::from(grid.shares[person][[cell / wide, cell % wide]])
                },
            );
        }
        attend_groups(found, query, &groups, layer.heads)
    }

    /// The layer and its grid, if anyone acts there.
    fn acting_in(&self, layer: usize) -> Option<(&PreparedLayer, &PreparedGrid, &Tensor<2>)> {
        let layer = self.layers.get(layer)?;
        let grid = &self.grids[layer.grid];
        Some((layer, grid, grid.weights.as_ref()?))
    }

    /// `λ_k · m_k` on every grid, for those who act.
    fn weigh(&mut self) {
        let strengths: Vec<_> = self.people.iter().map(Person::strength_now).collect();
        let Some(layer) = self.layers.first() else {
            return;
        };
        let device = layer.key_value.key.device();
        for grid in &mut self.grids {
            let people = grid.shares.iter().zip(&strengths);
            let weights = people.flat_map(|(shares, strength)| {
                shares
                    .iter()
                    .map(move |share| (f64::from(*share) * strength) as f32)
            });
            let data = TensorData::new(
                weights.collect::<Vec<_>>(),
                [grid.shares.len(), grid.size[0] * grid.size[1]],
            );
            let anyone = strengths.iter().any(|&strength| strength != 0.0);
            grid.weights = anyone.then(|| Tensor::from_data(data, &device));
        }
    }
}

impl Person {
    fn new((index, identity): (usize, &Identity)) -> Self {
        Self {
            index,
            tokens: identity.tokens.dims()[1],
            strength: identity.strength,
            window: identity.window,
            acts: true,
        }
    }

    fn strength_now(&self) -> f64 {
        if self.acts { self.strength } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use rand_mt::Mt64;

    use super::super::attention::IdentityAttentionConfig;
    use super::super::region::RegionMask;
    use super::*;
    use crate::nn::randomize;

    fn values<const D: usize>(seed: u64, shape: [usize; D]) -> Tensor<D> {
        let mut noise = Mt64::new(seed);
        let mut one = || (noise.next_u64() >> 40) as f32 / (1u64 << 23) as f32 - 1.0;
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| one()).collect();
        Tensor::from_data(TensorData::new(values, shape), &Device::flex())
    }

    /// What two people add on an 8×6 grid, bit by bit: `[cell][channel]`.
    fn added(people: [Identity; 2]) -> Vec<Vec<u32>> {
        let site = LayerSite {
            width: 12,
            heads: 3,
            grid: [8, 6],
        };
        let sizes = IdentityAttentionConfig {
            token_width: 5,
            widths: vec![12],
        };
        let adapter = randomize(sizes.init(&Device::flex()), 9);
        let set = IdentitySet::new(people.to_vec()).unwrap();
        let prepared = adapter.prepare(&set, &[site]).unwrap();
        let found = prepared.add_to(values(1, [1, 48, 12]), values(2, [1, 48, 12]) * 4.0, 0);
        let bits: Vec<u32> = found.into_data().iter::<f32>().map(f32::to_bits).collect();
        bits.chunks(12).map(<[u32]>::to_vec).collect()
    }

    fn person(seed: u64, tokens: usize, edges: [f32; 4]) -> Identity {
        let region = RegionMask::from_box(edges, [64, 48]).unwrap();
        Identity::new(values(seed, [1, tokens, 5]) * 3.0, region)
    }

    /// Masks that meet at column 24, which is the border of two cells, and rows where nobody is.
    #[test]
    fn people_do_not_touch_each_other() {
        let left = || person(5, 4, [0.0, 8.0, 24.0, 64.0]);
        let right = |seed, tokens| person(seed, tokens, [24.0, 8.0, 48.0, 64.0]);
        let before = added([left(), right(6, 4)]);
        for after in [added([left(), right(7, 4)]), added([left(), right(8, 9)])] {
            for (cell, (before, after)) in before.iter().zip(&after).enumerate() {
                let (row, column) = (cell / 6, cell % 6);
                let touched = row > 0 && column >= 3;
                assert_eq!(before != after, touched, "row {row}, column {column}");
            }
        }
        let strong = Identity {
            strength: 1.5,
            ..right(6, 4)
        };
        let after = added([left(), strong]);
        assert_eq!(before[7], after[7]);
        assert_ne!(before[10], after[10]);
    }
}

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
    /// One for all rows of the batch, or one per row.
    crowds: Vec<Vec<Person>>,
    /// Tokens of the first, second, … person of every crowd.
    lengths: Vec<usize>,
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
    /// `m_k` of each person of each crowd.
    shares: Vec<Vec<Array2<f32>>>,
    /// `λ_k · m_k` of this step, `[crowds, people, h·w]`; `None` while nobody acts.
    weights: Option<Tensor<3>>,
}

/// What a step needs to know of a person.
#[derive(Clone, Debug)]
struct Person {
    /// Where the caller lists them.
    index: usize,
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
        self.prepare_crowds(std::slice::from_ref(set), sites)
    }

    /// As [`prepare`](Self::prepare), for pictures that each have people of their own: one set per row of
    /// the batch, with one row of tokens per person.
    ///
    /// # Errors
    /// Those of [`prepare`](Self::prepare); people with several rows of tokens; people in the same place of
    /// two sets whose numbers of tokens differ.
    pub fn prepare_each(
        &self,
        sets: &[IdentitySet],
        sites: &[LayerSite],
    ) -> Result<PreparedIdentities> {
        let rows = sets.iter().filter_map(IdentitySet::token_rows);
        match rows.map(|[rows, _]| rows).find(|&rows| rows != 1) {
            Some(rows) => Err(Error::shape("identity tokens", "one row each", rows)),
            None => self.prepare_crowds(sets, sites),
        }
    }

    fn prepare_crowds(
        &self,
        sets: &[IdentitySet],
        sites: &[LayerSite],
    ) -> Result<PreparedIdentities> {
        for set in sets {
            self.check(set, sites).context(|| "identity adapter")?;
        }
        let mut grids: Vec<[usize; 2]> = sites.iter().map(|site| site.grid).collect();
        grids.sort_unstable();
        grids.dedup();
        let lengths = lengths(sets)?;
        let tokens = tokens(sets, &lengths);
        let rows = tokens.as_ref().map_or(0, |tokens| tokens.dims()[0]);
        let layer = |tokens: &Tensor<3>, (projection, site): (&IdentityProjection, &LayerSite)| {
            PreparedLayer {
                key_value: projection.key_value(tokens.clone()),
                heads: site.heads,
                grid: grids
                    .binary_search(&site.grid)
                    .expect("the list holds every layer's grid"),
            }
        };
        let layers = tokens.iter().flat_map(|tokens| {
            let layers = self.layers.iter().zip(sites);
            layers.map(|each| layer(tokens, each))
        });
        let masks = |set: &IdentitySet, size| {
            let own = set.in_order().map(|(_, one)| one.region.on_grid(size));
            share_cells(own.collect())
        };
        let grid = |&size| PreparedGrid {
            size,
            shares: sets.iter().map(|set| masks(set, size)).collect(),
            weights: None,
        };
        let crowd = |set: &IdentitySet| set.in_order().map(Person::new).collect();
        let mut prepared = PreparedIdentities {
            layers: layers.collect(),
            grids: grids.iter().map(grid).collect(),
            crowds: sets.iter().map(crowd).collect(),
            lengths,
            rows,
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
        for person in self.crowds.iter_mut().flatten() {
            let (start, end) = person.window;
            let acts = start <= begun && done <= end;
            changed |= acts != person.acts;
            person.acts = acts;
        }
        if changed {
            self.weigh();
        }
    }

    /// From now on, measures where everyone's attention goes, in these rows of the batch, which have the
    /// same people. Costs about one more attention per person and layer.
    #[must_use]
    pub fn measured_in(self, rows: std::ops::Range<usize>) -> (Self, LeakageMeter) {
        let sizes = self.grids.iter().map(|grid| grid.size).collect();
        let people = self.crowds.first().into_iter().flatten();
        let callers = people.map(|person| person.index).collect();
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
            weights.dims()[2],
            query.dims()[1],
            "prepared for other latents"
        );
        let groups = Groups {
            key_value: &layer.key_value,
            lengths: &self.lengths,
            weights,
        };
        if let Some(meter) = &self.meter
            && let [people] = self.crowds.as_slice()
        {
            let strengths: Vec<_> = people.iter().map(Person::strength_now).collect();
            let [_, wide] = grid.size;
            meter.measure(
                &query,
                &groups,
                (layer.heads, layer.grid),
                |person, cell| {
                    strengths[person]
                        * f64::from(grid.shares[0][person][[cell / wide, cell % wide]])
                },
            );
        }
        attend_groups(found, query, &groups, layer.heads)
    }

    /// The layer and its grid, if anyone acts there.
    fn acting_in(&self, layer: usize) -> Option<(&PreparedLayer, &PreparedGrid, &Tensor<3>)> {
        let layer = self.layers.get(layer)?;
        let grid = &self.grids[layer.grid];
        Some((layer, grid, grid.weights.as_ref()?))
    }

    /// `λ_k · m_k` on every grid, for those who act.
    fn weigh(&mut self) {
        let Some(layer) = self.layers.first() else {
            return;
        };
        let device = layer.key_value.key.device();
        let (crowds, most) = (self.crowds.len(), self.lengths.len());
        let everyone = self.crowds.iter().flatten();
        let anyone = { everyone }.any(|person| person.strength_now() != 0.0);
        for grid in &mut self.grids {
            let cells = grid.size[0] * grid.size[1];
            // Zero for those whom a crowd lacks.
            let mut weights = vec![0.0; crowds * most * cells];
            let rows = weights.chunks_exact_mut(most * cells);
            for ((row, people), shares) in rows.zip(&self.crowds).zip(&grid.shares) {
                let places = row.chunks_exact_mut(cells).zip(people).zip(shares);
                for ((place, person), shares) in places {
                    let strength = person.strength_now();
                    for (weight, share) in place.iter_mut().zip(shares) {
                        *weight = (f64::from(*share) * strength) as f32;
                    }
                }
            }
            let data = TensorData::new(weights, [crowds, most, cells]);
            grid.weights = anyone.then(|| Tensor::from_data(data, &device));
        }
    }
}

/// How many tokens the first, second, … person of every set has.
fn lengths(sets: &[IdentitySet]) -> Result<Vec<usize>> {
    let mut lengths = Vec::new();
    for set in sets {
        for (place, (_, one)) in set.in_order().enumerate() {
            let found = one.tokens.dims()[1];
            match lengths.get(place) {
                None => lengths.push(found),
                Some(&needed) if needed == found => {}
                Some(needed) => {
                    let needed = format!("{needed} tokens, as in the sets before");
                    return Err(Error::shape("identity tokens", needed, found));
                }
            }
        }
    }
    Ok(lengths)
}

/// `[rows, Σ tokens, width]`, zeros for those whom a set lacks; `None` if nobody is there at all.
fn tokens(sets: &[IdentitySet], lengths: &[usize]) -> Option<Tensor<3>> {
    let mut everyone = sets.iter().flat_map(IdentitySet::identities);
    let like = everyone.next()?.tokens.clone();
    let [rows, _, width] = like.dims();
    let row = |set: &IdentitySet| {
        let mut tokens: Vec<_> = set.in_order().map(|(_, one)| one.tokens.clone()).collect();
        let absent: usize = lengths[tokens.len()..].iter().sum();
        if absent > 0 {
            tokens.push(Tensor::zeros(
                [rows, absent, width],
                (&like.device(), like.dtype()),
            ));
        }
        Tensor::cat(tokens, 1)
    };
    Some(Tensor::cat(sets.iter().map(row).collect(), 0))
}

impl Person {
    fn new((index, identity): (usize, &Identity)) -> Self {
        Self {
            index,
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

    /// Pictures with two people, nobody, one person: each as if it were alone.
    #[test]
    fn pictures_with_people_of_their_own_go_together() {
        let sites = [LayerSite {
            width: 12,
            heads: 3,
            grid: [8, 6],
        }];
        let sizes = IdentityAttentionConfig {
            token_width: 5,
            widths: vec![12],
        };
        let adapter = randomize(sizes.init(&Device::flex()), 9);
        let strong = Identity {
            strength: 1.5,
            ..person(6, 4, [24.0, 8.0, 48.0, 64.0])
        };
        let crowds = [
            vec![person(5, 4, [0.0, 8.0, 24.0, 64.0]), strong],
            vec![],
            vec![person(7, 4, [10.0, 0.0, 40.0, 30.0])],
        ];
        let sets = crowds.map(|people| IdentitySet::new(people).unwrap());
        let (found, query) = (values(1, [3, 48, 12]), values(2, [3, 48, 12]) * 4.0);
        let together = adapter.prepare_each(&sets, &sites).unwrap();
        assert_eq!(together.rows(), 3);
        let together = together.add_to(found.clone(), query.clone(), 0).into_data();
        let alone = sets.iter().enumerate().map(|(row, set)| {
            let of_row = |all: &Tensor<3>| all.clone().narrow(0, row, 1);
            let prepared = adapter.prepare(set, &sites).unwrap();
            prepared.add_to(of_row(&found), of_row(&query), 0)
        });
        let alone = Tensor::cat(alone.collect(), 0).into_data();
        for (place, (a, b)) in together.iter::<f32>().zip(alone.iter::<f32>()).enumerate() {
            assert!((a - b).abs() < 1e-5, "value {place}: {a} is not {b}");
        }

        let uneven = [4, 3].map(|tokens| {
            IdentitySet::new(vec![person(5, tokens, [0.0, 8.0, 24.0, 64.0])]).unwrap()
        });
        let refused = adapter.prepare_each(&uneven, &sites).unwrap_err();
        assert!(refused.to_string().contains("4 tokens"), "{refused}");
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

//! Low-rank additions to weights (Hu et al. 2021), as Burn's own adapter, with values that follow from a
//! seed.

use std::collections::HashMap;

use burn::module::{LoraAdapter, Module, Param, Reparameterization, Reparameterizer};
use burn::tensor::{Tensor, TensorData};
use rand_mt::Mt64;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::nn::{Flat, ParameterSet, make_parameters, visit_parameters};

/// Sizes of the additions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoraConfig {
    /// Inner width.
    pub rank: usize,
    /// The addition is scaled by `alpha / rank`.
    pub alpha: f64,
    /// What has an addition.
    #[serde(default)]
    pub layers: LoraLayers,
}

/// Layers with a low-rank addition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoraLayers {
    /// Query, key, value and output projections of attention, as the paper has it.
    #[default]
    Attention,
    /// Every linear layer and every convolution, whose kernel is taken for a matrix `[out, in·kernel]`: for
    /// what is not a matter of attention alone, as how large things are.
    All,
}

impl LoraLayers {
    fn holds(self, path: &str) -> bool {
        let Some((rest, "weight")) = path.rsplit_once('.') else {
            return false;
        };
        let layer = rest.rsplit('.').next().unwrap_or(rest);
        self == Self::All || ["to_q", "to_k", "to_v", "to_out"].contains(&layer)
    }
}

impl LoraConfig {
    /// In attention layers.
    pub const fn new(rank: usize, alpha: f64) -> Self {
        Self {
            rank,
            alpha,
            layers: LoraLayers::Attention,
        }
    }

    /// Factor of the additions: `alpha / rank`.
    pub fn scale(&self) -> f64 {
        self.alpha / self.rank as f64
    }

    /// The module with an addition to every weight of these layers; nothing else in it learns. The first
    /// addition is zero.
    ///
    /// # Errors
    /// The rank is zero, or `alpha` is not finite.
    pub fn attach<M: Module>(&self, module: M, seed: u64) -> Result<M> {
        if self.rank == 0 || !self.alpha.is_finite() {
            let why = format!("rank {} and alpha {}", self.rank, self.alpha);
            return Err(Error::invalid("low-rank addition", why));
        }
        let attach = Attach {
            rank: self.rank,
            scale: self.scale(),
            layers: self.layers,
            numbers: Mt64::new(seed),
        };
        make_parameters(&module);
        Ok(module.no_grad().apply_reparameterization(attach))
    }
}

/// The factors of every addition, `PATH.a` (`[out, rank]`) and `PATH.b` (`[rank, in]`); for convolutions
/// `[out, rank, 1, 1]` and `[rank, in, kernel, kernel]`, as files have them.
pub fn lora_of<M: Module>(module: &M) -> ParameterSet {
    let mut factors = Vec::new();
    let mut bases = HashMap::new();
    let inside = format!(".{}.", LoraAdapter::NAME);
    visit_parameters(module, |path, shape, values| {
        match path.split_once(&inside) {
            Some((owner, factor)) => {
                let (values, shape) = (values(), shape.to_vec());
                factors.push((owner.to_owned(), factor.to_owned(), Flat { values, shape }));
            }
            None => {
                bases.insert(path.to_owned(), shape.to_vec());
            }
        }
    });
    let mut found = ParameterSet::default();
    for (owner, factor, Flat { values, shape }) in factors {
        let kernel = &bases[&owner][1..];
        let shape = match factor.as_str() {
            "b" => [&shape[..1], kernel].concat(),
            _ => [shape, vec![1; kernel.len() - 1]].concat(),
        };
        found.insert(format!("{owner}.{factor}"), values, shape);
    }
    found
}

struct Attach {
    rank: usize,
    scale: f64,
    layers: LoraLayers,
    numbers: Mt64,
}

impl Reparameterizer for Attach {
    type Reparam = LoraAdapter;

    fn reparameterize<const D: usize>(
        &mut self,
        path: &str,
        base: Param<Tensor<D>>,
    ) -> (Param<Tensor<D>>, Option<LoraAdapter>) {
        if D < 2 || !self.layers.holds(path) {
            return (base, None);
        }
        let shape = base.lazy_shape().to_vec();
        let (outputs, inputs) = (shape[0], shape[1..].iter().product::<usize>());
        let bound = 1.0 / (inputs as f64).sqrt();
        let mut draw = || {
            // 53 bits, the most that a double tells apart.
            let unit = (self.numbers.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
            ((2.0 * unit - 1.0) * bound) as f32
        };
        let values: Vec<f32> = (0..self.rank * inputs).map(|_| draw()).collect();
        let device = base.lazy_device();
        let down = Tensor::from_data(TensorData::new(values, [self.rank, inputs]), &device);
        let adapter = LoraAdapter {
            a: Param::from_tensor(Tensor::zeros([outputs, self.rank], &device)),
            b: Param::from_tensor(down),
            scale: self.scale,
        };
        (base, Some(adapter))
    }
}

//! Low-rank additions to attention layers (Hu et al. 2021), as Burn's own adapter, with values that
//! follow from a seed.

use burn::module::{LoraAdapter, Module, Param, Reparameterization, Reparameterizer};
use burn::tensor::{Tensor, TensorData};
use rand_mt::Mt64;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::nn::{ParameterSet, make_parameters, visit_parameters};

/// Sizes of the additions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoraConfig {
    /// Inner width.
    pub rank: usize,
    /// The addition is scaled by `alpha / rank`.
    pub alpha: f64,
}

impl LoraConfig {
    /// Factor of the additions: `alpha / rank`.
    pub fn scale(&self) -> f64 {
        self.alpha / self.rank as f64
    }

    /// The module with an addition on every query, key, value and output projection of its attention
    /// layers; nothing else in it learns. The first addition is zero.
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
            numbers: Mt64::new(seed),
        };
        make_parameters(&module);
        Ok(module.no_grad().apply_reparameterization(attach))
    }
}

/// The factors of every addition, `PATH.a` (`[out, rank]`) and `PATH.b` (`[rank, in]`).
pub fn lora_of<M: Module>(module: &M) -> ParameterSet {
    let mut found = ParameterSet::default();
    let inside = format!(".{}.", LoraAdapter::NAME);
    visit_parameters(module, |path, shape, values| {
        if let Some((owner, factor)) = path.split_once(&inside) {
            found.insert(format!("{owner}.{factor}"), values(), shape.to_vec());
        }
    });
    found
}

struct Attach {
    rank: usize,
    scale: f64,
    numbers: Mt64,
}

impl Reparameterizer for Attach {
    type Reparam = LoraAdapter;

    fn reparameterize<const D: usize>(
        &mut self,
        path: &str,
        base: Param<Tensor<D>>,
    ) -> (Param<Tensor<D>>, Option<LoraAdapter>) {
        let shape = base.lazy_shape().to_vec();
        let &[outputs, inputs] = shape.as_slice() else {
            return (base, None);
        };
        let layer = path.rsplit('.').nth(1);
        if !layer.is_some_and(|layer| ["to_q", "to_k", "to_v", "to_out"].contains(&layer)) {
            return (base, None);
        }
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

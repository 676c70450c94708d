//! What identity tokens say to a UNet's cross-attention layers: a key and a value projection each
//! (decoupled cross-attention, Ye et al. 2023, eq. 5).

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::nn::{KeyValue, Linear};

/// The projections of one cross-attention layer.
#[derive(Module, Debug)]
pub struct IdentityProjection {
    /// `[width, token_width]`
    pub to_k_ip: Linear,
    /// `[width, token_width]`
    pub to_v_ip: Linear,
}

/// The projections of all cross-attention layers of a UNet, in the order of use: down, middle, up.
#[derive(Module, Debug)]
pub struct IdentityAttention {
    /// One per cross-attention layer.
    pub layers: Vec<IdentityProjection>,
}

/// Sizes of an [`IdentityAttention`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityAttentionConfig {
    /// Width of the identity tokens.
    pub token_width: usize,
    /// Width of the queries of every layer, in the order of use.
    pub widths: Vec<usize>,
}

impl IdentityAttentionConfig {
    /// Zero until weights are loaded.
    pub fn init(&self, device: &Device) -> IdentityAttention {
        let project = |&width: &usize| IdentityProjection {
            to_k_ip: Linear::without_bias(self.token_width, width, device),
            to_v_ip: Linear::without_bias(self.token_width, width, device),
        };
        IdentityAttention {
            layers: self.widths.iter().map(project).collect(),
        }
    }
}

impl IdentityAttention {
    /// Width of the identity tokens; 0 where there is no layer.
    pub fn token_width(&self) -> usize {
        let first = self.layers.first();
        first.map_or(0, |layer| layer.to_k_ip.weight.lazy_shape()[1])
    }

    /// Width of the queries of every layer, in the order of use.
    pub fn widths(&self) -> Vec<usize> {
        let width = |layer: &IdentityProjection| layer.to_k_ip.weight.lazy_shape()[0];
        self.layers.iter().map(width).collect()
    }
}

impl IdentityProjection {
    /// What there is to find in the tokens; they stay, so once is enough.
    ///
    /// # Shapes
    /// - `tokens`: `[b, n, token_width]`
    /// - returns `[b, n, width]` each
    pub fn key_value(&self, tokens: Tensor<3>) -> KeyValue {
        KeyValue {
            key: self.to_k_ip.forward(tokens.clone()),
            value: self.to_v_ip.forward(tokens),
        }
    }
}

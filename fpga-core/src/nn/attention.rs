//! Multi-head attention over tokens (Vaswani et al. 2017, eq. 1).
//!
//! Letters: `b` batch, `n` queries, `m` keys, `heads`, `d` width of one head.

use burn::module::Module;
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor, module, ops::AttentionModuleOptions};

use super::linear::Linear;
use super::param::{cast_to, sum_type};
use crate::kernels::tensor as kernels;

/// Which keys a query may look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All of them.
    Full,
    /// Those at or before its own position.
    Causal,
}

/// `softmax(Q Kᵀ / √d) V` for each head.
///
/// # Shapes
/// - `query`: `[b, n, heads·d]`; `key` and `value`: `[b, m, heads·d]`
/// - returns `[b, n, heads·d]`
pub fn attend(
    query: Tensor<3>,
    key: Tensor<3>,
    value: Tensor<3>,
    heads: usize,
    reach: Reach,
) -> Tensor<3> {
    let causal = reach == Reach::Causal;
    if let Some(output) = kernels::attend([&query, &key, &value], heads, causal) {
        return output;
    }
    let [batch, queries, width] = query.dims();
    let split = |tokens: Tensor<3>| {
        let [_, length, _] = tokens.dims();
        tokens
            .reshape([batch, length, heads, width / heads])
            .swap_dims(1, 2)
    };
    // Burn scales the scores; scores of halves that are not yet scaled may leave their range.
    let halves = sum_type(query.dtype()) != query.dtype();
    let (query, scale) = match halves {
        true => (query / ((width / heads) as f64).sqrt(), Some(1.0)),
        false => (query, None),
    };
    let options = AttentionModuleOptions {
        scale,
        is_causal: causal,
        ..Default::default()
    };
    module::attention(split(query), split(key), split(value), None, None, options)
        .swap_dims(1, 2)
        .reshape([batch, queries, width])
}

/// Attention with its four projections, as the UNet and the VAE store it.
#[derive(Module, Debug)]
pub struct Attention {
    /// `[width, query_width]`
    pub to_q: Linear,
    /// `[width, context_width]`
    pub to_k: Linear,
    /// `[width, context_width]`
    pub to_v: Linear,
    /// `[query_width, width]`
    pub to_out: Linear,
    #[module(skip)]
    heads: usize,
}

/// Sizes of an [`Attention`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttentionConfig {
    /// Width of the tokens that ask, and of the result.
    pub query_width: usize,
    /// Width of the tokens that are looked at.
    pub context_width: usize,
    /// Number of heads; divides `query_width`.
    pub heads: usize,
    /// Whether query, key and value projections have biases (the VAE's do, the UNet's do not).
    pub input_bias: bool,
}

impl AttentionConfig {
    /// Zero until weights are loaded.
    pub fn init(&self, device: &Device) -> Attention {
        let project = |inputs| match self.input_bias {
            true => Linear::new(inputs, self.query_width, device),
            false => Linear::without_bias(inputs, self.query_width, device),
        };
        Attention {
            to_q: project(self.query_width),
            to_k: project(self.context_width),
            to_v: project(self.context_width),
            to_out: Linear::new(self.query_width, self.query_width, device),
            heads: self.heads,
        }
    }
}

/// Keys and values of one attention layer.
#[derive(Clone, Debug)]
pub struct KeyValue {
    /// `[b, m, heads·d]`
    pub key: Tensor<3>,
    /// `[b, m, heads·d]`
    pub value: Tensor<3>,
}

impl Attention {
    /// What there is to find in `context`; for a context that stays, once is enough.
    ///
    /// # Shapes
    /// - `context`: `[b, m, context_width]`
    pub fn key_value(&self, context: Tensor<3>) -> KeyValue {
        let key = self.to_k.forward(context.clone());
        KeyValue {
            key,
            value: self.to_v.forward(context),
        }
    }

    /// What `tokens` ask.
    ///
    /// # Shapes
    /// - `tokens`: `[b, n, query_width]`
    pub fn query(&self, tokens: Tensor<3>) -> Tensor<3> {
        self.to_q.forward(tokens)
    }

    /// What there is for `query` in `context`.
    ///
    /// # Shapes
    /// - `query` and result: `[b, n, heads·d]`
    pub fn find(&self, query: Tensor<3>, context: KeyValue) -> Tensor<3> {
        attend(query, context.key, context.value, self.heads, Reach::Full)
    }

    /// How `query` divides its attention among the keys.
    ///
    /// # Shapes
    /// - `query`: `[b, n, heads·d]`; `key`: `[b, m, heads·d]`
    /// - returns `[b, heads, n, m]`
    pub fn shares(&self, query: Tensor<3>, key: Tensor<3>) -> Tensor<4> {
        let split = |tokens: Tensor<3>| {
            let [batch, length, width] = tokens.dims();
            tokens
                .reshape([batch, length, self.heads, width / self.heads])
                .swap_dims(1, 2)
        };
        let exact = sum_type(query.dtype());
        let [query, key] = [query, key].map(|tokens| split(cast_to(tokens, exact)));
        let scale = 1.0 / (query.dims()[3] as f64).sqrt();
        softmax(query.matmul(key.swap_dims(2, 3)) * scale, 3)
    }

    /// What was found, in the tokens' own terms, added to `residual`.
    ///
    /// # Shapes
    /// - `found`: `[b, n, heads·d]`; `residual` and result: `[b, n, query_width]`
    pub fn answer(&self, found: Tensor<3>, residual: Tensor<3>) -> Tensor<3> {
        self.to_out.forward_added(found, residual)
    }

    /// What `tokens` find, added to `residual`.
    ///
    /// # Shapes
    /// - `tokens`, `residual` and result: `[b, n, query_width]`
    pub fn forward_added(
        &self,
        tokens: Tensor<3>,
        context: KeyValue,
        residual: Tensor<3>,
    ) -> Tensor<3> {
        let found = self.find(self.query(tokens), context);
        self.answer(found, residual)
    }
}

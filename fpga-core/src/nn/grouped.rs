//! Attention to several groups of tokens at once, each with its own softmax and its own weight per query.
//!
//! Letters: `b` batch, `n` queries, `g` groups, `m` keys of all groups, `d` width of one head.

use burn::tensor::{Tensor, activation};

use super::attention::KeyValue;
use super::param::{cast_to, sum_type};
use crate::kernels::tensor::{self as kernels, GroupParts};

/// Groups of keys and values that queries may look at.
#[derive(Clone, Debug)]
pub struct Groups<'a> {
    /// All groups, one after the other: `[b, m, heads·d]`.
    pub key_value: &'a KeyValue,
    /// Keys of each group; `g` numbers whose sum is `m`.
    pub lengths: &'a [usize],
    /// What each query takes of each group: `[b or 1, g, n]`.
    pub weights: &'a Tensor<3>,
}

/// `base + Σ_g w_g ⊙ softmax(Q K_gᵀ / √d) V_g` for each head.
///
/// A query that takes nothing of any group keeps the bits of `base`.
///
/// # Shapes
/// - `base`, `query` and result: `[b, n, heads·d]`
pub fn attend_groups(
    base: Tensor<3>,
    query: Tensor<3>,
    groups: &Groups<'_>,
    heads: usize,
) -> Tensor<3> {
    let parts = GroupParts {
        key: &groups.key_value.key,
        value: &groups.key_value.value,
        lengths: groups.lengths,
        weights: groups.weights,
    };
    if let Some(output) = kernels::attend_groups([&base, &query], parts, heads) {
        return output;
    }
    let [batch, queries, width] = query.dims();
    let split = |tokens: Tensor<3>| {
        let [_, length, _] = tokens.dims();
        tokens
            .reshape([batch, length, heads, width / heads])
            .swap_dims(1, 2)
    };
    let KeyValue { key, value } = groups.key_value.clone();
    let (dtype, exact) = (query.dtype(), sum_type(query.dtype()));
    let query = split(query / ((width / heads) as f64).sqrt());
    let scores = cast_to(query.matmul(split(key).swap_dims(2, 3)), exact);
    let mut shares = Vec::with_capacity(groups.lengths.len());
    let mut start = 0;
    for (group, &length) in groups.lengths.iter().enumerate() {
        let weight = groups.weights.clone().narrow(1, group, 1);
        let weight = cast_to(weight.unsqueeze_dim::<4>(3), exact);
        let own = scores.clone().narrow(3, start, length);
        shares.push(activation::softmax(own, 3) * weight);
        start += length;
    }
    let found = cast_to(Tensor::cat(shares, 3), dtype).matmul(split(value));
    base + found.swap_dims(1, 2).reshape([batch, queries, width])
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};
    use rand_mt::Mt64;

    use super::*;
    use crate::nn::{Reach, attend};

    struct Draw(Mt64);

    impl Draw {
        fn tensor<const D: usize>(&mut self, shape: [usize; D], device: &Device) -> Tensor<D> {
            let mut one = || (self.0.next_u64() >> 40) as f32 / (1u64 << 22) as f32 - 2.0;
            let values: Vec<f32> = (0..shape.iter().product()).map(|_| one()).collect();
            Tensor::from_data(TensorData::new(values, shape), device)
        }
    }

    /// Base, query, keys and values, weights of three groups of 4, 1 and 18 keys for each of two rows; a
    /// third of the weights are 0.
    fn example(device: &Device) -> (Tensor<3>, Tensor<3>, KeyValue, Tensor<3>) {
        let mut draw = Draw(Mt64::new(5));
        let (batch, queries, width) = (2, 75, 24);
        let base = draw.tensor([batch, queries, width], device);
        let query = draw.tensor([batch, queries, width], device);
        let key = draw.tensor([batch, 23, width], device);
        let value = draw.tensor([batch, 23, width], device);
        let weights = draw.tensor::<3>([2, 3, queries], device).clamp_min(-0.7) + 0.7;
        (base, query, KeyValue { key, value }, weights)
    }

    fn run(device: &Device) -> Vec<f32> {
        let (base, query, key_value, weights) = example(device);
        let groups = Groups {
            key_value: &key_value,
            lengths: &[4, 1, 18],
            weights: &weights,
        };
        values(attend_groups(base, query, &groups, 3))
    }

    fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().iter::<f32>().collect()
    }

    fn assert_close(found: &[f32], expected: &[f32]) {
        let square = |values: &mut dyn Iterator<Item = f32>| values.map(|v| v * v).sum::<f32>();
        let gap = square(&mut found.iter().zip(expected).map(|(a, b)| a - b));
        let error = (gap / square(&mut expected.iter().copied())).sqrt();
        assert!(error < 2e-6, "relative L2 error {error:.1e}");
    }

    #[test]
    fn one_pass_equals_one_attention_per_group() {
        let device = Device::flex();
        let (base, query, key_value, weights) = example(&device);
        let mut expected = base;
        let mut start = 0;
        for (group, length) in [4, 1, 18].into_iter().enumerate() {
            let part = |tokens: &Tensor<3>| tokens.clone().narrow(1, start, length);
            let (key, value) = (part(&key_value.key), part(&key_value.value));
            let found = attend(query.clone(), key, value, 3, Reach::Full);
            let weight = weights.clone().narrow(1, group, 1).swap_dims(1, 2);
            expected = expected + found * weight;
            start += length;
        }
        assert_close(&run(&device), &values(expected));
    }

    #[test]
    fn what_gets_nothing_keeps_its_bits() {
        let device = Device::flex();
        let (base, query, key_value, weights) = example(&device);
        let silent = weights.clone().sum_dim(1).into_data();
        let silent: Vec<bool> = silent.iter::<f32>().map(|sum| sum == 0.0).collect();
        assert!(silent.contains(&true) && silent.contains(&false));
        let found = run(&device);
        let base_values = values(base.clone());
        for (place, (found, base)) in found.iter().zip(&base_values).enumerate() {
            let unchanged = found.to_bits() == base.to_bits();
            assert_eq!(unchanged, silent[place / 24], "value {place}");
        }
        let groups = Groups {
            key_value: &key_value,
            lengths: &[4, 1, 18],
            weights: &weights.zeros_like(),
        };
        assert_eq!(values(attend_groups(base, query, &groups, 3)), base_values);
    }

    /// Devices that have no kernel for it compute the same.
    #[cfg(feature = "train")]
    #[test]
    fn ordinary_operations_equal_the_kernel() {
        assert_close(&run(&Device::flex().autodiff()), &run(&Device::flex()));
    }
}

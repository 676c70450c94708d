use proptest::prelude::*;

use super::*;
use crate::kernels::oracle::{Numbers, check};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn equals_the_naive_sum(
        batch in 1usize..3, heads in 1usize..4, queries in 1usize..70, keys in 1usize..100,
        width in 1usize..100, causal: bool, seed: u64,
    ) {
        compare(Attention { batch, queries, keys, heads, width, causal }, seed, 1.0);
    }
}

#[test]
fn widths_of_the_models_and_several_blocks_of_keys() {
    for (width, queries, keys) in [
        (40, 300, 600),
        (64, 77, 77),
        (80, 60, 300),
        (160, 33, 81),
        (512, 20, 270),
    ] {
        let causal = queries == keys;
        compare(
            Attention {
                batch: 1,
                queries,
                keys,
                heads: 2,
                width,
                causal,
            },
            7,
            1.0,
        );
    }
    compare(
        Attention {
            batch: 1,
            queries: 520,
            keys: 520,
            heads: 1,
            width: 8,
            causal: true,
        },
        8,
        1.0,
    );
}

#[test]
fn large_scores_do_not_overflow() {
    let sizes = Attention {
        batch: 1,
        queries: 30,
        keys: 300,
        heads: 2,
        width: 40,
        causal: false,
    };
    compare(sizes, 9, 30.0);
}

#[test]
fn scores_may_rise_from_block_to_block() {
    let sizes = Attention {
        batch: 1,
        queries: 70,
        keys: 600,
        heads: 2,
        width: 40,
        causal: false,
    };
    let mut numbers = Numbers::new(10);
    let [query, mut key, value] = [70, 600, 600].map(|length| numbers.take(length * 2 * 40));
    for (place, value) in key.iter_mut().enumerate() {
        *value *= [1.0, 30.0, 40.0, 0.1, 300.0][place / (2 * 40) / KEYS];
    }
    compare_with(&sizes, [&query, &key, &value], 1e-3);
}

fn compare(sizes: Attention, seed: u64, strength: f32) {
    let Attention {
        batch,
        queries,
        keys,
        heads,
        width,
        ..
    } = sizes;
    let mut numbers = Numbers::new(seed);
    let mut query = numbers.take(batch * queries * heads * width);
    query.iter_mut().for_each(|value| *value *= strength);
    let key = numbers.take(batch * keys * heads * width);
    let value = numbers.take(key.len());
    let allowed = 2e-6 * f64::from(strength.max(1.0));
    compare_with(&sizes, [&query, &key, &value], allowed);
}

fn compare_with(sizes: &Attention, [query, key, value]: [&[f32]; 3], allowed: f64) {
    let expected = naive(sizes, query, key, value);
    for level in Level::available() {
        let mut out = vec![f32::NAN; query.len()];
        sizes.run_at(level, [query, key, value], &mut out);
        check(level.name(), &out, &expected, allowed);
    }
}

pub(super) fn naive(sizes: &Attention, query: &[f32], key: &[f32], value: &[f32]) -> Vec<f64> {
    let width = sizes.width;
    let mut out = vec![0.0; query.len()];
    for head in 0..sizes.batch * sizes.heads {
        for row in 0..sizes.queries {
            let at = sizes.place(head, sizes.queries, row);
            let visible = if sizes.causal {
                sizes.keys.min(row + 1)
            } else {
                sizes.keys
            };
            let places: Vec<usize> = (0..visible)
                .map(|k| sizes.place(head, sizes.keys, k))
                .collect();
            let score = |&place: &usize| {
                let pairs = query[at..at + width].iter().zip(&key[place..place + width]);
                pairs
                    .map(|(q, k)| f64::from(*q) * f64::from(*k))
                    .sum::<f64>()
                    / (width as f64).sqrt()
            };
            let scores: Vec<f64> = places.iter().map(score).collect();
            let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = scores.iter().map(|s| (s - top).exp()).sum();
            for (score, place) in scores.iter().zip(places) {
                for i in 0..width {
                    out[at + i] += (score - top).exp() / total * f64::from(value[place + i]);
                }
            }
        }
    }
    out
}

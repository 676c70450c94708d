//! Folding in is exact, and can be undone.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};

use super::*;
use crate::nn::{SinusoidalEmbedding, randomize, visit_parameters};
use crate::unet::{Conditioning, EncoderConfig, StageConfig, TransformerConfig, UNetConfig};

/// Linear projections round the transformer, or 1×1 convolutions.
fn base(linear_projection: bool) -> UNet {
    let transformer = TransformerConfig {
        heads: 2,
        depth: 2,
        context_width: 6,
        linear_projection,
    };
    let stage = |channels, layers, transformer| StageConfig {
        channels,
        layers,
        transformer,
    };
    let config = UNetConfig {
        encoder: EncoderConfig {
            in_channels: 4,
            stages: vec![stage(8, 1, Some(transformer)), stage(12, 1, None)],
            mid: Some(transformer),
            timestep: SinusoidalEmbedding {
                width: 8,
                cosine_first: true,
                frequency_shift: 0.0,
            },
            time_width: 16,
            added: None,
            norm_groups: 4,
            norm_epsilon: 1e-5,
        },
        up_stages: vec![stage(12, 2, None), stage(8, 2, Some(transformer))],
        out_channels: 4,
    };
    strong(randomize(config.init(&Device::flex()).unwrap(), 3), 5)
}

/// Every value moved, biases and norms too.
fn strong<M: Module>(module: M, seed: usize) -> M {
    let mut place = seed;
    map_parameters(module, |_, stored| {
        let values = stored();
        let shift: Vec<f32> = (0..values.dims()[0])
            .map(|_| {
                place = (place * 7919 + 13) % 100_003;
                place as f32 / 250_007.0 - 0.2
            })
            .collect();
        Some(values + Tensor::from_floats(shift.as_slice(), &Device::flex()))
    })
}

fn encoder() -> ConditionEncoder {
    strong(
        ConditionEncoder::fresh(3, &[4, 6], 8, (9, &Device::flex())),
        1,
    )
}

/// A modality far from its start.
fn trained(base: &UNet, layers: ModalLayers, seed: usize) -> RepControlNet {
    let fresh = RepControlNet::fresh(base, encoder(), layers, 0.1).unwrap();
    let modal = fresh.modal().mapped(|path, values| {
        let step = (path.len() * 31 + seed) % 17;
        let wave = Tensor::arange(0..values.dims()[0] as i64, &values.device()).float();
        values * 3.0 + (wave * (0.7 + step as f64 / 10.0)).sin() * 0.2
    });
    let coefficients = Coefficients {
        alpha: 0.7,
        beta: 1.3,
    };
    RepControlNet::new(encoder(), modal, coefficients).unwrap()
}

fn numbers<const D: usize>(shape: [usize; D], seed: f64) -> Tensor<D> {
    let count = shape.iter().product::<usize>() as i64;
    let wave = Tensor::<1, Int>::arange(0..count, &Device::flex()).float();
    ((wave * 12.9898 + seed).sin() * 1.4).reshape(shape)
}

fn predict(unet: &UNet, encoder: Option<&ConditionEncoder>) -> Tensor<4> {
    let conditioning = Conditioning::text(numbers([2, 5, 6], 1.0));
    let mut prepared = unet.prepare(&conditioning);
    if let Some(encoder) = encoder {
        prepared = prepared.with_hint(encoder.forward(numbers([1, 3, 12, 16], 2.0)));
    }
    let timesteps = Tensor::from_floats([501.0, 3.0], &Device::flex());
    unet.forward(numbers([2, 4, 6, 8], 3.0), timesteps, &prepared, None)
}

fn gap(found: Tensor<4>, expected: Tensor<4>) -> f64 {
    let difference = (found - expected.clone())
        .square()
        .sum()
        .into_scalar::<f32>();
    let size = expected.square().sum().into_scalar::<f32>();
    f64::from(difference / size).sqrt()
}

fn largest_gap(found: &UNet, expected: &UNet) -> f32 {
    let expected = ParameterSet::of(expected, |_| true);
    let mut largest = 0f32;
    visit_parameters(found, |path, _, values| {
        let expected = expected.get(path).unwrap().values.clone();
        let gap = (values() - expected).abs().max().into_scalar::<f32>();
        largest = largest.max(gap);
    });
    largest
}

#[test]
fn a_fresh_modality_equals_the_base() {
    let base = base(false);
    let silent = ConditionEncoder::fresh(3, &[4, 6], 8, (9, &Device::flex()));
    for layers in ModalLayers::ALL {
        let fresh = RepControlNet::fresh(&base, silent.clone(), layers, 0.1).unwrap();
        let merged = fresh.merge(base.clone()).unwrap();
        assert!(gap(predict(&merged, Some(&silent)), predict(&base, None)) < 1e-5);
    }
}

#[test]
fn merged_equals_attached_with_every_kind_of_layer() {
    for linear_projection in [false, true] {
        let base = base(linear_projection);
        for layers in ModalLayers::ALL {
            let net = trained(&base, layers, 1);
            let attached = ModalUNet::attach(base.clone(), &net).unwrap();
            let merged = net.merge(base.clone()).unwrap();
            let encoder = net.encoder();
            let expected = predict(&attached.unet, Some(encoder));
            assert!(gap(predict(&merged, Some(encoder)), expected.clone()) < 1e-5);
            assert!(gap(predict(&base, Some(encoder)), expected.clone()) > 1e-2);
            assert!(gap(predict(&merged, None), expected.clone()) > 1e-2);
            let (folded, _) = attached.clone().merge();
            assert!(gap(predict(&folded, Some(encoder)), expected) < 1e-5);
            assert_eq!(merged.num_params(), base.num_params());
            assert_eq!(folded.num_params(), base.num_params());
            assert_eq!(
                attached.unet.num_params(),
                base.num_params() + net.modal().count()
            );
        }
    }
}

#[test]
fn what_was_attached_comes_off_as_it_was() {
    let base = base(true);
    let net = trained(&base, ModalLayers::Full, 2);
    let attached = ModalUNet::attach(base, &net).unwrap();
    let found = attached.detach().unwrap();
    assert_eq!(found.coefficients(), net.coefficients());
    assert_eq!(found.modal().len(), net.modal().len());
    for ((path, found), (_, expected)) in found.modal().iter().zip(net.modal().iter()) {
        assert_eq!(found.shape, expected.shape, "{path}");
        let gap = (found.values.clone() - expected.values.clone()).abs().max();
        assert!(gap.into_scalar::<f32>() == 0.0, "{path}");
    }
}

#[test]
fn unmerging_and_removing_a_delta_give_the_base_back() {
    let base = base(false);
    let net = trained(&base, ModalLayers::Full, 3);
    let merged = net.merge(base.clone()).unwrap();
    assert!(largest_gap(&merged, &base) > 0.1);
    assert!(largest_gap(&net.unmerge(merged.clone()).unwrap(), &base) < 1e-6);

    let delta = net.delta(&base).unwrap();
    let applied = delta.apply(base.clone(), 1.0).unwrap();
    assert!(largest_gap(&applied, &merged) < 1e-6);
    assert!(largest_gap(&delta.remove(applied, 1.0).unwrap(), &base) < 1e-6);

    // On a fine-tune the same is added.
    let other = strong(base.clone(), 77);
    let tuned = delta.apply(other.clone(), 0.5).unwrap();
    assert!(largest_gap(&tuned, &other) > 0.05);
    assert!(largest_gap(&delta.remove(tuned, 0.5).unwrap(), &other) < 1e-6);
}

#[test]
fn several_modalities_are_summed_with_their_strengths() {
    let base = base(false);
    let (first, second) = (
        trained(&base, ModalLayers::Full, 4),
        trained(&base, ModalLayers::Lite, 5),
    );
    let alone = blend(base.clone(), &[(&first, 1.0)]).unwrap();
    assert!(largest_gap(&alone, &first.merge(base.clone()).unwrap()) < 1e-6);

    let both = blend(base.clone(), &[(&first, 0.5), (&second, 2.0)]).unwrap();
    let step = first
        .delta(&base)
        .unwrap()
        .apply(base.clone(), 0.5)
        .unwrap();
    let expected = second.delta(&base).unwrap().apply(step, 2.0).unwrap();
    assert!(largest_gap(&both, &expected) < 2e-6);
    let none = blend(base.clone(), &[(&first, 0.0), (&second, 0.0)]).unwrap();
    assert_eq!(largest_gap(&none, &base), 0.0);
}

#[test]
fn a_modality_of_another_network_is_refused_by_name() {
    let (convolving, linear) = (base(false), base(true));
    let net = trained(&convolving, ModalLayers::Full, 6);
    let error = net.merge(linear).unwrap_err().to_string();
    assert!(error.contains("proj_in.weight"), "{error}");
    assert!(net.clone().unmerge(convolving).is_ok());
    let flat = Coefficients {
        alpha: 0.0,
        beta: 1.0,
    };
    let forgetful = net.with_coefficients(flat).unwrap();
    assert!(forgetful.unmerge(base(false)).is_err());
}

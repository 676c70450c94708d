//! Gradients through the kernels against those of ordinary operations on the same device.

use burn::tensor::ops::{AttentionModuleOptions, ConvOptions, InterpolateMode, InterpolateOptions};
use burn::tensor::{Device, Tensor, activation, module};
use proptest::prelude::*;

use super::*;
use crate::kernels::oracle::{Numbers, relative_error};
use crate::kernels::tensor::{ConvParts, LinearParts, NormParts};
use crate::kernels::{Activation, Window};

type Leaves = [Tensor<1>];

/// Compares result and gradients of all leaves; `sizes` are their lengths.
fn compare(
    seed: u64,
    sizes: &[usize],
    fused: impl Fn(&Leaves) -> Tensor<1>,
    ordinary: impl Fn(&Leaves) -> Tensor<1>,
) {
    let found = gradients(seed, sizes, fused);
    let expected = gradients(seed, sizes, ordinary);
    for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let expected: Vec<f64> = expected.iter().map(|&value| f64::from(value)).collect();
        let error = relative_error(found, &expected);
        assert!(error <= 1e-5, "leaf {index} of {sizes:?}: {error:.1e}");
    }
}

/// The result, then one gradient per leaf, of a weighted sum of the result.
fn gradients(seed: u64, sizes: &[usize], run: impl Fn(&Leaves) -> Tensor<1>) -> Vec<Vec<f32>> {
    let device = Device::flex().autodiff();
    let mut numbers = Numbers::new(seed);
    let mut tensor = |size: usize| {
        let values = numbers.take(size);
        Tensor::<1>::from_floats(values.as_slice(), &device)
    };
    let leaves: Vec<_> = sizes
        .iter()
        .map(|&size| tensor(size).require_grad())
        .collect();
    let result = run(&leaves);
    let weights = tensor(result.dims()[0]);
    let gradients = (result.clone() * weights).sum().backward();
    let values = |tensor: Tensor<1>| tensor.into_data().try_to_vec::<f32>().expect("f32");
    let of_leaf = |leaf: &Tensor<1>| values(leaf.grad(&gradients).expect("a gradient"));
    let mut all = vec![values(result.inner())];
    all.extend(leaves.iter().map(of_leaf));
    all
}

fn flat<const D: usize>(tensor: Tensor<D>) -> Tensor<1> {
    let length = tensor.dims().iter().product::<usize>();
    tensor.reshape([length])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn linear(
        rows in 1usize..40, inputs in 1usize..70, outputs in 1usize..70, seed: u64, extra: bool,
    ) {
        let sizes = [rows * inputs, inputs * outputs, outputs, rows * outputs];
        let open = |leaves: &Leaves| (
            leaves[0].clone().reshape([1, rows, inputs]),
            leaves[1].clone().reshape([outputs, inputs]),
            leaves[2].clone(),
            leaves[3].clone().reshape([1, rows, outputs]),
        );
        let used = if extra { 4 } else { 2 };
        compare(seed, &sizes[..used], |leaves| {
            let all: Vec<_> = leaves.iter().chain(leaves).cloned().collect();
            if extra {
                let (x, weight, bias, residual) = open(&all);
                let parts = LinearParts { weight: &weight, bias: Some(&bias) };
                flat(multiply(&x, parts, Some(&residual)).expect("served"))
            } else {
                let x = leaves[0].clone().reshape([rows, inputs]);
                let weight = leaves[1].clone().reshape([outputs, inputs]);
                let parts = LinearParts { weight: &weight, bias: None };
                flat(multiply(&x, parts, None).expect("served"))
            }
        }, |leaves| {
            if extra {
                let (x, weight, bias, residual) = open(leaves);
                flat(module::linear(x, weight.transpose(), Some(bias)) + residual)
            } else {
                let x = leaves[0].clone().reshape([rows, inputs]);
                let weight = leaves[1].clone().reshape([outputs, inputs]);
                flat(module::linear(x, weight.transpose(), None))
            }
        });
    }

    #[test]
    fn convolutions(
        batch in 1usize..4, channels in 1usize..40, outputs in 1usize..40,
        height in 3usize..11, width in 3usize..11, kind in 0usize..6, seed: u64, extra: bool,
    ) {
        let (window, enlarge) = [
            (Window::SAME, None),
            (Window::POINT, None),
            (Window { stride: 2, ..Window::SAME }, None),
            (Window { stride: 2, before: 0, ..Window::SAME }, None),
            (Window::SAME, Some([2 * height, 2 * width - 1])),
            (Window { kernel: 5, stride: 1, before: 2, after: 2 }, None),
        ][kind];
        conv([batch, channels, outputs, height, width], window, enlarge, seed, extra);
    }

    #[test]
    fn attentions(
        batch in 1usize..3, heads in 1usize..4, queries in 1usize..150, keys in 1usize..90,
        width in 1usize..50, causal: bool, seed: u64,
    ) {
        let keys = if causal { queries } else { keys };
        let all = heads * width;
        let sizes = [batch * queries * all, batch * keys * all, batch * keys * all];
        let open = |leaves: &Leaves| [(0, queries), (1, keys), (2, keys)]
            .map(|(index, length)| leaves[index].clone().reshape([batch, length, all]));
        compare(seed, &sizes, |leaves| {
            let [q, k, v] = open(leaves);
            flat(attend([&q, &k, &v], heads, causal).expect("served"))
        }, |leaves| {
            let [q, k, v] = open(leaves).map(|tokens| {
                let [batch, length, _] = tokens.dims();
                tokens.reshape([batch, length, heads, width]).swap_dims(1, 2)
            });
            let options = AttentionModuleOptions { is_causal: causal, ..Default::default() };
            flat(module::attention(q, k, v, None, None, options).swap_dims(1, 2))
        });
    }

    #[test]
    fn group_norms(
        batch in 1usize..4, groups in 1usize..5, size in 1usize..12,
        height in 1usize..9, width in 2usize..9, seed: u64, silu: bool,
    ) {
        let channels = groups * size;
        let pixels = height * width;
        // Of two or three values the gradient all but vanishes, and only rounding would be compared.
        prop_assume!(size * pixels >= 16);
        compare(seed, &[batch * channels * pixels, channels, channels], |leaves| {
            let x = leaves[0].clone().reshape([batch, channels, height, width]);
            let parts = NormParts { weight: &leaves[1], bias: &leaves[2], epsilon: 1e-5 };
            let function = silu.then_some(Activation::Silu);
            flat(group_norm(&x, parts, groups, function).expect("served"))
        }, |leaves| {
            let x = leaves[0].clone().reshape([batch, groups, size * pixels]);
            let centered = x.clone() - x.mean_dim(2);
            let variance = centered.clone().square().mean_dim(2);
            let x = (centered / (variance + 1e-5).sqrt()).reshape([batch, channels, pixels]);
            let [scale, shift] = [1, 2].map(|i| leaves[i].clone().reshape([1, channels, 1]));
            let y = x * scale + shift;
            flat(if silu { activation::silu(y) } else { y })
        });
    }

    #[test]
    // As wide as the groups above must be at least.
    fn layer_norms(rows in 1usize..50, width in 16usize..70, seed: u64) {
        compare(seed, &[rows * width, width, width], |leaves| {
            let x = leaves[0].clone().reshape([1, rows, width]);
            let parts = NormParts { weight: &leaves[1], bias: &leaves[2], epsilon: 1e-5 };
            flat(layer_norm(&x, parts).expect("served"))
        }, |leaves| {
            let x = leaves[0].clone().reshape([1, rows, width]);
            flat(module::layer_norm(x, leaves[1].clone(), Some(leaves[2].clone()), 1e-5))
        });
    }

    #[test]
    fn gated(rows in 1usize..40, width in 1usize..70, seed: u64) {
        compare(seed, &[rows * 2 * width], |leaves| {
            flat(gated_gelu(&leaves[0].clone().reshape([1, rows, 2 * width])).expect("served"))
        }, |leaves| {
            let both = leaves[0].clone().reshape([1, rows, 2 * width]);
            let (value, gate) = (both.clone().narrow(2, 0, width), both.narrow(2, width, width));
            flat(value * activation::gelu(gate))
        });
    }

    #[test]
    fn sums_and_joins(
        batch in 1usize..4, left in 1usize..40, right in 1usize..40,
        height in 1usize..9, width in 1usize..9, seed: u64,
    ) {
        let pixels = height * width;
        let sizes = [batch * left * pixels, batch * right * pixels];
        let open = |leaves: &Leaves| [(0, left), (1, right)]
            .map(|(index, channels)| leaves[index].clone().reshape([batch, channels, height, width]));
        compare(seed, &sizes, |leaves| {
            let [a, b] = open(leaves);
            let both = join_channels(&a, &b).expect("served");
            flat(add_maps(&both, &both.clone().square()).expect("served"))
        }, |leaves| {
            let [a, b] = open(leaves);
            let both = Tensor::cat(vec![a, b], 1);
            flat(both.clone() + both.square())
        });
    }
}

fn conv(
    [batch, channels, outputs, height, width]: [usize; 5],
    window: Window,
    enlarge: Option<[usize; 2]>,
    seed: u64,
    extra: bool,
) {
    let kernel = window.kernel;
    let [tall, wide] = enlarge.unwrap_or([height, width]);
    let (rows, columns) = (window.output(tall), window.output(wide));
    let sizes = [
        batch * channels * height * width,
        outputs * channels * kernel * kernel,
        outputs,
        batch * outputs,
        batch * outputs * rows * columns,
    ];
    let open = |leaves: &Leaves| {
        let x = leaves[0].clone().reshape([batch, channels, height, width]);
        let weight = leaves[1]
            .clone()
            .reshape([outputs, channels, kernel, kernel]);
        let added = extra.then(|| {
            let shift = leaves[3].clone().reshape([batch, outputs]);
            let residual = leaves[4].clone().reshape([batch, outputs, rows, columns]);
            (leaves[2].clone(), shift, residual)
        });
        (x, weight, added)
    };
    compare(
        seed,
        &sizes[..if extra { 5 } else { 2 }],
        |leaves| {
            let (x, weight, added) = open(leaves);
            let parts = ConvParts {
                weight: &weight,
                bias: added.as_ref().map(|(bias, _, _)| bias),
                shift: added.as_ref().map(|(_, shift, _)| shift),
                residual: added.as_ref().map(|(_, _, residual)| residual),
                window,
                enlarge,
            };
            flat(convolve(&x, parts).expect("served"))
        },
        |leaves| {
            let (x, weight, added) = open(leaves);
            let x = match enlarge {
                Some(size) => {
                    let nearest = InterpolateOptions::new(InterpolateMode::Nearest);
                    module::interpolate(x, nearest.with_output_size(size))
                }
                None => x,
            };
            let (before, after) = (window.before, window.after);
            let x = x.pad((before, after, before, after), 0.0);
            let options = ConvOptions::new([window.stride; 2], [0; 2], [1; 2], 1);
            let y = module::conv2d(x, weight, None, options);
            flat(match added {
                Some((bias, shift, residual)) => {
                    y + bias.reshape([1, outputs, 1, 1])
                        + shift.reshape([batch, outputs, 1, 1])
                        + residual
                }
                None => y,
            })
        },
    );
}

#[test]
fn large_enough_for_every_kind_of_block() {
    conv([3, 70, 150, 33, 34], Window::SAME, None, 1, true);
    conv([1, 300, 8, 24, 24], Window::POINT, None, 2, false);
}

#[test]
fn activations() {
    type Ordinary = fn(Tensor<1>) -> Tensor<1>;
    let quick: Ordinary = |x| x.clone() * activation::sigmoid(x * 1.702);
    for (function, ordinary) in [
        (Activation::Silu, activation::silu as Ordinary),
        (Activation::Gelu, activation::gelu as Ordinary),
        (Activation::QuickGelu, quick),
    ] {
        compare(
            5,
            &[40_003],
            |leaves| activate(&(leaves[0].clone() * 3.0), function).expect("served"),
            |leaves| ordinary(leaves[0].clone() * 3.0),
        );
    }
}

/// The slope along a random direction, by differences and by gradients.
#[test]
fn differences_agree() {
    let run = |leaves: &Leaves| {
        let x = leaves[0].clone().reshape([2, 3, 16, 1]);
        let weight = leaves[1].clone().reshape([5, 3, 3, 3]);
        let parts = ConvParts {
            weight: &weight,
            bias: None,
            shift: None,
            residual: None,
            window: Window::SAME,
            enlarge: Some([16, 4]),
        };
        let y = convolve(&x, parts).expect("served");
        let norm = NormParts {
            weight: &leaves[2],
            bias: &leaves[3],
            epsilon: 1e-5,
        };
        let y = group_norm(&y, norm, 1, Some(Activation::Silu)).expect("served");
        let y = y.reshape([2, 64, 5]);
        flat(attend([&y, &y, &y], 1, true).expect("served"))
    };
    let sizes = [2 * 3 * 16, 5 * 3 * 9, 5, 5];
    let device = Device::flex().autodiff();
    let mut numbers = Numbers::new(11);
    let base = sizes.map(|size| numbers.take(size));
    let direction = sizes.map(|size| numbers.take(size));
    let weights = numbers.take(2 * 64 * 5);
    let tensor = |values: &[f32]| Tensor::<1>::from_floats(values, &device);
    let value = |step: f64| {
        let leaves: Vec<_> = (0..4)
            .map(|i| {
                let pairs = base[i].iter().zip(&direction[i]);
                let moved: Vec<f32> = pairs.map(|(b, d)| b + step as f32 * d).collect();
                tensor(&moved)
            })
            .collect();
        let result = run(&leaves).into_data().try_to_vec::<f32>().expect("f32");
        let pairs = result.iter().zip(&weights);
        pairs
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum::<f64>()
    };
    let step = 2e-3;
    let expected = (value(step) - value(-step)) / (2.0 * step);

    let leaves: Vec<_> = base
        .iter()
        .map(|values| tensor(values).require_grad())
        .collect();
    let gradients = (run(&leaves) * tensor(&weights)).sum().backward();
    let along = |(leaf, direction): (&Tensor<1>, &Vec<f32>)| {
        let gradient = leaf.grad(&gradients).expect("a gradient");
        let gradient = gradient.into_data().try_to_vec::<f32>().expect("f32");
        let pairs = gradient.iter().zip(direction);
        pairs
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum::<f64>()
    };
    let found: f64 = leaves.iter().zip(&direction).map(along).sum();
    let allowed = 1e-3 * expected.abs().max(1.0);
    assert!(
        (found - expected).abs() <= allowed,
        "{found} and {expected}"
    );
}

#[test]
fn frozen_parents_get_nothing_and_change_nothing() {
    let device = Device::flex().autodiff();
    let mut numbers = Numbers::new(3);
    let mut tensor = |size: usize| Tensor::<1>::from_floats(numbers.take(size).as_slice(), &device);
    let (x, frozen, branch) = (tensor(7 * 20), tensor(30 * 20), tensor(30 * 20));
    let branch = branch.require_grad();
    let weight = (frozen.clone() + branch.clone()).reshape([30, 20]);
    let parts = LinearParts {
        weight: &weight,
        bias: None,
    };
    let rows = x.clone().reshape([7, 20]);
    let y = multiply(&rows, parts, None).expect("served");
    let gradients = y.sum().backward();
    assert!(x.grad(&gradients).is_none() && frozen.grad(&gradients).is_none());
    let found = branch.grad(&gradients).expect("a gradient");
    let expected = rows.inner().sum_dim(0).expand([30, 20]).reshape([600]);
    let difference = (found - expected).abs().max().into_scalar::<f32>();
    assert!(difference < 1e-5, "{difference}");
}

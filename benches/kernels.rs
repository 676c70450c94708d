//! The CPU kernels at the sizes that Stable Diffusion 1.5 gives them.
//!
//! `cargo bench -p fpga-benches --bench kernels -- FILTER`. Threads follow `RAYON_NUM_THREADS`, the
//! instruction set `FPGA_KERNELS`. Compare figures of one run only.

use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use fpga_core::kernels::{
    Activation, Attention, Convolution, GatedLinear, GroupNorm, LayerNorm, Linear, Shape,
    WeightView, Window, geglu, instruction_set, softmax,
};
use half::f16;
use half::slice::HalfFloatSliceExt;

const HALVE: Window = Window {
    kernel: 3,
    stride: 2,
    before: 1,
    after: 1,
};

criterion_group!(
    benches,
    convolutions,
    linears,
    gated_linears,
    attentions,
    elementwise
);
criterion_main!(benches);

fn convolutions(criterion: &mut Criterion) {
    // Batch, side of the picture, channels in and out.
    let sizes = [
        (Window::SAME, [2, 64, 320, 320]),
        (Window::SAME, [2, 32, 640, 640]),
        (Window::SAME, [2, 16, 1280, 1280]),
        (Window::SAME, [2, 8, 1280, 1280]),
        (Window::SAME, [1, 256, 128, 128]),
        (Window::SAME, [2, 64, 4, 320]),
        (Window::SAME, [2, 64, 320, 4]),
        (Window::POINT, [2, 64, 320, 320]),
        (HALVE, [2, 64, 320, 320]),
    ];
    for (window, [batch, side, channels, outputs]) in sizes {
        let shape = Shape {
            batch,
            height: side,
            width: side,
            channels,
        };
        let input = numbers(shape.len());
        let weights = numbers(outputs * channels * window.kernel * window.kernel);
        let mut halves = vec![f16::ZERO; weights.len()];
        halves.convert_from_f32_slice(&weights);
        let views = [
            ("f32", WeightView::F32(&weights)),
            ("f16", WeightView::F16(&halves)),
        ];
        for (storage, weights) in views {
            let conv = Convolution::new(weights, outputs, window);
            let mut out = vec![0.0; conv.output_shape(shape).len()];
            let kernel = format!("{0}x{0}/{1}", window.kernel, window.stride);
            let name = format!("conv {kernel} [{batch},{channels},{side}²]→{outputs} {storage}");
            measure(criterion, &name, || conv.run(&input, shape, &mut out));
        }
    }
}

fn linears(criterion: &mut Criterion) {
    let sizes = [
        [4096, 320, 2560],
        [4096, 1280, 1280],
        [8192, 320, 320],
        [8192, 1280, 320],
        [512, 1280, 10240],
        [154, 768, 1280],
        [2, 1280, 1280],
    ];
    for [rows, inputs, outputs] in sizes {
        let (input, weights) = (numbers(rows * inputs), numbers(inputs * outputs));
        let mut out = vec![0.0; rows * outputs];
        let linear = Linear::new(WeightView::F32(&weights), inputs, outputs);
        let name = format!("linear {rows}×{inputs}→{outputs}");
        measure(criterion, &name, || linear.run(&input, &mut out));
    }
}

fn gated_linears(criterion: &mut Criterion) {
    for [rows, inputs, outputs] in [[8192, 320, 1280], [512, 1280, 5120]] {
        let (input, weights) = (numbers(rows * inputs), numbers(2 * inputs * outputs));
        let mut out = vec![0.0; rows * outputs];
        let linear = GatedLinear {
            weights: WeightView::F32(&weights),
            bias: None,
            inputs,
            outputs,
        };
        let name = format!("gated linear {rows}×{inputs}→{outputs}");
        measure(criterion, &name, || linear.run(&input, &mut out));
    }
}

fn attentions(criterion: &mut Criterion) {
    let sizes = [
        [2, 8, 4096, 4096, 40],
        [2, 8, 4096, 77, 40],
        [2, 8, 1024, 1024, 80],
        [2, 8, 256, 256, 160],
        [1, 1, 4096, 4096, 512],
    ];
    for [batch, heads, queries, keys, width] in sizes {
        let attention = Attention {
            batch,
            queries,
            keys,
            heads,
            width,
            causal: false,
        };
        let query = numbers(batch * queries * heads * width);
        let key = numbers(batch * keys * heads * width);
        let value = numbers(key.len());
        let mut out = vec![0.0; query.len()];
        let name = format!("attention [{batch},{heads},{queries},{width}] keys {keys}");
        measure(criterion, &name, || {
            attention.run(&query, &key, &value, &mut out);
        });
    }
}

fn elementwise(criterion: &mut Criterion) {
    let shape = Shape {
        batch: 2,
        height: 64,
        width: 64,
        channels: 320,
    };
    let (weight, bias) = (numbers(320), numbers(320));
    let input = numbers(2 * 4096 * 2560);
    let mut out = vec![0.0; 16 << 20];
    let norm = GroupNorm {
        weight: &weight,
        bias: &bias,
        groups: 32,
        epsilon: 1e-5,
        activation: Some(Activation::Silu),
    };
    let size = shape.len();
    measure(criterion, "group norm + SiLU [2,320,64²]", || {
        norm.run(&input[..size], shape, &mut out[..size]);
    });
    let norm = LayerNorm {
        weight: &weight,
        bias: &bias,
        epsilon: 1e-5,
    };
    measure(criterion, "layer norm [2,4096,320]", || {
        norm.run(&input[..size], &mut out[..size]);
    });
    let size = input.len() / 2;
    measure(criterion, "GEGLU [2,4096,2560]", || {
        geglu(&input, 1280, &mut out[..size]);
    });
    for activation in [Activation::Silu, Activation::Gelu] {
        measure(criterion, &format!("{activation:?} [2,4096,1280]"), || {
            activation.run(&input[..size], &mut out[..size]);
        });
    }
    measure(criterion, "softmax [16,1024,1024]", || {
        softmax(&input[..16 << 20], 1024, &mut out);
    });
}

fn measure(criterion: &mut Criterion, name: &str, mut work: impl FnMut()) {
    let mut group = criterion.benchmark_group(instruction_set());
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.bench_function(name, |bencher| bencher.iter(&mut work));
    group.finish();
}

/// Repeatable numbers between −½ and ½.
fn numbers(count: usize) -> Vec<f32> {
    let mut state = 1u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state as f32 / u32::MAX as f32 - 0.5
    };
    (0..count).map(next).collect()
}

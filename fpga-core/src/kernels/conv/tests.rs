use proptest::prelude::*;

use super::*;
use crate::kernels::oracle::{self, Numbers, check, in_all_types};

const HALVE: Window = Window {
    kernel: 3,
    stride: 2,
    before: 1,
    after: 1,
};
const HALVE_AT_END: Window = Window {
    kernel: 3,
    stride: 2,
    before: 0,
    after: 1,
};
const PATCH: Window = Window {
    kernel: 4,
    stride: 4,
    before: 0,
    after: 0,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn equals_the_naive_sum(
        batch in 1usize..3, height in 1usize..12, width in 1usize..12,
        channels in 1usize..40, outputs in 1usize..40, kind in 0usize..5, seed: u64, extras: bool,
    ) {
        let window = [Window::SAME, Window::SAME, Window::POINT, HALVE, HALVE_AT_END][kind];
        compare(Shape { batch, height, width, channels }, outputs, window, None, seed, extras);
    }

    #[test]
    fn enlarges_to_any_size_first(
        height in 1usize..6, width in 1usize..6, more in 0usize..7,
        channels in 10usize..20, seed: u64,
    ) {
        let shape = Shape { batch: 2, height, width, channels };
        let size = Some([height + more, 2 * width]);
        compare(shape, 20, Window::SAME, size, seed, true);
    }
}

#[test]
fn many_channels_and_tiles() {
    compare(
        Shape {
            batch: 2,
            height: 6,
            width: 5,
            channels: 330,
        },
        70,
        Window::SAME,
        None,
        1,
        true,
    );
    compare(
        Shape {
            batch: 1,
            height: 50,
            width: 47,
            channels: 16,
        },
        33,
        Window::SAME,
        None,
        2,
        false,
    );
    compare(
        Shape {
            batch: 2,
            height: 21,
            width: 18,
            channels: 70,
        },
        70,
        HALVE,
        None,
        3,
        true,
    );
    compare(
        Shape {
            batch: 2,
            height: 16,
            width: 12,
            channels: 3,
        },
        40,
        PATCH,
        None,
        4,
        true,
    );
}

#[test]
fn more_than_one_batch_of_tiles() {
    let shape = Shape {
        batch: 1,
        height: 92,
        width: 91,
        channels: 340,
    };
    compare(shape, 5, Window::SAME, None, 5, true);
}

#[test]
#[should_panic(expected = "number of weights")]
fn refuses_weights_of_another_size() {
    let shape = Shape {
        batch: 1,
        height: 2,
        width: 2,
        channels: 3,
    };
    let conv = Convolution::new(WeightView::F32(&[0.0; 26]), 1, Window::SAME);
    conv.run(&[0.0; 12], shape, &mut [0.0; 4]);
}

fn compare(
    shape: Shape,
    outputs: usize,
    window: Window,
    enlarge: Option<[usize; 2]>,
    seed: u64,
    extras: bool,
) {
    let mut numbers = Numbers::new(seed);
    let x = numbers.take(shape.len());
    let w = numbers.take(outputs * shape.channels * window.kernel * window.kernel);
    let size = Convolution {
        enlarge,
        ..Convolution::new(WeightView::F32(&w), outputs, window)
    }
    .output_shape(shape);
    let (bias, shift) = (numbers.take(outputs), numbers.take(shape.batch * outputs));
    let residual = numbers.take(size.len());
    in_all_types(&w, |weights, values| {
        let conv = Convolution {
            bias: Some(&bias),
            shift: extras.then_some(&shift),
            residual: extras.then_some(&residual),
            enlarge,
            ..Convolution::new(weights, outputs, window)
        };
        let expected = oracle::convolution(&conv, values, &x, shape);
        for level in Level::available() {
            let mut out = vec![f32::NAN; size.len()];
            conv.run_at(level, &x, shape, &mut out);
            check(level.name(), &out, &expected, 2e-5);
        }
    });
}

//! One training step of a small UNet on the CPU: forward, mean squared error, backward.
//!
//! `cargo bench -p fpga-benches --features train --bench training`. Threads follow `RAYON_NUM_THREADS`.

use burn::tensor::Device;
use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use fpga_benches::TrainingStep;

criterion_group!(benches, steps);
criterion_main!(benches);

fn steps(criterion: &mut Criterion) {
    let step = TrainingStep::new(&Device::flex()).expect("the configuration is compiled in");
    let name = format!("step of {:.1} M parameters", step.parameters() as f64 / 1e6);
    let mut group = criterion.benchmark_group("training");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.bench_function("forward only", |bencher| bencher.iter(|| step.forward()));
    group.bench_function(name, |bencher| bencher.iter(|| step.forward().backward()));
    group.finish();
}

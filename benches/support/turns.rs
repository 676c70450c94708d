//! Runs that take turns, so that a slow minute of the machine hits all of them.

use std::fmt;
use std::hint::black_box;
use std::time::Instant;

use burn::tensor::Tensor;

/// What is timed side by side; the first is what the others are compared with.
#[derive(Default)]
pub struct Turns<'a> {
    runs: Vec<(String, Box<dyn FnMut() + 'a>)>,
}

/// Seconds of every run of every turn.
pub struct Timings(Vec<(String, Vec<f64>)>);

impl<'a> Turns<'a> {
    /// Adds something that makes a tensor; it is done when its values are there.
    #[must_use]
    pub fn and<const D: usize>(
        mut self,
        name: impl Into<String>,
        mut run: impl FnMut() -> Tensor<D> + 'a,
    ) -> Self {
        let run = move || {
            black_box(run().sum().into_scalar::<f32>());
        };
        self.runs.push((name.into(), Box::new(run)));
        self
    }

    /// Takes `count` turns, after one that warms caches and does not count.
    pub fn take(mut self, count: usize) -> Timings {
        let names = self.runs.iter().map(|(name, _)| (name.clone(), Vec::new()));
        let mut timings: Vec<_> = names.collect();
        for turn in 0..=count {
            for ((_, run), (_, seconds)) in self.runs.iter_mut().zip(&mut timings) {
                let start = Instant::now();
                run();
                if turn > 0 {
                    seconds.push(start.elapsed().as_secs_f64());
                }
            }
        }
        Timings(timings)
    }
}

impl fmt::Display for Timings {
    /// Median and range, and the median of each turn's ratio to the first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<34} {:>24} {:>7}", "", "seconds (min-max)", "ratio")?;
        let Some((_, first)) = self.0.first() else {
            return Ok(());
        };
        for (name, seconds) in &self.0 {
            let least = seconds.iter().copied().fold(f64::MAX, f64::min);
            let most = seconds.iter().copied().fold(0.0, f64::max);
            let spread = format!("{:.3} ({least:.3}-{most:.3})", median(seconds));
            let ratios: Vec<_> = seconds.iter().zip(first).map(|(a, b)| a / b).collect();
            writeln!(f, "{name:<34} {spread:>24} {:>7.3}", median(&ratios))?;
        }
        Ok(())
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() % 2 {
        0 => (sorted[middle - 1] + sorted[middle]) / 2.0,
        _ => sorted[middle],
    }
}

//! Where on the training schedule the steps of a sampler lie (Lin et al. 2023, table 2).
//!
//! `leading` starts below the noisiest timestep, `trailing` ends above the cleanest, `linspace`
//! holds both ends. All lists are noisiest first. Halves are rounded to even, as NumPy does.

use serde::{Deserialize, Serialize};

/// Where the steps lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimestepSpacing {
    /// Multiples of the stride, counted from 0.
    Leading,
    /// Multiples of the stride, counted from the noisiest timestep.
    Trailing,
    /// Evenly from the noisiest timestep to 0.
    Linspace,
}

impl TimestepSpacing {
    /// `count` whole timesteps out of `train`; `offset` is added to the leading ones.
    pub fn whole(self, train: usize, count: usize, offset: i64) -> Vec<f64> {
        match self {
            Self::Linspace => rounded(self.fractional(train, count, offset)),
            Self::Leading | Self::Trailing => self.fractional(train, count, offset),
        }
    }

    /// The same, with fractions left in the `linspace` timesteps.
    pub fn fractional(self, train: usize, count: usize, offset: i64) -> Vec<f64> {
        match self {
            Self::Leading => multiples(train / count, count, offset),
            Self::Trailing => countdown(train, train as f64 / count as f64),
            Self::Linspace => {
                let mut timesteps = linspace(0.0, (train - 1) as f64, count);
                timesteps.reverse();
                timesteps
            }
        }
    }

    /// The steps of a solver that also counts the clean end as a point: `count + 1` points over the
    /// first `reach` of `train` timesteps, the clean one left out.
    pub fn without_clean_end(
        self,
        train: usize,
        reach: usize,
        count: usize,
        offset: i64,
    ) -> Vec<f64> {
        match self {
            Self::Leading => {
                let mut timesteps = multiples(reach / (count + 1), count + 1, offset);
                timesteps.pop();
                timesteps
            }
            Self::Trailing => countdown(reach, train as f64 / count as f64),
            Self::Linspace => {
                let mut timesteps = linspace(0.0, (reach - 1) as f64, count + 1);
                timesteps.reverse();
                timesteps.pop();
                rounded(timesteps)
            }
        }
    }
}

/// `count` evenly spaced numbers from `first` to `last`, both included; one number is `first`.
pub(super) fn linspace(first: f64, last: f64, count: usize) -> Vec<f64> {
    let gaps = count.saturating_sub(1);
    let step = (last - first) / gaps.max(1) as f64;
    let value = |index| {
        if index == gaps && gaps > 0 {
            last
        } else {
            index as f64 * step + first
        }
    };
    (0..count).map(value).collect()
}

fn multiples(stride: usize, count: usize, offset: i64) -> Vec<f64> {
    let timestep = |index| (index * stride) as f64 + offset as f64;
    (0..count).rev().map(timestep).collect()
}

/// `round(from − i·stride) − 1` down to 0.
///
/// `stride` is a fraction that may not divide `from` in floating point; a point that only rounding
/// errors keep from being the (excluded) zero is left out.
fn countdown(from: usize, stride: f64) -> Vec<f64> {
    let from = from as f64;
    // The step as NumPy's `arange` derives it from its first two values.
    let step = (from - stride) - from;
    (0..)
        .map(|index| from + f64::from(index) * step)
        .take_while(|&point| point > 1e-6)
        .map(|point| point.round_ties_even() - 1.0)
        .collect()
}

fn rounded(timesteps: Vec<f64>) -> Vec<f64> {
    timesteps.into_iter().map(f64::round_ties_even).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_steps_of_each_spacing() {
        let ends = |timesteps: Vec<f64>| (timesteps.len(), timesteps[0], timesteps[9]);
        assert_eq!(
            ends(TimestepSpacing::Leading.whole(1000, 10, 1)),
            (10, 901.0, 1.0)
        );
        assert_eq!(
            ends(TimestepSpacing::Trailing.whole(1000, 10, 1)),
            (10, 999.0, 99.0)
        );
        assert_eq!(
            ends(TimestepSpacing::Linspace.whole(1000, 10, 1)),
            (10, 999.0, 0.0)
        );
    }

    #[test]
    fn trailing_never_steps_below_zero() {
        for count in 1..=1000 {
            let timesteps = TimestepSpacing::Trailing.whole(1000, count, 0);
            assert_eq!(timesteps.len(), count);
            assert!(
                timesteps.iter().all(|&timestep| timestep >= 0.0),
                "{count} steps"
            );
        }
    }
}

//! How fast to learn at which step.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// Rises in a straight line, then stays or falls.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LearningRate {
    /// The highest.
    pub peak: f64,
    /// Steps until it is reached.
    pub warm_up: u64,
    /// What follows.
    pub course: Course,
}

/// What the rate does after it has risen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Course {
    /// It stays.
    Constant,
    /// It falls along half a cosine to this share of the peak, at the last step.
    Cosine {
        /// 0 to 1.
        least: f64,
    },
}

impl LearningRate {
    /// The same rate from the first step to the last.
    pub const fn constant(peak: f64) -> Self {
        Self {
            peak,
            warm_up: 0,
            course: Course::Constant,
        }
    }

    /// The rate of `step`, counted from 0, of `steps`.
    pub fn at(&self, step: u64, steps: u64) -> f64 {
        if step < self.warm_up {
            return self.peak * (step + 1) as f64 / self.warm_up as f64;
        }
        match self.course {
            Course::Constant => self.peak,
            Course::Cosine { least } => {
                let way = (steps.saturating_sub(self.warm_up + 1)).max(1) as f64;
                let share = ((step - self.warm_up) as f64 / way).min(1.0);
                self.peak * (least + (1.0 - least) * 0.5 * (1.0 + (PI * share).cos()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rises_then_falls_to_its_least() {
        let rate = LearningRate {
            peak: 2.0,
            warm_up: 4,
            course: Course::Cosine { least: 0.1 },
        };
        let found: Vec<f64> = (0..15).map(|step| rate.at(step, 15)).collect();
        assert_eq!(found[..4], [0.5, 1.0, 1.5, 2.0]);
        assert_eq!(found[4], 2.0);
        assert!((found[9] - 1.1).abs() < 1e-12, "{}", found[9]);
        assert!((found[14] - 0.2).abs() < 1e-12);
        assert!(found[4..].windows(2).all(|pair| pair[1] < pair[0]));
        assert_eq!(LearningRate::constant(3.0).at(99, 100), 3.0);
    }
}

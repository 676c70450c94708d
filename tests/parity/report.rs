//! The verdict on each tensor, and the line that is printed for it.

use std::fmt;

use super::tensors::{Array, Tensors};

/// One line per output, and per expected tensor that was not produced.
#[derive(Clone, Debug)]
pub struct Report {
    /// In the order of the outputs; what is missing comes last.
    pub lines: Vec<Line>,
}

/// What became of one tensor.
#[derive(Clone, Debug)]
pub struct Line {
    /// Name of the output.
    pub name: String,
    /// Its shape; the expected one where there is no output.
    pub shape: Vec<usize>,
    /// How it compares.
    pub verdict: Verdict,
}

/// How an output compares with the reference's.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Both have the same shape and finite values.
    Compared {
        /// Largest absolute difference.
        max_abs: f64,
        /// `‖output − expected‖ / ‖expected‖`.
        relative_l2: f64,
        /// Whether `relative_l2` is within the tolerance.
        within: bool,
    },
    /// The reference did not compute this output.
    NotCompared,
    /// The output has another shape than the reference's.
    OtherShape {
        /// The reference's shape.
        expected: Vec<usize>,
    },
    /// The output holds NaN or infinity.
    NotFinite,
    /// The reference computed it, and this run did not.
    Missing,
}

impl Report {
    /// Compares every output; without `expected`, only that values are finite.
    pub fn compare(outputs: &Tensors, expected: Option<&Tensors>, rtol: f64) -> Self {
        let line = |(name, array): (&str, &Array), verdict| Line {
            name: name.to_owned(),
            shape: array.shape.clone(),
            verdict,
        };
        let wanted = |name| expected.and_then(|expected| expected.get(name));
        let produced = outputs.iter().map(|(name, output)| {
            let verdict = judge(output, wanted(name), rtol);
            line((name, output), verdict)
        });
        let missing = expected
            .into_iter()
            .flat_map(Tensors::iter)
            .filter(|(name, _)| outputs.get(name).is_none())
            .map(|entry| line(entry, Verdict::Missing));
        Self {
            lines: produced.chain(missing).collect(),
        }
    }

    /// Whether every tensor passed.
    pub fn passed(&self) -> bool {
        self.lines.iter().all(|line| line.verdict.passed())
    }
}

fn judge(output: &Array, expected: Option<&Array>, rtol: f64) -> Verdict {
    if output.values.iter().any(|value| !value.is_finite()) {
        return Verdict::NotFinite;
    }
    let Some(expected) = expected else {
        return Verdict::NotCompared;
    };
    if output.shape != expected.shape {
        return Verdict::OtherShape {
            expected: expected.shape.clone(),
        };
    }
    let pairs = || output.values.iter().zip(&expected.values);
    let max_abs = pairs().fold(0.0, |worst: f64, (a, b)| worst.max((a - b).abs()));
    let difference = pairs().map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
    let size = expected.values.iter().map(|b| b * b).sum::<f64>().sqrt();
    // Where all expected values are zero, nothing but zero is right.
    let relative_l2 = if difference == 0.0 {
        0.0
    } else {
        difference / size
    };
    Verdict::Compared {
        max_abs,
        relative_l2,
        within: relative_l2 <= rtol,
    }
}

impl Verdict {
    /// Whether nothing is wrong.
    pub fn passed(&self) -> bool {
        matches!(
            self,
            Self::Compared { within: true, .. } | Self::NotCompared
        )
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {}", self.name, self.shape, self.verdict)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compared {
                max_abs,
                relative_l2,
                within,
            } => {
                let word = if *within { "ok" } else { "FAILED" };
                write!(
                    f,
                    "max abs {max_abs:.3e}, relative L2 {relative_l2:.3e}: {word}"
                )
            }
            Self::NotCompared => write!(f, "not compared: ok"),
            Self::OtherShape { expected } => write!(f, "expected shape {expected:?}: FAILED"),
            Self::NotFinite => write!(f, "holds NaN or infinity: FAILED"),
            Self::Missing => write!(f, "expected, but not produced: FAILED"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensors(entries: &[(&str, &[usize], &[f64])]) -> Tensors {
        let mut all = Tensors::default();
        for &(name, shape, values) in entries {
            let (shape, values) = (shape.to_vec(), values.to_vec());
            all.push(name, Array { shape, values });
        }
        all
    }

    #[test]
    fn every_way_to_be_wrong_fails_under_its_name() {
        let expected = tensors(&[("a", &[2], &[3.0, 4.0])]);
        let passes = |outputs: &Tensors| {
            let report = Report::compare(outputs, Some(&expected), 1e-2);
            assert!(report.lines.iter().any(|line| line.name == "a"));
            report.passed()
        };
        assert!(passes(&tensors(&[("a", &[2], &[3.0, 4.049])])));
        assert!(!passes(&tensors(&[("a", &[2], &[3.0, 4.051])])));
        assert!(!passes(&tensors(&[("a", &[2, 1], &[3.0, 4.0])])));
        assert!(!passes(&tensors(&[("a", &[2], &[3.0, f64::NAN])])));
        assert!(!passes(&tensors(&[("b", &[2], &[3.0, 4.0])])));
    }

    #[test]
    fn an_extra_output_passes_unless_it_is_not_finite() {
        let report = |value| Report::compare(&tensors(&[("a", &[1], &[value])]), None, 0.0);
        assert!(report(1.0).passed());
        assert!(!report(f64::INFINITY).passed());
    }

    #[test]
    fn nothing_but_zero_equals_zero() {
        let expected = tensors(&[("a", &[1], &[0.0])]);
        let report =
            |value| Report::compare(&tensors(&[("a", &[1], &[value])]), Some(&expected), 1.0);
        assert!(report(0.0).passed());
        assert!(!report(1e-30).passed());
    }
}

//! Whether a restored face is good enough to replace the original.

use std::fmt;

use image::RgbImage;
use serde::Serialize;

use super::person::Likeness;
use crate::error::{Error, Result};
use crate::face::FaceMask;

/// Limits beyond which the original is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gate {
    /// Largest seam, in CIEDE2000; a restored face that differs more from its surroundings would
    /// show its outline.
    pub max_seam_delta_e: f64,
    /// Smallest sharpness after / before; below it the face got blurred.
    pub min_sharpness_gain: f64,
    /// Smallest gain in cosine with the person's own face, where that is measured; below it the face
    /// got less like the person.
    pub min_likeness_gain: f64,
}

impl Default for Gate {
    /// Seams up to 10, no more than half of the sharpness lost, no likeness lost.
    fn default() -> Self {
        Self {
            max_seam_delta_e: 10.0,
            min_sharpness_gain: 0.5,
            min_likeness_gain: 0.0,
        }
    }
}

impl Gate {
    /// Lets everything through that is finite.
    pub const OPEN: Self = Self {
        max_seam_delta_e: f64::INFINITY,
        min_sharpness_gain: 0.0,
        min_likeness_gain: f64::NEG_INFINITY,
    };

    pub(super) fn check(&self) -> Result<()> {
        let limits = [
            ("max_seam_delta_e", self.max_seam_delta_e),
            ("min_sharpness_gain", self.min_sharpness_gain),
        ];
        for (what, limit) in limits {
            if limit.is_nan() || limit < 0.0 {
                return Err(Error::invalid(
                    what,
                    format!("needs 0 or more, found {limit}"),
                ));
            }
        }
        if self.min_likeness_gain.is_nan() {
            let why = "needs a number, found NaN";
            return Err(Error::invalid("min_likeness_gain", why));
        }
        Ok(())
    }

    pub(super) fn judge(&self, measured: &Measured) -> Verdict {
        let &Measured {
            seam_delta_e,
            sharpness,
            likeness,
        } = measured;
        let seam = seam_delta_e.unwrap_or(0.0);
        if seam > self.max_seam_delta_e {
            let limit = self.max_seam_delta_e;
            return Verdict::Kept(KeptReason::Seam { found: seam, limit });
        }
        let least = self.min_sharpness_gain * sharpness.before;
        if sharpness.after < least {
            let found = sharpness.after / sharpness.before;
            return Verdict::Kept(KeptReason::Blurred {
                found,
                limit: self.min_sharpness_gain,
            });
        }
        if let Some(Likeness { before, after }) = likeness
            && after - before < self.min_likeness_gain
        {
            let limit = self.min_likeness_gain;
            return Verdict::Kept(KeptReason::LessLike {
                before,
                after,
                limit,
            });
        }
        Verdict::Accepted
    }
}

/// What a restored face is judged by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    pub(super) seam_delta_e: Option<f64>,
    pub(super) sharpness: Sharpness,
    pub(super) likeness: Option<Likeness>,
}

/// What became of a face.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is in the picture.
    Accepted,
    /// The original stayed, byte for byte.
    Kept(KeptReason),
}

/// Why an original stayed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum KeptReason {
    /// The depth is less than one step.
    NoSteps,
    /// No pixel may change.
    EmptyMask,
    /// A network produced NaN or infinity.
    NotFinite {
        /// What held it.
        what: String,
    },
    /// The restored face differs too much from its surroundings.
    Seam {
        /// Mean CIEDE2000 along the seam.
        found: f64,
        /// The gate's.
        limit: f64,
    },
    /// The restored face is less sharp than the original.
    Blurred {
        /// Sharpness after / before.
        found: f64,
        /// The gate's.
        limit: f64,
    },
    /// The restored face is less like the person than the original.
    LessLike {
        /// Cosine of the original with the person.
        before: f64,
        /// Cosine of the restored face with the person.
        after: f64,
        /// The gate's, for the gain.
        limit: f64,
    },
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => write!(f, "accepted"),
            Self::Kept(reason) => write!(f, "kept the original: {reason}"),
        }
    }
}

impl fmt::Display for KeptReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSteps => write!(f, "the depth is less than one step"),
            Self::EmptyMask => write!(f, "the mask is empty"),
            Self::NotFinite { what } => write!(f, "{what} holds NaN or infinity"),
            Self::Seam { found, limit } => write!(f, "seam of ΔE {found:.1}, limit {limit:.1}"),
            Self::Blurred { found, limit } => {
                write!(
                    f,
                    "sharpness fell to {found:.2} of the original's, limit {limit:.2}"
                )
            }
            Self::LessLike {
                before,
                after,
                limit,
            } => {
                write!(
                    f,
                    "likeness went from {before:.3} to {after:.3}, needed a gain of {limit:.3}"
                )
            }
        }
    }
}

/// Mean absolute Laplacian of the luma inside the mask, in levels: how much fine detail there is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Sharpness {
    /// Of the original.
    pub before: f64,
    /// Of the restored face.
    pub after: f64,
}

impl Sharpness {
    pub(super) fn measure(before: &RgbImage, after: &RgbImage, mask: &FaceMask) -> Self {
        Self {
            before: detail(before, mask),
            after: detail(after, mask),
        }
    }
}

fn detail(picture: &RgbImage, mask: &FaceMask) -> f64 {
    let (right, bottom) = (
        i64::from(picture.width()) - 1,
        i64::from(picture.height()) - 1,
    );
    let luma = |x: i64, y: i64| {
        let pixel = picture.get_pixel(x.clamp(0, right) as u32, y.clamp(0, bottom) as u32);
        let [red, green, blue] = pixel.0.map(f64::from);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    };
    let (mut sum, mut count) = (0.0, 0usize);
    for (x, y, _) in mask.covered().filter(|(.., weight)| *weight >= 0.5) {
        let (x, y) = (i64::from(x), i64::from(y));
        let around = luma(x - 1, y) + luma(x + 1, y) + luma(x, y - 1) + luma(x, y + 1);
        sum += (4.0 * luma(x, y) - around).abs();
        count += 1;
    }
    if count == 0 { 0.0 } else { sum / count as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::{CropPlan, CropSettings, FaceBox, MaskShape};

    #[test]
    fn judges_by_seam_then_by_sharpness() {
        let gate = Gate::default();
        let judge = |gate: Gate, seam_delta_e, after| {
            gate.judge(&Measured {
                seam_delta_e,
                sharpness: Sharpness { before: 8.0, after },
                likeness: None,
            })
        };
        assert_eq!(judge(gate, Some(9.9), 4.0), Verdict::Accepted);
        assert_eq!(judge(gate, None, 80.0), Verdict::Accepted);
        let seam = judge(gate, Some(10.5), 8.0);
        assert_eq!(
            seam.to_string(),
            "kept the original: seam of ΔE 10.5, limit 10.0"
        );
        let blurred = judge(gate, Some(1.0), 3.0).to_string();
        assert!(
            blurred.ends_with("sharpness fell to 0.38 of the original's, limit 0.50"),
            "{blurred}"
        );
        assert_eq!(judge(Gate::OPEN, Some(1e9), 0.0), Verdict::Accepted);
        assert!(
            Gate {
                max_seam_delta_e: f64::NAN,
                ..gate
            }
            .check()
            .is_err()
        );
    }

    #[test]
    fn a_face_that_gets_less_like_the_person_stays() {
        let judge = |gate: Gate, before, after| {
            gate.judge(&Measured {
                seam_delta_e: None,
                sharpness: Sharpness {
                    before: 1.0,
                    after: 1.0,
                },
                likeness: Some(Likeness { before, after }),
            })
        };
        let gate = Gate::default();
        assert_eq!(judge(gate, 0.2, 0.2), Verdict::Accepted);
        assert_eq!(judge(gate, -0.2, 0.1), Verdict::Accepted);
        let kept = judge(gate, 0.5, 0.25).to_string();
        assert!(kept.ends_with("likeness went from 0.500 to 0.250, needed a gain of 0.000"));
        let wanted = Gate {
            min_likeness_gain: 0.2,
            ..gate
        };
        assert!(matches!(judge(wanted, 0.5, 0.6), Verdict::Kept(_)));
        assert_eq!(judge(wanted, 0.5, 0.75), Verdict::Accepted);
        assert_eq!(judge(Gate::OPEN, 1.0, -1.0), Verdict::Accepted);
    }

    #[test]
    fn sharpness_counts_detail_inside_the_mask_only() {
        let flat = RgbImage::from_pixel(40, 40, image::Rgb([100; 3]));
        let dot = |x, y| {
            let mut picture = flat.clone();
            picture.put_pixel(x, y, image::Rgb([110; 3]));
            picture
        };
        let face = FaceBox::new(10.0, 10.0, 30.0, 30.0).unwrap();
        let plan = CropPlan::new([40, 40], &face, None, &CropSettings::default()).unwrap();
        let mask = FaceMask::new(&plan, MaskShape::Box(&face), 0.0).unwrap();
        let inside = mask.covered().filter(|(.., weight)| *weight >= 0.5).count() as f64;
        let found = Sharpness::measure(&dot(2, 2), &dot(20, 20), &mask);
        assert_eq!(found.before, 0.0);
        assert!((found.after - 80.0 / inside).abs() < 1e-9, "{found:?}");
    }
}

//! Whether a restored face is good enough to replace the original.

use std::fmt;

use image::RgbImage;
use serde::Serialize;

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
}

impl Default for Gate {
    /// Seams up to 10, no more than half of the sharpness lost.
    fn default() -> Self {
        Self {
            max_seam_delta_e: 10.0,
            min_sharpness_gain: 0.5,
        }
    }
}

impl Gate {
    /// Lets everything through that is finite.
    pub const OPEN: Self = Self {
        max_seam_delta_e: f64::INFINITY,
        min_sharpness_gain: 0.0,
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
        Ok(())
    }

    pub(super) fn judge(&self, seam_delta_e: Option<f64>, sharpness: Sharpness) -> Verdict {
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
        Verdict::Accepted
    }
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
        let sharp = |after| Sharpness { before: 8.0, after };
        assert_eq!(gate.judge(Some(9.9), sharp(4.0)), Verdict::Accepted);
        assert_eq!(gate.judge(None, sharp(80.0)), Verdict::Accepted);
        let seam = gate.judge(Some(10.5), sharp(8.0));
        assert_eq!(
            seam.to_string(),
            "kept the original: seam of ΔE 10.5, limit 10.0"
        );
        let blurred = gate.judge(Some(1.0), sharp(3.0)).to_string();
        assert!(
            blurred.ends_with("sharpness fell to 0.38 of the original's, limit 0.50"),
            "{blurred}"
        );
        assert_eq!(Gate::OPEN.judge(Some(1e9), sharp(0.0)), Verdict::Accepted);
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

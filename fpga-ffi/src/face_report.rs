//! `fpga_face_report`: what became of one face of a restoration.

use fpga_core::face::Assigned;
use fpga_core::pipeline::{FaceReport, KeptReason, Verdict};

use crate::growing::Growing;
use crate::person_report::number;
use crate::restoration_report::evidence;

/// What became of a face.
///
/// Verdicts are only ever appended: treat one that you do not know as "the original was kept".
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum fpga_verdict {
    /// The restored face is in the picture.
    Accepted = 1,
    /// Original kept: the depth is less than one step.
    KeptNoSteps = 2,
    /// Original kept: no pixel may change.
    KeptEmptyMask = 3,
    /// Original kept: a network produced NaN or infinity.
    KeptNotFinite = 4,
    /// Original kept: the restored face differs too much from its surroundings.
    KeptSeam = 5,
    /// Original kept: the restored face is less sharp than the original.
    KeptBlurred = 6,
    /// Original kept for a reason that has no number of its own; the report names it.
    KeptOther = 7,
    /// Original kept: the restored face is less like the person than the original.
    KeptLessLike = 8,
}

impl From<&Verdict> for fpga_verdict {
    fn from(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Accepted => Self::Accepted,
            Verdict::Kept(KeptReason::NoSteps) => Self::KeptNoSteps,
            Verdict::Kept(KeptReason::EmptyMask) => Self::KeptEmptyMask,
            Verdict::Kept(KeptReason::NotFinite { .. }) => Self::KeptNotFinite,
            Verdict::Kept(KeptReason::Seam { .. }) => Self::KeptSeam,
            Verdict::Kept(KeptReason::Blurred { .. }) => Self::KeptBlurred,
            Verdict::Kept(KeptReason::LessLike { .. }) => Self::KeptLessLike,
            Verdict::Kept(_) => Self::KeptOther,
        }
    }
}

/// What became of one face. Numbers that were not measured are NaN.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fpga_face_report {
    /// Size of this struct.
    pub struct_size: usize,
    /// Seed of its fresh noise.
    pub seed: u64,
    /// Pixels that could change.
    pub covered_pixels: u64,
    /// Pixels that did.
    pub changed_pixels: u64,
    /// PSNR in dB of the plain way to noise and back, at most 100.
    pub round_trip_psnr: f64,
    /// Relative L2 error of the latents of the same.
    pub round_trip_latent_error: f64,
    /// Mean CIEDE2000 between old and new picture along the seam.
    pub seam_delta_e: f64,
    /// Mean absolute Laplacian of the luma inside the mask, of the original.
    pub sharpness_before: f64,
    /// The same of the restored face.
    pub sharpness_after: f64,
    /// Seconds that this face took.
    pub seconds: f64,
    /// One of `fpga_verdict`.
    pub verdict: u32,
    /// Steps made, each way.
    pub steps: u32,
    /// What the verdict was made by: seam, sharpness after / before, or gain of likeness.
    pub verdict_found: f64,
    /// The limit that it was compared with.
    pub verdict_limit: f64,
    /// Cosine of the original with the person that the face was to show.
    pub likeness_before: f64,
    /// The same of the restored face.
    pub likeness_after: f64,
    /// What colour matching changed: mean red, green and blue around the mask, in levels of 0 to 255.
    pub colour_shift: [f64; 3],
    /// What colour matching changed: factors of the spread of red, green and blue.
    pub colour_gain: [f64; 3],
    /// From pixels of the crop to pixels of the picture, with pixel centres at one half: with this as `m`,
    /// `x' = m[0] * x + m[1] * y + m[2]` and `y' = m[3] * x + m[4] * y + m[5]`.
    pub crop_to_picture: [f64; 6],
    /// Side of the crop in the picture's pixels.
    pub crop_side: f64,
    /// Degrees by which the crop is turned.
    pub crop_angle: f64,
    /// How the person of a search was found: intersection / union of a place, or a cosine.
    pub evidence_value: f64,
    /// Left, top, right and bottom edge of the face, as given or found.
    pub r#box: [f32; 4],
    /// Side of the crop in the model's pixels.
    pub crop_size: u32,
    /// Number of the face: that of the request, or of the search's order.
    pub index: u32,
    /// Whose it is: a place in the list of the search's people. Read only if `has_person` is 1.
    pub person: u32,
    /// 1 if the search says whose it is, 0 if nobody in particular was sought.
    pub has_person: u32,
    /// One of `fpga_evidence`; 0 if `has_person` is 0.
    pub evidence: u32,
    /// 0.
    pub reserved: u32,
}

/// Not measured.
const NOT: f64 = f64::NAN;

// SAFETY: `repr(C)`, `struct_size` first, floats and integers.
unsafe impl Growing for fpga_face_report {
    const NAME: &'static str = "fpga_face_report";
    const FIRST_SIZE: usize = size_of::<usize>() + 9 * 8 + 8;

    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            seed: 0,
            covered_pixels: 0,
            changed_pixels: 0,
            round_trip_psnr: f64::NAN,
            round_trip_latent_error: f64::NAN,
            seam_delta_e: f64::NAN,
            sharpness_before: f64::NAN,
            sharpness_after: f64::NAN,
            seconds: 0.0,
            verdict: 0,
            steps: 0,
            verdict_found: NOT,
            verdict_limit: NOT,
            likeness_before: NOT,
            likeness_after: NOT,
            colour_shift: [NOT; 3],
            colour_gain: [NOT; 3],
            crop_to_picture: [0.0; 6],
            crop_side: 0.0,
            crop_angle: 0.0,
            evidence_value: NOT,
            r#box: [0.0; 4],
            crop_size: 0,
            index: 0,
            person: 0,
            has_person: 0,
            evidence: 0,
            reserved: 0,
        }
    }
}

/// What a verdict was made by, and its limit.
fn figures(verdict: &Verdict) -> (f64, f64) {
    match *verdict {
        Verdict::Kept(KeptReason::Seam { found, limit } | KeptReason::Blurred { found, limit }) => {
            (found, limit)
        }
        Verdict::Kept(KeptReason::LessLike {
            before,
            after,
            limit,
        }) => (after - before, limit),
        _ => (NOT, NOT),
    }
}

impl fpga_face_report {
    /// A face, and whose the search says that it is.
    pub(crate) fn new(face: &FaceReport, assigned: Option<Assigned>) -> Self {
        let measured = |value: Option<f64>| value.unwrap_or(NOT);
        let (verdict_found, verdict_limit) = figures(&face.verdict);
        let [across, down] = face.crop.to_picture.rows;
        let by = assigned.map(|assigned| evidence(assigned.by));
        Self {
            struct_size: size_of::<Self>(),
            seed: face.seed,
            covered_pixels: face.covered_pixels as u64,
            changed_pixels: face.changed_pixels as u64,
            round_trip_psnr: measured(face.round_trip.map(|trip| trip.psnr)),
            round_trip_latent_error: measured(face.round_trip.map(|trip| trip.latent_error)),
            seam_delta_e: measured(face.seam_delta_e),
            sharpness_before: measured(face.sharpness.map(|sharpness| sharpness.before)),
            sharpness_after: measured(face.sharpness.map(|sharpness| sharpness.after)),
            seconds: face.seconds,
            verdict: fpga_verdict::from(&face.verdict) as u32,
            steps: number(face.steps),
            verdict_found,
            verdict_limit,
            likeness_before: measured(face.likeness.map(|likeness| likeness.before)),
            likeness_after: measured(face.likeness.map(|likeness| likeness.after)),
            colour_shift: face.colour.map_or([NOT; 3], |colour| colour.shift),
            colour_gain: face.colour.map_or([NOT; 3], |colour| colour.gain),
            crop_to_picture: [across[0], across[1], across[2], down[0], down[1], down[2]],
            crop_side: face.crop.side,
            crop_angle: face.crop.angle,
            evidence_value: measured(by.map(|(_, value)| value)),
            r#box: face.region.edges(),
            crop_size: face.crop.size,
            index: number(face.face),
            person: assigned.map_or(0, |assigned| number(assigned.identity)),
            has_person: u32::from(assigned.is_some()),
            evidence: by.map_or(0, |(kind, _)| kind as u32),
            reserved: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use fpga_core::face::{Affine, ColourShift, Evidence, FaceBox};
    use fpga_core::pipeline::{CropReport, Likeness, RoundTrip, Sharpness};

    use super::*;

    fn face() -> FaceReport {
        FaceReport {
            face: 12,
            verdict: Verdict::Accepted,
            region: FaceBox::new(0.0, 1.0, 2.0, 3.0).unwrap(),
            crop: CropReport {
                to_picture: Affine {
                    rows: [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]],
                },
                size: 13,
                side: 14.0,
                angle: 15.0,
            },
            steps: 2,
            seed: 3,
            round_trip: Some(RoundTrip {
                latent_error: 4.0,
                psnr: 5.0,
            }),
            seam_delta_e: Some(6.0),
            sharpness: Some(Sharpness {
                before: 7.0,
                after: 8.0,
            }),
            likeness: Some(Likeness {
                before: 16.0,
                after: 17.0,
            }),
            colour: Some(ColourShift {
                shift: [18.0, 19.0, 20.0],
                gain: [21.0, 22.0, 23.0],
            }),
            covered_pixels: 9,
            changed_pixels: 10,
            seconds: 11.0,
        }
    }

    #[test]
    fn every_field_reaches_the_report() {
        let assigned = Assigned {
            identity: 24,
            by: Evidence::Place(0.25),
        };
        let report = fpga_face_report::new(&face(), Some(assigned));
        assert_eq!([report.index, report.crop_size], [12, 13]);
        let geometry = [report.crop_side, report.crop_angle];
        assert_eq!(geometry, [14.0, 15.0]);
        assert_eq!(report.crop_to_picture, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(report.r#box, [0.0, 1.0, 2.0, 3.0]);
        let likeness = [report.likeness_before, report.likeness_after];
        assert_eq!(likeness, [16.0, 17.0]);
        assert_eq!(report.colour_shift, [18.0, 19.0, 20.0]);
        assert_eq!(report.colour_gain, [21.0, 22.0, 23.0]);
        assert_eq!(
            [report.has_person, report.person, report.evidence],
            [1, 24, 2]
        );
        assert_eq!(report.evidence_value, 0.25);
        assert_eq!(fpga_face_report::new(&face(), None).has_person, 0);
        let counts = [
            u64::from(report.steps),
            report.seed,
            report.covered_pixels,
            report.changed_pixels,
        ];
        assert_eq!(counts, [2, 3, 9, 10]);
        let measures = [
            report.round_trip_latent_error,
            report.round_trip_psnr,
            report.seam_delta_e,
            report.sharpness_before,
            report.sharpness_after,
            report.seconds,
        ];
        assert_eq!(measures, [4.0, 5.0, 6.0, 7.0, 8.0, 11.0]);
    }

    #[test]
    fn every_verdict_has_its_number() {
        let what = String::new();
        let (found, limit) = (1.5, 2.0);
        let less = KeptReason::LessLike {
            before: 0.5,
            after: 2.0,
            limit,
        };
        for (verdict, number) in [
            (Verdict::Accepted, 1),
            (Verdict::Kept(KeptReason::NoSteps), 2),
            (Verdict::Kept(KeptReason::EmptyMask), 3),
            (Verdict::Kept(KeptReason::NotFinite { what }), 4),
            (Verdict::Kept(KeptReason::Seam { found, limit }), 5),
            (Verdict::Kept(KeptReason::Blurred { found, limit }), 6),
            (Verdict::Kept(less), 8),
        ] {
            let report = fpga_face_report::new(&FaceReport { verdict, ..face() }, None);
            assert_eq!(report.verdict, number);
            if number >= 5 {
                assert_eq!((report.verdict_found, report.verdict_limit), (1.5, 2.0));
            }
        }
    }
}

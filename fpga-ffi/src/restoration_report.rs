//! `fpga_restoration_report`: a restoration as a whole, and what its search left alone.

use fpga_core::face::{DropReason, Evidence};
use fpga_core::pipeline::{LeftFace, LeftReason, RestoreReport};

use crate::detection::flat;
use crate::growing::Growing;

/// What says whose a found face is.
///
/// Kinds are only ever appended: be ready for one that you do not know.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum fpga_evidence {
    /// The caller.
    Given = 1,
    /// The person's place, by intersection / union.
    Place = 2,
    /// The face itself, by cosine.
    Likeness = 3,
}

/// The kind and its number.
pub(crate) fn evidence(by: Evidence) -> (fpga_evidence, f64) {
    match by {
        Evidence::Given => (fpga_evidence::Given, f64::NAN),
        Evidence::Place(overlap) => (fpga_evidence::Place, overlap),
        Evidence::Likeness(cosine) => (fpga_evidence::Likeness, cosine),
    }
}

/// Why a face that was found is not worked on.
///
/// Reasons are only ever appended: be ready for one that you do not know.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum fpga_left_reason {
    /// The detector is not sure enough.
    Unsure = 1,
    /// Its box is too small.
    TooSmall = 2,
    /// Its box is too large.
    TooLarge = 3,
    /// There are enough larger ones.
    TooMany = 4,
    /// Its box lies outside the picture.
    Outside = 5,
    /// It is nobody's who is sought.
    Unknown = 6,
}

impl From<LeftReason> for fpga_left_reason {
    fn from(reason: LeftReason) -> Self {
        match reason {
            LeftReason::Filtered(DropReason::Unsure) => Self::Unsure,
            LeftReason::Filtered(DropReason::TooSmall) => Self::TooSmall,
            LeftReason::Filtered(DropReason::TooLarge) => Self::TooLarge,
            LeftReason::Filtered(DropReason::TooMany) => Self::TooMany,
            LeftReason::Outside => Self::Outside,
            LeftReason::Unknown => Self::Unknown,
        }
    }
}

/// A face that was found and is not worked on.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fpga_left_face {
    /// Size of this struct.
    pub struct_size: usize,
    /// Left, top, right and bottom edge in pixels.
    pub r#box: [f32; 4],
    /// Its five points, as in `fpga_face`.
    pub landmarks: [f32; 10],
    /// How sure the detector is: 0 to 1.
    pub score: f32,
    /// 1 if `landmarks` are known, 0 if not.
    pub has_landmarks: u32,
    /// One of `fpga_left_reason`.
    pub reason: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: `repr(C)`, `struct_size` first, floats and integers.
unsafe impl Growing for fpga_left_face {
    const NAME: &'static str = "fpga_left_face";
    const FIRST_SIZE: usize = size_of::<usize>() + 15 * size_of::<f32>() + 12;

    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            r#box: [0.0; 4],
            landmarks: [0.0; 10],
            score: 0.0,
            has_landmarks: 0,
            reason: 0,
            reserved: 0,
        }
    }
}

impl From<&LeftFace> for fpga_left_face {
    fn from(left: &LeftFace) -> Self {
        let face = &left.face;
        Self {
            struct_size: size_of::<Self>(),
            r#box: face.bounds.edges(),
            landmarks: flat(face.landmarks.as_ref()),
            score: face.score,
            has_landmarks: u32::from(face.landmarks.is_some()),
            reason: fpga_left_reason::from(left.reason) as u32,
            reserved: 0,
        }
    }
}

/// A restoration as a whole.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fpga_restoration_report {
    /// Size of this struct.
    pub struct_size: usize,
    /// The seed that was used: the one of the request, or the fresh one. Face `i` used `seed + i`.
    pub seed: u64,
    /// Bytes that differ from the input where no accepted face's mask reaches, counted over the finished
    /// picture: 0.
    pub changed_outside_mask: u64,
    /// Faces that were worked on.
    pub num_faces: u64,
    /// Faces that the search saw; 0 without one.
    pub num_detected: u64,
    /// Faces that the search left alone.
    pub num_left: u64,
    /// People of the search whom no face belongs to.
    pub num_absent: u64,
    /// Seconds from request to picture.
    pub seconds: f64,
    /// Width of the picture.
    pub width: u32,
    /// Height of the picture.
    pub height: u32,
    /// 1 if faces were searched for, 0 if they were given.
    pub searched: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: `repr(C)`, `struct_size` first, floats and integers.
unsafe impl Growing for fpga_restoration_report {
    const NAME: &'static str = "fpga_restoration_report";
    const FIRST_SIZE: usize = size_of::<usize>() + 7 * 8 + 16;

    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            seed: 0,
            changed_outside_mask: 0,
            num_faces: 0,
            num_detected: 0,
            num_left: 0,
            num_absent: 0,
            seconds: 0.0,
            width: 0,
            height: 0,
            searched: 0,
            reserved: 0,
        }
    }
}

impl From<&RestoreReport> for fpga_restoration_report {
    fn from(report: &RestoreReport) -> Self {
        let search = report.search.as_ref();
        Self {
            struct_size: size_of::<Self>(),
            seed: report.seed,
            changed_outside_mask: report.changed_outside_mask as u64,
            num_faces: report.faces.len() as u64,
            num_detected: search.map_or(0, |search| search.detected) as u64,
            num_left: search.map_or(0, |search| search.left.len()) as u64,
            num_absent: search.map_or(0, |search| search.absent.len()) as u64,
            seconds: report.seconds,
            width: report.size[0],
            height: report.size[1],
            searched: u32::from(search.is_some()),
            reserved: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use fpga_core::face::{DetectedFace, FaceBox};
    use fpga_core::pipeline::SearchReport;

    use super::*;

    fn left(reason: LeftReason) -> LeftFace {
        let face = DetectedFace {
            bounds: FaceBox::new(1.0, 2.0, 3.0, 4.0).unwrap(),
            landmarks: None,
            score: 0.5,
        };
        LeftFace { face, reason }
    }

    #[test]
    fn every_reason_has_its_number() {
        for (reason, number) in [
            (LeftReason::Filtered(DropReason::Unsure), 1),
            (LeftReason::Filtered(DropReason::TooSmall), 2),
            (LeftReason::Filtered(DropReason::TooLarge), 3),
            (LeftReason::Filtered(DropReason::TooMany), 4),
            (LeftReason::Outside, 5),
            (LeftReason::Unknown, 6),
        ] {
            let found = fpga_left_face::from(&left(reason));
            assert_eq!(found.reason, number);
            assert_eq!((found.r#box, found.score), ([1.0, 2.0, 3.0, 4.0], 0.5));
        }
    }

    #[test]
    fn every_kind_of_evidence_has_its_number() {
        assert_eq!(evidence(Evidence::Given).0 as u32, 1);
        assert_eq!(evidence(Evidence::Place(0.5)), (fpga_evidence::Place, 0.5));
        let likeness = evidence(Evidence::Likeness(0.25));
        assert_eq!(likeness, (fpga_evidence::Likeness, 0.25));
    }

    #[test]
    fn every_field_reaches_the_report() {
        let report = RestoreReport {
            size: [7, 8],
            seed: 9,
            changed_outside_mask: 10,
            faces: Vec::new(),
            search: Some(SearchReport {
                detected: 11,
                assigned: Vec::new(),
                left: vec![left(LeftReason::Outside)],
                absent: vec![3, 4],
            }),
            seconds: 12.0,
        };
        let found = fpga_restoration_report::from(&report);
        assert_eq!([found.width, found.height, found.searched], [7, 8, 1]);
        let counts = [found.seed, found.changed_outside_mask, found.num_faces];
        assert_eq!(counts, [9, 10, 0]);
        let counts = [found.num_detected, found.num_left, found.num_absent];
        assert_eq!(counts, [11, 1, 2]);
        assert_eq!(found.seconds, 12.0);
    }
}

//! `fpga_restoration`: the restored picture, and the report of what was done.

use std::ffi::c_char;

use fpga_core::pipeline::{FaceReport, KeptReason, Restored, Verdict};

use crate::fault::{Fault, Outcome};
use crate::growing::{self, Growing};
use crate::guard::{guard, release};
use crate::handle::{Handle, borrow};
use crate::image;
use crate::status::fpga_status;
use crate::text::{copy_out, json};
use crate::view::Out;

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
}

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
        }
    }
}

impl From<&FaceReport> for fpga_face_report {
    fn from(face: &FaceReport) -> Self {
        let measured = |value: Option<f64>| value.unwrap_or(f64::NAN);
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
            steps: u32::try_from(face.steps).unwrap_or(u32::MAX),
        }
    }
}

/// The restored picture, and the report of what was done. Nothing in it ever changes.
pub struct fpga_restoration {
    pub(crate) restored: Restored,
}

impl Handle for fpga_restoration {
    const NAME: &'static str = "restoration";
}

impl fpga_restoration {
    fn face(&self, index: usize) -> Outcome<&FaceReport> {
        let faces = &self.restored.report.faces;
        faces
            .get(index)
            .ok_or_else(|| Fault::argument("face", format!("{index} of {} faces", faces.len())))
    }
}

/// Writes the width and height of the picture, which are those of the input.
///
/// Ownership: all pointers are borrowed for the call.
/// Threads: any.
/// NULL: no pointer may be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_restoration_size(
    restoration: *const fpga_restoration,
    width: *mut u32,
    height: *mut u32,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for outputs and a handle.
        let (width, height, restoration) = unsafe {
            (
                Out::new(width, "width")?,
                Out::new(height, "height")?,
                borrow(restoration)?,
            )
        };
        let size = restoration.restored.picture.dimensions();
        width.set(size.0);
        height.set(size.1);
        Ok(())
    })
}

/// Copies the picture as rows of red, green and blue bytes, top row first.
///
/// `stride` is the number of bytes from the start of a row to the start of the next, `capacity` that
/// of the whole buffer: at least `stride * (height - 1) + 3 * width`. Bytes between rows stay as they
/// are.
///
/// Ownership: `pixels` stays the caller's. It may be the memory that the input came from.
/// Threads: any.
/// NULL: no pointer may be NULL.
/// Errors: `FPGA_STATUS_BUFFER_TOO_SMALL`, `FPGA_STATUS_INVALID_ARGUMENT` (a stride below a row),
/// `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_restoration_copy_picture(
    restoration: *const fpga_restoration,
    pixels: *mut u8,
    stride: usize,
    capacity: usize,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for a handle and a buffer.
        unsafe {
            let picture = &borrow(restoration)?.restored.picture;
            image::copy_out(picture, pixels, stride, capacity)
        }
    })
}

/// Writes the seed that was used: the one of the request, or the fresh one.
///
/// Ownership: both pointers are borrowed for the call.
/// Threads: any.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_restoration_seed(
    restoration: *const fpga_restoration,
    seed: *mut u64,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output and a handle.
        let (seed, restoration) = unsafe { (Out::new(seed, "seed")?, borrow(restoration)?) };
        seed.set(restoration.restored.report.seed);
        Ok(())
    })
}

/// Writes how many bytes differ from the input where no accepted face's mask reaches, counted over
/// the finished picture: 0.
///
/// Ownership: both pointers are borrowed for the call.
/// Threads: any.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_restoration_changed_outside_mask(
    restoration: *const fpga_restoration,
    changed: *mut u64,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output and a handle.
        let (changed, restoration) =
            unsafe { (Out::new(changed, "changed")?, borrow(restoration)?) };
        changed.set(restoration.restored.report.changed_outside_mask as u64);
        Ok(())
    })
}

/// Writes the number of faces, which is that of the request.
///
/// Ownership: both pointers are borrowed for the call.
/// Threads: any.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_restoration_num_faces(
    restoration: *const fpga_restoration,
    num_faces: *mut usize,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output and a handle.
        let (count, restoration) =
            unsafe { (Out::new(num_faces, "num_faces")?, borrow(restoration)?) };
        count.set(restoration.restored.report.faces.len());
        Ok(())
    })
}

/// Writes what became of face `face` of the request.
///
/// `size` is `sizeof *report`; it becomes `struct_size`.
///
/// Ownership: both pointers are borrowed for the call.
/// Threads: any.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_INVALID_ARGUMENT` (no such face), `FPGA_STATUS_INVALID_STRUCT_SIZE`,
/// `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_restoration_face_report(
    restoration: *const fpga_restoration,
    face: usize,
    report: *mut fpga_face_report,
    size: usize,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for a handle and a struct of `size` bytes.
        unsafe {
            let found = fpga_face_report::from(borrow(restoration)?.face(face)?);
            growing::write(&found, report, size)
        }
    })
}

/// Copies the verdict on face `face` as a sentence for people, for example
/// `"kept the original: the mask is empty"`.
///
/// With `buffer` NULL and `capacity` 0 it only writes the size to `needed`, the final NUL included.
///
/// Ownership: the text is copied into `buffer`, which stays the caller's.
/// Threads: any.
/// NULL: `restoration` must not be NULL; either `buffer` or `needed` may be, not both.
/// Errors: `FPGA_STATUS_BUFFER_TOO_SMALL` (then only `needed` is written),
/// `FPGA_STATUS_INVALID_ARGUMENT` (no such face), `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_restoration_face_verdict(
    restoration: *const fpga_restoration,
    face: usize,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for a handle, `buffer` and `needed`.
        unsafe {
            let verdict = borrow(restoration)?.face(face)?.verdict.to_string();
            copy_out(&verdict, buffer, capacity, needed)
        }
    })
}

/// Copies the whole report as JSON. Fields are only ever added.
///
/// With `buffer` NULL and `capacity` 0 it only writes the size to `needed`, the final NUL included.
///
/// Ownership: the text is copied into `buffer`, which stays the caller's.
/// Threads: any.
/// NULL: `restoration` must not be NULL; either `buffer` or `needed` may be, not both.
/// Errors: `FPGA_STATUS_BUFFER_TOO_SMALL` (then only `needed` is written),
/// `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_restoration_report_json(
    restoration: *const fpga_restoration,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for a handle, `buffer` and `needed`.
        unsafe {
            let report = json(&borrow(restoration)?.restored.report)?;
            copy_out(&report, buffer, capacity, needed)
        }
    })
}

/// Frees a result.
///
/// Threads: any, but not while another thread still calls with this pointer.
/// NULL: does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_restoration_free(restoration: *mut fpga_restoration) {
    release(restoration);
}

#[cfg(test)]
mod tests {
    use fpga_core::face::{Affine, FaceBox};
    use fpga_core::pipeline::{CropReport, RoundTrip, Sharpness};

    use super::*;

    fn face() -> FaceReport {
        FaceReport {
            face: 0,
            verdict: Verdict::Accepted,
            region: FaceBox::new(0.0, 0.0, 1.0, 1.0).unwrap(),
            crop: CropReport {
                to_picture: Affine::IDENTITY,
                size: 1,
                side: 1.0,
                angle: 0.0,
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
            likeness: None,
            colour: None,
            covered_pixels: 9,
            changed_pixels: 10,
            seconds: 11.0,
        }
    }

    #[test]
    fn every_field_reaches_the_report() {
        let report = fpga_face_report::from(&face());
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
        let (found, limit) = (0.0, 0.0);
        for (verdict, number) in [
            (Verdict::Accepted, 1),
            (Verdict::Kept(KeptReason::NoSteps), 2),
            (Verdict::Kept(KeptReason::EmptyMask), 3),
            (Verdict::Kept(KeptReason::NotFinite { what }), 4),
            (Verdict::Kept(KeptReason::Seam { found, limit }), 5),
            (Verdict::Kept(KeptReason::Blurred { found, limit }), 6),
        ] {
            let report = fpga_face_report::from(&FaceReport { verdict, ..face() });
            assert_eq!(report.verdict, number);
        }
    }
}

//! `fpga_restoration`: the restored picture, and the report of what was done.

use std::ffi::c_char;

use fpga_core::pipeline::{FaceReport, Restored, SearchReport};

use crate::face_report::fpga_face_report;
use crate::fault::{Fault, Outcome};
use crate::growing;
use crate::guard::{guard, release};
use crate::handle::{Handle, borrow};
use crate::image;
use crate::restoration_report::{fpga_left_face, fpga_restoration_report};
use crate::status::fpga_status;
use crate::text::{copy_out, json};
use crate::view::Out;

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

    fn search(&self) -> Outcome<&SearchReport> {
        let given = || Fault::state("faces were given, not searched for");
        self.restored.report.search.as_ref().ok_or_else(given)
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

/// Writes the number of faces that were worked on: those of the request, or those that were found.
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

/// Writes the restoration as a whole.
///
/// `size` is `sizeof *report`; it becomes `struct_size`.
///
/// Ownership: both pointers are borrowed for the call.
/// Threads: any.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_restoration_get_report(
    restoration: *const fpga_restoration,
    report: *mut fpga_restoration_report,
    size: usize,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for a handle and a struct of `size` bytes.
        unsafe {
            let found = fpga_restoration_report::from(&borrow(restoration)?.restored.report);
            growing::write(&found, report, size)
        }
    })
}

/// Writes face `index` of those that the search found and left alone.
///
/// `size` is `sizeof *face`; it becomes `struct_size`.
///
/// Ownership: both pointers are borrowed for the call.
/// Threads: any.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_INVALID_STATE` if faces were given, `FPGA_STATUS_INVALID_ARGUMENT` (no such face),
/// `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_restoration_left_face(
    restoration: *const fpga_restoration,
    index: usize,
    face: *mut fpga_left_face,
    size: usize,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for a handle.
        let left = unsafe { &borrow(restoration)?.search()?.left };
        let absent = || Fault::argument("index", format!("{index} of {} faces", left.len()));
        let found = fpga_left_face::from(left.get(index).ok_or_else(absent)?);
        // SAFETY: the caller's contract for a struct of `size` bytes.
        unsafe { growing::write(&found, face, size) }
    })
}

/// Writes which person of the search is the `index`th whom no face belongs to.
///
/// Ownership: both pointers are borrowed for the call.
/// Threads: any.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_INVALID_STATE` if faces were given, `FPGA_STATUS_INVALID_ARGUMENT` (no such person),
/// `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_restoration_absent_person(
    restoration: *const fpga_restoration,
    index: usize,
    person: *mut usize,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output and a handle.
        let (out, restoration) = unsafe { (Out::new(person, "person")?, borrow(restoration)?) };
        let all = &restoration.search()?.absent;
        let none = || Fault::argument("index", format!("{index} of {} people", all.len()));
        out.set(*all.get(index).ok_or_else(none)?);
        Ok(())
    })
}

/// Writes what became of face `face`, of the request or in the search's order.
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
            let restoration = borrow(restoration)?;
            let search = restoration.restored.report.search.as_ref();
            let assigned = search.and_then(|search| search.assigned.get(face).copied());
            let found = fpga_face_report::new(restoration.face(face)?, assigned.flatten());
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

//! `fpga_generation`: the pictures that were made, and the report of how.

use std::ffi::c_char;

use fpga_core::RgbImage;
use fpga_core::pipeline::{Generated, PersonReport};

use crate::fault::{Fault, Outcome};
use crate::growing::{self, Growing};
use crate::guard::{guard, release};
use crate::handle::{Handle, borrow};
use crate::image;
use crate::person_report::{fpga_person_report, number};
use crate::status::fpga_status;
use crate::text::{copy_out, json};
use crate::view::Out;

/// How pictures were made.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fpga_generation_report {
    /// Size of this struct.
    pub struct_size: usize,
    /// The seed that was used: the one of the request, or the fresh one.
    pub seed: u64,
    /// Seconds from request to pictures.
    pub seconds: f64,
    /// Steps of the schedule.
    pub steps: u32,
    /// Pictures.
    pub num_pictures: u32,
}

// SAFETY: `repr(C)`, `struct_size` first, floats and integers.
unsafe impl Growing for fpga_generation_report {
    const NAME: &'static str = "fpga_generation_report";
    const FIRST_SIZE: usize = size_of::<usize>() + 2 * 8 + 8;

    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            seed: 0,
            seconds: 0.0,
            steps: 0,
            num_pictures: 0,
        }
    }
}

impl From<&Generated> for fpga_generation_report {
    fn from(generated: &Generated) -> Self {
        Self {
            struct_size: size_of::<Self>(),
            seed: generated.seed,
            seconds: generated.seconds,
            steps: number(generated.steps),
            num_pictures: number(generated.pictures.len()),
        }
    }
}

/// The pictures that were made, and the report of how. Nothing in it ever changes.
pub struct fpga_generation {
    pub(crate) generated: Generated,
}

impl Handle for fpga_generation {
    const NAME: &'static str = "generation";
}

impl fpga_generation {
    fn person(&self, picture: usize, person: usize) -> Outcome<&PersonReport> {
        self.picture(picture)?;
        let people = self
            .generated
            .people
            .get(picture)
            .map_or(&[][..], |all| all);
        let absent = || Fault::argument("person", format!("{person} of {} people", people.len()));
        people.get(person).ok_or_else(absent)
    }

    fn picture(&self, index: usize) -> Outcome<&RgbImage> {
        let pictures = &self.generated.pictures;
        let absent = || Fault::argument("index", format!("{index} of {} pictures", pictures.len()));
        pictures.get(index).ok_or_else(absent)
    }
}

/// Writes the number of pictures, which is that of the request.
///
/// Ownership: both pointers are borrowed for the call.
/// Threads: any.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_generation_num_pictures(
    generation: *const fpga_generation,
    num_pictures: *mut usize,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output and a handle.
        let (out, generation) =
            unsafe { (Out::new(num_pictures, "num_pictures")?, borrow(generation)?) };
        out.set(generation.generated.pictures.len());
        Ok(())
    })
}

/// Writes the width and height of picture `index`.
///
/// Ownership: all pointers are borrowed for the call.
/// Threads: any.
/// NULL: no pointer may be NULL.
/// Errors: `FPGA_STATUS_INVALID_ARGUMENT` (no such picture), `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_generation_size(
    generation: *const fpga_generation,
    index: usize,
    width: *mut u32,
    height: *mut u32,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for outputs and a handle.
        let (width, height, generation) = unsafe {
            (
                Out::new(width, "width")?,
                Out::new(height, "height")?,
                borrow(generation)?,
            )
        };
        let size = generation.picture(index)?.dimensions();
        width.set(size.0);
        height.set(size.1);
        Ok(())
    })
}

/// Copies picture `index` as rows of red, green and blue bytes, top row first.
///
/// `stride` is the number of bytes from the start of a row to the start of the next, `capacity` that
/// of the whole buffer: at least `stride * (height - 1) + 3 * width`. Bytes between rows stay as they
/// are.
///
/// Ownership: `pixels` stays the caller's.
/// Threads: any.
/// NULL: no pointer may be NULL.
/// Errors: `FPGA_STATUS_BUFFER_TOO_SMALL`, `FPGA_STATUS_INVALID_ARGUMENT` (no such picture, or a stride
/// below a row), `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_generation_copy_picture(
    generation: *const fpga_generation,
    index: usize,
    pixels: *mut u8,
    stride: usize,
    capacity: usize,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for a handle and a buffer.
        unsafe {
            let picture = borrow(generation)?.picture(index)?;
            image::copy_out(picture, pixels, stride, capacity)
        }
    })
}

/// Writes how the pictures were made.
///
/// `size` is `sizeof *report`; it becomes `struct_size`.
///
/// Ownership: both pointers are borrowed for the call.
/// Threads: any.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_generation_get_report(
    generation: *const fpga_generation,
    report: *mut fpga_generation_report,
    size: usize,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for a handle and a struct of `size` bytes.
        unsafe {
            let found = fpga_generation_report::from(&borrow(generation)?.generated);
            growing::write(&found, report, size)
        }
    })
}

/// Writes how many people the request had.
///
/// Ownership: both pointers are borrowed for the call.
/// Threads: any.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_generation_num_people(
    generation: *const fpga_generation,
    num_people: *mut usize,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output and a handle.
        let (out, generation) =
            unsafe { (Out::new(num_people, "num_people")?, borrow(generation)?) };
        out.set(generation.generated.people.first().map_or(0, Vec::len));
        Ok(())
    })
}

/// Writes what became of a person in picture `picture`; people are numbered as in the request.
///
/// `size` is `sizeof *report`; it becomes `struct_size`.
///
/// Ownership: both pointers are borrowed for the call.
/// Threads: any.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_INVALID_ARGUMENT` (no such picture or person),
/// `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_generation_person_report(
    generation: *const fpga_generation,
    picture: usize,
    person: usize,
    report: *mut fpga_person_report,
    size: usize,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for a handle and a struct of `size` bytes.
        unsafe {
            let found = fpga_person_report::from(borrow(generation)?.person(picture, person)?);
            growing::write(&found, report, size)
        }
    })
}

/// Copies the name that the request gives a person; empty for none.
///
/// With `buffer` NULL and `capacity` 0 it only writes the size to `needed`, the final NUL included.
///
/// Ownership: the text is copied into `buffer`, which stays the caller's.
/// Threads: any.
/// NULL: `generation` must not be NULL; either `buffer` or `needed` may be, not both.
/// Errors: `FPGA_STATUS_BUFFER_TOO_SMALL` (then only `needed` is written),
/// `FPGA_STATUS_INVALID_ARGUMENT` (no such person), `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_generation_person_name(
    generation: *const fpga_generation,
    person: usize,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for a handle, `buffer` and `needed`.
        unsafe {
            let name = &borrow(generation)?.person(0, person)?.name;
            copy_out(
                name.as_deref().unwrap_or_default(),
                buffer,
                capacity,
                needed,
            )
        }
    })
}

/// Copies where a person acted in picture `picture`, bright where strongly: as large as the picture, in
/// the layout of `fpga_generation_copy_picture`. Only if the request said `measure`.
///
/// Ownership: `pixels` stays the caller's.
/// Threads: any.
/// NULL: no pointer may be NULL.
/// Errors: `FPGA_STATUS_INVALID_STATE` if it was not measured; those of
/// `fpga_generation_copy_picture`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_generation_copy_attention(
    generation: *const fpga_generation,
    picture: usize,
    person: usize,
    pixels: *mut u8,
    stride: usize,
    capacity: usize,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for a handle and a buffer.
        unsafe {
            let person = borrow(generation)?.person(picture, person)?;
            let unmeasured = || Fault::state("attention was not measured: set measure");
            let attention = person.attention.as_ref().ok_or_else(unmeasured)?;
            image::copy_out(attention, pixels, stride, capacity)
        }
    })
}

/// Copies the whole report as JSON, people included. Fields are only ever added.
///
/// With `buffer` NULL and `capacity` 0 it only writes the size to `needed`, the final NUL included.
///
/// Ownership: the text is copied into `buffer`, which stays the caller's.
/// Threads: any.
/// NULL: `generation` must not be NULL; either `buffer` or `needed` may be, not both.
/// Errors: `FPGA_STATUS_BUFFER_TOO_SMALL` (then only `needed` is written),
/// `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_generation_report_json(
    generation: *const fpga_generation,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for a handle, `buffer` and `needed`.
        unsafe {
            copy_out(
                &json(&borrow(generation)?.generated)?,
                buffer,
                capacity,
                needed,
            )
        }
    })
}

/// Frees a result.
///
/// Threads: any, but not while another thread still calls with this pointer.
/// NULL: does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_generation_free(generation: *mut fpga_generation) {
    release(generation);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_reaches_the_report() {
        let generated = Generated {
            pictures: vec![RgbImage::new(1, 1); 2],
            seed: 3,
            steps: 4,
            seconds: 5.0,
            people: Vec::new(),
        };
        let report = fpga_generation_report::from(&generated);
        assert_eq!((report.num_pictures, report.seed), (2, 3));
        assert_eq!((report.steps, report.seconds), (4, 5.0));
    }
}

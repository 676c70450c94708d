//! `fpga_generation`: the pictures that were made, and the report of how.

use std::ffi::c_char;

use fpga_core::RgbImage;
use fpga_core::pipeline::{Generated, PersonReport};

use crate::detection::flat;
use crate::fault::{Fault, Outcome};
use crate::growing::{self, Growing};
use crate::guard::{guard, release};
use crate::handle::{Handle, borrow};
use crate::image;
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

/// What became of one person in one picture.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fpga_person_report {
    /// Size of this struct.
    pub struct_size: usize,
    /// Share of the picture that the person's region covers.
    pub coverage: f64,
    /// As in the request.
    pub strength: f64,
    /// As in the request.
    pub window_start: f64,
    /// As in the request.
    pub window_end: f64,
    /// Share of the person's attention inside the own region. With the next two it adds up to 1; all are 0
    /// unless `has_leakage` is 1.
    pub attention_inside: f64,
    /// Share of the person's attention inside the regions of others.
    pub attention_others: f64,
    /// Share of the person's attention where nobody is.
    pub attention_background: f64,
    /// Left, top, right, bottom of the person's region in pixels.
    pub bounds: [u32; 4],
    /// Where the request lists the person.
    pub index: u32,
    /// 1 if attention was measured, 0 if not.
    pub has_leakage: u32,
    /// Cosine of the face at the person's place with the person's own; NaN if that is not known.
    pub cosine: f64,
    /// The face that was found at the person's place: left, top, right, bottom. Read only if `has_face` is 1.
    pub face_box: [f32; 4],
    /// Its five points, as in `fpga_face`. Read only if `has_landmarks` is 1.
    pub face_landmarks: [f32; 10],
    /// How sure the detector is of it: 0 to 1.
    pub face_score: f32,
    /// 1 if someone looked and found a face there, 0 if not.
    pub has_face: u32,
    /// 1 if that face has landmarks, 0 if not.
    pub has_landmarks: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: `repr(C)`, `struct_size` first, floats and integers.
unsafe impl Growing for fpga_person_report {
    const NAME: &'static str = "fpga_person_report";
    const FIRST_SIZE: usize = size_of::<usize>() + 7 * 8 + 6 * 4;

    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            coverage: 0.0,
            strength: 0.0,
            window_start: 0.0,
            window_end: 0.0,
            attention_inside: 0.0,
            attention_others: 0.0,
            attention_background: 0.0,
            bounds: [0; 4],
            index: 0,
            has_leakage: 0,
            cosine: f64::NAN,
            face_box: [0.0; 4],
            face_landmarks: [0.0; 10],
            face_score: 0.0,
            has_face: 0,
            has_landmarks: 0,
            reserved: 0,
        }
    }
}

impl From<&PersonReport> for fpga_person_report {
    fn from(person: &PersonReport) -> Self {
        let leakage = person.leakage.unwrap_or_default();
        let face = person.face.as_ref();
        let landmarks = face.and_then(|face| face.landmarks.as_ref());
        Self {
            struct_size: size_of::<Self>(),
            coverage: person.coverage,
            strength: person.strength,
            window_start: person.window.0,
            window_end: person.window.1,
            attention_inside: leakage.inside,
            attention_others: leakage.others,
            attention_background: leakage.background,
            bounds: person.bounds.map(number),
            index: number(person.index),
            has_leakage: u32::from(person.leakage.is_some()),
            cosine: person.cosine.unwrap_or(f64::NAN),
            face_box: face.map_or([0.0; 4], |face| face.bounds.edges()),
            face_landmarks: flat(landmarks),
            face_score: face.map_or(0.0, |face| face.score),
            has_face: u32::from(face.is_some()),
            has_landmarks: u32::from(landmarks.is_some()),
            reserved: 0,
        }
    }
}

fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
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
    use fpga_core::face::{DetectedFace, FaceBox, Landmarks5};
    use fpga_core::identity::Leakage;

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

    #[test]
    fn every_field_reaches_the_person_report() {
        let plain = PersonReport {
            index: 1,
            name: None,
            bounds: [2, 3, 4, 5],
            coverage: 6.0,
            strength: 7.0,
            window: (8.0, 9.0),
            leakage: None,
            face: None,
            cosine: None,
            attention: None,
        };
        let report = fpga_person_report::from(&plain);
        assert_eq!((report.index, report.bounds), (1, [2, 3, 4, 5]));
        assert_eq!((report.coverage, report.strength), (6.0, 7.0));
        assert_eq!((report.window_start, report.window_end), (8.0, 9.0));
        assert_eq!((report.has_leakage, report.has_face), (0, 0));
        assert!(report.cosine.is_nan());
        let points = [[1.0, 1.0], [3.0, 1.0], [2.0, 2.0], [1.0, 3.0], [3.0, 3.0]];
        let seen = PersonReport {
            leakage: Some(Leakage {
                inside: 0.5,
                others: 0.25,
                background: 0.125,
            }),
            face: Some(DetectedFace {
                bounds: FaceBox::new(0.0, 1.0, 4.0, 5.0).unwrap(),
                landmarks: Some(Landmarks5::new(points).unwrap()),
                score: 0.75,
            }),
            cosine: Some(0.5),
            ..plain
        };
        let report = fpga_person_report::from(&seen);
        let attention = [
            report.attention_inside,
            report.attention_others,
            report.attention_background,
        ];
        assert_eq!(attention, [0.5, 0.25, 0.125]);
        assert_eq!(
            (report.face_box, report.face_score),
            ([0.0, 1.0, 4.0, 5.0], 0.75)
        );
        assert_eq!(report.face_landmarks[8..], [3.0, 3.0]);
        let flags = [report.has_leakage, report.has_face, report.has_landmarks];
        assert_eq!((flags, report.cosine), ([1; 3], 0.5));
    }
}

//! `fpga_detection`: a face that a detector found, and `fpga_detections`, all of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fpga_core::face::{DetectedFace, FaceBox, Landmarks5};

use crate::face::points;
use crate::fault::{Fault, Outcome};
use crate::growing::{self, Growing};
use crate::guard::{guard, release};
use crate::handle::{Handle, borrow};
use crate::status::fpga_status;
use crate::view::{Out, flag};

/// A face that a detector found. Start from `FPGA_DETECTION_INIT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fpga_detection {
    /// Size of this struct.
    pub struct_size: usize,
    /// Left, top, right and bottom edge in pixels; parts may lie outside the picture.
    pub r#box: [f32; 4],
    /// Left eye, right eye, nose tip, left and right mouth corner, as in `fpga_face`.
    pub landmarks: [f32; 10],
    /// How sure the detector is: 0 to 1.
    pub score: f32,
    /// 1 if `landmarks` are set, 0 if the detector gives none.
    pub has_landmarks: u32,
}

// SAFETY: `repr(C)`, `struct_size` first, floats and integers.
unsafe impl Growing for fpga_detection {
    const NAME: &'static str = "fpga_detection";
    const FIRST_SIZE: usize = size_of::<usize>() + 15 * size_of::<f32>() + 4;

    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            r#box: [0.0; 4],
            landmarks: [0.0; 10],
            score: 1.0,
            has_landmarks: 0,
        }
    }
}

impl From<&DetectedFace> for fpga_detection {
    fn from(face: &DetectedFace) -> Self {
        Self {
            struct_size: size_of::<Self>(),
            r#box: face.bounds.edges(),
            landmarks: flat(face.landmarks.as_ref()),
            score: face.score,
            has_landmarks: u32::from(face.landmarks.is_some()),
        }
    }
}

/// x and y of each point; zeros for none.
pub(crate) fn flat(landmarks: Option<&Landmarks5>) -> [f32; 10] {
    let points = landmarks.map_or([[0.0; 2]; 5], Landmarks5::points);
    std::array::from_fn(|index| points[index / 2][index % 2])
}

impl fpga_detection {
    fn to_core(self) -> Outcome<DetectedFace> {
        let landmarks = flag(self.has_landmarks, "fpga_detection.has_landmarks")?;
        let [left, top, right, bottom] = self.r#box;
        if !(0.0..=1.0).contains(&self.score) {
            let why = format!("needs 0 to 1, found {}", self.score);
            return Err(Fault::argument("fpga_detection.score", why));
        }
        Ok(DetectedFace {
            bounds: FaceBox::new(left, top, right, bottom)?,
            landmarks: landmarks.then(|| points(&self.landmarks)).transpose()?,
            score: self.score,
        })
    }
}

/// The faces of a picture.
pub struct fpga_detections {
    found: Mutex<Found>,
}

struct Found {
    faces: Vec<DetectedFace>,
    /// Whether a callback may add to them.
    open: bool,
}

impl Handle for fpga_detections {
    const NAME: &'static str = "detections";
}

/// More faces than any picture has: a callback that goes on adding would never end.
const MOST_FACES: usize = 65_536;

impl fpga_detections {
    pub(crate) fn new(faces: Vec<DetectedFace>, open: bool) -> Arc<Self> {
        Arc::new(Self {
            found: Mutex::new(Found { faces, open }),
        })
    }

    /// What a callback added, the surest first; it can add no more.
    pub(crate) fn close(&self) -> Vec<DetectedFace> {
        let mut found = self.found();
        found.open = false;
        found.faces.sort_by(|p, q| q.score.total_cmp(&p.score));
        found.faces.clone()
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, face: DetectedFace) -> Outcome {
        let mut found = self.found();
        if !found.open {
            return Err(Fault::state("this list is not a callback's to fill"));
        }
        if found.faces.len() >= MOST_FACES {
            let why = format!("needs at most {MOST_FACES}");
            return Err(Fault::argument("faces", why));
        }
        found.faces.push(face);
        Ok(())
    }
}

/// Sets every field to its default, as `FPGA_DETECTION_INIT` does.
///
/// `size` is `sizeof *detection`; it becomes `struct_size`.
///
/// Ownership: `detection` stays the caller's.
/// Threads: any.
/// NULL: `detection` must not be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_detection_init(
    detection: *mut fpga_detection,
    size: usize,
) -> fpga_status {
    // SAFETY: the caller says that `detection` has `size` bytes.
    guard(|_| unsafe { growing::write(&fpga_detection::defaults(), detection, size) })
}

/// Adds a face to the list that a callback of `fpga_own_detector` was given; only until it returns.
///
/// Ownership: both pointers are borrowed for the call.
/// Threads: any.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_NOT_FINITE` if it is no face;
/// `FPGA_STATUS_INVALID_STATE` if the list is no callback's; `FPGA_STATUS_INVALID_STRUCT_SIZE`,
/// `FPGA_STATUS_UNSUPPORTED`, `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_detections_add(
    detections: *mut fpga_detections,
    face: *const fpga_detection,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for a handle and a struct.
        let (detections, face) = unsafe { (borrow(detections)?, growing::read(face)?) };
        detections.add(face.to_core()?)
    })
}

/// Writes the number of faces.
///
/// Ownership: both pointers are borrowed for the call.
/// Threads: any.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_detections_count(
    detections: *const fpga_detections,
    count: *mut usize,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output and a handle.
        let (out, detections) = unsafe { (Out::new(count, "count")?, borrow(detections)?) };
        out.set(detections.found().faces.len());
        Ok(())
    })
}

/// Writes face `index`; the surest is 0.
///
/// `size` is `sizeof *face`; it becomes `struct_size`.
///
/// Ownership: both pointers are borrowed for the call.
/// Threads: any.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_INVALID_ARGUMENT` (no such face), `FPGA_STATUS_INVALID_STRUCT_SIZE`,
/// `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_detections_get(
    detections: *const fpga_detections,
    index: usize,
    face: *mut fpga_detection,
    size: usize,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for a handle.
        let found = unsafe { borrow(detections) }?.found();
        let count = found.faces.len();
        let absent = || Fault::argument("index", format!("{index} of {count} faces"));
        let found = fpga_detection::from(found.faces.get(index).ok_or_else(absent)?);
        // SAFETY: the caller's contract for a struct of `size` bytes.
        unsafe { growing::write(&found, face, size) }
    })
}

/// Frees a list that a detector made; never one that a callback was given.
///
/// Threads: any, but not while another thread still calls with this pointer.
/// NULL: does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_detections_free(detections: *mut fpga_detections) {
    release(detections);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_goes_both_ways() {
        let given = fpga_detection {
            r#box: [1.0, 2.0, 30.0, 40.0],
            landmarks: [5.0, 6.0, 25.0, 7.0, 15.0, 18.0, 6.0, 29.0, 24.0, 30.0],
            score: 0.5,
            has_landmarks: 1,
            ..fpga_detection::defaults()
        };
        let back = fpga_detection::from(&given.to_core().unwrap());
        assert_eq!((back.r#box, back.landmarks), (given.r#box, given.landmarks));
        assert_eq!((back.score, back.has_landmarks), (0.5, 1));
        let plain = fpga_detection {
            has_landmarks: 0,
            ..given
        };
        assert!(plain.to_core().unwrap().landmarks.is_none());
        for score in [-0.1, 1.1, f32::NAN] {
            assert!(fpga_detection { score, ..given }.to_core().is_err());
        }
    }

    #[test]
    fn a_closed_list_takes_no_more_and_has_the_surest_first() {
        let face = |score| {
            let given = fpga_detection {
                r#box: [0.0, 0.0, 1.0, 1.0],
                score,
                ..fpga_detection::defaults()
            };
            given.to_core().unwrap()
        };
        let list = fpga_detections::new(Vec::new(), true);
        list.add(face(0.3)).unwrap();
        list.add(face(0.9)).unwrap();
        assert_eq!(list.close()[0].score, 0.9);
        let fault = list.add(face(0.5)).unwrap_err();
        assert_eq!(fault.status, fpga_status::InvalidState);
    }
}

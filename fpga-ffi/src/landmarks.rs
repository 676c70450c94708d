//! `fpga_landmark_detector`: finds many points of a face whose box is known.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use fpga_core::Context as _;
use fpga_core::face::{DenseLandmarks, FaceBox, LandmarkDetector, RgbImage};

use crate::context::fpga_context;
use crate::detection::flat;
use crate::fault::Fault;
use crate::growing::{self, Growing};
use crate::guard::{guard, release};
use crate::handle::{Handle, share};
use crate::image::{self, fpga_image_view};
use crate::network::{Callback, Home, size_of_file};
use crate::onnx;
use crate::status::fpga_status;
use crate::text::copy_numbers;
use crate::view::{Out, array, text, zero};

/// Writes the points of the face inside `box` (left, top, right, bottom): x and y of each, as many as
/// `num_points` of `fpga_own_landmarks` says. Return 0, anything else if that failed.
///
/// Ownership: all pointers are borrowed until the callback returns.
/// Threads: as `fpga_detect_callback`; the same rules hold.
pub type fpga_landmarks_callback = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        picture: *const fpga_image_view,
        r#box: *const f32,
        points: *mut f32,
    ) -> i32,
>;

type OnLandmarks =
    unsafe extern "C" fn(*mut c_void, *const fpga_image_view, *const f32, *mut f32) -> i32;

/// A landmark detector of the caller's. Start from `FPGA_OWN_LANDMARKS_INIT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fpga_own_landmarks {
    /// Size of this struct.
    pub struct_size: usize,
    /// Finds the points of a face.
    pub find: fpga_landmarks_callback,
    /// First argument of `find`. Must live until the detector is gone, and allow being used on another
    /// thread.
    pub userdata: *mut c_void,
    /// 68 in iBUG's order, or 106 in InsightFace's.
    pub num_points: u32,
    /// Must be 0.
    pub reserved: u32,
}

// SAFETY: `repr(C)`, `struct_size` first, nullable pointers and integers.
unsafe impl Growing for fpga_own_landmarks {
    const NAME: &'static str = "fpga_own_landmarks";
    const FIRST_SIZE: usize = 3 * size_of::<usize>() + 8;

    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            find: None,
            userdata: std::ptr::null_mut(),
            num_points: 68,
            reserved: 0,
        }
    }
}

/// Finds many points of a face whose box is known.
pub struct fpga_landmark_detector {
    home: Home,
    detector: Box<dyn LandmarkDetector>,
}

impl Handle for fpga_landmark_detector {
    const NAME: &'static str = "landmark_detector";
}

struct Own {
    callback: Callback<OnLandmarks>,
    count: usize,
}

impl LandmarkDetector for Own {
    fn landmarks(&self, picture: &RgbImage, bounds: &FaceBox) -> fpga_core::Result<DenseLandmarks> {
        let (view, edges) = (image::view_of(picture), bounds.edges());
        let mut points = vec![[0.0_f32; 2]; self.count];
        let first = points.as_mut_ptr().cast::<f32>();
        // SAFETY: the caller registered this function for this userdata; all buffers outlive the call.
        let call =
            |find: OnLandmarks, data| unsafe { find(data, &raw const view, edges.as_ptr(), first) };
        self.callback.call("landmark detector", call)?;
        DenseLandmarks::new(points).context(|| "landmark detector")
    }
}

/// Sets every field to its default, as `FPGA_OWN_LANDMARKS_INIT` does.
///
/// `size` is `sizeof *own`; it becomes `struct_size`.
///
/// Ownership: `own` stays the caller's.
/// Threads: any.
/// NULL: `own` must not be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_own_landmarks_init(
    own: *mut fpga_own_landmarks,
    size: usize,
) -> fpga_status {
    // SAFETY: the caller says that `own` has `size` bytes.
    guard(|_| unsafe { growing::write(&fpga_own_landmarks::defaults(), own, size) })
}

/// Loads InsightFace's `2d106det.onnx` or `1k3d68.onnx`. It runs on the CPU.
///
/// Ownership: inputs are borrowed for the call. `*detector` is the caller's; free it with
/// `fpga_landmark_detector_free`.
/// Threads: any. A detector may be used by many threads at once.
/// NULL: no pointer may be NULL.
/// Errors: those of `fpga_face_detector_load`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_landmark_detector_load(
    context: *const fpga_context,
    path: *const c_char,
    detector: *mut *mut fpga_landmark_detector,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for an output.
        let out = unsafe { Out::handle(detector) }?;
        // SAFETY: the caller's contract for a handle and a string.
        let (context, path) = unsafe { (share(context)?, text(path, "path")?) };
        scope.enter(&context)?;
        let bytes = ("landmark detector", size_of_file(path)?);
        let (home, detector) = Home::load(&context, bytes, || onnx::landmarks(path))?;
        out.give(Arc::new(fpga_landmark_detector { home, detector }));
        Ok(())
    })
}

/// Makes a landmark detector of a callback of the caller's.
///
/// Ownership: `own` is borrowed for the call; its `userdata` must live until the detector is gone.
/// `*detector` is the caller's; free it with `fpga_landmark_detector_free`.
/// Threads: any.
/// NULL: no pointer may be NULL.
/// Errors: `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_UNSUPPORTED`,
/// `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_landmark_detector_new(
    own: *const fpga_own_landmarks,
    detector: *mut *mut fpga_landmark_detector,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output and a struct.
        let (out, own) = unsafe { (Out::handle(detector)?, growing::read(own)?) };
        zero(own.reserved, "fpga_own_landmarks.reserved")?;
        if !matches!(own.num_points, 68 | 106) {
            let why = format!("needs 68 or 106, found {}", own.num_points);
            return Err(Fault::argument("fpga_own_landmarks.num_points", why));
        }
        let callback = Callback::new(own.find, own.userdata, "fpga_own_landmarks.find")?;
        out.give(Arc::new(fpga_landmark_detector {
            home: Home::ELSEWHERE,
            detector: Box::new(Own {
                callback,
                count: own.num_points as usize,
            }),
        }));
        Ok(())
    })
}

/// Copies the points of the face inside `box` (left, top, right, bottom), x and y of each: 136 numbers in
/// iBUG's order of 68 points, or 212 in InsightFace's order of 106.
///
/// `capacity` and `needed` count numbers. With `points` NULL and `capacity` 0 it only writes how many there
/// are to `needed`; the network runs for that, too.
///
/// Ownership: inputs are borrowed for the call; `points` stays the caller's.
/// Threads: any.
/// NULL: `detector`, `picture` and `box` must not be NULL; either `points` or `needed` may be, not both.
/// Errors: those of `fpga_face_embedder_embed`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_landmark_detector_find(
    detector: *const fpga_landmark_detector,
    picture: *const fpga_image_view,
    r#box: *const f32,
    points: *mut f32,
    capacity: usize,
    needed: *mut usize,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for a handle, a picture and four numbers.
        let (detector, picture, edges) = unsafe {
            (
                share(detector)?,
                image::picture(picture)?,
                array(r#box, 4, "box")?,
            )
        };
        detector.home.enter(scope)?;
        let bounds = FaceBox::new(edges[0], edges[1], edges[2], edges[3])?;
        let run = || Ok(detector.detector.landmarks(&picture, &bounds)?);
        let found = detector.home.run(run)?;
        // SAFETY: the caller's contract for a buffer and an output.
        unsafe {
            copy_numbers(
                found.points().as_flattened(),
                "points",
                points,
                capacity,
                needed,
            )
        }
    })
}

/// Writes the five points that `fpga_face` has from 68 or 106 points of a face: ten numbers.
///
/// Ownership: both pointers are borrowed for the call.
/// Threads: any.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_SHAPE` for other numbers of points, `FPGA_STATUS_NOT_FINITE`,
/// `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_landmarks_five(
    points: *const f32,
    num_points: usize,
    landmarks: *mut f32,
) -> fpga_status {
    guard(|_| {
        let length = num_points.saturating_mul(2);
        // SAFETY: the caller's contract for an output and an array.
        let (out, points) = unsafe {
            (
                Out::new(landmarks.cast::<[f32; 10]>(), "landmarks")?,
                array(points, length, "points")?,
            )
        };
        let (pairs, _) = points.as_chunks::<2>();
        let five = DenseLandmarks::new(pairs.to_vec())?.five()?;
        out.set(flat(Some(&five)));
        Ok(())
    })
}

/// Gives up the caller's reference to a landmark detector.
///
/// Threads: any, but not while another thread still calls with this pointer.
/// NULL: does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_landmark_detector_free(detector: *mut fpga_landmark_detector) {
    release(detector);
}

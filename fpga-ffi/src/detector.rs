//! `fpga_face_detector`: finds the faces of a picture.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use fpga_core::face::{DetectedFace, DetectionLimits, FaceDetector, RgbImage};

use crate::context::fpga_context;
use crate::detection::fpga_detections;
use crate::fault::Outcome;
use crate::growing::{self, Growing};
use crate::guard::{guard, release};
use crate::handle::{Handle, share};
use crate::image::{self, fpga_image_view};
use crate::network::{Callback, Home, size_of_file};
use crate::onnx;
use crate::status::fpga_status;
use crate::view::{Out, text};

/// How a detector works. Start from `FPGA_DETECTOR_PARAMS_INIT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fpga_detector_params {
    /// Size of this struct.
    pub struct_size: usize,
    /// Width and height of what it looks at, if its file leaves them open; multiples of 32. Larger finds
    /// smaller faces.
    pub width: u32,
    /// Rows of the same.
    pub height: u32,
    /// Smallest score that counts: 0 to 1. Stylised faces want about 0.3.
    pub min_score: f32,
    /// Largest overlap (intersection / union) of two faces: 0 to 1.
    pub max_overlap: f32,
}

// SAFETY: `repr(C)`, `struct_size` first, floats and integers.
unsafe impl Growing for fpga_detector_params {
    const NAME: &'static str = "fpga_detector_params";
    const FIRST_SIZE: usize = size_of::<usize>() + 16;

    /// The core's defaults, so that both doors agree.
    fn defaults() -> Self {
        let limits = DetectionLimits::default();
        Self {
            struct_size: size_of::<Self>(),
            width: 640,
            height: 640,
            min_score: limits.score,
            max_overlap: limits.overlap,
        }
    }
}

/// Finds the faces of a picture: add each to `faces` with `fpga_detections_add`. Return 0, anything else
/// if that failed; finding none is no failure.
///
/// Ownership: `picture` with its pixels and `faces` are borrowed until the callback returns.
/// Threads: a thread of a job's context, or the caller's; never two at once for one detector. The callback
/// must not throw, `longjmp` or end the thread, and must not use its own detector.
pub type fpga_detect_callback = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        picture: *const fpga_image_view,
        faces: *mut fpga_detections,
    ) -> i32,
>;

type OnDetect =
    unsafe extern "C" fn(*mut c_void, *const fpga_image_view, *mut fpga_detections) -> i32;

/// A detector of the caller's. Start from `FPGA_OWN_DETECTOR_INIT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fpga_own_detector {
    /// Size of this struct.
    pub struct_size: usize,
    /// Finds faces.
    pub detect: fpga_detect_callback,
    /// First argument of `detect`. Must live until the detector and all jobs with it are gone, and allow
    /// being used on another thread.
    pub userdata: *mut c_void,
}

// SAFETY: `repr(C)`, `struct_size` first, nullable pointers.
unsafe impl Growing for fpga_own_detector {
    const NAME: &'static str = "fpga_own_detector";
    const FIRST_SIZE: usize = 3 * size_of::<usize>();

    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            detect: None,
            userdata: std::ptr::null_mut(),
        }
    }
}

/// Finds the faces of a picture.
pub struct fpga_face_detector {
    pub(crate) home: Home,
    pub(crate) detector: Box<dyn FaceDetector>,
}

impl Handle for fpga_face_detector {
    const NAME: &'static str = "face_detector";
}

impl FaceDetector for Callback<OnDetect> {
    fn detect(&self, picture: &RgbImage) -> fpga_core::Result<Vec<DetectedFace>> {
        let view = image::view_of(picture);
        let found = fpga_detections::new(Vec::new(), true);
        let list = Arc::as_ptr(&found).cast_mut();
        // SAFETY: the caller registered this function for this userdata; pixels and list outlive the call.
        let call = |detect: OnDetect, data| unsafe { detect(data, &raw const view, list) };
        let called = self.call("face detector", call);
        let faces = found.close();
        called.map(|()| faces)
    }
}

/// Bytes of a pixel's features in the first, widest layers.
const PIXEL: u64 = 192;

/// Sets every field to its default, as `FPGA_DETECTOR_PARAMS_INIT` does.
///
/// `size` is `sizeof *params`; it becomes `struct_size`.
///
/// Ownership: `params` stays the caller's.
/// Threads: any.
/// NULL: `params` must not be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_detector_params_init(
    params: *mut fpga_detector_params,
    size: usize,
) -> fpga_status {
    // SAFETY: the caller says that `params` has `size` bytes.
    guard(|_| unsafe { growing::write(&fpga_detector_params::defaults(), params, size) })
}

/// Sets every field to its default, as `FPGA_OWN_DETECTOR_INIT` does.
///
/// `size` is `sizeof *own`; it becomes `struct_size`.
///
/// Ownership: `own` stays the caller's.
/// Threads: any.
/// NULL: `own` must not be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_own_detector_init(
    own: *mut fpga_own_detector,
    size: usize,
) -> fpga_status {
    // SAFETY: the caller says that `own` has `size` bytes.
    guard(|_| unsafe { growing::write(&fpga_own_detector::defaults(), own, size) })
}

/// Loads an SCRFD network from an ONNX file (`det_10g.onnx`, `scrfd_*.onnx`). It runs on the CPU.
///
/// Ownership: inputs are borrowed for the call. `*detector` is the caller's; free it with
/// `fpga_face_detector_free`. Jobs keep their detectors alive.
/// Threads: any. A detector may be used by many threads at once.
/// NULL: `params` may be NULL for the defaults; nothing else may.
/// Errors: `FPGA_STATUS_UNSUPPORTED` if this library was built without ONNX networks, which says how to
/// build it with them, or if the file is no SCRFD; `FPGA_STATUS_IO`, `FPGA_STATUS_FORMAT`,
/// `FPGA_STATUS_SHAPE`, `FPGA_STATUS_INVALID_ARGUMENT`; `FPGA_STATUS_MEMORY_BUDGET` before it is read;
/// `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_INVALID_UTF8`, `FPGA_STATUS_POISONED`,
/// `FPGA_STATUS_PANIC`, `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_face_detector_load(
    context: *const fpga_context,
    path: *const c_char,
    params: *const fpga_detector_params,
    detector: *mut *mut fpga_face_detector,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for an output.
        let out = unsafe { Out::handle(detector) }?;
        // SAFETY: the caller's contract for a handle, a string and a params struct.
        let (context, path, params) =
            unsafe { (share(context)?, text(path, "path")?, settings(params)?) };
        scope.enter(&context)?;
        let size = [params.width, params.height];
        let limits = DetectionLimits {
            score: params.min_score,
            overlap: params.max_overlap,
        };
        let bytes = ("face detector", size_of_file(path)?);
        let (home, detector) = Home::load(&context, bytes, || onnx::detector(path, size, limits))?;
        let pixels = u64::from(params.width) * u64::from(params.height);
        out.give(Arc::new(fpga_face_detector {
            home: home.taking(pixels.saturating_mul(PIXEL)),
            detector,
        }));
        Ok(())
    })
}

/// Makes a detector of a callback of the caller's.
///
/// Ownership: `own` is borrowed for the call; its `userdata` must live until the detector and all jobs
/// with it are gone. `*detector` is the caller's; free it with `fpga_face_detector_free`.
/// Threads: any.
/// NULL: no pointer may be NULL.
/// Errors: `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_UNSUPPORTED`, `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_face_detector_new(
    own: *const fpga_own_detector,
    detector: *mut *mut fpga_face_detector,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output and a struct.
        let (out, own) = unsafe { (Out::handle(detector)?, growing::read(own)?) };
        let callback = Callback::new(own.detect, own.userdata, "fpga_own_detector.detect")?;
        out.give(Arc::new(fpga_face_detector {
            home: Home::ELSEWHERE,
            detector: Box::new(callback),
        }));
        Ok(())
    })
}

/// Finds the faces of a picture; none is no error.
///
/// Ownership: inputs are borrowed for the call. `*detections` is the caller's; free it with
/// `fpga_detections_free`.
/// Threads: any.
/// NULL: no pointer may be NULL.
/// Errors: `FPGA_STATUS_CALLBACK` if the caller's detector failed; `FPGA_STATUS_NOT_FINITE`,
/// `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_UNSUPPORTED`,
/// `FPGA_STATUS_POISONED`, `FPGA_STATUS_PANIC`, `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_face_detector_detect(
    detector: *const fpga_face_detector,
    picture: *const fpga_image_view,
    detections: *mut *mut fpga_detections,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for an output.
        let out = unsafe { Out::handle(detections) }?;
        // SAFETY: the caller's contract for a handle and a picture.
        let (detector, picture) = unsafe { (share(detector)?, image::picture(picture)?) };
        detector.home.enter(scope)?;
        let faces = (detector.home).run(|| Ok(detector.detector.detect(&picture)?))?;
        out.give(fpga_detections::new(faces, false));
        Ok(())
    })
}

/// Gives up the caller's reference to a detector. It goes when its last job is gone too.
///
/// Threads: any, but not while another thread still calls with this pointer.
/// NULL: does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_face_detector_free(detector: *mut fpga_face_detector) {
    release(detector);
}

/// # Safety
/// `params` is NULL, or a struct.
unsafe fn settings(params: *const fpga_detector_params) -> Outcome<fpga_detector_params> {
    match params.is_null() {
        true => Ok(fpga_detector_params::defaults()),
        // SAFETY: this function's contract.
        false => unsafe { growing::read(params) },
    }
}

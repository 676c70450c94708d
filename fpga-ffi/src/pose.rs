//! `fpga_pose_estimator`: finds the bodies of a picture.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use fpga_core::RgbImage;
use fpga_core::face::{PoseEstimator, Skeleton};

use crate::context::fpga_context;
use crate::growing::{self, Growing};
use crate::guard::{guard, release};
use crate::handle::{Handle, share};
use crate::image::{self, fpga_image_view};
use crate::network::{Callback, Home, size_of_file};
use crate::onnx;
use crate::poses::fpga_poses;
use crate::status::fpga_status;
use crate::view::{Out, text};

/// Finds the bodies of `picture` and adds each to `poses` with `fpga_poses_add`. Return 0, anything else if
/// that failed: then nothing of the list is used.
///
/// Ownership: all pointers are borrowed until the callback returns; it must not free them.
/// Threads: as `fpga_detect_callback`; the same rules hold.
pub type fpga_pose_callback = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        picture: *const fpga_image_view,
        poses: *mut fpga_poses,
    ) -> i32,
>;

type OnEstimate = unsafe extern "C" fn(*mut c_void, *const fpga_image_view, *mut fpga_poses) -> i32;

/// A pose estimator of the caller's. Start from `FPGA_OWN_POSE_ESTIMATOR_INIT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fpga_own_pose_estimator {
    /// Size of this struct.
    pub struct_size: usize,
    /// Finds bodies.
    pub estimate: fpga_pose_callback,
    /// First argument of `estimate`. Must live until the estimator is gone, and allow being used on another
    /// thread.
    pub userdata: *mut c_void,
}

// SAFETY: `repr(C)`, `struct_size` first, nullable pointers.
unsafe impl Growing for fpga_own_pose_estimator {
    const NAME: &'static str = "fpga_own_pose_estimator";
    const FIRST_SIZE: usize = 3 * size_of::<usize>();

    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            estimate: None,
            userdata: std::ptr::null_mut(),
        }
    }
}

/// Finds the bodies of a picture.
pub struct fpga_pose_estimator {
    home: Home,
    estimator: Box<dyn PoseEstimator>,
}

impl Handle for fpga_pose_estimator {
    const NAME: &'static str = "pose_estimator";
}

impl PoseEstimator for Callback<OnEstimate> {
    fn poses(&self, picture: &RgbImage) -> fpga_core::Result<Vec<Skeleton>> {
        let view = image::view_of(picture);
        let found = fpga_poses::new(Vec::new(), true);
        let list = Arc::as_ptr(&found).cast_mut();
        // SAFETY: the caller registered this function for this userdata; pixels and list outlive the call.
        let call = |estimate: OnEstimate, data| unsafe { estimate(data, &raw const view, list) };
        let called = self.call("pose estimator", call);
        let bodies = found.close();
        called.map(|()| bodies)
    }
}

/// Sets every field to its default, as `FPGA_OWN_POSE_ESTIMATOR_INIT` does.
///
/// `size` is `sizeof *own`; it becomes `struct_size`.
///
/// Ownership: `own` stays the caller's.
/// Threads: any.
/// NULL: `own` must not be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_own_pose_estimator_init(
    own: *mut fpga_own_pose_estimator,
    size: usize,
) -> fpga_status {
    // SAFETY: the caller says that `own` has `size` bytes.
    guard(|_| unsafe { growing::write(&fpga_own_pose_estimator::defaults(), own, size) })
}

/// Loads DWPose's two ONNX files: `yolox_l.onnx`, which finds people, and `dw-ll_ucoco_384.onnx`, which
/// finds their points. They run on the CPU.
///
/// Ownership: inputs are borrowed for the call. `*estimator` is the caller's; free it with
/// `fpga_pose_estimator_free`.
/// Threads: any. An estimator may be used by many threads at once.
/// NULL: no pointer may be NULL.
/// Errors: those of `fpga_face_detector_load`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_pose_estimator_load(
    context: *const fpga_context,
    people_path: *const c_char,
    points_path: *const c_char,
    estimator: *mut *mut fpga_pose_estimator,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for an output.
        let out = unsafe { Out::handle(estimator) }?;
        // SAFETY: the caller's contract for a handle and strings.
        let (context, people, points) = unsafe {
            (
                share(context)?,
                text(people_path, "people_path")?,
                text(points_path, "points_path")?,
            )
        };
        scope.enter(&context)?;
        let bytes = size_of_file(people)?.saturating_add(size_of_file(points)?);
        let load = || onnx::pose(people, points);
        let (home, estimator) = Home::load(&context, ("pose estimator", bytes), load)?;
        out.give(Arc::new(fpga_pose_estimator { home, estimator }));
        Ok(())
    })
}

/// Makes an estimator of a callback of the caller's.
///
/// Ownership: `own` is borrowed for the call; its `userdata` must live until the estimator is gone.
/// `*estimator` is the caller's; free it with `fpga_pose_estimator_free`.
/// Threads: any.
/// NULL: no pointer may be NULL.
/// Errors: `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_UNSUPPORTED`, `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_pose_estimator_new(
    own: *const fpga_own_pose_estimator,
    estimator: *mut *mut fpga_pose_estimator,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output and a struct.
        let (out, own) = unsafe { (Out::handle(estimator)?, growing::read(own)?) };
        let field = "fpga_own_pose_estimator.estimate";
        let callback = Callback::new(own.estimate, own.userdata, field)?;
        out.give(Arc::new(fpga_pose_estimator {
            home: Home::ELSEWHERE,
            estimator: Box::new(callback),
        }));
        Ok(())
    })
}

/// Finds the bodies of a picture; none is no error.
///
/// Ownership: inputs are borrowed for the call. `*poses` is the caller's; free it with `fpga_poses_free`.
/// Threads: any.
/// NULL: no pointer may be NULL.
/// Errors: those of `fpga_face_detector_detect`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_pose_estimator_estimate(
    estimator: *const fpga_pose_estimator,
    picture: *const fpga_image_view,
    poses: *mut *mut fpga_poses,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for an output.
        let out = unsafe { Out::handle(poses) }?;
        // SAFETY: the caller's contract for a handle and a picture.
        let (estimator, picture) = unsafe { (share(estimator)?, image::picture(picture)?) };
        estimator.home.enter(scope)?;
        let poses = (estimator.home).run(|| Ok(estimator.estimator.poses(&picture)?))?;
        out.give(fpga_poses::new(poses, false));
        Ok(())
    })
}

/// Gives up the caller's reference to an estimator.
///
/// Threads: any, but not while another thread still calls with this pointer.
/// NULL: does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_pose_estimator_free(estimator: *mut fpga_pose_estimator) {
    release(estimator);
}

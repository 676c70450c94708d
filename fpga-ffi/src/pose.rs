//! `fpga_pose_estimator`: finds the bodies of a picture, and `fpga_poses`, what it found.

use std::ffi::c_char;
use std::sync::Arc;

use fpga_core::face::{PoseEstimator, Skeleton};

use crate::context::fpga_context;
use crate::fault::Fault;
use crate::guard::{guard, release};
use crate::handle::{Handle, borrow, share};
use crate::image::{self, fpga_image_view};
use crate::network::{Home, size_of_file};
use crate::onnx;
use crate::status::fpga_status;
use crate::text::copy_numbers;
use crate::view::{Out, text};

/// Finds the bodies of a picture.
pub struct fpga_pose_estimator {
    home: Home,
    estimator: Box<dyn PoseEstimator>,
}

impl Handle for fpga_pose_estimator {
    const NAME: &'static str = "pose_estimator";
}

/// The bodies of a picture. Nothing in it ever changes.
pub struct fpga_poses {
    poses: Vec<Skeleton>,
}

impl Handle for fpga_poses {
    const NAME: &'static str = "poses";
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
        out.give(Arc::new(fpga_poses { poses }));
        Ok(())
    })
}

/// Writes the number of bodies.
///
/// Ownership: both pointers are borrowed for the call.
/// Threads: any.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_poses_count(
    poses: *const fpga_poses,
    count: *mut usize,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output and a handle.
        let (out, poses) = unsafe { (Out::new(count, "count")?, borrow(poses)?) };
        out.set(poses.poses.len());
        Ok(())
    })
}

/// Copies the points of body `index`, each as x, y and score: 18 of the body in OpenPose's order, which
/// `skeleton` of `fpga_person` takes, and where they are known 6 of the feet, 68 of the face and 21 of each
/// hand; 54 or 402 numbers.
///
/// `capacity` and `needed` count numbers. With `points` NULL and `capacity` 0 it only writes how many there
/// are to `needed`.
///
/// Ownership: `points` stays the caller's.
/// Threads: any.
/// NULL: `poses` must not be NULL; either `points` or `needed` may be, not both.
/// Errors: `FPGA_STATUS_BUFFER_TOO_SMALL` (then only `needed` is written),
/// `FPGA_STATUS_INVALID_ARGUMENT` (no such body), `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_poses_get(
    poses: *const fpga_poses,
    index: usize,
    points: *mut f32,
    capacity: usize,
    needed: *mut usize,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for a handle.
        let poses = &unsafe { borrow(poses) }?.poses;
        let absent = || Fault::argument("index", format!("{index} of {} bodies", poses.len()));
        let found = poses.get(index).ok_or_else(absent)?.points();
        let numbers = found
            .iter()
            .flat_map(|point| [point.x, point.y, point.score]);
        let numbers: Vec<f32> = numbers.collect();
        // SAFETY: the caller's contract for a buffer and an output.
        unsafe { copy_numbers(&numbers, "points", points, capacity, needed) }
    })
}

/// Frees what an estimator found.
///
/// Threads: any, but not while another thread still calls with this pointer.
/// NULL: does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_poses_free(poses: *mut fpga_poses) {
    release(poses);
}

/// Gives up the caller's reference to an estimator.
///
/// Threads: any, but not while another thread still calls with this pointer.
/// NULL: does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_pose_estimator_free(estimator: *mut fpga_pose_estimator) {
    release(estimator);
}

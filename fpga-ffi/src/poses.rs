//! `fpga_poses`: the bodies of a picture.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fpga_core::face::{Keypoint, Skeleton, WHOLE_BODY_POINTS, from_whole_body};

use crate::fault::{Fault, Outcome};
use crate::guard::{guard, release};
use crate::handle::{Handle, borrow};
use crate::status::fpga_status;
use crate::text::copy_numbers;
use crate::view::{Out, array};

/// The bodies of a picture.
pub struct fpga_poses {
    found: Mutex<Found>,
}

struct Found {
    bodies: Vec<Skeleton>,
    /// Whether a callback may add to them.
    open: bool,
}

impl Handle for fpga_poses {
    const NAME: &'static str = "poses";
}

/// More people than any picture has: a callback that goes on adding would never end.
const MOST_BODIES: usize = 4096;

impl fpga_poses {
    pub(crate) fn new(bodies: Vec<Skeleton>, open: bool) -> Arc<Self> {
        let found = Mutex::new(Found { bodies, open });
        Arc::new(Self { found })
    }

    /// What a callback added; it can add no more.
    pub(crate) fn close(&self) -> Vec<Skeleton> {
        let mut found = self.found();
        found.open = false;
        found.bodies.clone()
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, body: Skeleton) -> Outcome {
        let mut found = self.found();
        if !found.open {
            return Err(Fault::state("this list is not a callback's to fill"));
        }
        if found.bodies.len() >= MOST_BODIES {
            let why = format!("needs at most {MOST_BODIES}");
            return Err(Fault::argument("bodies", why));
        }
        found.bodies.push(body);
        Ok(())
    }
}

/// x, y and score of each point.
fn body(numbers: &[f32]) -> Outcome<Skeleton> {
    if let Some(at) = numbers.iter().position(|number| !number.is_finite()) {
        let why = format!("points: number {at} is {}", numbers[at]);
        return Err(Fault::new(fpga_status::NotFinite, why));
    }
    let (triples, _) = numbers.as_chunks::<3>();
    let points: Vec<Keypoint> = triples.iter().copied().map(Keypoint::from).collect();
    if points.len() == WHOLE_BODY_POINTS {
        return Ok(from_whole_body(&points)?);
    }
    Skeleton::from_points(&points).ok_or_else(|| {
        let why = format!("needs 18, 133 or 134, found {}", points.len());
        Fault::argument("num_points", why)
    })
}

/// Adds a body to the list that a callback of `fpga_own_pose_estimator` was given; only until it returns.
///
/// `points` are x and y in pixels and a score of each point, usually 0 to 1, 0 for points that are not seen:
/// 18 points of the body in OpenPose's order; 134 with feet, face and hands, as `fpga_poses_get` gives them;
/// or 133 in the order of COCO-WholeBody, which has no neck: it is put between the shoulders.
///
/// Ownership: both pointers are borrowed for the call.
/// Threads: any.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_INVALID_ARGUMENT` (another number of points, or more bodies than 4096),
/// `FPGA_STATUS_NOT_FINITE`, `FPGA_STATUS_INVALID_STATE` if the list is no callback's;
/// `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_poses_add(
    poses: *mut fpga_poses,
    points: *const f32,
    num_points: usize,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for a handle.
        let poses = unsafe { borrow(poses) }?;
        // SAFETY: the caller's contract for an array; a product that is too large for it is refused there.
        let numbers = unsafe { array(points, num_points.saturating_mul(3), "points") }?;
        poses.add(body(numbers)?)
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
        out.set(poses.found().bodies.len());
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
        let found = unsafe { borrow(poses) }?.found();
        let count = found.bodies.len();
        let absent = || Fault::argument("index", format!("{index} of {count} bodies"));
        let body = found.bodies.get(index).ok_or_else(absent)?.points();
        let numbers = body.into_iter().flat_map(<[f32; 3]>::from);
        let numbers: Vec<f32> = numbers.collect();
        // SAFETY: the caller's contract for a buffer and an output.
        unsafe { copy_numbers(&numbers, "points", points, capacity, needed) }
    })
}

/// Frees what an estimator found; never a list that a callback was given.
///
/// Threads: any, but not while another thread still calls with this pointer.
/// NULL: does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_poses_free(poses: *mut fpga_poses) {
    release(poses);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(points: usize) -> Vec<f32> {
        (0..3 * points).map(|at| at as f32 / 8.0).collect()
    }

    #[test]
    fn bodies_have_eighteen_points_or_all() {
        for count in [18, 134] {
            let found = body(&wave(count)).unwrap().points();
            assert_eq!(found.len(), count);
            let last = found.last().unwrap();
            let at = 3.0 * (count - 1) as f32;
            assert_eq!(
                [last.x, last.y, last.score],
                [0.0, 1.0, 2.0].map(|by| (at + by) / 8.0)
            );
        }
        let whole = body(&wave(133)).unwrap();
        let neck = [5, 6].map(|shoulder| 3.0 * shoulder as f32 / 8.0);
        assert_eq!(whole.body[1].x, (neck[0] + neck[1]) / 2.0);
        assert_eq!(whole.points().len(), 134);
        for count in [0, 17, 19, 132, 135] {
            let fault = body(&wave(count)).unwrap_err();
            assert_eq!(
                fault.message,
                format!("num_points: needs 18, 133 or 134, found {count}")
            );
        }
        let mut broken = wave(18);
        broken[53] = f32::INFINITY;
        assert_eq!(body(&broken).unwrap_err().status, fpga_status::NotFinite);
    }

    #[test]
    fn a_closed_list_takes_no_more() {
        let list = fpga_poses::new(Vec::new(), true);
        list.add(body(&wave(18)).unwrap()).unwrap();
        assert_eq!(list.close().len(), 1);
        let fault = list.add(body(&wave(18)).unwrap()).unwrap_err();
        assert_eq!(fault.status, fpga_status::InvalidState);
        let full = fpga_poses::new(vec![body(&wave(18)).unwrap(); MOST_BODIES], true);
        assert!(full.add(body(&wave(18)).unwrap()).is_err());
    }
}

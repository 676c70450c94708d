//! `fpga_job`: one restoration, from its inputs to its result.

use std::ffi::{c_char, c_void};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fpga_core::RgbImage;
use fpga_core::pipeline::{
    CancelToken, FaceRestorer, Monitor, Progress, RestoreRequest, StableDiffusion,
};

use crate::cancel::fpga_cancel_token;
use crate::face::{self, fpga_face};
use crate::fault::{Fault, Outcome};
use crate::guard::{Scope, guard, release};
use crate::handle::{Handle, borrow, share};
use crate::image::{self, fpga_image_view, fpga_pixel_format};
use crate::model::fpga_model;
use crate::params::{self, fpga_restore_params};
use crate::progress::{Listener, fpga_progress_callback};
use crate::restoration::fpga_restoration;
use crate::status::fpga_status;
use crate::text::copy_out;
use crate::view::Out;

/// Where a job stands.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum fpga_job_state {
    /// It has not run yet.
    Ready = 1,
    /// It runs.
    Running = 2,
    /// It has a result, unless that was taken.
    Done = 3,
    /// It failed; the job has the message.
    Failed = 4,
    /// The caller stopped it.
    Cancelled = 5,
}

/// One restoration, from its inputs to its result. A job runs once.
pub struct fpga_job {
    model: Arc<fpga_model>,
    state: Mutex<State>,
}

enum State {
    Ready(Box<Work>),
    Running,
    /// `None` once the result was taken.
    Done(Option<Arc<fpga_restoration>>),
    Failed(Fault),
}

/// What a job needs to run.
struct Work {
    picture: RgbImage,
    /// Without its picture.
    request: RestoreRequest<'static>,
    listener: Option<Listener>,
    cancel: CancelToken,
}

impl Handle for fpga_job {
    const NAME: &'static str = "job";
}

impl Work {
    fn run(self, model: &StableDiffusion) -> Outcome<Arc<fpga_restoration>> {
        let request = RestoreRequest {
            picture: &self.picture,
            ..self.request
        };
        // A callback that says stop means this job, not all that share the caller's token.
        let cancel = self.cancel.child();
        let inside = cancel.clone();
        let tell = |progress: &Progress<'_>| {
            if let Some(listener) = self.listener {
                listener.tell(progress, &inside);
            }
        };
        let mut monitor = Monitor::watching(tell).with_cancel(cancel);
        let restored = FaceRestorer::new(model).restore(&request, &mut monitor)?;
        Ok(Arc::new(fpga_restoration { restored }))
    }
}

impl fpga_job {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, scope: &Scope) -> Outcome {
        let context = &self.model.context;
        scope.enter(context)?;
        let work = self.begin()?;
        let (state, outcome) = match context.run(|| work.run(&self.model.model)) {
            Ok(restoration) => (State::Done(Some(restoration)), Ok(())),
            Err(fault) => (State::Failed(fault.clone()), Err(fault)),
        };
        *self.state() = state;
        outcome
    }

    fn begin(&self) -> Outcome<Box<Work>> {
        let mut state = self.state();
        match mem::replace(&mut *state, State::Running) {
            State::Ready(work) => Ok(work),
            other => {
                *state = other;
                Err(Fault::state("the job runs, or has run"))
            }
        }
    }

    /// Changes how the job will run.
    fn prepare(&self, change: impl FnOnce(&mut Work)) -> Outcome {
        match &mut *self.state() {
            State::Ready(work) => {
                change(work);
                Ok(())
            }
            _ => Err(Fault::state("the job runs, or has run")),
        }
    }

    fn take(&self) -> Outcome<Arc<fpga_restoration>> {
        match &mut *self.state() {
            State::Done(result) => result
                .take()
                .ok_or_else(|| Fault::state("the result was taken before")),
            State::Ready(_) | State::Running => Err(Fault::state("the job has not run to its end")),
            State::Failed(_) => Err(Fault::state("the job failed: it has no result")),
        }
    }

    fn standing(&self) -> fpga_job_state {
        match &*self.state() {
            State::Ready(_) => fpga_job_state::Ready,
            State::Running => fpga_job_state::Running,
            State::Done(_) => fpga_job_state::Done,
            State::Failed(fault) if fault.status == fpga_status::Cancelled => {
                fpga_job_state::Cancelled
            }
            State::Failed(_) => fpga_job_state::Failed,
        }
    }

    fn message(&self) -> String {
        match &*self.state() {
            State::Failed(fault) => fault.message.clone(),
            _ => String::new(),
        }
    }
}

/// Makes a job that restores faces of a picture. Nothing is computed yet.
///
/// Ownership: every input is borrowed for the call and copied; the job keeps the model alive. `*job`
/// is the caller's; free it with `fpga_job_free`.
/// Threads: any.
/// NULL: `faces` may be NULL if `num_faces` is 0, `params` may be NULL for the defaults; nothing else
/// may.
/// Errors: `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_INVALID_STRUCT_SIZE`,
/// `FPGA_STATUS_INVALID_UTF8`, `FPGA_STATUS_UNSUPPORTED` (a field of a newer version is set),
/// `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_POISONED`. Numbers outside their ranges and what does not
/// fit the picture or the model are found when the job runs.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_job_new_restore(
    model: *const fpga_model,
    picture: *const fpga_image_view,
    faces: *const fpga_face,
    num_faces: usize,
    params: *const fpga_restore_params,
    job: *mut *mut fpga_job,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for an output.
        let out = unsafe { Out::handle(job) }?;
        // SAFETY: the caller's contract for a handle.
        let model = unsafe { share(model) }?;
        scope.enter(&model.context)?;
        // SAFETY: the caller's contract for structs and what they point to.
        let work = unsafe { copy_in(picture, (faces, num_faces), params) }?;
        let state = Mutex::new(State::Ready(Box::new(work)));
        out.give(Arc::new(fpga_job { model, state }));
        Ok(())
    })
}

/// # Safety
/// The pointers are NULL or structs whose pointers live during the call.
unsafe fn copy_in(
    picture: *const fpga_image_view,
    (faces, num_faces): (*const fpga_face, usize),
    params: *const fpga_restore_params,
) -> Outcome<Work> {
    // SAFETY: this function's contract.
    let (picture, faces, request) = unsafe {
        (
            image::copy_in(picture, fpga_pixel_format::Rgb8)?,
            face::copy_in(faces, num_faces)?,
            params::copy_in(params)?,
        )
    };
    let picture = RgbImage::from_raw(picture.width, picture.height, picture.bytes)
        .ok_or_else(|| Fault::argument("picture", "its rows do not fill it"))?;
    Ok(Work {
        picture,
        request: RestoreRequest { faces, ..request },
        listener: None,
        cancel: CancelToken::new(),
    })
}

/// Says who hears about the job's progress; NULL for nobody. Call it before the job runs.
///
/// Ownership: `userdata` stays the caller's, must live until `fpga_job_run` returns, and must allow
/// being used on another thread.
/// Threads: any.
/// NULL: `job` must not be NULL; `callback` and `userdata` may be.
/// Errors: `FPGA_STATUS_INVALID_STATE`, `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_job_set_progress_callback(
    job: *mut fpga_job,
    callback: fpga_progress_callback,
    userdata: *mut c_void,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for a handle.
        let job = unsafe { borrow(job) }?;
        job.prepare(|work| work.listener = Listener::new(callback, userdata))
    })
}

/// Says what can stop the job; NULL for nothing but its callback. Call it before the job runs.
///
/// Ownership: the job keeps its own reference to the token.
/// Threads: any.
/// NULL: `job` must not be NULL; `token` may be.
/// Errors: `FPGA_STATUS_INVALID_STATE`, `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_job_set_cancel_token(
    job: *mut fpga_job,
    token: *const fpga_cancel_token,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for handles.
        let (job, token) = unsafe { (borrow(job)?, token.as_ref()) };
        let cancel = token.map_or_else(CancelToken::new, |token| token.token.clone());
        job.prepare(|work| work.cancel = cancel)
    })
}

/// Runs the job, and returns when it has ended.
///
/// Ownership: `job` is borrowed for the call; it may be freed meanwhile.
/// Threads: any. Jobs may run side by side, also on one model; each has its own threads. One job runs
/// once.
/// NULL: `job` must not be NULL.
/// Errors: `FPGA_STATUS_CANCELLED`; `FPGA_STATUS_SHAPE`, `FPGA_STATUS_INVALID_ARGUMENT` if something does
/// not fit the picture or the model; `FPGA_STATUS_DEVICE`, `FPGA_STATUS_NOT_FINITE`,
/// `FPGA_STATUS_UNSUPPORTED`; `FPGA_STATUS_INVALID_STATE` if it runs or has run;
/// `FPGA_STATUS_POISONED`, `FPGA_STATUS_PANIC`, `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_job_run(job: *mut fpga_job) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for a handle. Sharing keeps it alive if a callback frees it.
        let job = unsafe { share(job) }?;
        job.run(scope)
    })
}

/// Writes where the job stands, one of `fpga_job_state`.
///
/// Ownership: both pointers are borrowed for the call.
/// Threads: any, also while the job runs.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_job_get_state(job: *const fpga_job, state: *mut u32) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output and a handle.
        let (out, job) = unsafe { (Out::new(state, "state")?, borrow(job)?) };
        out.set(job.standing() as u32);
        Ok(())
    })
}

/// Copies the message of a job that failed or was cancelled; empty in every other state.
///
/// With `buffer` NULL and `capacity` 0 it only writes the size to `needed`, the final NUL included.
///
/// Ownership: the text is copied into `buffer`, which stays the caller's.
/// Threads: any, whichever ran the job.
/// NULL: `job` must not be NULL; either `buffer` or `needed` may be, not both.
/// Errors: `FPGA_STATUS_BUFFER_TOO_SMALL` (then only `needed` is written),
/// `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_job_error_message(
    job: *const fpga_job,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for a handle, `buffer` and `needed`.
        unsafe { copy_out(&borrow(job)?.message(), buffer, capacity, needed) }
    })
}

/// Hands over the result of a job that is done. It can be taken once.
///
/// Ownership: `*restoration` is the caller's; free it with `fpga_restoration_free`. It does not need
/// the job, the model or the context any more.
/// Threads: any.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_INVALID_STATE` if there is no result, or no more; `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_job_take_restoration(
    job: *mut fpga_job,
    restoration: *mut *mut fpga_restoration,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output and a handle.
        let (out, job) = unsafe { (Out::handle(restoration)?, borrow(job)?) };
        out.give(job.take()?);
        Ok(())
    })
}

/// Gives up the caller's reference to a job, with its result if that was not taken.
///
/// A job that runs goes on to its end: cancel it first to make that soon.
///
/// Threads: any, but not while another thread still starts a call with this pointer.
/// NULL: does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_job_free(job: *mut fpga_job) {
    release(job);
}

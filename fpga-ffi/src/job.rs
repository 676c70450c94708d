//! `fpga_job`: one restoration or generation, from its inputs to its result.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::face::fpga_face;
use crate::fault::{Fault, Outcome};
use crate::generate;
use crate::generate_params::fpga_generate_params;
use crate::guard::{Scope, guard, release};
use crate::handle::{Handle, borrow, share};
use crate::image::fpga_image_view;
use crate::memory::Reservation;
use crate::model::fpga_model;
use crate::params::fpga_restore_params;
use crate::progress::{Course, Watch};
use crate::restore;
use crate::status::fpga_status;
use crate::task::{Product, Task};
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

/// One restoration or generation, from its inputs to its result. A job runs once.
pub struct fpga_job {
    model: Arc<fpga_model>,
    pub(crate) course: Course,
    state: Mutex<State>,
}

enum State {
    Ready(Box<Work>),
    Running,
    /// With what remains of the result: `None` once it was taken.
    Done(Option<Product>, usize),
    Failed(Fault),
}

/// What a job needs to run.
struct Work {
    task: Task,
    watch: Watch,
}

impl Handle for fpga_job {
    const NAME: &'static str = "job";
}

impl fpga_job {
    fn new(model: Arc<fpga_model>, task: Task) -> Outcome<Arc<Self>> {
        task.check_devices(&model.context)?;
        let watch = Watch::default();
        let work = Box::new(Work { task, watch });
        Ok(Arc::new(Self {
            model,
            course: Course::default(),
            state: Mutex::new(State::Ready(work)),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, scope: &Scope) -> Outcome {
        let (context, model) = (&self.model.context, &self.model.model);
        scope.enter(context)?;
        let work = self.begin()?;
        let memory = match self.reserve(&work.task) {
            Ok(memory) => memory,
            // It may fit later: the job stays as it was.
            Err(fault) => {
                *self.state() = State::Ready(work);
                return Err(fault);
            }
        };
        let course = &self.course;
        let run = move || work.task.run(model, &mut work.watch.monitor(course));
        let (state, outcome) = match context.run(run) {
            Ok(product) => (State::Done(Some(product.clone()), product.count()), Ok(())),
            Err(fault) => (State::Failed(fault.clone()), Err(fault)),
        };
        drop(memory);
        *self.state() = state;
        outcome
    }

    fn reserve(&self, task: &Task) -> Outcome<Reservation> {
        // A request that cannot be estimated fails in the run, which says why.
        let bytes = task.memory(&self.model.model).unwrap_or_default();
        (self.model.context.ledger).reserve(bytes, "job")
    }

    fn memory(&self) -> Outcome<u64> {
        match &*self.state() {
            State::Ready(work) => work.task.memory(&self.model.model),
            _ => Err(Fault::state("the job runs, or has run")),
        }
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
    pub(crate) fn prepare(&self, change: impl FnOnce(&mut Watch)) -> Outcome {
        match &mut *self.state() {
            State::Ready(work) => {
                change(&mut work.watch);
                Ok(())
            }
            _ => Err(Fault::state("the job runs, or has run")),
        }
    }

    /// Hands over the result if it is of the kind that `pick` wants.
    pub(crate) fn take<T>(&self, pick: impl FnOnce(Product) -> Result<T, Product>) -> Outcome<T> {
        let mut state = self.state();
        let result = match &mut *state {
            State::Done(result, _) => result,
            State::Ready(_) | State::Running => {
                return Err(Fault::state("the job has not run to its end"));
            }
            State::Failed(_) => return Err(Fault::state("the job failed: it has no result")),
        };
        let taken = result
            .take()
            .ok_or_else(|| Fault::state("the result was taken before"))?;
        pick(taken).map_err(|other| {
            *result = Some(other);
            Fault::state("the job has a result of another kind")
        })
    }

    pub(crate) fn finished(&self) -> usize {
        match &*self.state() {
            State::Done(_, count) => *count,
            _ => self.course.last().map_or(0, |(_, finished)| finished),
        }
    }

    pub(crate) fn standing(&self) -> fpga_job_state {
        match &*self.state() {
            State::Ready(_) => fpga_job_state::Ready,
            State::Running => fpga_job_state::Running,
            State::Done(..) => fpga_job_state::Done,
            State::Failed(fault) if fault.status == fpga_status::Cancelled => {
                fpga_job_state::Cancelled
            }
            State::Failed(_) => fpga_job_state::Failed,
        }
    }

    pub(crate) fn message(&self) -> String {
        match &*self.state() {
            State::Failed(fault) => fault.message.clone(),
            _ => String::new(),
        }
    }
}

/// Makes a job that restores faces of a picture: those that are given, or those that the search of `params`
/// finds. Nothing is computed yet.
///
/// With `depth` 1 and identities on the faces it swaps them.
///
/// Ownership: every input is borrowed for the call and copied; the job keeps model, identities and networks
/// alive, but not what callbacks of the caller's use. `*job` is the caller's; free it with `fpga_job_free`.
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
        let task =
            unsafe { restore::copy_in(picture, (faces, num_faces), params, &model.model.device) }?;
        out.give(fpga_job::new(model, Task::Restore(Box::new(task)))?);
        Ok(())
    })
}

/// Makes a job that makes pictures: from noise, from a picture, or inside a mask. Nothing is computed yet.
///
/// Ownership: every input is borrowed for the call and copied; the job keeps model and ControlNets alive.
/// `*job` is the caller's; free it with `fpga_job_free`.
/// Threads: any.
/// NULL: `params` may be NULL for the defaults; nothing else may.
/// Errors: those of `fpga_job_new_restore`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_job_new_generate(
    model: *const fpga_model,
    params: *const fpga_generate_params,
    job: *mut *mut fpga_job,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for an output.
        let out = unsafe { Out::handle(job) }?;
        // SAFETY: the caller's contract for a handle.
        let model = unsafe { share(model) }?;
        scope.enter(&model.context)?;
        // SAFETY: the caller's contract for structs and what they point to.
        let task = unsafe { generate::copy_in(params, &model.model.device) }?;
        out.give(fpga_job::new(model, Task::Generate(Box::new(task)))?);
        Ok(())
    })
}

/// Writes how many bytes the job is expected to take beyond its model while it runs. What fits into the
/// budget of the context is decided by this number.
///
/// Ownership: both pointers are borrowed for the call.
/// Threads: any.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_SHAPE` if the request does not fit the model;
/// `FPGA_STATUS_INVALID_STATE` if the job runs or has run; `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_job_estimate_memory(
    job: *const fpga_job,
    bytes: *mut u64,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output and a handle.
        let (out, job) = unsafe { (Out::new(bytes, "bytes")?, borrow(job)?) };
        out.set(job.memory()?);
        Ok(())
    })
}

/// Runs the job, and returns when it has ended.
///
/// Ownership: `job` is borrowed for the call; it may be freed meanwhile.
/// Threads: any. Jobs may run side by side, also on one model; each has its own threads. One job runs
/// once.
/// NULL: `job` must not be NULL.
/// Errors: `FPGA_STATUS_CANCELLED`; `FPGA_STATUS_MEMORY_BUDGET` if it does not fit now, and then it may be
/// run again; `FPGA_STATUS_SHAPE`, `FPGA_STATUS_INVALID_ARGUMENT` if something does
/// not fit the picture or the model; `FPGA_STATUS_DEVICE`, `FPGA_STATUS_NOT_FINITE`,
/// `FPGA_STATUS_UNSUPPORTED`; `FPGA_STATUS_CALLBACK` if a network of the caller's failed;
/// `FPGA_STATUS_INVALID_STATE` if it runs or has run;
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

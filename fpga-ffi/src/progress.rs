//! `fpga_progress_callback`: how a job tells its caller where it is.

use std::ffi::c_void;

use fpga_core::pipeline::{CancelToken, Phase, Progress};

/// What a job is doing.
///
/// Phases are only ever appended: be ready for one that you do not know.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum fpga_phase {
    /// Prompt to text tokens.
    Text = 1,
    /// Picture to latents.
    Encode = 2,
    /// Latents back to noise.
    Invert = 3,
    /// Noise to latents.
    Denoise = 4,
    /// Latents to picture.
    Decode = 5,
}

impl From<Phase> for fpga_phase {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Text => Self::Text,
            Phase::Encode => Self::Encode,
            Phase::Invert => Self::Invert,
            Phase::Denoise => Self::Denoise,
            Phase::Decode => Self::Decode,
        }
    }
}

/// One message of a running job. Later versions may append fields: `struct_size` says how many
/// bytes there are.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fpga_progress {
    /// Size of this struct in the library that runs.
    pub struct_size: usize,
    /// One of `fpga_phase`.
    pub phase: u32,
    /// 1 if `face` says which face it is about, else 0.
    pub has_face: u32,
    /// Which face of a restoration, from 0 in the order of the request.
    pub face: u32,
    /// Steps of this phase that are done.
    pub step: u32,
    /// Steps of this phase.
    pub steps: u32,
    /// 0.
    pub reserved: u32,
}

impl From<&Progress<'_>> for fpga_progress {
    fn from(progress: &Progress<'_>) -> Self {
        let count = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        Self {
            struct_size: size_of::<Self>(),
            phase: fpga_phase::from(progress.phase) as u32,
            has_face: u32::from(progress.face.is_some()),
            face: count(progress.face.unwrap_or(0)),
            step: count(progress.step),
            steps: count(progress.steps),
            reserved: 0,
        }
    }
}

/// Receives the progress of one job. Return 0 to go on, anything else to cancel this job.
///
/// Ownership: `progress` is borrowed until the callback returns.
/// Threads: a thread of the job's context, never two at once for one job, and never after
/// `fpga_job_run` has returned.
/// The callback must not throw, `longjmp` or end the thread. It may call this library: cancel, read
/// the job's state, even free the job; but not run the same job again.
pub type fpga_progress_callback =
    Option<unsafe extern "C" fn(userdata: *mut c_void, progress: *const fpga_progress) -> i32>;

/// A callback with its userdata, on its way to the thread that runs the job.
#[derive(Clone, Copy)]
pub(crate) struct Listener {
    callback: unsafe extern "C" fn(*mut c_void, *const fpga_progress) -> i32,
    userdata: *mut c_void,
}

// SAFETY: the header says that the callback runs on other threads: its userdata must allow that.
unsafe impl Send for Listener {}

impl Listener {
    pub(crate) fn new(callback: fpga_progress_callback, userdata: *mut c_void) -> Option<Self> {
        callback.map(|callback| Self { callback, userdata })
    }

    /// Calls back, and cancels `job` if the caller says so.
    pub(crate) fn tell(self, progress: &Progress<'_>, job: &CancelToken) {
        let message = fpga_progress::from(progress);
        // SAFETY: the caller registered this function for this userdata; the message outlives it.
        if unsafe { (self.callback)(self.userdata, &raw const message) } != 0 {
            job.cancel();
        }
    }
}

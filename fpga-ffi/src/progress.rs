//! How a job tells its caller where it is: progress, previews, messages.

use std::ffi::{CString, c_char, c_void};
use std::sync::{Mutex, PoisonError};

use fpga_core::pipeline::{CancelToken, Level, Monitor, Phase, Progress};

use crate::growing::Growing;
use crate::image::{self, fpga_image_view};

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

// SAFETY: `repr(C)`, `struct_size` first, integers.
unsafe impl Growing for fpga_progress {
    const NAME: &'static str = "fpga_progress";
    const FIRST_SIZE: usize = size_of::<usize>() + 6 * size_of::<u32>();

    /// Of a job that has said nothing yet.
    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            phase: 0,
            has_face: 0,
            face: 0,
            step: 0,
            steps: 0,
            reserved: 0,
        }
    }
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

/// Receives the picture so far, an eighth of the final size, after every denoising step. Return 0 to go
/// on, anything else to cancel this job.
///
/// Ownership: `progress` and `picture` with its pixels are borrowed until the callback returns.
/// Threads: as `fpga_progress_callback`, right after it; the same rules hold.
pub type fpga_preview_callback = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        progress: *const fpga_progress,
        picture: *const fpga_image_view,
    ) -> i32,
>;

/// How much a message matters.
///
/// Levels are only ever appended: be ready for one that you do not know.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum fpga_log_level {
    /// Something was not done as the request may have meant.
    Warning = 1,
    /// What the job decided.
    Info = 2,
}

impl From<Level> for fpga_log_level {
    fn from(level: Level) -> Self {
        match level {
            Level::Warning => Self::Warning,
            Level::Info => Self::Info,
        }
    }
}

/// Receives what one job has to say, for people. `level` is one of `fpga_log_level`.
///
/// Ownership: `message` is borrowed until the callback returns.
/// Threads: as `fpga_progress_callback`; the same rules hold.
pub type fpga_log_callback =
    Option<unsafe extern "C" fn(userdata: *mut c_void, level: u32, message: *const c_char)>;

/// A callback with its userdata, on its way to the thread that runs the job.
#[derive(Clone, Copy)]
pub(crate) struct Callback<F> {
    function: F,
    userdata: *mut c_void,
}

// SAFETY: the header says that callbacks run on other threads: their userdata must allow that.
unsafe impl<F: Send> Send for Callback<F> {}

impl<F> Callback<F> {
    pub(crate) fn new(function: Option<F>, userdata: *mut c_void) -> Option<Self> {
        function.map(|function| Self { function, userdata })
    }
}

type OnProgress = unsafe extern "C" fn(*mut c_void, *const fpga_progress) -> i32;
type OnPreview =
    unsafe extern "C" fn(*mut c_void, *const fpga_progress, *const fpga_image_view) -> i32;
type OnLog = unsafe extern "C" fn(*mut c_void, u32, *const c_char);

/// Who hears from a job, and what can stop it.
#[derive(Default)]
pub(crate) struct Watch {
    pub(crate) progress: Option<Callback<OnProgress>>,
    pub(crate) preview: Option<Callback<OnPreview>>,
    pub(crate) log: Option<Callback<OnLog>>,
    pub(crate) cancel: CancelToken,
}

/// How far a job has come, for whoever asks.
#[derive(Default)]
pub(crate) struct Course(Mutex<Option<(fpga_progress, usize)>>);

impl Course {
    /// The last message, and the faces that were finished before it.
    pub(crate) fn last(&self) -> Option<(fpga_progress, usize)> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, message: fpga_progress, finished: usize) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((message, finished));
    }
}

impl Watch {
    /// A monitor that calls back and keeps `course` up to date.
    pub(crate) fn monitor<'a>(&'a self, course: &'a Course) -> Monitor<'a> {
        // A callback that says stop means this job, not all that share the caller's token.
        let cancel = self.cancel.child();
        let inside = cancel.clone();
        let tell = move |progress: &Progress<'_>| {
            let message = fpga_progress::from(progress);
            course.note(message, progress.face.unwrap_or(0));
            if self.tell(&message, progress) != 0 {
                inside.cancel();
            }
        };
        let monitor = Monitor::watching(tell).with_cancel(cancel);
        match self.log {
            Some(log) => monitor.noting(move |level, words| log.say(level, words)),
            None => monitor,
        }
    }

    /// What the callbacks say: 0 to go on.
    fn tell(&self, message: &fpga_progress, progress: &Progress<'_>) -> i32 {
        let said = match self.progress {
            // SAFETY: the caller registered this function for this userdata; the message outlives it.
            Some(callback) => unsafe { (callback.function)(callback.userdata, message) },
            None => 0,
        };
        if said != 0 {
            return said;
        }
        let Some(callback) = self.preview else {
            return 0;
        };
        let Some(picture) = progress.preview() else {
            return 0;
        };
        let view = image::view_of(&picture);
        // SAFETY: as above, and the pixels outlive the call.
        unsafe { (callback.function)(callback.userdata, message, &raw const view) }
    }
}

impl Callback<OnLog> {
    fn say(self, level: Level, words: &str) {
        // Messages have no NUL inside, unless a caller's own text brought one.
        let words = CString::new(words.replace('\0', " ")).unwrap_or_default();
        let level = fpga_log_level::from(level) as u32;
        // SAFETY: the caller registered this function for this userdata; the text outlives the call.
        unsafe { (self.function)(self.userdata, level, words.as_ptr()) };
    }
}

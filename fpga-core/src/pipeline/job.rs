//! How a caller watches a running job, and stops it.
//!
//! Both belong to one job: nothing here is global, and a token is never reset by the library.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use image::RgbImage;

use crate::error::{Error, Result};

/// Stops the jobs that hold a clone of it, from any thread.
///
/// A job looks before it starts and after every step. Once cancelled it stays cancelled: a job
/// that is started with a cancelled token ends at once.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<Flag>);

#[derive(Debug, Default)]
struct Flag {
    raised: AtomicBool,
    parent: Option<CancelToken>,
}

impl CancelToken {
    /// A token that nobody has cancelled yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A token that is cancelled with this one, and can be cancelled without it: for one of
    /// several jobs that share a token.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(Arc::new(Flag {
            raised: AtomicBool::new(false),
            parent: Some(self.clone()),
        }))
    }

    /// Asks every job with this token to stop.
    pub fn cancel(&self) {
        self.0.raised.store(true, Ordering::Release);
    }

    /// Whether somebody asked.
    pub fn is_cancelled(&self) -> bool {
        self.0.raised.load(Ordering::Acquire)
            || self.0.parent.as_ref().is_some_and(Self::is_cancelled)
    }
}

/// What a job is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Prompt to text tokens.
    Text,
    /// Picture to latents.
    Encode,
    /// Latents back to noise.
    Invert,
    /// Noise to latents.
    Denoise,
    /// Latents to picture.
    Decode,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Encode => "encode",
            Self::Invert => "invert",
            Self::Denoise => "denoise",
            Self::Decode => "decode",
        })
    }
}

/// One message of a running job.
#[derive(Clone, Copy)]
pub struct Progress<'a> {
    /// What it is doing.
    pub phase: Phase,
    /// Which face of a restoration, from 0; `None` in other jobs.
    pub face: Option<usize>,
    /// Steps of this phase that are done.
    pub step: usize,
    /// Steps of this phase.
    pub steps: usize,
    preview: Option<&'a dyn Fn() -> Option<RgbImage>>,
}

impl<'a> Progress<'a> {
    /// `step` of `steps` of `phase` are done.
    pub fn new(phase: Phase, step: usize, steps: usize) -> Self {
        Self {
            phase,
            face: None,
            step,
            steps,
            preview: None,
        }
    }

    /// Says which face it is about.
    #[must_use]
    pub fn of_face(self, face: Option<usize>) -> Self {
        Self { face, ..self }
    }

    /// Says how the picture looks so far; made only when somebody asks.
    #[must_use]
    pub fn with_preview(self, preview: &'a dyn Fn() -> Option<RgbImage>) -> Self {
        Self {
            preview: Some(preview),
            ..self
        }
    }

    /// The picture so far, an eighth of the final size; cheap, but not free. `None` where the
    /// phase has none, or the device failed.
    pub fn preview(&self) -> Option<RgbImage> {
        self.preview.and_then(|make| make())
    }
}

impl fmt::Debug for Progress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress")
            .field("phase", &self.phase)
            .field("face", &self.face)
            .field("step", &self.step)
            .field("steps", &self.steps)
            .field("preview", &self.preview.is_some())
            .finish()
    }
}

/// How much a [note](Monitor::note) matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something was not done as the request may have meant.
    Warning,
    /// What the job decided.
    Info,
}

/// Receives the progress of one job and carries its cancel token.
#[derive(Default)]
pub struct Monitor<'a> {
    cancel: CancelToken,
    on_progress: Option<OnProgress<'a>>,
    on_note: Option<OnNote<'a>>,
}

/// Called with what the job has to say, on the thread that runs the job.
type OnNote<'a> = Box<dyn FnMut(Level, &str) + 'a>;

/// Called after every step, on the thread that runs the job.
type OnProgress<'a> = Box<dyn FnMut(&Progress<'_>) + 'a>;

impl<'a> Monitor<'a> {
    /// Nobody watches, nobody cancels.
    pub fn none() -> Self {
        Self::default()
    }

    /// Calls `on_progress` after every step, on the thread that runs the job.
    pub fn watching(on_progress: impl FnMut(&Progress<'_>) + 'a) -> Self {
        Self {
            on_progress: Some(Box::new(on_progress)),
            ..Self::default()
        }
    }

    /// Stops when `cancel` says so.
    #[must_use]
    pub fn with_cancel(self, cancel: CancelToken) -> Self {
        Self { cancel, ..self }
    }

    /// Calls `on_note` with what the job has to say, on the thread that runs the job.
    #[must_use]
    pub fn noting(self, on_note: impl FnMut(Level, &str) + 'a) -> Self {
        Self {
            on_note: Some(Box::new(on_note)),
            ..self
        }
    }

    /// Says something to whoever listens; `words` are made only then.
    pub fn note(&mut self, level: Level, words: impl FnOnce() -> String) {
        if let Some(on_note) = &mut self.on_note {
            on_note(level, &words());
        }
    }

    /// Reports, then looks at the token.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled) if the caller asked to stop.
    pub fn report(&mut self, progress: &Progress<'_>) -> Result<()> {
        self.check()?;
        if let Some(on_progress) = &mut self.on_progress {
            on_progress(progress);
        }
        self.check()
    }

    /// Looks at the token.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled) if the caller asked to stop.
    pub fn check(&self) -> Result<()> {
        if self.cancel.is_cancelled() {
            Err(Error::cancelled())
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for Monitor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor")
            .field("cancel", &self.cancel)
            .field("on_progress", &self.on_progress.is_some())
            .field("on_note", &self.on_note.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancel_inside_the_callback_stops_the_job_at_that_step() {
        let token = CancelToken::new();
        let inside = token.clone();
        let mut seen = 0;
        let mut monitor = Monitor::watching(|progress| {
            seen = progress.step;
            inside.cancel();
        })
        .with_cancel(token);
        assert!(
            monitor
                .report(&Progress::new(Phase::Denoise, 1, 4))
                .unwrap_err()
                .is_cancelled()
        );
        assert!(
            monitor
                .report(&Progress::new(Phase::Denoise, 2, 4))
                .unwrap_err()
                .is_cancelled()
        );
        drop(monitor);
        assert_eq!(seen, 1, "no callback after a cancel");
    }

    #[test]
    fn a_child_follows_its_parent_but_not_the_other_way_round() {
        let parent = CancelToken::new();
        let (one, other) = (parent.child(), parent.child());
        one.cancel();
        assert!(one.is_cancelled() && !other.is_cancelled() && !parent.is_cancelled());
        parent.cancel();
        assert!(other.is_cancelled() && parent.child().is_cancelled());
    }
}

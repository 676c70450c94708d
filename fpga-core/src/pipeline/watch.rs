//! Connects the sampler's step reports to a job's monitor.

use std::ops::ControlFlow;

use super::job::{Monitor, Phase, Progress};
use super::preview::LatentPreview;
use crate::sampler::StepReport;

/// Steps of one loop within the steps of its phase.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) phase: Phase,
    /// Which face it is about.
    pub(crate) face: Option<usize>,
    /// Steps of the phase that were done before the loop.
    pub(crate) done: usize,
    /// Steps of the phase.
    pub(crate) total: usize,
}

/// An observer that reports every step, with a preview on demand, and stops on cancel.
pub(crate) fn watch_steps<'a, 'm: 'a>(
    monitor: &'a mut Monitor<'m>,
    preview: &'a LatentPreview,
    phase: Phase,
) -> impl FnMut(StepReport<'_>) -> ControlFlow<()> + 'a {
    move |report| {
        let progress = Progress::new(phase, report.step + 1, report.count);
        tell(monitor, preview, progress, &report)
    }
}

/// The same for a loop that is not its whole phase.
pub(crate) fn watch_part<'a, 'm: 'a>(
    monitor: &'a mut Monitor<'m>,
    preview: &'a LatentPreview,
    part: Part,
) -> impl FnMut(StepReport<'_>) -> ControlFlow<()> + 'a {
    move |report| {
        let done = part.done + report.step + 1;
        let progress = Progress::new(part.phase, done, part.total).of_face(part.face);
        tell(monitor, preview, progress, &report)
    }
}

fn tell(
    monitor: &mut Monitor<'_>,
    preview: &LatentPreview,
    progress: Progress<'_>,
    report: &StepReport<'_>,
) -> ControlFlow<()> {
    // A device that failed fails the job where its result is read.
    let show = || preview.render(report.clean.clone()).ok();
    match monitor.report(&progress.with_preview(&show)) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    }
}

//! Connects the sampler's step reports to a job's monitor.

use std::ops::ControlFlow;

use super::job::{Monitor, Phase, Progress};
use super::preview::LatentPreview;
use crate::sampler::StepReport;

/// An observer that reports every step, with a preview on demand, and stops on cancel.
pub(crate) fn watch_steps<'a, 'm: 'a>(
    monitor: &'a mut Monitor<'m>,
    preview: &'a LatentPreview,
    phase: Phase,
    face: Option<usize>,
) -> impl FnMut(StepReport<'_>) -> ControlFlow<()> + 'a {
    move |report| {
        let show = || preview.render(report.clean.clone());
        let progress = Progress::new(phase, report.step + 1, report.count).of_face(face);
        match monitor.report(&progress.with_preview(&show)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

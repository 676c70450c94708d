//! Who looks on while a training runs.

use image::RgbImage;

use super::report::StepReport;
use crate::error::Result;

/// Looks on while a training runs.
pub trait Watch<M> {
    /// After every step. An error ends the training: [`Error::cancelled`](crate::Error::cancelled) to stop.
    ///
    /// # Errors
    /// The watcher's own.
    fn on_step(&mut self, report: &StepReport) -> Result<()> {
        let _ = report;
        Ok(())
    }

    /// Pictures of what the model can do by now; they are written beside the checkpoints. `model` does
    /// not track gradients, and has the slow average where there is one.
    ///
    /// # Errors
    /// The watcher's own; ends the training.
    fn sample(&mut self, model: &M, step: u64) -> Result<Vec<RgbImage>> {
        let _ = (model, step);
        Ok(Vec::new())
    }
}

/// Nobody looks on.
impl<M> Watch<M> for () {}

/// Both look on, in turn.
impl<M, A: Watch<M>, B: Watch<M>> Watch<M> for (A, B) {
    fn on_step(&mut self, report: &StepReport) -> Result<()> {
        self.0.on_step(report)?;
        self.1.on_step(report)
    }

    fn sample(&mut self, model: &M, step: u64) -> Result<Vec<RgbImage>> {
        let mut pictures = self.0.sample(model, step)?;
        pictures.extend(self.1.sample(model, step)?);
        Ok(pictures)
    }
}

//! A bar on the terminal with loss and time left.

use std::fmt;

use indicatif::{ProgressBar, ProgressStyle};

use super::report::StepReport;
use super::watch::Watch;
use crate::error::Result;

/// Shows every step; hidden where there is no terminal.
pub struct TerminalBar(ProgressBar);

impl TerminalBar {
    /// A bar that has not begun.
    pub fn new() -> Self {
        let bar = ProgressBar::new(0);
        let template = "{bar:30} {pos}/{len} {msg}";
        // The template is a constant; if it did not parse, the plain style shows the same numbers.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(bar)
    }
}

impl Default for TerminalBar {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TerminalBar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TerminalBar at {}", self.0.position())
    }
}

impl<M> Watch<M> for TerminalBar {
    fn on_step(&mut self, report: &StepReport) -> Result<()> {
        self.0.set_length(report.steps);
        self.0.set_position(report.step);
        let minutes = report.seconds_left / 60.0;
        let loss = report.smooth_loss;
        self.0
            .set_message(format!("loss {loss:.4}, {minutes:.1} min left"));
        if report.step == report.steps {
            self.0.finish();
        }
        Ok(())
    }
}

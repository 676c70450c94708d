//! Restoring faces of a picture, and swapping them (DIIR: DDIM inversion, identity-guided
//! regeneration inside the face, everything else byte for byte as it was).
//!
//! Faces are worked on one after another, each on the picture as the one before left it. Guarantees: a
//! pixel outside all masks keeps its bytes; depth 0 or empty masks return the input; the same request
//! and seed give the same bytes; a face that fails its [`Gate`] stays the original, and the report says why.

mod face;
mod faces_file;
mod find;
mod gate;
mod landmark_control;
mod person;
mod report;
mod request;

use std::time::Instant;

use image::RgbImage;

use self::face::FaceWay;
use self::gate::Measured;
use self::request::{Plan, Target, Task, in_face};
use super::failure::on_device;
use super::job::{Level, Monitor, Phase, Progress};
use super::model::StableDiffusion;
use super::prompt::PromptPair;
use super::seed::resolve_seed;
use crate::error::{Context, ErrorKind, Result};
use crate::face::{FaceMask, changed_outside, paste};

pub use faces_file::{FaceEntry, read_faces};
pub use find::{FaceSearch, FoundFaces, LeftFace, LeftReason, SearchReport, SoughtPerson};
pub use gate::{Gate, KeptReason, Sharpness, Verdict};
pub use landmark_control::LandmarkControl;
pub use person::{FaceIdentity, Likeness, Recogniser};
pub use report::{CropReport, FaceReport, RestoreReport, Restored, RoundTrip};
pub use request::{Face, RestoreRequest};

/// Restores faces with one model.
#[derive(Clone, Copy, Debug)]
pub struct FaceRestorer<'m> {
    model: &'m StableDiffusion,
}

/// A face that can be worked on, or why it stays.
type Prepared<'a> = Result<FaceWay<'a>, KeptReason>;

impl<'m> FaceRestorer<'m> {
    /// Borrows the model for any number of jobs.
    pub fn new(model: &'m StableDiffusion) -> Self {
        Self { model }
    }

    /// Runs a job.
    ///
    /// # Errors
    /// Anything in the request that does not fit the picture or the model, a device without memory for it, or a
    /// cancel. What a network makes of a face is no error but a verdict in the report.
    pub fn restore(
        &self,
        request: &RestoreRequest<'_>,
        monitor: &mut Monitor<'_>,
    ) -> Result<Restored> {
        on_device(&self.model.device, || self.run(request, monitor))
    }

    fn run(&self, request: &RestoreRequest<'_>, monitor: &mut Monitor<'_>) -> Result<Restored> {
        let start = Instant::now();
        monitor.check()?;
        let found = match &request.search {
            Some(search) if request.faces.is_empty() => Some(search.find(request.picture)?),
            _ => None,
        };
        let (searched, search) = found.map_or((None, None), |FoundFaces { faces, report }| {
            let request = RestoreRequest {
                faces,
                ..request.clone()
            };
            (Some(request), Some(report))
        });
        let request = searched.as_ref().unwrap_or(request);
        let plan = request.check(self.model)?;
        let prepared = self.prepare(request, &plan, monitor)?;
        let seed = resolve_seed(request.seed);
        monitor.note(Level::Info, || {
            let (faces, steps) = (plan.tasks.len(), plan.steps);
            format!("{faces} faces, {steps} steps each way, seed {seed}")
        });

        let mut picture = request.picture.clone();
        let mut faces = Vec::with_capacity(prepared.len());
        for (index, face) in prepared.into_iter().enumerate() {
            let blank = FaceReport::new(request, &plan, index, seed.wrapping_add(index as u64));
            let report = match face {
                Ok(way) => restore_face(way, blank, &mut picture, monitor),
                Err(reason) => Ok(blank.kept(reason)),
            };
            let report = report.context(|| in_face(index))?;
            report.tell(monitor);
            faces.push(report);
        }

        let accepted = faces
            .iter()
            .filter(|report| report.verdict == Verdict::Accepted);
        let masks: Vec<&FaceMask> = accepted
            .map(|report| &plan.tasks[report.face].mask)
            .collect();
        let report = RestoreReport {
            size: picture.dimensions().into(),
            seed,
            changed_outside_mask: changed_outside(request.picture, &picture, &masks)?,
            faces,
            search,
            seconds: start.elapsed().as_secs_f64(),
        };
        Ok(Restored { picture, report })
    }

    /// Encodes prompts and checks them and every crop against the networks.
    fn prepare<'a>(
        &'a self,
        request: &'a RestoreRequest<'_>,
        plan: &'a Plan,
        monitor: &mut Monitor<'_>,
    ) -> Result<Vec<Prepared<'a>>> {
        let reasons: Vec<_> = plan.tasks.iter().map(|task| plan.idle(task)).collect();
        if reasons.iter().all(Option::is_some) {
            return Ok(reasons.into_iter().flatten().map(Err).collect());
        }
        monitor.report(&Progress::new(Phase::Text, 0, 1))?;
        let source = request.encode_source(self.model)?;
        let target = request.encode_target(self.model, &request.prompt)?;
        let prepare = |(task, reason): (&'a _, Option<KeptReason>)| match reason {
            Some(reason) => Ok(Err(reason)),
            None => self
                .prepare_face(request, (plan, task), (&source, &target))
                .map(Ok),
        };
        let prepared = plan
            .tasks
            .iter()
            .zip(reasons)
            .map(prepare)
            .collect::<Result<_>>()?;
        monitor.report(&Progress::new(Phase::Text, 1, 1))?;
        Ok(prepared)
    }

    fn prepare_face<'a>(
        &'a self,
        request: &'a RestoreRequest<'_>,
        (plan, task): (&'a Plan, &'a Task),
        (source, target): (&PromptPair, &Target),
    ) -> Result<FaceWay<'a>> {
        let face = &request.faces[task.index];
        let text = face.identity.as_ref().and_then(|one| one.text.as_ref());
        let target = match (text, &face.prompt) {
            (Some(text), _) => request.encode_facial(self.model, text, plan),
            (None, Some(prompt)) => request.encode_target(self.model, prompt),
            (None, None) => Ok(target.clone()),
        };
        target
            .and_then(|target| {
                FaceWay::new(self.model, request, (plan, task), (source.clone(), target))
            })
            .context(|| in_face(task.index))
    }
}

/// Changes one face of `picture` if the result passes the gate.
fn restore_face(
    mut way: FaceWay<'_>,
    report: FaceReport,
    picture: &mut RgbImage,
    monitor: &mut Monitor<'_>,
) -> Result<FaceReport> {
    let start = Instant::now();
    let candidate = match way.change(picture, report.seed, monitor) {
        Ok(candidate) => candidate,
        Err(error) => match error.kind() {
            ErrorKind::NotFinite { what } => {
                let seconds = start.elapsed().as_secs_f64();
                let reason = KeptReason::NotFinite { what: what.clone() };
                return Ok(FaceReport {
                    seconds,
                    ..report.kept(reason)
                });
            }
            _ => return Err(error),
        },
    };
    let Task { crop, mask, .. } = way.task;
    let mut changed = picture.clone();
    let pasted = paste(&mut changed, crop, &candidate.crop, mask)?;
    let measured = Measured {
        seam_delta_e: pasted.seam_delta_e,
        sharpness: Sharpness::measure(picture, &changed, mask),
        likeness: way.request.likeness(way.task, [picture, &changed])?,
    };
    let verdict = way.request.gate.judge(&measured);
    let accepted = verdict == Verdict::Accepted;
    if accepted {
        *picture = changed;
    }
    Ok(FaceReport {
        verdict,
        round_trip: candidate.round_trip,
        seam_delta_e: measured.seam_delta_e,
        sharpness: Some(measured.sharpness),
        likeness: measured.likeness,
        colour: candidate.colour,
        changed_pixels: if accepted { pasted.changed } else { 0 },
        seconds: start.elapsed().as_secs_f64(),
        ..report
    })
}

#[cfg(test)]
mod tests;

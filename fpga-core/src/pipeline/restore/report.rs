//! What a restoration did, face by face.

use image::RgbImage;
use serde::Serialize;

use super::gate::{KeptReason, Sharpness, Verdict};
use super::person::Likeness;
use super::request::{Plan, RestoreRequest};
use crate::face::{Affine, ColourShift, CropPlan, FaceBox};
use crate::pipeline::job::{Level, Monitor};

/// Result of a job.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The picture, as large as before.
    pub picture: RgbImage,
    /// What was done.
    pub report: RestoreReport,
}

/// What a job did.
#[derive(Clone, Debug, Serialize)]
pub struct RestoreReport {
    /// Width and height of the picture.
    pub size: [u32; 2],
    /// The seed that was used; face `i` used `seed + i`.
    pub seed: u64,
    /// Bytes that differ from the original where no accepted face's mask reaches, counted over the whole
    /// picture after the job: 0.
    pub changed_outside_mask: usize,
    /// One entry per face, in the request's order.
    pub faces: Vec<FaceReport>,
    /// Seconds from request to picture.
    pub seconds: f64,
}

/// What became of one face.
#[derive(Clone, Debug, Serialize)]
pub struct FaceReport {
    /// Its number in the request, from 0.
    pub face: usize,
    /// Whether it is in the picture, and why not.
    pub verdict: Verdict,
    /// Its box, as given.
    #[serde(rename = "box")]
    pub region: FaceBox,
    /// Where its crop lies.
    pub crop: CropReport,
    /// Steps made, each way.
    pub steps: usize,
    /// Seed of its fresh noise.
    pub seed: u64,
    /// Inversion error; `None` if it was not measured.
    pub round_trip: Option<RoundTrip>,
    /// Mean CIEDE2000 between old and new picture along the outer half of the feather.
    pub seam_delta_e: Option<f64>,
    /// Detail before and after.
    pub sharpness: Option<Sharpness>,
    /// Cosine with the person before and after, where that was measured.
    pub likeness: Option<Likeness>,
    /// What colour matching did; `None` if the mask left nothing to judge by.
    pub colour: Option<ColourShift>,
    /// Pixels that could change.
    pub covered_pixels: usize,
    /// Pixels that did.
    pub changed_pixels: usize,
    /// Seconds that this face took.
    pub seconds: f64,
}

impl FaceReport {
    /// Of a face that nobody has worked on yet.
    pub(super) fn new(request: &RestoreRequest<'_>, plan: &Plan, face: usize, seed: u64) -> Self {
        let task = &plan.tasks[face];
        Self {
            face,
            verdict: Verdict::Accepted,
            region: request.faces[face].region,
            crop: CropReport::from(&task.crop),
            steps: plan.steps,
            seed,
            round_trip: None,
            seam_delta_e: None,
            sharpness: None,
            likeness: None,
            colour: None,
            covered_pixels: task.mask.covered().count(),
            changed_pixels: 0,
            seconds: 0.0,
        }
    }

    /// Notes what became of the face.
    pub(super) fn tell(&self, monitor: &mut Monitor<'_>) {
        let level = match self.verdict {
            Verdict::Accepted => Level::Info,
            Verdict::Kept(_) => Level::Warning,
        };
        let words = || {
            format!(
                "face {}: {}; {:.1} s",
                self.face, self.verdict, self.seconds
            )
        };
        monitor.note(level, words);
    }

    pub(super) fn kept(self, reason: KeptReason) -> Self {
        Self {
            verdict: Verdict::Kept(reason),
            ..self
        }
    }
}

/// How near the plain way to noise and back, without guidance or mask, ends to where it began.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RoundTrip {
    /// Relative L2 error of the latents: the inversion's own error.
    pub latent_error: f64,
    /// PSNR in dB between the crop and what the autoencoder makes of the latents, at most 100: with the
    /// autoencoder's error in it.
    pub psnr: f64,
}

/// Where a crop lies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CropReport {
    /// From crop pixels to picture pixels, with pixel centres at ½.
    pub to_picture: Affine,
    /// Side in the model's pixels.
    pub size: u32,
    /// Side in the picture's pixels.
    pub side: f64,
    /// Degrees by which it is turned.
    pub angle: f64,
}

impl From<&CropPlan> for CropReport {
    fn from(plan: &CropPlan) -> Self {
        Self {
            to_picture: *plan.to_picture(),
            size: plan.size(),
            side: plan.side(),
            angle: plan.angle(),
        }
    }
}

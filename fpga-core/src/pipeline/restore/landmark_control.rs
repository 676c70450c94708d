//! A ControlNet that reads a face's five landmarks, so that pose and expression stay.

use burn::tensor::Device;
use image::RgbImage;

use super::request::{RestoreRequest, Task};
use crate::control::{ControlNet, draw_landmarks5};
use crate::error::{Context, Error, Result};
use crate::face::Landmarks5;
use crate::pipeline::control::{Control, ControlMode};
use crate::pipeline::guided::ActiveControl;
use crate::vae::picture_to_tensor;

/// A ControlNet that was trained on drawings of five landmarks (InstantID's).
#[derive(Clone, Copy, Debug)]
pub struct LandmarkControl<'a> {
    /// The network.
    pub net: &'a ControlNet,
    /// 1 as trained, 0 silent.
    pub scale: f64,
    /// Share of the steps back at which it starts and ends to speak: `(0.0, 1.0)` for all.
    pub window: (f64, f64),
}

impl<'a> LandmarkControl<'a> {
    /// At full strength, at all steps.
    pub fn new(net: &'a ControlNet) -> Self {
        Self {
            net,
            scale: 1.0,
            window: (0.0, 1.0),
        }
    }
}

impl<'a> RestoreRequest<'a> {
    /// The landmarks of the face as it is now, drawn into its crop.
    ///
    /// # Errors
    /// The face has no landmarks, or the window is none.
    pub(super) fn landmark_hint(
        &self,
        task: &Task,
        (device, timesteps): (&Device, &[f64]),
    ) -> Result<Option<ActiveControl<'a>>> {
        let Some(LandmarkControl { net, scale, window }) = self.landmark_control else {
            return Ok(None);
        };
        let landmarks = self.faces[task.index].landmarks.as_ref().ok_or_else(|| {
            let why = "the landmark ControlNet needs them, and this face has none";
            Error::invalid("landmarks", why)
        })?;
        let drawing = draw_in_crop(landmarks, task)?;
        let control = Control {
            net,
            condition: &drawing,
            scale,
            window,
            mode: ControlMode::default(),
        };
        let active = control.active(timesteps).context(|| "landmark control")?;
        let condition = (picture_to_tensor(&drawing, device) + 1.0) / 2.0;
        Ok(Some(ActiveControl {
            net,
            hint: net.encode_condition(condition),
            scale,
            active,
            mode: ControlMode::default(),
        }))
    }
}

fn draw_in_crop(landmarks: &Landmarks5, task: &Task) -> Result<RgbImage> {
    let to_crop = task.crop.to_picture().inverse()?;
    let points = landmarks.points().map(|[x, y]| {
        let [x, y] = to_crop.apply([f64::from(x), f64::from(y)]);
        [x as f32, y as f32]
    });
    Ok(draw_landmarks5([task.crop.size(); 2], &[points]))
}

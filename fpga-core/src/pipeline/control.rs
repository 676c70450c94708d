//! Spatial guidance of a job: ControlNets that speak at every step, and modalities that were merged.

use burn::tensor::{Device, Tensor};
use image::RgbImage;

use super::guided::ActiveControl;
use crate::control::{ControlNet, RepControlNet};
use crate::error::{Context, Error, Result};
use crate::vae::picture_to_tensor;

/// Spatial guidance of one ControlNet.
#[derive(Clone, Debug)]
pub struct Control<'a> {
    /// The network.
    pub net: &'a ControlNet,
    /// Skeleton, landmarks or whatever it was trained on; as large as the picture.
    pub condition: &'a RgbImage,
    /// 1 as trained, 0 silent.
    pub scale: f64,
    /// Share of the steps at which it starts and ends to speak: `(0.0, 1.0)` for all.
    pub window: (f64, f64),
    /// To which half of the guidance it speaks.
    pub mode: ControlMode,
}

/// To which half of classifier-free guidance a ControlNet speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ControlMode {
    /// To prompt and negative prompt alike, with one strength everywhere.
    #[default]
    Balanced,
    /// Only to the prompt, and the softer the finer the features (a tenth at the finest): the picture
    /// follows the condition even where the prompt is empty.
    Guess,
}

/// Spatial guidance of a modality that was merged into the model's UNet
/// ([`RepControlNet::merge`]). Without merging, the UNet does not understand the hint.
#[derive(Clone, Debug)]
pub struct ModalControl<'a> {
    /// The modality; only its condition encoder runs.
    pub net: &'a RepControlNet,
    /// Skeleton, landmarks or whatever it was trained on; as large as the picture.
    pub condition: &'a RgbImage,
    /// Factor of the hint, 1 as trained.
    pub strength: f64,
}

/// Controls with encoded conditions and the timesteps at which they speak.
pub(super) fn activate<'r>(
    controls: &[Control<'r>],
    size: [u32; 2],
    timesteps: &[f64],
    device: &Device,
) -> Result<Vec<ActiveControl<'r>>> {
    let active = |(index, control): (usize, &Control<'r>)| {
        let clause = || format!("control {index}");
        let active = control.active(timesteps).context(clause)?;
        let condition = read(control.condition, size, device).context(clause)?;
        Ok(ActiveControl {
            net: control.net,
            hint: control.net.encode_condition(condition),
            scale: control.scale,
            active,
            mode: control.mode,
        })
    };
    controls.iter().enumerate().map(active).collect()
}

/// The sum of the hints of all modalities for a UNet of `channels` at its finest; `None` without any.
pub(super) fn hint(
    modalities: &[ModalControl<'_>],
    size: [u32; 2],
    (latents, channels): ([usize; 4], usize),
    device: &Device,
) -> Result<Option<Tensor<4>>> {
    let mut sum = None::<Tensor<4>>;
    for (index, modality) in modalities.iter().enumerate() {
        let clause = || format!("modality {index}");
        check_finite("strength", modality.strength).context(clause)?;
        let outputs = modality.net.encoder().outputs();
        if outputs != channels {
            let needed = format!("{channels} channels, as this UNet has");
            return Err(Error::shape("condition encoder", needed, outputs)).context(clause);
        }
        let condition = read(modality.condition, size, device).context(clause)?;
        modality
            .net
            .check(latents, condition.dims())
            .context(clause)?;
        let hint = modality.net.encode_condition(condition) * modality.strength;
        sum = Some(match sum {
            Some(others) => others + hint,
            None => hint,
        });
    }
    Ok(sum)
}

fn read(condition: &RgbImage, size: [u32; 2], device: &Device) -> Result<Tensor<4>> {
    if condition.dimensions() != (size[0], size[1]) {
        let expected = format!("{}×{} like the picture", size[0], size[1]);
        return Err(Error::shape("condition", expected, condition.dimensions()));
    }
    Ok((picture_to_tensor(condition, device) + 1.0) / 2.0)
}

fn check_finite(what: &str, found: f64) -> Result<()> {
    match found.is_finite() {
        true => Ok(()),
        false => Err(Error::invalid(
            what,
            format!("must be finite, found {found}"),
        )),
    }
}

impl Control<'_> {
    /// Largest and smallest timestep at which it speaks.
    pub(super) fn active(&self, timesteps: &[f64]) -> Result<(f64, f64)> {
        let (start, end) = self.window;
        if !(0.0 <= start && start <= end && end <= 1.0) {
            let why = format!("needs 0 ≤ start ≤ end ≤ 1, found ({start}, {end})");
            return Err(Error::invalid("window", why));
        }
        check_finite("scale", self.scale)?;
        let count = timesteps.len();
        let speaks = |&(index, _): &(usize, &f64)| {
            let (begun, done) = (
                index as f64 / count as f64,
                (index + 1) as f64 / count as f64,
            );
            begun >= start && done <= end
        };
        let mut inside = timesteps
            .iter()
            .enumerate()
            .filter(speaks)
            .map(|(_, &timestep)| timestep);
        // An empty range: speaks at no timestep.
        let first = inside.next().unwrap_or(f64::NEG_INFINITY);
        Ok((first, inside.next_back().unwrap_or(first)))
    }
}

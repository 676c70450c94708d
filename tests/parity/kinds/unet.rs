//! One prediction of a UNet, and one set of residuals of a ControlNet.

use burn::tensor::{Device, Tensor};
use fpga_core::control::Coefficients;
use fpga_core::unet::{AddedConditioning, Conditioning, ControlResiduals};
use fpga_core::weights::load_rep_controlnet;
use fpga_core::{Error, Result};

use crate::parity::case::Case;
use crate::parity::tensors::Tensors;

/// `sample` from latents, timesteps, text and, where given, a ControlNet's residuals.
pub(super) fn unet(case: &Case, device: &Device) -> Result<Tensors> {
    let Common {
        latents,
        timesteps,
        conditioning,
    } = Common::read(&case.inputs, device)?;
    let control = control(&case.inputs, device)?;
    let unet = case.unet(device)?;
    unet.check(latents.dims(), &conditioning, control.as_ref())?;

    let mut outputs = Tensors::default();
    let noise = unet.forward(
        latents,
        timesteps,
        &unet.prepare(&conditioning),
        control.as_ref(),
    );
    outputs.push_tensor("sample", noise);
    Ok(outputs)
}

/// `down.{i}` and `mid` from latents, timesteps, text and a condition picture.
pub(super) fn controlnet(case: &Case, device: &Device) -> Result<Tensors> {
    let Common {
        latents,
        timesteps,
        conditioning,
    } = Common::read(&case.inputs, device)?;
    let condition = case.inputs.tensor::<4>("controlnet_cond", device)?;
    let scale = case.setting_or("conditioning_scale", 1.0)?;
    let controlnet = case.controlnet(&case.model()?, device)?;
    controlnet.check(latents.dims(), &conditioning, condition.dims())?;

    let hint = controlnet.encode_condition(condition);
    let residuals =
        controlnet.forward(latents, timesteps, &controlnet.prepare(&conditioning), hint);
    let ControlResiduals { down, mid } = residuals.scaled(scale);
    let mut outputs = Tensors::default();
    for (index, residual) in down.into_iter().enumerate() {
        outputs.push_tensor(format!("down.{index}"), residual);
    }
    outputs.push_tensor("mid", mid);
    Ok(outputs)
}

/// `sample` of a UNet into which a RepControlNet was merged, from a condition picture.
pub(super) fn repcontrolnet(case: &Case, device: &Device) -> Result<Tensors> {
    let Common {
        latents,
        timesteps,
        conditioning,
    } = Common::read(&case.inputs, device)?;
    let condition = case.inputs.tensor::<4>("controlnet_cond", device)?;
    let unet = case.unet(device)?;
    unet.check(latents.dims(), &conditioning, None)?;
    let file = case.folder.join(case.setting::<String>("rep")?);
    let (net, _) = load_rep_controlnet(file, &unet, case.storage, device)?;
    let noted = net.coefficients();
    let net = net.with_coefficients(Coefficients {
        alpha: case.setting_or("alpha", noted.alpha)?,
        beta: case.setting_or("beta", noted.beta)?,
    })?;
    net.check(latents.dims(), condition.dims())?;

    let merged = net.merge(unet)?;
    let prepared = merged.prepare(&conditioning);
    let prepared = prepared.with_hint(net.encode_condition(condition));
    let mut outputs = Tensors::default();
    outputs.push_tensor(
        "sample",
        merged.forward(latents, timesteps, &prepared, None),
    );
    Ok(outputs)
}

/// What these networks are told.
pub(super) struct Common {
    pub(super) latents: Tensor<4>,
    pub(super) timesteps: Tensor<1>,
    pub(super) conditioning: Conditioning,
}

impl Common {
    pub(super) fn read(inputs: &Tensors, device: &Device) -> Result<Self> {
        let latents = inputs.tensor::<4>("sample", device)?;
        let timesteps = inputs.tensor::<1>("timestep", device)?;
        let [batch, ..] = latents.dims();
        if timesteps.dims() != [batch] {
            let needed = format!("[{batch}], one per sample");
            return Err(Error::shape("input timestep", needed, timesteps.dims()));
        }
        let context = inputs.tensor("encoder_hidden_states", device)?;
        let text_embeds = inputs.optional("text_embeds", device)?;
        let time_ids = inputs.optional("time_ids", device)?;
        let added = match (text_embeds, time_ids) {
            (None, None) => None,
            (Some(text_embeds), Some(time_ids)) => Some(AddedConditioning {
                text_embeds,
                time_ids,
            }),
            _ => {
                return Err(Error::invalid(
                    "inputs text_embeds and time_ids",
                    "need each other",
                ));
            }
        };
        Ok(Self {
            latents,
            timesteps,
            conditioning: Conditioning { context, added },
        })
    }
}

fn control(inputs: &Tensors, device: &Device) -> Result<Option<ControlResiduals>> {
    let mut down = Vec::new();
    while let Some(residual) =
        inputs.optional(&format!("down_block_residual.{}", down.len()), device)?
    {
        down.push(residual);
    }
    match (
        down.is_empty(),
        inputs.optional("mid_block_residual", device)?,
    ) {
        (true, None) => Ok(None),
        (false, Some(mid)) => Ok(Some(ControlResiduals { down, mid })),
        _ => {
            let why = "need each other, counted from 0";
            Err(Error::invalid(
                "inputs down_block_residual.{i} and mid_block_residual",
                why,
            ))
        }
    }
}

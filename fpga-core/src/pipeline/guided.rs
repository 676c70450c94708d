//! The UNet as samplers see it: guidance, ControlNets and extra latent channels folded in.
//!
//! [`Guided`] says what is wanted; [`Guided::ready_for`] checks it against the networks and does,
//! once per job, everything that does not depend on the step.

use burn::tensor::Tensor;

use super::control::ControlMode;
use super::prompt::PromptPair;
use crate::control::ControlNet;
use crate::diffusion::Guidance;
use crate::error::Result;
use crate::sampler::Denoiser;
use crate::unet::{Conditioning, ControlResiduals, PreparedConditioning, UNet};

/// A ControlNet with its encoded condition.
#[derive(Clone, Debug)]
pub(crate) struct ActiveControl<'a> {
    pub(crate) net: &'a ControlNet,
    /// From [`ControlNet::encode_condition`], once per job.
    pub(crate) hint: Tensor<4>,
    pub(crate) scale: f64,
    /// Timesteps at which it speaks, largest and smallest.
    pub(crate) active: (f64, f64),
    pub(crate) mode: ControlMode,
}

impl ActiveControl<'_> {
    /// Whether it leaves the negative prompt alone; style without places always does.
    fn spares_negative(&self) -> bool {
        self.mode == ControlMode::Guess || self.net.config().global_pool
    }

    fn weigh(&self, residuals: ControlResiduals) -> ControlResiduals {
        match self.mode {
            ControlMode::Guess if !self.net.config().global_pool => residuals.graded(self.scale),
            _ => residuals.scaled(self.scale),
        }
    }
}

/// What is to be predicted.
pub(crate) struct Guided<'a> {
    unet: &'a UNet,
    /// Negative rows first, as every published pipeline orders them; without guidance only
    /// positive rows.
    conditioning: Conditioning,
    /// The positive rows alone.
    positive: Conditioning,
    guidance: Option<Guidance>,
    controls: Vec<ActiveControl<'a>>,
    /// Encoded conditions of merged modalities: `[1, channels₀, h, w]`.
    hint: Option<Tensor<4>>,
    /// Mask and masked latents of a 9-channel inpainting model: `[b, 5, h, w]`.
    extra_channels: Option<Tensor<4>>,
}

impl<'a> Guided<'a> {
    /// Guidance of 1 or less leaves the negative prompt out.
    ///
    /// # Errors
    /// The two prompts differ in width or length.
    pub(crate) fn new(unet: &'a UNet, prompts: PromptPair, guidance: Guidance) -> Result<Self> {
        let guided = guidance.scale > 1.0;
        let positive = prompts.positive.clone();
        let conditioning = match guided {
            true => prompts.negative.followed_by(prompts.positive)?,
            false => prompts.positive,
        };
        let guidance = guided.then_some(guidance);
        Ok(Self {
            unet,
            conditioning,
            positive,
            guidance,
            controls: Vec::new(),
            hint: None,
            extra_channels: None,
        })
    }

    #[must_use]
    pub(crate) fn with_controls(self, controls: Vec<ActiveControl<'a>>) -> Self {
        Self { controls, ..self }
    }

    #[must_use]
    pub(crate) fn with_hint(self, hint: Option<Tensor<4>>) -> Self {
        Self { hint, ..self }
    }

    #[must_use]
    pub(crate) fn with_extra_channels(self, extra_channels: Option<Tensor<4>>) -> Self {
        Self {
            extra_channels,
            ..self
        }
    }

    /// Ready to predict latents `[b, c, h, w]` of this shape.
    ///
    /// # Errors
    /// As [`UNet::check`](crate::unet::UNet::check).
    pub(crate) fn ready_for(self, latents: [usize; 4]) -> Result<GuidedDenoiser<'a>> {
        let [batch, channels, height, width] = latents;
        let rows = if self.guidance.is_some() {
            2 * batch
        } else {
            batch
        };
        let extra = self
            .extra_channels
            .as_ref()
            .map_or(0, |extra| extra.dims()[1]);
        let input = [rows, channels + extra, height, width];
        self.unet.check(input, &self.conditioning, None)?;
        for control in &self.controls {
            let encoder = &control.net.config().encoder;
            encoder.check_inputs([rows, channels, height, width], &self.conditioning)?;
        }
        let read = |control: ActiveControl<'a>| {
            let conditioning = match control.spares_negative() {
                true => control.net.prepare(&self.positive),
                false => control.net.prepare(&self.conditioning),
            };
            (control, conditioning)
        };
        let conditioning = self.unet.prepare(&self.conditioning);
        Ok(GuidedDenoiser {
            unet: self.unet,
            conditioning: match self.hint {
                Some(hint) => conditioning.with_hint(hint),
                None => conditioning,
            },
            guidance: self.guidance,
            controls: self.controls.into_iter().map(read).collect(),
            extra_channels: self.extra_channels,
        })
    }
}

/// Predicts with classifier-free guidance: both halves in one batch.
pub(crate) struct GuidedDenoiser<'a> {
    unet: &'a UNet,
    conditioning: PreparedConditioning,
    guidance: Option<Guidance>,
    controls: Vec<(ActiveControl<'a>, PreparedConditioning)>,
    extra_channels: Option<Tensor<4>>,
}

impl GuidedDenoiser<'_> {
    fn residuals(
        &self,
        latents: &Tensor<4>,
        timesteps: &Tensor<1>,
        timestep: f64,
    ) -> Result<Option<ControlResiduals>> {
        let mut sum: Option<ControlResiduals> = None;
        for (control, conditioning) in &self.controls {
            let (first, last) = control.active;
            if !(last..=first).contains(&timestep) {
                continue;
            }
            // The positive rows come last; without guidance there are no others.
            let spared = match (self.guidance, control.spares_negative()) {
                (Some(_), true) => latents.dims()[0] / 2,
                _ => 0,
            };
            let rows = spared..latents.dims()[0];
            let latents = latents.clone().slice_dim(0, rows.clone());
            let timesteps = timesteps.clone().slice_dim(0, rows);
            let hint = control.hint.clone();
            let residuals = control.net.forward(latents, timesteps, conditioning, hint);
            let residuals = control.weigh(residuals).after_silent(spared);
            sum = Some(match sum {
                Some(others) => others.plus(residuals)?,
                None => residuals,
            });
        }
        Ok(sum)
    }
}

impl Denoiser for GuidedDenoiser<'_> {
    fn predict(&mut self, latents: Tensor<4>, timestep: f64) -> Result<Tensor<4>> {
        let device = latents.device();
        let batch = match self.guidance {
            Some(_) => Tensor::cat(vec![latents.clone(), latents], 0),
            None => latents,
        };
        let rows = batch.dims()[0];
        let timesteps = Tensor::<1>::full([rows], timestep, &device);

        let control = self.residuals(&batch, &timesteps, timestep)?;
        let input = match &self.extra_channels {
            Some(extra) => {
                let copies = rows / extra.dims()[0];
                Tensor::cat(vec![batch, extra.clone().repeat_dim(0, copies)], 1)
            }
            None => batch,
        };
        let output = self
            .unet
            .forward(input, timesteps, &self.conditioning, control.as_ref());

        let Some(guidance) = self.guidance else {
            return Ok(output);
        };
        let mut halves = output.chunk(2, 0);
        let conditional = halves.pop().expect("two halves");
        let unconditional = halves.pop().expect("two halves");
        Ok(guidance.apply(unconditional, conditional))
    }
}

//! The UNet as samplers see it: guidance, people, ControlNets and extra latent channels folded in.
//!
//! [`Guided`] says what is wanted; [`Guided::ready_for`] checks it against the networks and does,
//! once per job, everything that does not depend on the step.

use burn::tensor::Tensor;

use super::control::ControlMode;
use super::prompt::PromptPair;
use crate::control::ControlNet;
use crate::diffusion::Guidance;
use crate::error::Result;
use crate::identity::{IdentityAttention, IdentitySet, LeakageMeter};
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

/// People with their places.
#[derive(Clone, Debug)]
pub(crate) struct ActivePeople<'a> {
    pub(crate) adapter: &'a IdentityAttention,
    /// With as many rows of tokens as the prompts have together.
    pub(crate) set: IdentitySet,
    /// Whether to measure where everyone's attention goes.
    pub(crate) measure: bool,
}

/// One prompt with its negative.
struct Prompted {
    /// Negative rows first, as every published pipeline orders them; without guidance only positive
    /// rows.
    rows: Conditioning,
    /// The positive rows alone.
    positive: Conditioning,
}

/// What is to be predicted.
pub(crate) struct Guided<'a> {
    unet: &'a UNet,
    /// From which step on which prompts hold.
    prompts: Vec<(usize, Prompted)>,
    guidance: Option<Guidance>,
    /// Of every step of the job, where anything depends on the step.
    timesteps: Vec<f64>,
    people: Option<ActivePeople<'a>>,
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
        let guidance = (guidance.scale > 1.0).then_some(guidance);
        let guided = Self {
            unet,
            prompts: Vec::new(),
            guidance,
            timesteps: Vec::new(),
            people: None,
            controls: Vec::new(),
            hint: None,
            extra_channels: None,
        };
        guided.with_prompts_from(0, prompts)
    }

    /// Whether there are rows for the negative prompt, before those for the prompt.
    pub(crate) fn is_guided(&self) -> bool {
        self.guidance.is_some()
    }

    /// Other prompts from a step on.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(crate) fn with_prompts_from(mut self, step: usize, prompts: PromptPair) -> Result<Self> {
        let positive = prompts.positive.clone();
        let rows = match self.is_guided() {
            true => prompts.negative.followed_by(prompts.positive)?,
            false => prompts.positive,
        };
        self.prompts.push((step, Prompted { rows, positive }));
        Ok(self)
    }

    /// The timestep of every step, for people's windows and for prompts that change.
    #[must_use]
    pub(crate) fn with_timesteps(self, timesteps: &[f64]) -> Self {
        let timesteps = timesteps.to_vec();
        Self { timesteps, ..self }
    }

    #[must_use]
    pub(crate) fn with_people(self, people: Option<ActivePeople<'a>>) -> Self {
        Self { people, ..self }
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
    /// As [`UNet::check`](crate::unet::UNet::check), and people whose adapter or tokens do not fit.
    pub(crate) fn ready_for(self, latents: [usize; 4]) -> Result<GuidedDenoiser<'a>> {
        let [batch, _, height, width] = latents;
        let rows = if self.is_guided() { 2 * batch } else { batch };
        let (mut people, mut meter) = (None, None);
        if let Some(ActivePeople {
            adapter,
            set,
            measure,
        }) = &self.people
        {
            let grid = [height, width];
            let prepared = self.unet.prepare_identities(adapter, set, grid)?;
            if *measure {
                let (measured, its_meter) = prepared.measured_in(rows - batch..rows);
                (people, meter) = (Some(measured), Some(its_meter));
            } else {
                people = Some(prepared);
            }
        }
        let phases = self.prompts.iter().map(|(from_step, prompted)| {
            self.check(latents, &prompted.rows)?;
            let mut text = self.unet.prepare(&prompted.rows);
            if let Some(hint) = &self.hint {
                text = text.with_hint(hint.clone());
            }
            if let Some(people) = &people {
                text = text.with_identities(people.clone())?;
            }
            let read = |control: &ActiveControl<'_>| match control.spares_negative() {
                true => control.net.prepare(&prompted.positive),
                false => control.net.prepare(&prompted.rows),
            };
            Ok(Phase {
                from_step: *from_step,
                text,
                controls: self.controls.iter().map(read).collect(),
            })
        });
        let phases = phases.collect::<Result<_>>()?;
        Ok(GuidedDenoiser {
            unet: self.unet,
            phases,
            timesteps: self.timesteps,
            meter,
            guidance: self.guidance,
            controls: self.controls,
            extra_channels: self.extra_channels,
        })
    }

    fn check(&self, latents: [usize; 4], conditioning: &Conditioning) -> Result<()> {
        let [batch, channels, height, width] = latents;
        let rows = if self.is_guided() { 2 * batch } else { batch };
        let extra = self.extra_channels.as_ref();
        let extra = extra.map_or(0, |extra| extra.dims()[1]);
        let input = [rows, channels + extra, height, width];
        self.unet.check(input, conditioning, None)?;
        for control in &self.controls {
            let encoder = &control.net.config().encoder;
            encoder.check_inputs([rows, channels, height, width], conditioning)?;
        }
        Ok(())
    }
}

/// Steps with the same prompts.
struct Phase {
    from_step: usize,
    text: PreparedConditioning,
    /// One per ControlNet.
    controls: Vec<PreparedConditioning>,
}

/// Predicts with classifier-free guidance: both halves in one batch.
pub(crate) struct GuidedDenoiser<'a> {
    unet: &'a UNet,
    /// In the order of their steps; the first is from step 0 on.
    phases: Vec<Phase>,
    timesteps: Vec<f64>,
    meter: Option<LeakageMeter>,
    guidance: Option<Guidance>,
    controls: Vec<ActiveControl<'a>>,
    extra_channels: Option<Tensor<4>>,
}

impl GuidedDenoiser<'_> {
    /// What measures where everyone's attention goes, if that was asked for.
    pub(crate) fn meter(&self) -> Option<&LeakageMeter> {
        self.meter.as_ref()
    }

    /// The phase of this timestep, with those people acting whose windows include it.
    fn enter(&mut self, timestep: f64) -> usize {
        let step = self.timesteps.iter().position(|known| *known == timestep);
        let begun = |phase: &Phase| phase.from_step <= step.unwrap_or(0);
        let index = self.phases.iter().rposition(begun).unwrap_or(0);
        let people = self.phases[index].text.identities_mut();
        if let (Some(step), Some(people)) = (step, people) {
            people.at_step(step, self.timesteps.len());
        }
        index
    }

    fn residuals(
        &self,
        phase: &Phase,
        (latents, timesteps): (&Tensor<4>, &Tensor<1>),
        timestep: f64,
    ) -> Result<Option<ControlResiduals>> {
        let mut sum: Option<ControlResiduals> = None;
        for (control, conditioning) in self.controls.iter().zip(&phase.controls) {
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

        let phase = self.enter(timestep);
        let phase = &self.phases[phase];
        let control = self.residuals(phase, (&batch, &timesteps), timestep)?;
        let input = match &self.extra_channels {
            Some(extra) => {
                let copies = rows / extra.dims()[0];
                Tensor::cat(vec![batch, extra.clone().repeat_dim(0, copies)], 1)
            }
            None => batch,
        };
        let output = self
            .unet
            .forward(input, timesteps, &phase.text, control.as_ref());

        let Some(guidance) = self.guidance else {
            return Ok(output);
        };
        let mut halves = output.chunk(2, 0);
        let conditional = halves.pop().expect("two halves");
        let unconditional = halves.pop().expect("two halves");
        Ok(guidance.apply(unconditional, conditional))
    }
}

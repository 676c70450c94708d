//! A sampler with its steps laid out, to be driven in a loop or by hand.

use std::str::FromStr;

use burn::tensor::Tensor;

use super::check_shape;
use super::ddim::Ddim;
use super::dpmpp_2m::DpmPp2M;
use super::euler::Euler;
use super::euler_ancestral::EulerAncestral;
use super::lcm::Lcm;
use super::method::{Method, Step};
use crate::diffusion::ScheduleConfig;
use crate::error::{Error, Result};

/// Which sampler.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SamplerKind {
    /// DDIM; `eta` 0 is deterministic, 1 as noisy as DDPM.
    Ddim {
        /// Share of fresh noise, 0 to 1.
        eta: f64,
    },
    /// Euler on the probability-flow equation.
    Euler,
    /// Euler with fresh noise at every step.
    EulerAncestral {
        /// Share of fresh noise, 0 to 1; the usual value is 1.
        eta: f64,
    },
    /// DPM-Solver++, second order, two steps looked at.
    DpmPp2M {
        /// Karras spacing even where the model's config does not ask for it.
        karras: bool,
    },
    /// Latent consistency: 1 to 8 steps, for models distilled to it.
    Lcm,
}

impl FromStr for SamplerKind {
    type Err = Error;

    /// Reads `ddim`, `euler`, `euler_ancestral`, `dpmpp_2m`, `dpmpp_2m_karras` or `lcm`.
    fn from_str(name: &str) -> Result<Self> {
        match name {
            "ddim" => Ok(Self::Ddim { eta: 0.0 }),
            "euler" => Ok(Self::Euler),
            "euler_ancestral" => Ok(Self::EulerAncestral { eta: 1.0 }),
            "dpmpp_2m" => Ok(Self::DpmPp2M { karras: false }),
            "dpmpp_2m_karras" => Ok(Self::DpmPp2M { karras: true }),
            "lcm" => Ok(Self::Lcm),
            _ => {
                let known = "ddim, euler, euler_ancestral, dpmpp_2m, dpmpp_2m_karras, lcm";
                Err(Error::unsupported(
                    format!("sampler `{name}`"),
                    format!("known: {known}"),
                ))
            }
        }
    }
}

/// A sampler with its steps laid out.
///
/// Steps are made in order, each once; beginning again at step 0 starts a new run.
#[derive(Debug)]
pub struct Sampler {
    kind: SamplerKind,
    method: Box<dyn Method>,
    /// Timesteps of the steps that are left after [`Sampler::starting_at`].
    timesteps: Vec<f64>,
    /// Steps of the whole schedule that are left out at its noisy end.
    skipped: usize,
    /// The last step made and the clean latents it predicted, for multi-step methods.
    previous: Option<(usize, Tensor<4>)>,
}

impl Sampler {
    /// Lays out `num_inference_steps` steps over the schedule of `config`.
    ///
    /// # Errors
    /// The number of steps does not fit the schedule, or the config asks for what is not built.
    pub fn new(
        kind: SamplerKind,
        config: &ScheduleConfig,
        num_inference_steps: usize,
    ) -> Result<Self> {
        let count = num_inference_steps;
        let method: Box<dyn Method> = match kind {
            SamplerKind::Ddim { eta } => Box::new(Ddim::new(config, count, checked_eta(eta)?)?),
            SamplerKind::Euler => Box::new(Euler::new(config, count)?),
            SamplerKind::EulerAncestral { eta } => {
                Box::new(EulerAncestral::new(config, count, checked_eta(eta)?)?)
            }
            SamplerKind::DpmPp2M { karras } => Box::new(DpmPp2M::new(config, count, karras)?),
            SamplerKind::Lcm => Box::new(Lcm::new(config, count)?),
        };
        Ok(Self {
            kind,
            timesteps: method.timesteps(),
            method,
            skipped: 0,
            previous: None,
        })
    }

    /// Leaves out the noisiest steps, for a picture that is to be changed only by `strength`: of `n`
    /// steps the last `⌊n·strength⌋` are left.
    ///
    /// # Errors
    /// `strength` is outside `[0, 1]`, or no step would be left.
    pub fn starting_at(mut self, strength: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&strength) {
            let why = format!("needed 0 to 1, found {strength}");
            return Err(Error::invalid("strength", why));
        }
        let all = self.method.timesteps();
        let left = (all.len() as f64 * strength) as usize;
        if left == 0 {
            let why = format!("{strength} of {} steps leaves none", all.len());
            return Err(Error::invalid("strength", why));
        }
        self.skipped = all.len() - left;
        self.timesteps = all[self.skipped..].to_vec();
        self.previous = None;
        Ok(self)
    }

    /// Which method it follows.
    pub fn kind(&self) -> SamplerKind {
        self.kind
    }

    /// Timestep of every step, noisiest first.
    pub fn timesteps(&self) -> &[f64] {
        &self.timesteps
    }

    /// What standard normal noise is multiplied by to become the first latents.
    pub fn initial_noise_scale(&self) -> f64 {
        self.method.initial_noise_scale()
    }

    /// A picture's latents with as much noise as the first step starts from; all `[b, c, h, w]`.
    pub fn add_noise(&self, clean: Tensor<4>, noise: Tensor<4>) -> Tensor<4> {
        self.noisy_before(0, clean, noise)
    }

    /// A picture's latents with as much noise as `step` starts from, none behind the last step; all
    /// `[b, c, h, w]`.
    pub fn noisy_before(&self, step: usize, clean: Tensor<4>, noise: Tensor<4>) -> Tensor<4> {
        if step >= self.timesteps.len() {
            return clean;
        }
        let (picture, noisy) = self.method.mix(self.skipped + step);
        clean * picture + noise * noisy
    }

    /// Latents as the network wants to see them at `step`, an index into the timesteps.
    pub fn scale_input(&self, latents: Tensor<4>, step: usize) -> Tensor<4> {
        let divisor = self.method.input_divisor(self.skipped + step);
        if divisor == 1.0 {
            latents
        } else {
            latents / divisor
        }
    }

    /// Whether `step`, an index into the timesteps, adds fresh noise.
    pub fn needs_noise(&self, step: usize) -> bool {
        self.method.noise_amount(self.skipped + step) > 0.0
    }

    /// Makes `step` with the network's `output` for the scaled latents; all `[b, c, h, w]`.
    ///
    /// `noise` is standard normal; it is used if [`Sampler::needs_noise`] says so.
    ///
    /// # Errors
    /// `step` does not exist, a shape is not that of `latents`, or needed noise is absent.
    pub fn step(
        &mut self,
        step: usize,
        output: Tensor<4>,
        latents: Tensor<4>,
        noise: Option<Tensor<4>>,
    ) -> Result<Step> {
        if step >= self.timesteps.len() {
            let why = format!("needed less than {}, found {step}", self.timesteps.len());
            return Err(Error::invalid("step", why));
        }
        check_shape("model output", &output, &latents)?;
        let amount = self.method.noise_amount(self.skipped + step);
        let noise = noise.filter(|_| amount > 0.0);
        match &noise {
            Some(noise) => check_shape("step noise", noise, &latents)?,
            None if amount > 0.0 => {
                return Err(Error::invalid(
                    "step noise",
                    "this step needs it, found none",
                ));
            }
            None => {}
        }
        let before = self.previous.take().filter(|(made, _)| made + 1 == step);
        let before = before.map(|(_, clean)| clean);
        let mut moved = self
            .method
            .step(self.skipped + step, output, latents, before);
        if let Some(noise) = noise {
            moved.latents = moved.latents + noise * amount;
        }
        self.previous = Some((step, moved.clean.clone()));
        Ok(moved)
    }
}

fn checked_eta(eta: f64) -> Result<f64> {
    if (0.0..=1.0).contains(&eta) {
        return Ok(eta);
    }
    Err(Error::invalid("eta", format!("needed 0 to 1, found {eta}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [SamplerKind; 5] = [
        SamplerKind::Ddim { eta: 0.0 },
        SamplerKind::Euler,
        SamplerKind::EulerAncestral { eta: 1.0 },
        SamplerKind::DpmPp2M { karras: false },
        SamplerKind::Lcm,
    ];

    #[test]
    fn hostile_configs_are_refused_by_every_sampler() {
        for text in [
            r#"{"num_train_timesteps": 0}"#,
            r#"{"num_train_timesteps": 1000000000000}"#,
            r#"{"steps_offset": -9223372036854775808}"#,
            r#"{"steps_offset": 9223372036854775807}"#,
            r#"{"clip_sample_range": -1.0}"#,
            r#"{"beta_start": 0.0, "beta_end": 0.0}"#,
            r#"{"beta_start": -1.0, "beta_schedule": "scaled_linear"}"#,
            r#"{"trained_betas": [0.5]}"#,
            r#"{"num_train_timesteps": 1, "rescale_betas_zero_snr": true}"#,
        ] {
            let config = ScheduleConfig::from_json(text).unwrap();
            for kind in KINDS {
                assert!(
                    Sampler::new(kind, &config, 1).is_err(),
                    "{kind:?} took {text}"
                );
            }
        }
    }

    #[test]
    fn a_start_needs_a_strength_that_leaves_a_step() {
        let config = ScheduleConfig::stable_diffusion();
        for (strength, left) in [(1.0, Some(10)), (0.1, Some(1)), (0.09, None), (1.1, None)] {
            let sampler = Sampler::new(SamplerKind::Euler, &config, 10).unwrap();
            let started = sampler.starting_at(strength).ok();
            assert_eq!(
                started.map(|sampler| sampler.timesteps().len()),
                left,
                "{strength}"
            );
        }
    }

    #[test]
    fn a_step_refuses_what_does_not_fit() {
        let config = ScheduleConfig::stable_diffusion();
        let kind = SamplerKind::EulerAncestral { eta: 1.0 };
        let mut sampler = Sampler::new(kind, &config, 3).unwrap();
        let device = burn::tensor::Device::flex();
        let latents = || Tensor::<4>::zeros([1, 4, 2, 2], &device);
        let eight_channels = Tensor::<4>::zeros([1, 8, 2, 2], &device);
        assert!(
            sampler
                .step(0, eight_channels, latents(), Some(latents()))
                .is_err()
        );
        assert!(sampler.step(0, latents(), latents(), None).is_err());
        assert!(
            sampler
                .step(3, latents(), latents(), Some(latents()))
                .is_err()
        );
        // Nothing is added on the way to the level without noise.
        assert!(sampler.step(2, latents(), latents(), None).is_ok());
    }
}

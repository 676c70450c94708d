//! How much noise each timestep means: `ᾱ_t = Π_{s≤t} (1 − β_s)` (Ho et al. 2020, eq. 4).
//!
//! Zero-terminal-SNR rescaling is Lin et al. 2023, algorithm 1. Everything is computed in f32, with
//! the running product in f64, because the reference does: near the clean end `1 − ᾱ` keeps only
//! four digits of an f32, and those must be the same digits.

use burn::tensor::{Tensor, TensorData};

use super::config::{BetaShape, ScheduleConfig};
use crate::error::{Error, Result};

/// Longest schedule that is accepted; a thousand times what models use.
const MAX_TRAIN_TIMESTEPS: usize = 1_000_000;

/// One level of noise on the way between picture and pure noise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoiseLevel {
    /// Timestep of this level; negative means cleaner than timestep 0.
    pub timestep: f64,
    /// Share of the picture in the variance: 1 is clean, 0 pure noise.
    pub alpha_bar: f64,
}

impl NoiseLevel {
    /// The level at which noise is `ratio` times as strong as the picture.
    pub fn from_ratio(timestep: f64, ratio: f64) -> Self {
        let alpha_bar = 1.0 / (ratio * ratio + 1.0);
        Self {
            timestep,
            alpha_bar,
        }
    }

    /// Factor of the picture, `√ᾱ`.
    pub fn signal(self) -> f64 {
        self.alpha_bar.sqrt()
    }

    /// Factor of the noise, `√(1−ᾱ)`.
    pub fn sigma(self) -> f64 {
        (1.0 - self.alpha_bar).sqrt()
    }

    /// Noise over picture, `√((1−ᾱ)/ᾱ)`: the σ of variance-exploding latents.
    pub fn ratio(self) -> f64 {
        self.sigma() / self.signal()
    }
}

/// One step of a sampler.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepPair {
    /// The level that the latents are at.
    pub from: NoiseLevel,
    /// The level that they move to.
    pub to: NoiseLevel,
}

impl StepPair {
    /// The same step backwards.
    pub fn reversed(self) -> Self {
        Self {
            from: self.to,
            to: self.from,
        }
    }
}

/// First and last β and the curve between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BetaRange {
    /// First β.
    pub start: f64,
    /// Last β.
    pub end: f64,
    /// Curve between the two.
    pub shape: BetaShape,
}

impl BetaRange {
    /// Ho et al. 2020: what most scheduler classes assume.
    pub const DDPM: Self = Self {
        start: 0.0001,
        end: 0.02,
        shape: BetaShape::Linear,
    };
    /// Rombach et al. 2022: what the LCM class assumes.
    pub const STABLE_DIFFUSION: Self = Self {
        start: 0.00085,
        end: 0.012,
        shape: BetaShape::ScaledLinear,
    };
}

/// `ᾱ` of every training timestep.
#[derive(Clone, Debug, PartialEq)]
pub struct NoiseSchedule {
    alpha_bar: Vec<f64>,
    clean_alpha_bar: f64,
}

impl NoiseSchedule {
    /// The schedule of `config`; `absent` answers for the β keys that it does not have.
    ///
    /// # Errors
    /// The βs are not in `[0, 1)` or leave no noise, their number is not `num_train_timesteps`, or
    /// `steps_offset` or `clip_sample_range` is out of range.
    pub fn new(config: &ScheduleConfig, absent: BetaRange) -> Result<Self> {
        let count = config.num_train_timesteps;
        if !(1..=MAX_TRAIN_TIMESTEPS).contains(&count) {
            let why = format!("needed 1 to {MAX_TRAIN_TIMESTEPS}, found {count}");
            return Err(Error::invalid("num_train_timesteps", why));
        }
        check_ranges(config)?;
        let range = BetaRange {
            start: config.beta_start.unwrap_or(absent.start),
            end: config.beta_end.unwrap_or(absent.end),
            shape: config.beta_schedule.unwrap_or(absent.shape),
        };
        let betas = match &config.trained_betas {
            Some(betas) => betas.clone(),
            None => range.betas(count),
        };
        if betas.len() != count {
            return Err(Error::shape(
                "trained_betas",
                format!("[{count}]"),
                [betas.len()],
            ));
        }
        if let Some(beta) = betas.iter().find(|beta| !(0.0..1.0).contains(*beta)) {
            let why = format!("needed values in [0, 1), found {beta}");
            return Err(Error::invalid("noise schedule betas", why));
        }
        let betas = if config.rescale_betas_zero_snr {
            zero_terminal_snr(&betas)
        } else {
            betas
        };
        let alpha_bar: Vec<f64> = products(&betas).into_iter().map(f64::from).collect();
        if let Some(bad) = alpha_bar
            .iter()
            .find(|alpha_bar| !(0.0..1.0).contains(*alpha_bar))
        {
            let why = format!("they lead to a signal share of {bad}, needed [0, 1)");
            return Err(Error::invalid("noise schedule betas", why));
        }
        let clean_alpha_bar = if config.set_alpha_to_one {
            1.0
        } else {
            alpha_bar[0]
        };
        Ok(Self {
            alpha_bar,
            clean_alpha_bar,
        })
    }

    /// The schedule that training assumes where `config` is silent.
    ///
    /// # Errors
    /// As [`NoiseSchedule::new`].
    pub fn from_config(config: &ScheduleConfig) -> Result<Self> {
        Self::new(config, BetaRange::DDPM)
    }

    /// Number of training timesteps.
    pub fn num_train_timesteps(&self) -> usize {
        self.alpha_bar.len()
    }

    /// `ᾱ` of every timestep, cleanest first.
    pub fn alpha_bars(&self) -> &[f64] {
        &self.alpha_bar
    }

    /// The level of a whole timestep; a negative one means the clean end.
    ///
    /// # Errors
    /// The timestep lies beyond the schedule.
    pub fn level(&self, timestep: i64) -> Result<NoiseLevel> {
        let alpha_bar = match usize::try_from(timestep) {
            Err(_) => Some(self.clean_alpha_bar),
            Ok(index) => self.alpha_bar.get(index).copied(),
        };
        let alpha_bar = alpha_bar.ok_or_else(|| {
            let last = self.alpha_bar.len() - 1;
            Error::invalid(
                "timestep",
                format!("needed at most {last}, found {timestep}"),
            )
        })?;
        Ok(NoiseLevel {
            timestep: timestep as f64,
            alpha_bar,
        })
    }

    /// `σ = √((1−ᾱ)/ᾱ)` of every timestep, cleanest first.
    pub fn sigmas(&self) -> Vec<f64> {
        let sigma = |&alpha_bar: &f64| {
            let alpha_bar = alpha_bar as f32;
            f64::from(((1.0 - alpha_bar) / alpha_bar).sqrt())
        };
        self.alpha_bar.iter().map(sigma).collect()
    }

    /// Gives levels of pure noise a σ that is large but finite.
    #[must_use]
    pub(crate) fn with_finite_sigmas(mut self) -> Self {
        for silent in self
            .alpha_bar
            .iter_mut()
            .filter(|alpha_bar| **alpha_bar == 0.0)
        {
            // The smallest positive f16, which is what the reference puts here.
            *silent = 2f64.powi(-24);
        }
        self
    }
}

fn check_ranges(config: &ScheduleConfig) -> Result<()> {
    let (offset, count) = (config.steps_offset, config.num_train_timesteps);
    if !usize::try_from(offset).is_ok_and(|offset| offset < count) {
        let why = format!("needed 0 to {}, found {offset}", count - 1);
        return Err(Error::invalid("steps_offset", why));
    }
    let range = config.clip_sample_range;
    if !(range > 0.0 && range.is_finite()) {
        let why = format!("needed a positive number, found {range}");
        return Err(Error::invalid("clip_sample_range", why));
    }
    Ok(())
}

impl BetaRange {
    fn betas(self, count: usize) -> Vec<f32> {
        match self.shape {
            BetaShape::Linear => linspace(self.start as f32, self.end as f32, count),
            BetaShape::ScaledLinear => {
                let roots = linspace(self.start.sqrt() as f32, self.end.sqrt() as f32, count);
                roots.into_iter().map(|root| root * root).collect()
            }
            BetaShape::SquaredCosine => {
                let remaining = |index: usize| {
                    let time = index as f64 / count as f64;
                    ((time + 0.008) / 1.008 * std::f64::consts::FRAC_PI_2)
                        .cos()
                        .powi(2)
                };
                let beta = |index| (1.0 - remaining(index + 1) / remaining(index)).min(0.999);
                (0..count).map(|index| beta(index) as f32).collect()
            }
        }
    }
}

/// Evenly spaced f32s, counted from the nearer end as torch does.
fn linspace(start: f32, end: f32, count: usize) -> Vec<f32> {
    let step = (end - start) / (count.max(2) - 1) as f32;
    let value = |index: usize| {
        if index < (count / 2).max(1) {
            start + step * index as f32
        } else {
            end - step * (count - index - 1) as f32
        }
    };
    (0..count).map(value).collect()
}

fn products(betas: &[f32]) -> Vec<f32> {
    let mut product = 1.0f64;
    let next = |beta: &f32| {
        product *= f64::from(1.0 - beta);
        product as f32
    };
    betas.iter().map(next).collect()
}

/// Shifts and scales `√ᾱ` so that its last value is 0 and its first stays.
fn zero_terminal_snr(betas: &[f32]) -> Vec<f32> {
    let mut roots: Vec<f32> = products(betas).into_iter().map(f32::sqrt).collect();
    let (first, last) = (roots[0], roots[roots.len() - 1]);
    for root in &mut roots {
        *root = (*root - last) * (first / (first - last));
    }
    let alpha_bar: Vec<f32> = roots.iter().map(|root| root * root).collect();
    let ratios = alpha_bar.windows(2).map(|pair| pair[1] / pair[0]);
    std::iter::once(alpha_bar[0])
        .chain(ratios)
        .map(|alpha| 1.0 - alpha)
        .collect()
}

/// `x = √ᾱ·clean + √(1−ᾱ)·noise`, one level per batch item, or one for all.
///
/// # Shapes
/// - `clean`, `noise`: `[b, c, h, w]`; `levels`: `b` or 1
pub fn add_noise(clean: Tensor<4>, noise: Tensor<4>, levels: &[NoiseLevel]) -> Tensor<4> {
    let signal = per_item(levels, NoiseLevel::signal, &clean);
    let sigma = per_item(levels, NoiseLevel::sigma, &clean);
    clean * signal + noise * sigma
}

/// One factor per batch item, on the device of `like`: `[levels, 1, 1, 1]`.
pub(super) fn per_item(
    levels: &[NoiseLevel],
    factor: impl Fn(NoiseLevel) -> f64,
    like: &Tensor<4>,
) -> Tensor<4> {
    let factors: Vec<f32> = levels.iter().map(|&level| factor(level) as f32).collect();
    let count = factors.len();
    Tensor::from_data(TensorData::new(factors, [count, 1, 1, 1]), &like.device())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stable_diffusion() -> NoiseSchedule {
        NoiseSchedule::from_config(&ScheduleConfig::stable_diffusion()).unwrap()
    }

    #[test]
    fn stable_diffusion_has_the_published_levels() {
        let schedule = stable_diffusion();
        for (timestep, expected) in [
            (0, 0.999150000),
            (1, 0.998296028),
            (261, 0.655669333),
            (999, 0.004660099),
        ] {
            let found = schedule.level(timestep).unwrap().alpha_bar;
            assert!(
                (found - expected).abs() < 1e-6 * expected,
                "{timestep}: {found}"
            );
        }
        assert!((schedule.sigmas()[999] - 14.614641).abs() < 1e-4);
    }

    #[test]
    fn zero_terminal_snr_ends_in_pure_noise() {
        let config = ScheduleConfig {
            rescale_betas_zero_snr: true,
            ..ScheduleConfig::stable_diffusion()
        };
        let schedule = NoiseSchedule::from_config(&config).unwrap();
        assert_eq!(schedule.level(999).unwrap().alpha_bar, 0.0);
        let first = schedule.level(0).unwrap().alpha_bar;
        assert!((first - 0.99915).abs() < 1e-6, "{first}");
    }

    #[test]
    fn betas_outside_the_unit_interval_are_refused() {
        for trained in [vec![0.1, 1.5], vec![0.1], vec![0.1, f32::NAN]] {
            let config = ScheduleConfig {
                num_train_timesteps: 2,
                trained_betas: Some(trained.clone()),
                ..ScheduleConfig::default()
            };
            assert!(NoiseSchedule::from_config(&config).is_err(), "{trained:?}");
        }
    }

    #[test]
    fn every_batch_item_gets_the_noise_of_its_own_level() {
        let device = burn::tensor::Device::flex();
        let ones = Tensor::<4>::ones([2, 1, 1, 1], &device);
        let level = |alpha_bar| NoiseLevel {
            timestep: 0.0,
            alpha_bar,
        };
        let noisy = add_noise(ones.clone() * 2.0, ones, &[level(1.0), level(0.0)]);
        let found: Vec<f32> = noisy.into_data().try_to_vec().unwrap();
        assert_eq!(found, [2.0, 1.0]);
    }
}

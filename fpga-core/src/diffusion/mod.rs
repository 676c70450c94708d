//! The mathematics of noise: schedules, step formulas, guidance and noise generators. No networks.
//!
//! Latents are `[b, c, h, w]`. Schedule values are `f64` that went through `f32` where the
//! reference's do, because `1 − ᾱ` near the clean end has few digits left.
//!
//! Two ways of writing the same noisy latents occur: *variance preserving*, `x = √ᾱ·x₀ + √(1−ᾱ)·ε`
//! (DDIM, DPM-Solver++, LCM, what the network sees), and *variance exploding*, `x = x₀ + σ·ε` with
//! `σ = √((1−ᾱ)/ᾱ)` (the Euler samplers).

mod config;
mod ddim;
mod dpm_solver;
mod euler;
mod guidance;
mod lcm;
mod noise;
mod prediction;
mod schedule;
mod sigmas;
mod spacing;

pub use config::{BetaShape, FinalSigma, ScheduleConfig, SigmaInterpolation};
pub(crate) use ddim::check_count;
pub use ddim::{DdimPlan, ddim_invert_step, ddim_noise_amount, ddim_step};
pub use dpm_solver::{dpmpp_first_order_step, dpmpp_second_order_step};
pub use euler::{AncestralSplit, euler_step};
pub use guidance::Guidance;
pub use lcm::{Boundary, lcm_timesteps};
pub use noise::{NoiseSource, PhiloxNoise, TorchCpuNoise};
pub use prediction::{Prediction, Split};
pub use schedule::{BetaRange, NoiseLevel, NoiseSchedule, StepPair, add_noise};
pub use sigmas::SigmaLadder;
pub use spacing::TimestepSpacing;

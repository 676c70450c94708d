//! What a checkpoint's `scheduler_config.json` says.
//!
//! One file serves every sampler, as in diffusers, where each scheduler class fills the keys that
//! are absent with its *own* defaults. Keys whose defaults differ between classes are therefore
//! `Option`s here, and the sampler that runs decides. A key that would change the numbers and that
//! nothing here can obey is refused: when it is read if no sampler knows it, when a sampler is made
//! if that sampler's class would have obeyed it.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::prediction::Prediction;
use super::spacing::TimestepSpacing;
use crate::error::{Error, Result};

/// Schedule settings of a model, as its `scheduler_config.json` states them.
#[expect(
    clippy::struct_excessive_bools,
    reason = "one field for each key of a foreign file"
)]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct ScheduleConfig {
    /// Length of the noise schedule that the model was trained on.
    pub num_train_timesteps: usize,
    /// First β; `None`: the sampler's default.
    pub beta_start: Option<f64>,
    /// Last β; `None`: the sampler's default.
    pub beta_end: Option<f64>,
    /// Curve between the two; `None`: the sampler's default.
    pub beta_schedule: Option<BetaShape>,
    /// All βs, instead of a curve.
    pub trained_betas: Option<Vec<f32>>,
    /// What the network predicts.
    pub prediction_type: Prediction,
    /// Where on the schedule the steps lie; `None`: the sampler's default.
    pub timestep_spacing: Option<TimestepSpacing>,
    /// Added to every timestep of the leading spacing.
    pub steps_offset: i64,
    /// Whether the clean end has ᾱ = 1 instead of ᾱ₀.
    pub set_alpha_to_one: bool,
    /// Whether predicted clean latents are clipped; `None`: the sampler's default.
    pub clip_sample: Option<bool>,
    /// Largest magnitude that clipping leaves.
    pub clip_sample_range: f64,
    /// Whether the schedule is rescaled so that its last timestep is pure noise.
    pub rescale_betas_zero_snr: bool,
    /// Whether σ follows Karras et al. 2022, eq. 5 (Euler and DPM-Solver++).
    pub use_karras_sigmas: bool,
    /// Last σ of the ladder (Euler and DPM-Solver++).
    pub final_sigmas_type: FinalSigma,
    /// How σ is read between two timesteps (Euler).
    pub interpolation_type: SigmaInterpolation,
    /// Smallest σ of a Karras ladder (Euler); `None`: the last step's.
    pub sigma_min: Option<f64>,
    /// Largest σ of a Karras ladder (Euler); `None`: the first step's.
    pub sigma_max: Option<f64>,
    /// Steps of the schedule that the model was distilled on (LCM).
    pub original_inference_steps: usize,
    /// Factor of the timestep in the boundary condition (LCM).
    pub timestep_scaling: f64,
    /// Whether the last step is of first order when there are fewer than 15 (DPM-Solver++).
    pub lower_order_final: bool,
    /// Whether the last step is of first order in any case (DPM-Solver++).
    pub euler_at_final: bool,
    /// Noisy timesteps with `ln(√ᾱ/√(1−ᾱ))` below this are left out (DPM-Solver++).
    pub lambda_min_clipped: Option<f64>,
    /// Settings that some scheduler class obeys and this crate does not: a sampler of that class
    /// refuses them.
    #[serde(flatten)]
    pub unbuilt: Map<String, Value>,
}

/// Curve of β over the timesteps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BetaShape {
    /// β itself is linear.
    Linear,
    /// √β is linear (all Stable Diffusion models).
    ScaledLinear,
    /// ᾱ is a squared cosine (Nichol and Dhariwal 2021, eq. 17).
    #[serde(rename = "squaredcos_cap_v2")]
    SquaredCosine,
}

/// Where a σ ladder ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinalSigma {
    /// No noise left.
    #[default]
    Zero,
    /// The noise of timestep 0.
    SigmaMin,
}

/// How σ is read between two timesteps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SigmaInterpolation {
    /// Straight line through the neighbours.
    #[default]
    Linear,
    /// Evenly spaced ln σ from the largest to the smallest.
    LogLinear,
}

/// Keys that some scheduler class obeys, each with the values under which it changes nothing.
const UNBUILT: [(&str, &[&str]); 10] = [
    ("thresholding", &["false"]),
    ("use_exponential_sigmas", &["false"]),
    ("use_beta_sigmas", &["false"]),
    ("use_lu_lambdas", &["false"]),
    ("use_flow_sigmas", &["false"]),
    ("timestep_type", &["discrete"]),
    ("algorithm_type", &["dpmsolver++", "deis"]),
    ("solver_order", &["2"]),
    ("solver_type", &["midpoint", "logrho", "bh1", "bh2"]),
    (
        "variance_type",
        &[
            "fixed_small",
            "fixed_small_log",
            "fixed_large",
            "fixed_large_log",
        ],
    ),
];

/// Keys that have no effect on any sampler of this crate.
const HARMLESS: [&str; 9] = [
    "skip_prk_steps",
    "dynamic_thresholding_ratio",
    "sample_max_value",
    "flow_shift",
    "time_shift_type",
    "predict_x0",
    "disable_corrector",
    "solver_p",
    "rho",
];

impl Default for ScheduleConfig {
    /// An empty `scheduler_config.json`.
    fn default() -> Self {
        Self {
            num_train_timesteps: 1000,
            beta_start: None,
            beta_end: None,
            beta_schedule: None,
            trained_betas: None,
            prediction_type: Prediction::Epsilon,
            timestep_spacing: None,
            steps_offset: 0,
            set_alpha_to_one: true,
            clip_sample: None,
            clip_sample_range: 1.0,
            rescale_betas_zero_snr: false,
            use_karras_sigmas: false,
            final_sigmas_type: FinalSigma::Zero,
            interpolation_type: SigmaInterpolation::Linear,
            sigma_min: None,
            sigma_max: None,
            original_inference_steps: 50,
            timestep_scaling: 10.0,
            lower_order_final: true,
            euler_at_final: false,
            lambda_min_clipped: None,
            unbuilt: Map::new(),
        }
    }
}

impl ScheduleConfig {
    /// What Stable Diffusion 1.x, 2.x and XL were trained on.
    pub fn stable_diffusion() -> Self {
        Self {
            beta_start: Some(0.00085),
            beta_end: Some(0.012),
            beta_schedule: Some(BetaShape::ScaledLinear),
            timestep_spacing: Some(TimestepSpacing::Leading),
            steps_offset: 1,
            set_alpha_to_one: false,
            clip_sample: Some(false),
            ..Self::default()
        }
    }

    /// Reads a `scheduler_config.json`.
    ///
    /// # Errors
    /// The file cannot be read, is no JSON object, or asks for something that is not built.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|source| Error::io(path, source))?;
        Self::from_json(&text).map_err(|error| error.context(format!("reading {}", path.display())))
    }

    /// Reads the text of a `scheduler_config.json`.
    ///
    /// # Errors
    /// The text is no JSON object, or asks for something that is not built.
    pub fn from_json(text: &str) -> Result<Self> {
        // Python writes infinities bare, which JSON does not know; they mean "no limit" here.
        let text = text
            .replace(": -Infinity", ": null")
            .replace(": Infinity", ": null");
        let entries: Map<String, Value> = serde_json::from_str(&text)
            .map_err(|error| Error::invalid("scheduler config", error.to_string()))?;
        Self::try_from(entries)
    }

    /// Fails if one of `keys`, which the class that runs obeys, is set to something that is not built.
    pub(crate) fn refuse(&self, keys: &[&str]) -> Result<()> {
        match keys.iter().find_map(|&key| self.unbuilt.get_key_value(key)) {
            Some((key, found)) => Err(unsupported(key, format!("found {found}"))),
            None => Ok(()),
        }
    }

    /// The clipping range, if clipping is on; `default` is the running class's answer to an absent key.
    pub(crate) fn clipping(&self, default: bool) -> Option<f64> {
        self.clip_sample
            .unwrap_or(default)
            .then_some(self.clip_sample_range)
    }
}

impl TryFrom<Map<String, Value>> for ScheduleConfig {
    type Error = Error;

    fn try_from(mut entries: Map<String, Value>) -> Result<Self> {
        let mut config = Self::default();
        let from = &mut entries;
        read(from, "num_train_timesteps", &mut config.num_train_timesteps)?;
        read_optional(from, "beta_start", &mut config.beta_start)?;
        read_optional(from, "beta_end", &mut config.beta_end)?;
        read_optional(from, "beta_schedule", &mut config.beta_schedule)?;
        read_optional(from, "trained_betas", &mut config.trained_betas)?;
        read(from, "prediction_type", &mut config.prediction_type)?;
        read_optional(from, "timestep_spacing", &mut config.timestep_spacing)?;
        read(from, "steps_offset", &mut config.steps_offset)?;
        read(from, "set_alpha_to_one", &mut config.set_alpha_to_one)?;
        read_optional(from, "clip_sample", &mut config.clip_sample)?;
        read(from, "clip_sample_range", &mut config.clip_sample_range)?;
        read(
            from,
            "rescale_betas_zero_snr",
            &mut config.rescale_betas_zero_snr,
        )?;
        read(from, "use_karras_sigmas", &mut config.use_karras_sigmas)?;
        read(from, "final_sigmas_type", &mut config.final_sigmas_type)?;
        read(from, "interpolation_type", &mut config.interpolation_type)?;
        read_optional(from, "sigma_min", &mut config.sigma_min)?;
        read_optional(from, "sigma_max", &mut config.sigma_max)?;
        read(
            from,
            "original_inference_steps",
            &mut config.original_inference_steps,
        )?;
        read(from, "timestep_scaling", &mut config.timestep_scaling)?;
        read(from, "lower_order_final", &mut config.lower_order_final)?;
        read(from, "euler_at_final", &mut config.euler_at_final)?;
        read_optional(from, "lambda_min_clipped", &mut config.lambda_min_clipped)?;
        config.unbuilt = unbuilt(entries)?;
        Ok(config)
    }
}

/// Takes `key` out of `entries`; absent and `null` leave `field` as it is.
fn read<T: DeserializeOwned>(
    entries: &mut Map<String, Value>,
    key: &str,
    field: &mut T,
) -> Result<()> {
    match entries.remove(key) {
        None | Some(Value::Null) => Ok(()),
        Some(value) => {
            *field = serde_json::from_value(value)
                .map_err(|error| unsupported(key, error.to_string()))?;
            Ok(())
        }
    }
}

/// The same for a field without a common default.
fn read_optional<T: DeserializeOwned>(
    entries: &mut Map<String, Value>,
    key: &str,
    field: &mut Option<T>,
) -> Result<()> {
    match entries.remove(key) {
        None | Some(Value::Null) => Ok(()),
        Some(value) => {
            let value = serde_json::from_value(value);
            *field = Some(value.map_err(|error| unsupported(key, error.to_string()))?);
            Ok(())
        }
    }
}

/// What is left of `entries` after the built keys were taken, if every key of it is known.
fn unbuilt(entries: Map<String, Value>) -> Result<Map<String, Value>> {
    let mut kept = Map::new();
    for (key, value) in entries {
        let off = matches!(value, Value::Null | Value::Bool(false));
        if off || key.starts_with('_') || HARMLESS.contains(&key.as_str()) {
            continue;
        }
        let Some((_, neutral)) = UNBUILT.iter().find(|(name, _)| *name == key) else {
            return Err(unsupported(&key, format!("unknown key with value {value}")));
        };
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        if !neutral.contains(&text.as_str()) {
            kept.insert(key, value);
        }
    }
    Ok(kept)
}

fn unsupported(key: &str, why: String) -> Error {
    Error::unsupported(format!("scheduler config key `{key}`"), why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_pndm_and_dpm_solver_files_hold() {
        let text = r#"{"_class_name": "PNDMScheduler", "_diffusers_version": "0.6.0",
            "beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085,
            "num_train_timesteps": 1000, "set_alpha_to_one": false, "skip_prk_steps": true,
            "steps_offset": 1, "trained_betas": null, "clip_sample": false,
            "timestep_spacing": "leading", "lambda_min_clipped": -Infinity}"#;
        let config = ScheduleConfig::from_json(text).unwrap();
        assert_eq!(config, ScheduleConfig::stable_diffusion());
    }

    #[test]
    fn survives_a_round_trip_through_json() {
        let config = ScheduleConfig {
            prediction_type: Prediction::V,
            timestep_spacing: Some(TimestepSpacing::Trailing),
            trained_betas: Some(vec![0.5, 0.25]),
            beta_schedule: Some(BetaShape::SquaredCosine),
            ..ScheduleConfig::default()
        };
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(ScheduleConfig::from_json(&text).unwrap(), config);
    }

    #[test]
    fn refuses_what_would_change_the_numbers() {
        for (text, name) in [
            (r#"{"shift": 3.0}"#, "shift"),
            (
                r#"{"prediction_type": "flow_prediction"}"#,
                "prediction_type",
            ),
            (r#"{"timestep_spacing": "karras"}"#, "timestep_spacing"),
        ] {
            let error = ScheduleConfig::from_json(text).unwrap_err().to_string();
            assert!(error.contains(&format!("`{name}`")), "{error}");
        }
    }

    #[test]
    fn refuses_a_setting_only_for_the_class_that_obeys_it() {
        let config = ScheduleConfig::from_json(r#"{"solver_order": 3, "thresholding": false}"#);
        let config = config.unwrap();
        assert!(config.refuse(&["thresholding"]).is_ok());
        assert!(config.refuse(&["solver_order"]).is_err());
    }
}

//! Latent consistency models: few steps, each straight to the picture (Luo et al. 2023).
//!
//! The consistency function `f(x, t) = c_skip·x + c_out·x₀(x, t)` is the identity at `t = 0`. Steps
//! are picked from the coarse schedule that the model was distilled on, `k·i − 1`.

use super::spacing::linspace;
use crate::error::{Error, Result};

/// Standard deviation of the training pictures that the boundary condition assumes.
const SIGMA_DATA: f64 = 0.5;

/// Weights of the consistency function at one timestep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Boundary {
    /// Weight of the noisy latents.
    pub skip: f64,
    /// Weight of the predicted clean latents.
    pub out: f64,
}

impl Boundary {
    /// The weights at `timestep`, which is first multiplied by `scaling`.
    pub fn new(timestep: f64, scaling: f64) -> Self {
        let scaled = timestep * scaling;
        let variance = scaled * scaled + SIGMA_DATA * SIGMA_DATA;
        Self {
            skip: SIGMA_DATA * SIGMA_DATA / variance,
            out: scaled / variance.sqrt(),
        }
    }
}

/// `count` timesteps, noisiest first, out of the `original` steps that the model was distilled on.
///
/// # Errors
/// `original` is not in `1..=train`, or `count` not in `1..=original`.
pub fn lcm_timesteps(train: usize, original: usize, count: usize) -> Result<Vec<f64>> {
    if !(1..=train).contains(&original) {
        let why = format!("needed 1 to {train}, found {original}");
        return Err(Error::invalid("original_inference_steps", why));
    }
    if !(1..=original).contains(&count) {
        let why = format!("needed 1 to {original} (the distilled steps), found {count}");
        return Err(Error::invalid("num_inference_steps", why));
    }
    let stride = train / original;
    // Evenly spaced, the end left out: one more point, then drop it.
    let mut picks = linspace(0.0, original as f64, count + 1);
    picks.pop();
    let timestep = |pick: f64| ((original - pick.floor() as usize) * stride) as f64 - 1.0;
    Ok(picks.into_iter().map(timestep).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_of_fifty_steps() {
        assert_eq!(
            lcm_timesteps(1000, 50, 4).unwrap(),
            [999.0, 759.0, 499.0, 259.0]
        );
        assert!(lcm_timesteps(1000, 50, 51).is_err());
        assert!(lcm_timesteps(1000, 0, 1).is_err());
    }

    #[test]
    fn the_boundary_at_zero_is_the_identity() {
        assert_eq!(
            Boundary::new(0.0, 10.0),
            Boundary {
                skip: 1.0,
                out: 0.0
            }
        );
    }
}

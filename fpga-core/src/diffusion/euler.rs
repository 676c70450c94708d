//! Euler steps of the probability-flow equation (Karras et al. 2022, section 2).
//!
//! Latents are variance exploding: `x = x₀ + σ·ε`, and `dx/dσ = (x − x₀)/σ`.

use burn::tensor::Tensor;

/// Moves latents from noise `from` to noise `to`, straight away from the clean ones.
///
/// # Shapes
/// `[b, c, h, w]` in and out.
pub fn euler_step(latents: Tensor<4>, clean: Tensor<4>, from: f64, to: f64) -> Tensor<4> {
    let slope = (latents.clone() - clean) / from;
    latents + slope * (to - from)
}

/// An ancestral step: down to less noise than wanted, then fresh noise up to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AncestralSplit {
    /// σ that the deterministic part moves to.
    pub down: f64,
    /// Standard deviation of the fresh noise.
    pub up: f64,
}

impl AncestralSplit {
    /// Splits the step from σ = `from` to σ = `to`; `eta` 1 is fully ancestral, 0 plain Euler.
    pub fn new(from: f64, to: f64, eta: f64) -> Self {
        let share = to * to * (from * from - to * to) / (from * from);
        let up = (eta * share.max(0.0).sqrt()).min(to);
        let down = (to * to - up * up).max(0.0).sqrt();
        Self { down, up }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_parts_add_up_to_the_wanted_noise() {
        let split = AncestralSplit::new(5.0, 3.0, 1.0);
        assert!((split.down.hypot(split.up) - 3.0).abs() < 1e-12);
        assert!((split.up - 2.4).abs() < 1e-12);
        assert_eq!(
            AncestralSplit::new(5.0, 3.0, 0.0),
            AncestralSplit { down: 3.0, up: 0.0 }
        );
        assert_eq!(
            AncestralSplit::new(5.0, 0.0, 1.0),
            AncestralSplit { down: 0.0, up: 0.0 }
        );
    }
}

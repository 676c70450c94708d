//! Colours and what light makes of them.

use serde::{Deserialize, Serialize};

/// An sRGB colour, each channel 0–1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tone(pub [f32; 3]);

impl Tone {
    pub(super) const WHITE: Self = Self([1.0; 3]);
    pub(super) const BLACK: Self = Self([0.0; 3]);

    /// From `0xRRGGBB`.
    pub(super) const fn hex(code: u32) -> Self {
        Self([channel(code, 16), channel(code, 8), channel(code, 0)])
    }

    /// `share` of `other`, the rest of this.
    pub(super) fn mix(self, other: Self, share: f32) -> Self {
        Self(std::array::from_fn(|i| {
            self.0[i] + (other.0[i] - self.0[i]) * share
        }))
    }

    /// Each channel times its own factor.
    pub(super) fn times(self, factors: [f32; 3]) -> Self {
        Self(std::array::from_fn(|i| {
            (self.0[i] * factors[i]).clamp(0.0, 1.0)
        }))
    }

    /// In shade: darker, and cooler than the surface.
    pub(super) fn shade(self, depth: f32) -> Self {
        self.times([1.0 - 0.50 * depth, 1.0 - 0.56 * depth, 1.0 - 0.46 * depth])
    }

    /// In light: nearer to the light's own colour.
    pub(super) fn lit(self, amount: f32, light: Self) -> Self {
        self.mix(light, amount)
    }

    /// Skin in shade: blood keeps it red.
    pub(super) fn skin_shade(self, depth: f32) -> Self {
        self.times([1.0 - 0.34 * depth, 1.0 - 0.54 * depth, 1.0 - 0.56 * depth])
    }

    /// Perceived brightness, 0–1.
    pub(super) fn brightness(self) -> f32 {
        0.299 * self.0[0] + 0.587 * self.0[1] + 0.114 * self.0[2]
    }

    /// Somewhere along a list of colours; `place` 0–1.
    pub(super) fn along(list: &[Self], place: f32) -> Self {
        let place = place.clamp(0.0, 1.0) * (list.len() - 1) as f32;
        let index = (place as usize).min(list.len().saturating_sub(2));
        list[index].mix(list[(index + 1).min(list.len() - 1)], place - index as f32)
    }
}

const fn channel(code: u32, shift: u32) -> f32 {
    ((code >> shift) & 255) as f32 / 255.0
}

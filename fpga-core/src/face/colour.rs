//! Matching a changed crop's colours to its surroundings.
//!
//! Decoders shift brightness and contrast of each channel a little. The ring just outside the mask
//! shows the same scene before and after, so each channel's mean and spread there are brought back to
//! the original's, and the same correction goes over the face. Channels are sRGB levels 0–255: the
//! scale on which decoders are trained and err, and near enough to even steps for the eye.

use ndarray::{Array2, Array3, Axis};
use serde::Serialize;

use super::distance::distance_to;
use crate::error::{Error, Result};

/// What [`match_colour`] did, per channel: `new = gain · (old − mean) + mean + shift`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ColourShift {
    /// Change of the ring's mean red, green, blue, in levels.
    pub shift: [f64; 3],
    /// Change of the ring's spread in red, green, blue.
    pub gain: [f64; 3],
}

/// Width of the ring, as a share of the crop's side.
const RING: f32 = 1.0 / 16.0;
/// Fewer pixels say nothing about a face's colours.
const FEWEST: usize = 64;
/// A ring whose spread differs by more than this shows another scene, not a decoder's shift.
const LARGEST_GAIN: f64 = 1.25;
/// Spreads below this, in levels, are noise.
const SMALLEST_SPREAD: f64 = 1.0;

/// Brings a changed crop's colours back to the original's, judged on the ring around the mask.
/// `None`, and the crop stays, if the mask leaves no ring.
///
/// # Shapes
/// - `crop`, `original`: `[size, size, 3]`, levels 0–255
/// - `mask`: `[size, size]`
///
/// # Errors
/// If the three sizes differ.
pub fn match_colour(
    crop: &mut Array3<f32>,
    original: &Array3<f32>,
    mask: &Array2<f32>,
) -> Result<Option<ColourShift>> {
    let (rows, columns) = mask.dim();
    for (what, found) in [("crop", crop.dim()), ("original crop", original.dim())] {
        if found != (rows, columns, 3) {
            let expected = format!("[{rows}, {columns}, 3], the mask's size");
            return Err(Error::shape(what, expected, found));
        }
    }
    let distance = distance_to(&mask.map(|&weight| weight > 0.0));
    let reach = RING * rows.max(columns) as f32;
    let ring: Vec<(usize, usize)> = distance
        .indexed_iter()
        .filter(|&(_, &distance)| distance > 0.0 && distance <= reach)
        .map(|(place, _)| place)
        .collect();
    if ring.len() < FEWEST {
        return Ok(None);
    }
    let mut done = ColourShift {
        shift: [0.0; 3],
        gain: [1.0; 3],
    };
    for channel in 0..3 {
        let (mean, spread) = statistics(crop, &ring, channel);
        let (wanted_mean, wanted_spread) = statistics(original, &ring, channel);
        if spread.min(wanted_spread) >= SMALLEST_SPREAD {
            done.gain[channel] = (wanted_spread / spread).clamp(1.0 / LARGEST_GAIN, LARGEST_GAIN);
        }
        done.shift[channel] = wanted_mean - mean;
        for level in crop.index_axis_mut(Axis(2), channel) {
            let new = done.gain[channel] * (f64::from(*level) - mean) + wanted_mean;
            *level = new.clamp(0.0, 255.0) as f32;
        }
    }
    Ok(Some(done))
}

/// Mean and standard deviation of one channel at the given places.
fn statistics(picture: &Array3<f32>, places: &[(usize, usize)], channel: usize) -> (f64, f64) {
    let levels = || {
        places
            .iter()
            .map(|&(y, x)| f64::from(picture[[y, x, channel]]))
    };
    let count = places.len() as f64;
    let mean = levels().sum::<f64>() / count;
    let variance = levels().map(|level| (level - mean).powi(2)).sum::<f64>() / count;
    (mean, variance.sqrt())
}

#[cfg(test)]
mod tests {
    use super::super::crop::{CropPlan, CropSettings};
    use super::super::mask::{FaceMask, MaskShape};
    use super::super::photograph;
    use super::*;

    /// The photograph's face in its crop, and the mask around it.
    fn scene() -> (Array3<f32>, Array2<f32>) {
        let (face, landmarks) = photograph::face();
        let settings = CropSettings {
            size: 208,
            ..CropSettings::default()
        };
        let plan = CropPlan::new([256, 256], &face, None, &settings).unwrap();
        let mask = FaceMask::new(&plan, MaskShape::Landmarks(&landmarks), 0.1).unwrap();
        (
            plan.extract(&photograph::astronaut()).unwrap(),
            mask.in_crop(&plan),
        )
    }

    fn difference(one: &Array3<f32>, other: &Array3<f32>) -> (f32, f32) {
        photograph::difference(one.as_slice().unwrap(), other.as_slice().unwrap())
    }

    #[test]
    fn takes_a_decoder_s_tint_away() {
        let (original, mask) = scene();
        let mut tinted = original.clone();
        for ((_, _, channel), level) in tinted.indexed_iter_mut() {
            *level = 0.9 * *level + [18.0, 6.0, 0.0][channel];
        }
        let shift = match_colour(&mut tinted, &original, &mask)
            .unwrap()
            .unwrap();
        assert!(
            shift
                .gain
                .iter()
                .all(|gain| (gain - 1.0 / 0.9).abs() < 1e-3),
            "{shift:?}"
        );
        let (_, worst) = difference(&tinted, &original);
        assert!(worst < 0.01, "{worst}");
    }

    #[test]
    fn judges_by_the_ring_alone() {
        let (original, mask) = scene();
        let mut other_face = original.clone();
        for ((y, x, _), level) in other_face.indexed_iter_mut() {
            if mask[[y, x]] > 0.0 {
                *level = 255.0 - *level;
            }
        }
        let before = other_face.clone();
        let shift = match_colour(&mut other_face, &original, &mask)
            .unwrap()
            .unwrap();
        assert_eq!(
            shift,
            ColourShift {
                shift: [0.0; 3],
                gain: [1.0; 3]
            }
        );
        let (_, worst) = difference(&other_face, &before);
        assert!(worst < 1e-3, "{worst}");
    }

    #[test]
    fn another_scene_in_the_ring_does_not_bend_the_face() {
        let (original, mask) = scene();
        let mut flat = original.map(|level| 128.0 + 0.1 * (level - 128.0));
        let shift = match_colour(&mut flat, &original, &mask).unwrap().unwrap();
        assert_eq!(shift.gain, [LARGEST_GAIN; 3]);
    }

    #[test]
    fn without_a_ring_nothing_is_known() {
        let (original, mask) = scene();
        let mut crop = original.clone() * 0.5;
        let full = Array2::from_elem(mask.dim(), 1.0);
        assert_eq!(match_colour(&mut crop, &original, &full).unwrap(), None);
        assert_eq!(crop, original.clone() * 0.5);
        assert!(match_colour(&mut crop, &original, &Array2::zeros((8, 8))).is_err());
    }
}

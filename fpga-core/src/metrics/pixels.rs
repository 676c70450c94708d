//! Pixel errors.

use image::RgbImage;

use crate::error::{Error, Result};

/// Pictures that are compared pixel by pixel have one size.
pub(super) fn check_sizes(one: &RgbImage, other: &RgbImage) -> Result<()> {
    if one.dimensions() != other.dimensions() || one.is_empty() {
        let needed = format!("the other's size {:?}, not empty", one.dimensions());
        return Err(Error::shape("picture", needed, other.dimensions()));
    }
    Ok(())
}

/// Mean of squared differences over all pixels and channels, in levels 0–255.
///
/// # Errors
/// If the pictures differ in size or are empty.
pub fn mean_squared_error(one: &RgbImage, other: &RgbImage) -> Result<f64> {
    check_sizes(one, other)?;
    let squares = one.iter().zip(other.iter()).map(|(&a, &b)| {
        let gap = u64::from(a.abs_diff(b));
        gap * gap
    });
    Ok(squares.sum::<u64>() as f64 / one.len() as f64)
}

/// Peak signal-to-noise ratio in decibels, `10 log₁₀(255² / MSE)`; infinite for equal pictures.
///
/// # Errors
/// If the pictures differ in size or are empty.
pub fn psnr(one: &RgbImage, other: &RgbImage) -> Result<f64> {
    let error = mean_squared_error(one, other)?;
    Ok(10.0 * (255.0 * 255.0 / error).log10())
}

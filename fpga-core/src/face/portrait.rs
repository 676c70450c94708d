//! What every face parser does to a portrait before its network, and to the logits behind it.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;
use ndarray::Array2;

use super::parts::FacePart;
use crate::error::{Error, ErrorKind, Result};

/// Bilinear with antialiasing, as Pillow resizes; the shape is not kept.
///
/// # Errors
/// If the portrait is empty.
pub(super) fn resize(portrait: &RgbImage, [width, height]: [u32; 2]) -> Result<RgbImage> {
    let (old_width, old_height) = portrait.dimensions();
    if old_width == 0 || old_height == 0 {
        let found = (old_width, old_height);
        return Err(Error::shape("portrait", "at least one pixel", found));
    }
    let bilinear = ResizeAlg::Convolution(FilterType::Bilinear);
    let mut resized = Image::new(width, height, PixelType::U8x3);
    let source = ImageRef::new(old_width, old_height, portrait.as_raw(), PixelType::U8x3);
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
        Error::invalid("portrait", "cannot be resized").with_source(error)
    };
    let source = source.map_err(|error| failed(error.into()))?;
    Resizer::new()
        .resize(
            &source,
            &mut resized,
            &ResizeOptions::new().resize_alg(bilinear),
        )
        .map_err(|error| failed(error.into()))?;
    RgbImage::from_raw(width, height, resized.into_vec())
        .ok_or_else(|| Error::invalid("portrait", "cannot be resized"))
}

/// The class with the largest logit at every pixel; the lower number where two are equal.
///
/// # Shapes
/// - `logits`: `[19, height, width]`
///
/// # Errors
/// If there are not that many; `NotFinite` if one is NaN or infinite.
pub(super) fn likeliest(logits: &[f32], [height, width]: [usize; 2]) -> Result<Array2<u8>> {
    let pixels = height * width;
    let classes = FacePart::ALL.len();
    if logits.len() != classes * pixels {
        let needed = format!("{classes} logits at each of {height}×{width} pixels");
        return Err(Error::shape("face parsing", needed, logits.len()));
    }
    if !logits.iter().all(|logit| logit.is_finite()) {
        let what = "face parsing".to_owned();
        return Err(Error::new(ErrorKind::NotFinite { what }));
    }
    let mut best = logits[..pixels].to_vec();
    let mut labels = Array2::zeros((height, width));
    for (class, plane) in (0..).zip(logits.chunks_exact(pixels)) {
        for ((label, best), &logit) in labels.iter_mut().zip(&mut best).zip(plane) {
            if logit > *best {
                (*label, *best) = (class, logit);
            }
        }
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_logit_wins_and_the_first_of_equals() {
        let mut logits = vec![0.0; 19 * 2];
        (logits[2 * 7], logits[2 * 9]) = (3.0, 3.0);
        logits[2 * 18 + 1] = 0.5;
        assert_eq!(
            likeliest(&logits, [1, 2]).unwrap(),
            ndarray::arr2(&[[7, 18]])
        );
        assert!(likeliest(&logits, [2, 2]).is_err());
        logits[5] = f32::INFINITY;
        assert!(likeliest(&logits, [1, 2]).is_err());
    }

    #[test]
    fn portraits_are_stretched_to_the_network_s_shape() {
        let portrait =
            RgbImage::from_fn(64, 16, |x, _| image::Rgb([if x < 32 { 0 } else { 200 }; 3]));
        let resized = resize(&portrait, [8, 32]).unwrap();
        let row: Vec<u8> = (0..8).map(|x| resized.get_pixel(x, 20)[0]).collect();
        assert_eq!((row[0], row[7]), (0, 200));
        assert!(row.is_sorted() && row[3] + row[4] == 200, "{row:?}");
        assert!(resize(&RgbImage::new(0, 4), [8, 8]).is_err());
    }
}

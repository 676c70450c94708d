//! Pictures seen through a map, as the common Python tools make them (`cv2.warpAffine`).
//!
//! Bilinear sampling at pixel *indices* (the first pixel's centre is 0), black outside, no
//! antialiasing, unlike the rest of the room: networks were trained on pictures made so. Equal to
//! OpenCV 5 but for one level where its arithmetic rounds the other way (2 of 1000 values at most).

#[cfg(feature = "train")]
use burn::tensor::{Int, Tensor};
use image::{Rgb, RgbImage};

use super::affine::Affine;

/// A picture of `[width, height]` whose pixels lie where `to_picture` says.
pub(super) fn warp(picture: &RgbImage, to_picture: &Affine, [width, height]: [u32; 2]) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let [sx, sy] = to_picture.apply([f64::from(x), f64::from(y)]);
        Rgb(sample(picture, sx, sy).map(|level| level.round() as u8))
    })
}

/// Bilinear mean of the four pixels around index position `(x, y)`; black outside the picture.
fn sample(picture: &RgbImage, x: f64, y: f64) -> [f64; 3] {
    let mut sum = [0.0; 3];
    for (column, row, weight) in around(x, y) {
        let (Ok(column), Ok(row)) = (u32::try_from(column), u32::try_from(row)) else {
            continue;
        };
        if let Some(Rgb(pixel)) = picture.get_pixel_checked(column, row) {
            for (sum, level) in sum.iter_mut().zip(pixel) {
                *sum += weight * f64::from(*level);
            }
        }
    }
    sum
}

/// The same for a picture that gradients go back to, `[1, c, H, W]` in −1..1: `[1, c, height, width]`.
#[cfg(feature = "train")]
pub(crate) fn warp_pixels(
    picture: Tensor<4>,
    to_picture: &Affine,
    [width, height]: [u32; 2],
) -> Tensor<4> {
    let [_, channels, rows, columns] = picture.dims();
    let [width, height] = [width, height].map(|side| side as usize);
    let device = picture.device();
    let (mut places, mut weights) = (Vec::new(), Vec::new());
    for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
        let [sx, sy] = to_picture.apply([x as f64, y as f64]);
        for (column, row, weight) in around(sx, sy) {
            let inside = (0..rows as i64).contains(&row) && (0..columns as i64).contains(&column);
            let (place, weight) = match inside {
                true => (row * columns as i64 + column, weight as f32),
                false => (0, 0.0),
            };
            places.push(place);
            weights.push(weight);
        }
    }
    let places = Tensor::<1, Int>::from_ints(places.as_slice(), &device);
    let weights = Tensor::<1>::from_floats(weights.as_slice(), &device);
    // Black is 0 here, so that what lies outside adds nothing.
    let flat = (picture + 1.0).reshape([channels, rows * columns]);
    let corners = flat.select(1, places) * weights.unsqueeze();
    let corners = corners.reshape([channels, height * width, 4]);
    corners.sum_dim(2).reshape([1, channels, height, width]) - 1.0
}

/// The four pixels around index position `(x, y)`: column, row, share.
fn around(x: f64, y: f64) -> [(i64, i64, f64); 4] {
    let ([top, bottom], [left, right]) = (neighbours(y), neighbours(x));
    [(top, left), (top, right), (bottom, left), (bottom, right)]
        .map(|((row, down), (column, across))| (column, row, down * across))
}

fn neighbours(position: f64) -> [(i64, f64); 2] {
    let low = position.floor();
    let fraction = position - low;
    let index = low as i64; // saturates, so the next one must too
    [(index, 1.0 - fraction), (index.saturating_add(1), fraction)]
}

#[cfg(all(test, feature = "train"))]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::super::photograph::astronaut;
    use super::super::planes::Levels;
    use super::*;

    #[test]
    fn pixels_with_gradients_are_the_same_pixels() {
        let device = Device::flex();
        let picture = image::imageops::crop_imm(&astronaut(), 150, 20, 96, 70).to_image();
        // Turned and enlarged, with corners outside.
        let map = Affine::similarity(0.9, 0.4, [10.3, -20.6]);
        let expected = warp(&picture, &map, [112, 90]);
        let pixels = TensorData::new(Levels::CENTRED.planes(&picture), [1, 3, 70, 96]);
        let found = warp_pixels(Tensor::from_data(pixels, &device), &map, [112, 90]);
        let found = found.into_data().try_to_vec::<f32>().unwrap();
        let expected_planes = Levels::CENTRED.planes(&expected);
        let pairs = found.iter().zip(&expected_planes);
        let gaps = pairs.map(|(a, b)| (a - b).abs() * 127.5);
        // Levels were rounded there.
        assert!(gaps.fold(0.0, f32::max) < 0.51);
        assert!(expected.pixels().any(|pixel| pixel.0 == [0; 3]));
        assert!(expected.pixels().any(|pixel| pixel.0 != [0; 3]));
    }

    #[test]
    fn gradients_go_back_to_the_pixels_that_were_seen() {
        let device = Device::flex().autodiff();
        let picture = Tensor::<4>::ones([1, 1, 4, 5], &device).require_grad();
        // Half a pixel to the right: every pixel of the first row is seen twice, by halves.
        let map = Affine::translation(0.5, 0.0);
        let seen = warp_pixels(picture.clone(), &map, [4, 1]);
        let found = picture.grad(&seen.sum().backward()).unwrap();
        let found: Vec<f32> = found.into_data().try_to_vec().unwrap();
        assert_eq!(found[..5], [0.5, 1.0, 1.0, 1.0, 0.5]);
        assert!(found[5..].iter().all(|&slope| slope == 0.0));
    }
}

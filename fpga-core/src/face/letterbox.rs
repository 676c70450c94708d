//! A picture in the top left corner of the fixed canvas that a detector takes.
//!
//! The picture keeps its shape; what it leaves of the canvas is one grey. Shrinking is `cv2.resize`'s
//! bilinear sampling without antialiasing, in its fixed-point arithmetic, because detectors were
//! measured so. At most one level from OpenCV 5, in fewer than 1 of 1000 values.

use image::{Rgb, RgbImage, imageops};

use crate::error::{Error, Result};

/// One canvas, and the way back.
#[derive(Clone, Debug, PartialEq)]
pub struct Letterbox {
    /// What the network sees.
    pub canvas: RgbImage,
    /// Canvas pixels per picture pixel.
    pub scale: f32,
}

impl Letterbox {
    /// On black, as InsightFace's SCRFD: the picture's aspect decides which side is filled.
    ///
    /// # Errors
    /// If picture or canvas are empty.
    pub fn scrfd(picture: &RgbImage, canvas: [u32; 2]) -> Result<Self> {
        let [width, height] = checked(picture, canvas)?;
        let [canvas_width, canvas_height] = canvas.map(f64::from);
        let aspect = height / width;
        let size = match aspect > canvas_height / canvas_width {
            true => [canvas_height / aspect, canvas_height],
            false => [canvas_width, canvas_width * aspect],
        };
        let size = size.map(|side| (side as u32).max(1));
        let scale = f64::from(size[1]) / height;
        Ok(Self::place(picture, canvas, size, (0, scale)))
    }

    /// On grey 114, as YOLOX: the smaller of both ratios.
    ///
    /// # Errors
    /// If picture or canvas are empty.
    pub fn yolox(picture: &RgbImage, canvas: [u32; 2]) -> Result<Self> {
        let [width, height] = checked(picture, canvas)?;
        let [canvas_width, canvas_height] = canvas.map(f64::from);
        let scale = (canvas_height / height).min(canvas_width / width);
        let size = [width, height].map(|side| ((side * scale) as u32).max(1));
        Ok(Self::place(picture, canvas, size, (114, scale)))
    }

    fn place(
        picture: &RgbImage,
        canvas: [u32; 2],
        size: [u32; 2],
        (grey, scale): (u8, f64),
    ) -> Self {
        let mut filled = RgbImage::from_pixel(canvas[0], canvas[1], Rgb([grey; 3]));
        imageops::replace(&mut filled, &resize(picture, size), 0, 0);
        Self {
            canvas: filled,
            scale: scale as f32,
        }
    }
}

fn checked(picture: &RgbImage, canvas: [u32; 2]) -> Result<[f64; 2]> {
    let (width, height) = picture.dimensions();
    if [width, height, canvas[0], canvas[1]].contains(&0) {
        let needed = format!("at least one pixel, for a canvas of {canvas:?}");
        return Err(Error::shape("picture", needed, [width, height]));
    }
    Ok([f64::from(width), f64::from(height)])
}

/// Bilinear between the four nearest pixels, with weights in 1/2048.
fn resize(picture: &RgbImage, [width, height]: [u32; 2]) -> RgbImage {
    let (columns, rows) = (taps(picture.width(), width), taps(picture.height(), height));
    RgbImage::from_fn(width, height, |x, y| {
        let (row, column) = (&rows[y as usize], &columns[x as usize]);
        let across = |y: u32| {
            let [left, right] = column
                .places
                .map(|x| picture.get_pixel(x, y).0.map(i64::from));
            [0, 1, 2].map(|i| left[i] * column.weights[0] + right[i] * column.weights[1])
        };
        let [upper, lower] = row.places.map(across);
        Rgb([0, 1, 2].map(|i| {
            // OpenCV drops the lowest bits of each product before it adds them.
            let part = |value: i64, weight: i64| ((value >> 4) * weight) >> 16;
            let sum = part(upper[i], row.weights[0]) + part(lower[i], row.weights[1]);
            ((sum + 2) >> 2).clamp(0, 255) as u8
        }))
    })
}

/// Two neighbouring pixels and how much of each.
struct Tap {
    places: [u32; 2],
    weights: [i64; 2],
}

fn taps(from: u32, to: u32) -> Vec<Tap> {
    let step = f64::from(from) / f64::from(to);
    let tap = |index: u32| {
        let position = ((f64::from(index) + 0.5) * step - 0.5) as f32;
        let (low, fraction) = match position {
            p if p < 0.0 => (0, 0.0),
            p if p >= (from - 1) as f32 => (from - 1, 0.0),
            p => (p as u32, p - p.floor()),
        };
        let weight = |share: f32| (share * 2048.0).round_ties_even() as i64;
        Tap {
            places: [low, (low + 1).min(from - 1)],
            weights: [weight(1.0 - fraction), weight(fraction)],
        }
    };
    (0..to).map(tap).collect()
}

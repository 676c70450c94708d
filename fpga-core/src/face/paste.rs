//! Putting a changed crop back: blend by weight, touch nothing else.
//!
//! `new = round(old + w · (crop − old))`, halves away from zero, and a pixel with weight 0 is not
//! written at all. [`changed_outside`] is the independent count that proves it.

use image::RgbImage;
use ndarray::Array3;
use serde::Serialize;

use super::crop::CropPlan;
use super::lab::{Lab, delta_e_2000};
use super::mask::FaceMask;
use crate::error::{Error, ErrorKind, Result};

/// What [`paste`] did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PasteReport {
    /// Pixels with a weight above 0.
    pub covered: usize,
    /// Pixels whose bytes are other than before.
    pub changed: usize,
    /// Mean CIEDE2000 between the old picture and the crop over the outer half of the feather
    /// (weights below ½), where the two must agree for the seam to stay unseen. `None` without such pixels.
    pub seam_delta_e: Option<f64>,
}

/// Blends a crop into the picture by the mask's weights.
///
/// A crop that enlarges the picture and that nobody changed leaves every byte as it was. A crop that
/// shrinks it holds less detail than the picture: inside the mask the result then has the crop's detail.
///
/// # Shapes
/// - `crop`: `[size, size, 3]`, levels 0–255
///
/// # Errors
/// If picture or crop are not of the planned size, or the crop holds NaN or infinity. The picture is
/// then as before.
pub fn paste(
    picture: &mut RgbImage,
    plan: &CropPlan,
    crop: &Array3<f32>,
    mask: &FaceMask,
) -> Result<PasteReport> {
    plan.check_picture(picture)?;
    plan.check_crop(crop)?;
    if !crop.iter().all(|level| level.is_finite()) {
        return Err(Error::new(ErrorKind::NotFinite {
            what: "changed crop".to_owned(),
        }));
    }
    let mut report = PasteReport {
        covered: 0,
        changed: 0,
        seam_delta_e: None,
    };
    let Some(area) = mask.extent() else {
        return Ok(report);
    };
    if !contains(plan.bounds(), area) {
        let why = format!("covers {area:?}, the crop only {:?}", plan.bounds());
        return Err(Error::invalid("face mask", why));
    }
    let [left, top, width, _] = area;
    let patch = plan.project(picture, crop, area);
    let (mut seam, mut seam_pixels) = (0.0, 0usize);
    for (x, y, weight) in mask.covered() {
        let new = patch[(y as usize - top) * width + x as usize - left];
        let pixel = picture.get_pixel_mut(x, y);
        let old = pixel.0.map(f32::from);
        if weight < 0.5 {
            seam += delta_e_2000(Lab::from_levels(old), Lab::from_levels(new));
            seam_pixels += 1;
        }
        let blended = [0, 1, 2].map(|i| (old[i] + weight * (new[i] - old[i])).round() as u8);
        report.covered += 1;
        report.changed += usize::from(blended != pixel.0);
        pixel.0 = blended;
    }
    report.seam_delta_e = (seam_pixels > 0).then(|| seam / seam_pixels as f64);
    Ok(report)
}

fn contains(outer: [usize; 4], inner: [usize; 4]) -> bool {
    [0, 1].into_iter().all(|axis| {
        inner[axis] >= outer[axis] && inner[axis] + inner[axis + 2] <= outer[axis] + outer[axis + 2]
    })
}

/// Bytes that differ between two pictures where every mask's weight is 0. Pasting keeps this at 0.
///
/// # Errors
/// If the pictures differ in size.
pub fn changed_outside(before: &RgbImage, after: &RgbImage, masks: &[&FaceMask]) -> Result<usize> {
    if before.dimensions() != after.dimensions() {
        let expected = format!("{:?} as before", before.dimensions());
        return Err(Error::shape("picture", expected, after.dimensions()));
    }
    let outside = |x, y| masks.iter().all(|mask| mask.weight(x, y) == 0.0);
    Ok(before
        .enumerate_pixels()
        .zip(after.pixels())
        .filter(|((_, _, old), new)| old != new)
        .filter(|((x, y, _), _)| outside(*x, *y))
        .map(|((_, _, old), new)| {
            old.0
                .iter()
                .zip(new.0)
                .filter(|(old, new)| **old != *new)
                .count()
        })
        .sum())
}

#[cfg(test)]
mod tests {
    use super::super::crop::CropSettings;
    use super::super::face_box::FaceBox;
    use super::super::landmarks::Landmarks5;
    use super::super::mask::MaskShape;
    use super::super::photograph::{astronaut, difference, face};
    use super::*;

    /// The photograph's face, tilted about its middle by `degrees`.
    fn tilted(degrees: f32) -> (FaceBox, Landmarks5) {
        let (face, landmarks) = face();
        let [cx, cy] = face.centre().map(|v| v as f32);
        let (sine, cosine) = degrees.to_radians().sin_cos();
        let turn = |[x, y]: [f32; 2]| {
            [
                cx + cosine * (x - cx) - sine * (y - cy),
                cy + sine * (x - cx) + cosine * (y - cy),
            ]
        };
        (face, Landmarks5::new(landmarks.points().map(turn)).unwrap())
    }

    #[test]
    fn an_unchanged_enlargement_leaves_every_byte() {
        let picture = astronaut();
        let border = FaceBox::new(-30.0, -10.0, 40.0, 60.0).unwrap();
        let small = FaceBox::new(110.3, 95.1, 134.7, 118.0).unwrap();
        let corner = Landmarks5::new([
            [5.0, 30.0],
            [30.0, 5.0],
            [25.0, 25.0],
            [15.0, 45.0],
            [40.0, 25.0],
        ])
        .unwrap();
        let cases = [
            (tilted(0.0).0, None),
            (tilted(33.0).0, Some(tilted(33.0).1)),
            (border, None),
            (border, Some(corner)),
            (small, None),
        ];
        for (face, landmarks) in cases {
            for size in [208, 512] {
                let settings = CropSettings {
                    size,
                    ..CropSettings::default()
                };
                let plan = CropPlan::new([256, 256], &face, landmarks.as_ref(), &settings).unwrap();
                assert!(!plan.shrinks());
                let mask = FaceMask::new(&plan, MaskShape::Box(&face), 0.1).unwrap();
                let crop = plan.extract(&picture).unwrap();
                let mut pasted = picture.clone();
                let report = paste(&mut pasted, &plan, &crop, &mask).unwrap();
                assert!(report.covered > 100, "{report:?}");
                assert_eq!(
                    (report.changed, report.seam_delta_e),
                    (0, Some(0.0)),
                    "{face:?} {size}"
                );

                let rounded = crop.map(|level| level.round());
                paste(&mut pasted, &plan, &rounded, &mask).unwrap();
                let worst = pasted
                    .as_raw()
                    .iter()
                    .zip(picture.as_raw())
                    .map(|(p, q)| p.abs_diff(*q))
                    .max();
                assert!(worst <= Some(1), "{face:?} {size}: {worst:?}");
                assert_eq!(changed_outside(&picture, &pasted, &[&mask]).unwrap(), 0);
            }
        }
    }

    /// What is lost is the detail that the smaller crop could not hold, and only inside the mask.
    #[test]
    fn an_unchanged_reduction_keeps_what_the_crop_holds() {
        let picture = astronaut();
        for degrees in [0.0, 33.0] {
            let (face, landmarks) = tilted(degrees);
            let settings = CropSettings {
                size: 128,
                ..CropSettings::default()
            };
            let plan = CropPlan::new([256, 256], &face, Some(&landmarks), &settings).unwrap();
            assert!(plan.shrinks());
            let mask = FaceMask::new(&plan, MaskShape::Landmarks(&landmarks), 0.1).unwrap();
            let mut pasted = picture.clone();
            paste(&mut pasted, &plan, &plan.extract(&picture).unwrap(), &mask).unwrap();
            let [one, other] = [&picture, &pasted]
                .map(|p| p.as_raw().iter().map(|&v| f32::from(v)).collect::<Vec<_>>());
            let (mean, _) = difference(&one, &other);
            assert!(mean > 0.05 && mean < 0.6, "{degrees}: {mean}");
            assert_eq!(changed_outside(&picture, &pasted, &[&mask]).unwrap(), 0);
        }
    }

    #[test]
    fn a_new_face_arrives_where_the_old_one_was() {
        let picture = astronaut();
        for degrees in [0.0, 33.0] {
            let (face, landmarks) = tilted(degrees);
            let plan = CropPlan::new(
                [256, 256],
                &face,
                Some(&landmarks),
                &CropSettings::default(),
            )
            .unwrap();
            let mask = FaceMask::new(&plan, MaskShape::Landmarks(&landmarks), 1.0 / 16.0).unwrap();
            let other = RgbImage::from_fn(256, 256, |x, y| image::Rgb([x as u8, y as u8, 200]));
            let mut pasted = picture.clone();
            let report = paste(&mut pasted, &plan, &plan.extract(&other).unwrap(), &mask).unwrap();
            assert!(report.seam_delta_e > Some(5.0), "{report:?}");
            let mut inside = 0;
            for (x, y, pixel) in pasted.enumerate_pixels() {
                let (weight, old) = (mask.weight(x, y), picture.get_pixel(x, y));
                if weight == 1.0 {
                    inside += 1;
                    let new = other.get_pixel(x, y);
                    assert!(
                        (0..3).all(|i| pixel.0[i].abs_diff(new.0[i]) <= 5),
                        "({x}, {y}): {pixel:?} {new:?}"
                    );
                } else if weight == 0.0 {
                    assert_eq!(pixel, old);
                }
            }
            assert!(inside > 3000, "{inside}");
            assert_eq!(changed_outside(&picture, &pasted, &[&mask]).unwrap(), 0);
            assert!(changed_outside(&picture, &pasted, &[]).unwrap() > inside);
        }
    }

    #[test]
    fn weights_blend_and_round_half_up() {
        let mut picture = RgbImage::from_pixel(64, 64, image::Rgb([10, 11, 200]));
        let face = FaceBox::new(0.0, 0.0, 64.0, 64.0).unwrap();
        let settings = CropSettings {
            size: 64,
            reach: 1.0,
            ..CropSettings::default()
        };
        let plan = CropPlan::new([64, 64], &face, None, &settings).unwrap();
        let given =
            ndarray::Array2::from_shape_fn((64, 64), |(_, x)| if x < 20 { 1.0 } else { 0.0 });
        let mask = FaceMask::new(&plan, MaskShape::Given(&given), 0.0).unwrap();
        let crop =
            Array3::from_shape_fn((64, 64, 3), |(_, _, channel)| [21.0, 21.0, 100.0][channel]);
        paste(&mut picture, &plan, &crop, &mask).unwrap();
        let row: Vec<[u8; 3]> = (17..22).map(|x| picture.get_pixel(x, 30).0).collect();
        assert_eq!(
            row,
            [
                [21, 21, 100],
                [21, 21, 100],
                [16, 16, 150],
                [10, 11, 200],
                [10, 11, 200]
            ]
        );
    }

    #[test]
    fn a_picture_of_one_pixel_works() {
        let mut picture = RgbImage::from_pixel(1, 1, image::Rgb([40, 50, 60]));
        let face = FaceBox::new(0.0, 0.0, 1.0, 1.0).unwrap();
        let plan = CropPlan::new([1, 1], &face, None, &CropSettings::default()).unwrap();
        let mask = FaceMask::new(&plan, MaskShape::Box(&face), 0.1).unwrap();
        let crop = plan.extract(&picture).unwrap();
        assert!(
            crop.indexed_iter()
                .all(|((_, _, c), level)| (level - [40.0, 50.0, 60.0][c]).abs() < 1e-4)
        );
        let report = paste(&mut picture, &plan, &(crop + 20.0), &mask).unwrap();
        assert_eq!(
            (report.covered, picture.get_pixel(0, 0).0),
            (1, [60, 70, 80])
        );
    }

    #[test]
    fn a_broken_crop_is_refused_and_the_picture_stays() {
        let picture = astronaut();
        let (face, _) = face();
        let plan = CropPlan::new([256, 256], &face, None, &CropSettings::default()).unwrap();
        let mask = FaceMask::new(&plan, MaskShape::Box(&face), 0.1).unwrap();
        let mut crop = plan.extract(&picture).unwrap();
        crop[[7, 7, 1]] = f32::NAN;
        let mut pasted = picture.clone();
        assert!(paste(&mut pasted, &plan, &crop, &mask).is_err());
        assert!(paste(&mut pasted, &plan, &Array3::zeros((8, 8, 3)), &mask).is_err());
        let elsewhere = FaceBox::new(200.0, 200.0, 220.0, 220.0).unwrap();
        let other = CropPlan::new([256, 256], &elsewhere, None, &CropSettings::default()).unwrap();
        crop[[7, 7, 1]] = 0.0;
        assert!(paste(&mut pasted, &other, &crop, &mask).is_err());
        assert_eq!(pasted, picture);
    }
}

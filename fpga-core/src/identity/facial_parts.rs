//! Pictures of single facial parts (ConsistentID): the whole picture, black outside the part.
//!
//! A part's mask is the region that a face parser gave it, with its holes filled. Of the two eyes, the
//! two ears and the two lips only the first is taken; parts come in the order of their classes: face,
//! eye, ear, nose, lip.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, IntoImageView, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::{Rgb, RgbImage};
use ndarray::{Array2, ArrayView2};

use super::facial_prompt::FacialPart;
use crate::error::{Error, Result};

/// Where a part is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartMask {
    /// Which part.
    pub part: FacialPart,
    /// `[height, width]` of the part map, true inside.
    pub inside: Array2<bool>,
}

/// The parts that a map of 19 classes shows, at most five.
///
/// # Shapes
/// - `classes`: `[height, width]`, CelebAMask-HQ's classes
pub fn part_masks(classes: ArrayView2<'_, u8>) -> Vec<PartMask> {
    let mut found: Vec<PartMask> = Vec::new();
    for part in FacialPart::ALL {
        let taken = found.iter().any(|other| other.part.word() == part.word());
        if !taken && classes.iter().any(|class| *class == part.class()) {
            let inside = without_holes(classes.mapv(|class| class == part.class()));
            found.push(PartMask { part, inside });
        }
    }
    found
}

impl PartMask {
    /// The picture with everything outside this part black; the mask is stretched to its size.
    ///
    /// Resampling follows Pillow's algorithm with other rounding of its fixed-point weights: single
    /// levels differ by at most 2.
    ///
    /// # Errors
    /// An empty picture or mask.
    pub fn picture(&self, picture: &RgbImage) -> Result<RgbImage> {
        let weights = self.stretched(picture.dimensions())?;
        let mut part = picture.clone();
        for (pixel, weight) in part.pixels_mut().zip(weights) {
            *pixel = Rgb(pixel.0.map(|level| share(level, weight)));
        }
        Ok(part)
    }

    /// One level per pixel, 255 inside.
    fn stretched(&self, (width, height): (u32, u32)) -> Result<Vec<u8>> {
        let (rows, columns) = self.inside.dim();
        if rows * columns == 0 || width * height == 0 {
            let found = [columns, rows, width as usize, height as usize];
            return Err(Error::shape(
                "part mask and picture",
                "at least one pixel each",
                found,
            ));
        }
        let levels: Vec<u8> = (self.inside.iter())
            .map(|inside| if *inside { u8::MAX } else { 0 })
            .collect();
        let failed = |error| Error::invalid("part mask", "cannot be resized").with_source(error);
        ImageRef::new(columns as u32, rows as u32, &levels, PixelType::U8)
            .map_err(Into::into)
            .and_then(|mask| {
                // rows before columns, as the reference does it: bytes are rounded in between
                let wide = resample(&mask, [width, rows as u32])?;
                resample(&wide, [width, height])
            })
            .map(Image::into_vec)
            .map_err(failed)
    }
}

/// `level · weight / 255`, rounded.
fn share(level: u8, weight: u8) -> u8 {
    let product = u16::from(level) * u16::from(weight) + 128;
    ((product + (product >> 8)) >> 8) as u8
}

fn resample(
    source: &impl IntoImageView,
    [width, height]: [u32; 2],
) -> Result<Image<'static>, Box<dyn std::error::Error + Send + Sync>> {
    let bicubic = ResizeAlg::Convolution(FilterType::CatmullRom);
    let mut resized = Image::new(width, height, PixelType::U8);
    let options = ResizeOptions::new().resize_alg(bicubic);
    Resizer::new().resize(source, &mut resized, &options)?;
    Ok(resized)
}

/// Everything that cannot be reached from the border without crossing the region.
fn without_holes(region: Array2<bool>) -> Array2<bool> {
    let (rows, columns) = region.dim();
    let mut outside = Array2::from_elem((rows, columns), false);
    let on_border = |&(row, column): &(usize, usize)| {
        row == 0 || column == 0 || row + 1 == rows || column + 1 == columns
    };
    let mut open: Vec<_> = ndarray::indices((rows, columns))
        .into_iter()
        .filter(on_border)
        .collect();
    while let Some((row, column)) = open.pop() {
        let place = (row, column);
        let free = region.get(place).is_some_and(|inside| !inside);
        if !free || std::mem::replace(&mut outside[place], true) {
            continue;
        }
        open.extend([
            (row.wrapping_sub(1), column),
            (row + 1, column),
            (row, column.wrapping_sub(1)),
            (row, column + 1),
        ]);
    }
    outside.mapv(|outside| !outside)
}

#[cfg(test)]
mod tests {
    use super::*;

    use safetensors::SafeTensors;

    const NAMES: [(&str, FacialPart); 8] = [
        ("Face", FacialPart::Face),
        ("Left_Eye", FacialPart::LeftEye),
        ("Right_Eye", FacialPart::RightEye),
        ("Left_Ear", FacialPart::LeftEar),
        ("Right_Ear", FacialPart::RightEar),
        ("Nose", FacialPart::Nose),
        ("Upper_Lip", FacialPart::UpperLip),
        ("Lower_Lip", FacialPart::LowerLip),
    ];

    fn read() -> Vec<u8> {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../tests/fixtures/facial_prompt/masks.safetensors"
        );
        std::fs::read(path).unwrap()
    }

    fn map(file: &SafeTensors<'_>, name: &str) -> Array2<u8> {
        let view = file.tensor(name).unwrap();
        Array2::from_shape_vec((view.shape()[0], view.shape()[1]), view.data().to_vec()).unwrap()
    }

    #[test]
    fn masks_are_those_of_the_reference() {
        let bytes = read();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        for index in 0..4 {
            let masks = part_masks(map(&file, &format!("{index}.classes")).view());
            let found: Vec<_> = masks.iter().map(|mask| mask.part).collect();
            let stored = |(name, part): &(&str, FacialPart)| {
                let name = format!("{index}.mask.{name}");
                file.tensor(&name).is_ok().then_some((name, *part))
            };
            let stored: Vec<_> = NAMES.iter().filter_map(stored).collect();
            let expected: Vec<_> = stored.iter().map(|(_, part)| *part).collect();
            assert_eq!(found, expected, "map {index}");
            assert!(found.len() >= 3, "map {index} shows too little");
            for (mask, (name, _)) in masks.iter().zip(&stored) {
                let reference = map(&file, name).mapv(|level| level > 0);
                assert_eq!(mask.inside, reference, "{name}");
            }
        }
    }

    #[test]
    fn part_pictures_are_those_of_the_reference() {
        let bytes = read();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let view = file.tensor("picture").unwrap();
        let (height, width) = (view.shape()[0] as u32, view.shape()[1] as u32);
        let picture = RgbImage::from_raw(width, height, view.data().to_vec()).unwrap();
        for mask in part_masks(map(&file, "0.classes").view()) {
            let (name, _) = NAMES.iter().find(|(_, part)| *part == mask.part).unwrap();
            let part = mask.picture(&picture).unwrap();
            let reference = file.tensor(&format!("0.picture.{name}")).unwrap();
            let gaps = part.as_raw().iter().zip(reference.data());
            let gaps: Vec<_> = gaps.map(|(a, b)| a.abs_diff(*b)).collect();
            let largest = gaps.iter().max().unwrap();
            let unequal = gaps.iter().filter(|gap| **gap > 0).count();
            assert!(*largest <= 2, "{name}: {largest}");
            assert!(
                unequal < gaps.len() / 50,
                "{name}: {unequal} of {}",
                gaps.len()
            );
        }
    }

    #[test]
    fn a_face_without_parts_has_none_and_empty_pictures_are_refused() {
        assert!(part_masks(Array2::from_elem((4, 4), 17).view()).is_empty());
        let mask = PartMask {
            part: FacialPart::Nose,
            inside: Array2::from_elem((4, 4), true),
        };
        assert!(mask.picture(&RgbImage::new(0, 4)).is_err());
        let white = RgbImage::from_pixel(3, 5, Rgb([255; 3]));
        assert_eq!(mask.picture(&white).unwrap(), white);
    }
}

//! FGIS, fine-grained identity similarity. The published measure of this name has no published formula;
//! this is *our definition*: the mean over facial parts of the cosine of DINO vectors of part pictures.
//!
//! A part picture is the face cut out round its box with everything outside the part black. A part that
//! one of the two faces does not show is left out.

use burn::tensor::Device;
use image::RgbImage;
use serde::Serialize;

use super::cosine::cosine;
use super::dino::Dino;
use crate::error::Result;
use crate::face::{FacePart, PartMap};

/// Names and classes of the parts that are compared.
pub const FGIS_PARTS: [(&str, &[FacePart]); 5] = [
    ("face", &FacePart::FACE),
    (
        "eyes",
        &[
            FacePart::LeftEye,
            FacePart::RightEye,
            FacePart::LeftBrow,
            FacePart::RightBrow,
        ],
    ),
    ("nose", &[FacePart::Nose]),
    (
        "mouth",
        &[FacePart::Mouth, FacePart::UpperLip, FacePart::LowerLip],
    ),
    ("ears", &[FacePart::LeftEar, FacePart::RightEar]),
];

/// What [`fgis`] found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FgisReport {
    /// Mean over the parts that both faces show; `None` if there is none.
    pub mean: Option<f64>,
    /// Cosine of each part, in the order of [`FGIS_PARTS`].
    pub parts: [Option<f64>; 5],
}

/// Compares two faces, each a picture that the face fills and its parts.
///
/// # Errors
/// What the network refuses.
pub fn fgis(
    network: &Dino,
    device: &Device,
    one: (&RgbImage, &PartMap),
    other: (&RgbImage, &PartMap),
) -> Result<FgisReport> {
    let [one, other] = [one, other].map(|(picture, parts)| part_pictures(picture, parts));
    let mut parts = [None; 5];
    for (cosine_of_part, pair) in parts.iter_mut().zip(one.iter().zip(&other)) {
        if let (Some(one), Some(other)) = pair {
            let vectors = [
                network.describe(one, device)?,
                network.describe(other, device)?,
            ];
            *cosine_of_part = Some(cosine(&vectors[0], &vectors[1])?);
        }
    }
    let shown: Vec<f64> = parts.iter().flatten().copied().collect();
    let mean = (!shown.is_empty()).then(|| shown.iter().sum::<f64>() / shown.len() as f64);
    Ok(FgisReport { mean, parts })
}

/// The picture with everything but one part black, for each of [`FGIS_PARTS`]; `None` where the part
/// does not show.
pub fn part_pictures(picture: &RgbImage, parts: &PartMap) -> [Option<RgbImage>; 5] {
    let present = parts.present();
    FGIS_PARTS.map(|(_, classes)| {
        let shows = classes.iter().any(|class| present.contains(class));
        shows.then(|| {
            let mask = parts.mask(classes, [picture.width(), picture.height()]);
            RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
                match mask[[y as usize, x as usize]] > 0.5 {
                    true => *picture.get_pixel(x, y),
                    false => image::Rgb([0; 3]),
                }
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    #[test]
    fn part_pictures_show_the_part_alone() {
        let picture = RgbImage::from_pixel(4, 2, image::Rgb([9, 8, 7]));
        let labels = Array2::from_shape_vec((1, 4), vec![0, 10, 17, 12]).unwrap();
        let pictures = part_pictures(&picture, &PartMap::new(labels).unwrap());
        let shown = pictures.each_ref().map(|picture| {
            picture.as_ref().map(|picture| {
                (0..4)
                    .filter(|&x| picture.get_pixel(x, 1).0 == [9, 8, 7])
                    .collect::<Vec<_>>()
            })
        });
        assert_eq!(
            shown,
            [Some(vec![1, 3]), None, Some(vec![1]), Some(vec![3]), None]
        );
    }
}

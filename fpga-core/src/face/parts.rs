//! Which pixel of a portrait is skin, eye, hair, …: the 19 classes of CelebAMask-HQ (Lee et al.
//! 2020) in the order of the face parsing networks that people have.

use image::RgbImage;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A class of pixels. "Left" is the viewer's left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
#[allow(missing_docs, reason = "the names say it")]
pub enum FacePart {
    Background,
    Skin,
    LeftBrow,
    RightBrow,
    LeftEye,
    RightEye,
    Glasses,
    LeftEar,
    RightEar,
    Earring,
    Nose,
    Mouth,
    UpperLip,
    LowerLip,
    Neck,
    Necklace,
    Cloth,
    Hair,
    Hat,
}

impl FacePart {
    /// All classes; the place in the list is the number in a [`PartMap`].
    pub const ALL: [Self; 19] = [
        Self::Background,
        Self::Skin,
        Self::LeftBrow,
        Self::RightBrow,
        Self::LeftEye,
        Self::RightEye,
        Self::Glasses,
        Self::LeftEar,
        Self::RightEar,
        Self::Earring,
        Self::Nose,
        Self::Mouth,
        Self::UpperLip,
        Self::LowerLip,
        Self::Neck,
        Self::Necklace,
        Self::Cloth,
        Self::Hair,
        Self::Hat,
    ];

    /// What a restored face may replace: skin and all that lies on it, neither hair nor ears.
    pub const FACE: [Self; 10] = [
        Self::Skin,
        Self::LeftBrow,
        Self::RightBrow,
        Self::LeftEye,
        Self::RightEye,
        Self::Glasses,
        Self::Nose,
        Self::Mouth,
        Self::UpperLip,
        Self::LowerLip,
    ];

    /// Its number in a [`PartMap`].
    pub fn label(self) -> u8 {
        self as u8
    }
}

/// The class of every pixel of a portrait, at the resolution at which the parser works; it covers the
/// whole portrait, whose shape may be another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartMap(Array2<u8>);

impl PartMap {
    /// From labels `[height, width]`, numbered as in [`FacePart::ALL`].
    ///
    /// # Errors
    /// If the map is empty or a label is above 18.
    pub fn new(labels: Array2<u8>) -> Result<Self> {
        let Some(&highest) = labels.iter().max() else {
            return Err(Error::shape("part map", "at least one pixel", labels.dim()));
        };
        if usize::from(highest) >= FacePart::ALL.len() {
            let why = format!("labels go from 0 to 18, found {highest}");
            return Err(Error::invalid("part map", why));
        }
        Ok(Self(labels))
    }

    /// `[height, width]`
    pub fn labels(&self) -> &Array2<u8> {
        &self.0
    }

    /// The same map on a grid of `[width, height]`: every pixel takes the nearest label.
    ///
    /// # Errors
    /// If the grid is empty.
    pub fn resized(&self, [width, height]: [u32; 2]) -> Result<Self> {
        let (rows, columns) = self.0.dim();
        let shape = (height as usize, width as usize);
        let nearest = |(y, x)| self.0[[nearest(y, rows, height), nearest(x, columns, width)]];
        Self::new(Array2::from_shape_fn(shape, nearest))
    }

    /// The classes that occur, in the order of their numbers.
    pub fn present(&self) -> Vec<FacePart> {
        let mut seen = [false; FacePart::ALL.len()];
        for &label in &self.0 {
            seen[usize::from(label)] = true;
        }
        let parts = FacePart::ALL.into_iter();
        parts
            .filter(|part| seen[usize::from(part.label())])
            .collect()
    }

    /// 1 where the class is one of `parts`, else 0, on a grid of `[width, height]`: every pixel takes
    /// the nearest label of the map, stretched over the grid.
    ///
    /// # Shapes
    /// - returns `[height, width]`
    pub fn mask(&self, parts: &[FacePart], [width, height]: [u32; 2]) -> Array2<f32> {
        let (rows, columns) = self.0.dim();
        Array2::from_shape_fn((height as usize, width as usize), |(y, x)| {
            let label = self.0[[nearest(y, rows, height), nearest(x, columns, width)]];
            match parts.iter().any(|part| part.label() == label) {
                true => 1.0,
                false => 0.0,
            }
        })
    }
}

/// The pixel of `from` that lies under the centre of pixel `index` of `to`.
fn nearest(index: usize, from: usize, to: u32) -> usize {
    (2 * index + 1) * from / (2 * to as usize)
}

/// Tells the parts of a face.
///
/// Any `Fn(&RgbImage) -> Result<PartMap>` is one.
pub trait FaceParser: Send + Sync {
    /// Of a picture that shows one face, filling it as a portrait does.
    ///
    /// # Errors
    /// What the parser cannot do; that it sees no face is no error but a map of background.
    fn parse(&self, portrait: &RgbImage) -> Result<PartMap>;
}

impl<F> FaceParser for F
where
    F: Fn(&RgbImage) -> Result<PartMap> + Send + Sync,
{
    fn parse(&self, portrait: &RgbImage) -> Result<PartMap> {
        self(portrait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_places_in_the_list() {
        for (index, part) in FacePart::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(part.label()), index);
        }
        assert_eq!(FacePart::LowerLip.label(), 13);
        assert_eq!(
            serde_json::to_string(&FacePart::UpperLip).unwrap(),
            "\"upper_lip\""
        );
    }

    #[test]
    fn masks_stretch_over_the_portrait() {
        let labels = Array2::from_shape_vec((2, 2), vec![0, 10, 1, 13]).unwrap();
        let map = PartMap::new(labels).unwrap();
        let present = [
            FacePart::Background,
            FacePart::Skin,
            FacePart::Nose,
            FacePart::LowerLip,
        ];
        assert_eq!(map.present(), present);
        let mask = map.mask(&[FacePart::Nose, FacePart::Skin], [5, 4]);
        let rows: Vec<Vec<f32>> = mask.outer_iter().map(|row| row.to_vec()).collect();
        let (top, bottom) = (vec![0.0, 0.0, 1.0, 1.0, 1.0], vec![1.0, 1.0, 0.0, 0.0, 0.0]);
        assert_eq!(rows, [top.clone(), top, bottom.clone(), bottom]);
    }

    #[test]
    fn a_map_takes_any_size() {
        let labels = Array2::from_shape_vec((2, 2), vec![0, 10, 1, 13]).unwrap();
        let map = PartMap::new(labels).unwrap();
        let wide = map.resized([4, 2]).unwrap();
        assert_eq!(wide.labels().row(1).to_vec(), [1, 1, 13, 13]);
        assert_eq!(wide.resized([2, 2]).unwrap(), map);
        assert!(map.resized([0, 2]).is_err());
    }

    #[test]
    fn foreign_labels_are_refused() {
        assert!(PartMap::new(Array2::from_elem((2, 2), 19)).is_err());
        assert!(PartMap::new(Array2::zeros((0, 3))).is_err());
    }
}

//! Faces found by their parts: for those who have a face parser and no detector.
//!
//! Every connected patch of skin, brows, eyes, nose and mouth that has a nose and a mouth is a face. An eye
//! that the parser does not see is put opposite the other one; if it sees neither, they are where glasses or
//! the proportions of a face put them. Faces that touch in the picture are taken for one, so this is for
//! pictures in which people stand apart.

use image::RgbImage;
use ndarray::Array2;

use super::detection::{DetectedFace, FaceDetector};
use super::face_box::FaceBox;
use super::landmarks::Landmarks5;
use super::parts::{FaceParser, FacePart, PartMap};
use crate::error::Result;

/// A [`FaceDetector`] that asks a parser which pixel is what.
#[derive(Clone, Debug)]
pub struct ParsedFaces<P>(pub P);

/// Patches with fewer pixels of the map are no faces.
const LEAST: usize = 24;
/// Share of the nose's height that lies above its tip.
const TIP: f64 = 0.8;
/// How far eyes lie beyond the tip of the nose, and beside it, in distances from there to the mouth: those
/// of the template that faces are aligned to.
const EYES: [f64; 2] = [0.98, 0.86];

impl<P: FaceParser> FaceDetector for ParsedFaces<P> {
    fn detect(&self, picture: &RgbImage) -> Result<Vec<DetectedFace>> {
        faces_of(&self.0.parse(picture)?, picture.dimensions().into())
    }
}

/// The faces that a map shows, in pixels of a picture of this width and height; the largest first.
///
/// # Errors
/// An empty picture.
pub fn faces_of(map: &PartMap, [width, height]: [u32; 2]) -> Result<Vec<DetectedFace>> {
    let labels = map.labels();
    let (rows, columns) = labels.dim();
    let scale = [
        f64::from(width) / columns as f64,
        f64::from(height) / rows as f64,
    ];
    let mut faces = Vec::new();
    for patch in patches(labels) {
        if let Some(face) = Patch(&patch, labels).face(scale)? {
            faces.push(face);
        }
    }
    faces.sort_by(|a: &DetectedFace, b| b.area().total_cmp(&a.area()));
    Ok(faces)
}

/// Row and column.
type Cell = (usize, usize);

/// Connected cells that belong to faces.
fn patches(labels: &Array2<u8>) -> Vec<Vec<Cell>> {
    let (rows, columns) = labels.dim();
    let on_face = |cell: Cell| {
        FacePart::FACE
            .iter()
            .any(|part| part.label() == labels[cell])
    };
    let mut seen = Array2::from_elem(labels.dim(), false);
    let mut patches = Vec::new();
    for (start, _) in labels.indexed_iter() {
        if seen[start] || !on_face(start) {
            continue;
        }
        seen[start] = true;
        let (mut patch, mut next) = (vec![start], 0);
        while let Some(&(y, x)) = patch.get(next) {
            next += 1;
            let around = [
                (y.wrapping_sub(1), x),
                (y + 1, x),
                (y, x.wrapping_sub(1)),
                (y, x + 1),
            ];
            for cell in around {
                if cell.0 < rows && cell.1 < columns && !seen[cell] && on_face(cell) {
                    seen[cell] = true;
                    patch.push(cell);
                }
            }
        }
        patches.push(patch);
    }
    patches
}

/// Cells that may be a face, and the labels that they are part of.
struct Patch<'a>(&'a [Cell], &'a Array2<u8>);

impl Patch<'_> {
    /// `None` if a part is missing.
    fn face(&self, scale: [f64; 2]) -> Result<Option<DetectedFace>> {
        if self.0.len() < LEAST {
            return Ok(None);
        }
        let mouth = [FacePart::Mouth, FacePart::UpperLip, FacePart::LowerLip];
        let (Some(nose), Some(mouth)) = (self.extent(&[FacePart::Nose]), self.corners(&mouth))
        else {
            return Ok(None);
        };
        let [top, bottom] = nose.rows;
        let tip = [nose.middle[0], top + TIP * (bottom - top)];
        let eyes = self.eyes(&Axis::new(tip, mouth));
        let points = [eyes[0], eyes[1], tip, mouth[0], mouth[1]];
        let place = |[x, y]: [f64; 2]| [(x * scale[0]) as f32, (y * scale[1]) as f32];
        let whole = self.bounds(&FacePart::FACE);
        let Some([left, top, right, bottom]) = whole else {
            return Ok(None);
        };
        let ([x0, y0], [x1, y1]) = (place([left, top]), place([right, bottom]));
        Ok(Some(DetectedFace {
            bounds: FaceBox::new(x0, y0, x1, y1)?,
            landmarks: Some(Landmarks5::new(points.map(place))?),
            score: 1.0,
        }))
    }

    /// Centres of both eyes, the viewer's left one first.
    fn eyes(&self, axis: &Axis) -> [[f64; 2]; 2] {
        let eye = |part| self.extent(&[part]).map(|eye| eye.middle);
        match (eye(FacePart::LeftEye), eye(FacePart::RightEye)) {
            (Some(left), Some(right)) => [left, right],
            (Some(left), None) => [left, axis.opposite(left)],
            (None, Some(right)) => [axis.opposite(right), right],
            (None, None) => self.behind_glasses().unwrap_or_else(|| axis.eyes()),
        }
    }

    /// The middles of both halves of glasses.
    fn behind_glasses(&self) -> Option<[[f64; 2]; 2]> {
        let [left, _, right, _] = self.bounds(&[FacePart::Glasses])?;
        let y = self.extent(&[FacePart::Glasses])?.middle[1];
        let quarter = (right - left) / 4.0;
        Some([[left + quarter, y], [right - quarter, y]])
    }

    /// Leftmost and rightmost point of parts.
    fn corners(&self, parts: &[FacePart]) -> Option<[[f64; 2]; 2]> {
        let [left, _, right, _] = self.bounds(parts)?;
        let height = |column: f64| {
            let rows = self.of(parts).filter(|cell| cell.1 as f64 == column);
            let rows: Vec<_> = rows.map(|cell| cell.0 as f64 + 0.5).collect();
            rows.iter().sum::<f64>() / rows.len() as f64
        };
        Some([[left, height(left)], [right, height(right - 1.0)]])
    }

    fn of(&self, parts: &[FacePart]) -> impl Iterator<Item = Cell> {
        let mine = move |cell: &&Cell| parts.iter().any(|part| part.label() == self.1[**cell]);
        self.0.iter().filter(mine).copied()
    }

    /// Left, top, right, bottom edge of the cells.
    fn bounds(&self, parts: &[FacePart]) -> Option<[f64; 4]> {
        let mut cells = self.of(parts);
        let (y, x) = cells.next()?;
        let first = [x, y, x + 1, y + 1];
        let grown = cells.fold(first, |[x0, y0, x1, y1], (y, x)| {
            [x0.min(x), y0.min(y), x1.max(x + 1), y1.max(y + 1)]
        });
        Some(grown.map(|edge| edge as f64))
    }

    fn extent(&self, parts: &[FacePart]) -> Option<Extent> {
        let [_, top, _, bottom] = self.bounds(parts)?;
        let mut sum = [0.0; 3];
        for (y, x) in self.of(parts) {
            for (sum, value) in sum.iter_mut().zip([x as f64 + 0.5, y as f64 + 0.5, 1.0]) {
                *sum += value;
            }
        }
        Some(Extent {
            middle: [sum[0] / sum[2], sum[1] / sum[2]],
            rows: [top, bottom],
        })
    }
}

/// The line that divides a face, from the mouth up.
struct Axis {
    /// On the tip of the nose.
    origin: [f64; 2],
    /// As long as the distance from there to the mouth.
    up: [f64; 2],
}

impl Axis {
    fn new(tip: [f64; 2], [left, right]: [[f64; 2]; 2]) -> Self {
        let up = [0, 1].map(|axis| tip[axis] - (left[axis] + right[axis]) / 2.0);
        Self { origin: tip, up }
    }

    /// The mirrored point.
    fn opposite(&self, point: [f64; 2]) -> [f64; 2] {
        let [x, y] = self.up;
        let across = [-y, x];
        let away = [0, 1].map(|axis| point[axis] - self.origin[axis]);
        let share = (away[0] * across[0] + away[1] * across[1]) / (x * x + y * y).max(1e-9);
        [0, 1].map(|axis| point[axis] - 2.0 * share * across[axis])
    }

    /// Where eyes are by proportion.
    fn eyes(&self) -> [[f64; 2]; 2] {
        let [x, y] = self.up;
        let [beyond, beside] = EYES;
        [-beside, beside].map(|side| {
            [
                self.origin[0] + beyond * x - side * y,
                self.origin[1] + beyond * y + side * x,
            ]
        })
    }
}

/// Where a part is.
struct Extent {
    middle: [f64; 2],
    rows: [f64; 2],
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Skin of 8×10 cells at a place, with eyes, nose and mouth.
    fn draw(labels: &mut Array2<u8>, [left, top]: [usize; 2], eyes: [FacePart; 2]) {
        let mut fill = |part: FacePart, [x, y]: [usize; 2], [wide, high]: [usize; 2]| {
            for row in top + y..top + y + high {
                for column in left + x..left + x + wide {
                    labels[[row, column]] = part.label();
                }
            }
        };
        fill(FacePart::Skin, [0, 0], [8, 10]);
        fill(eyes[0], [1, 3], [2, 1]);
        fill(eyes[1], [5, 3], [2, 1]);
        fill(FacePart::Nose, [3, 3], [2, 4]);
        fill(FacePart::Mouth, [2, 8], [4, 1]);
    }

    #[test]
    fn faces_have_boxes_and_landmarks_in_pixels_of_the_picture() {
        let mut labels = Array2::zeros((20, 40));
        let both = [FacePart::LeftEye, FacePart::RightEye];
        draw(&mut labels, [2, 4], both);
        draw(&mut labels, [20, 6], [FacePart::Glasses; 2]);
        let map = PartMap::new(labels).unwrap();
        let faces = faces_of(&map, [80, 20]).unwrap();
        assert_eq!(faces.len(), 2);
        // Wide pixels: the picture has two for each cell across.
        assert_eq!(faces[0].bounds.edges(), [4.0, 4.0, 20.0, 14.0]);
        let points = faces[0].landmarks.unwrap().points();
        let expected = [
            [8.0, 7.5],
            [16.0, 7.5],
            [12.0, 10.2],
            [8.0, 12.5],
            [16.0, 12.5],
        ];
        for (found, expected) in points.iter().zip(expected) {
            let gap = (found[0] - expected[0]).hypot(found[1] - expected[1]);
            assert!(gap < 1e-4, "{found:?} is not {expected:?}");
        }
        // Glasses from 21 to 27: their halves' middles.
        let [left, right, ..] = faces[1].landmarks.unwrap().points();
        assert_eq!([left, right], [[45.0, 9.5], [51.0, 9.5]]);
    }

    #[test]
    fn eyes_that_are_not_seen_are_where_they_belong() {
        let found = |eyes: [FacePart; 2]| {
            let mut labels = Array2::zeros((20, 40));
            draw(&mut labels, [2, 4], eyes);
            let faces = faces_of(&PartMap::new(labels).unwrap(), [40, 20]).unwrap();
            let [left, right, ..] = faces[0].landmarks.unwrap().points();
            [left, right]
        };
        let both = found([FacePart::LeftEye, FacePart::RightEye]);
        assert_eq!(both, [[4.0, 7.5], [8.0, 7.5]]);
        assert_eq!(found([FacePart::LeftEye, FacePart::Skin]), both);
        assert_eq!(found([FacePart::Skin, FacePart::RightEye]), both);
        // The mouth is 2.3 below the tip of the nose at (6, 10.2).
        let [left, right] = found([FacePart::Skin; 2]);
        assert!((left[0] - 4.022).abs() < 1e-3 && (right[0] - 7.978).abs() < 1e-3);
        assert!((left[1] - 7.946).abs() < 1e-3 && left[1] == right[1]);
    }

    #[test]
    fn what_lacks_nose_or_mouth_is_no_face() {
        for part in [FacePart::Nose, FacePart::Mouth] {
            let mut labels = Array2::zeros((20, 40));
            draw(&mut labels, [2, 4], [FacePart::LeftEye, FacePart::RightEye]);
            labels.mapv_inplace(|label| match label == part.label() {
                true => FacePart::Skin.label(),
                false => label,
            });
            let map = PartMap::new(labels).unwrap();
            assert!(faces_of(&map, [40, 20]).unwrap().is_empty());
        }
    }
}

//! SCRFD's outputs read as faces (Guo et al. 2021), exactly as InsightFace reads them.
//!
//! Every level of the pyramid gives scores, box distances and, where trained, landmark offsets, one
//! row per anchor: cell by cell, row by row, `anchors` rows per cell. Distances are in strides from
//! the cell's corner `(column · stride, row · stride)` to the box's four edges.

use super::detection::DetectedFace;
use super::face_box::FaceBox;
use super::landmarks::Landmarks5;
use super::suppress::suppress;
use crate::error::{Error, ErrorKind, Result};

/// How the outputs of one SCRFD network are arranged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScrfdLayout {
    strides: &'static [usize],
    anchors: usize,
    landmarks: bool,
}

/// Which detections count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DetectionLimits {
    /// Smallest score.
    pub score: f32,
    /// Largest overlap (intersection / union) of two faces.
    pub overlap: f32,
}

impl Default for DetectionLimits {
    /// Score 0.5, overlap 0.4. Stylised faces want a score of about 0.3.
    fn default() -> Self {
        Self {
            score: 0.5,
            overlap: 0.4,
        }
    }
}

impl DetectionLimits {
    /// # Errors
    /// If a limit is not within 0–1.
    pub fn check(&self) -> Result<()> {
        for (what, limit) in [("detection score", self.score), ("overlap", self.overlap)] {
            if !(0.0..=1.0).contains(&limit) {
                return Err(Error::invalid(what, format!("needs 0 to 1, found {limit}")));
            }
        }
        Ok(())
    }
}

/// Numbers per anchor: score, box, landmarks.
const WIDTHS: [usize; 3] = [1, 4, 10];

impl ScrfdLayout {
    /// The layout that a number of outputs stands for: scores of all levels, then boxes, then landmarks.
    ///
    /// # Errors
    /// If no SCRFD network has that many.
    pub fn of_outputs(count: usize) -> Result<Self> {
        let (levels, anchors): (&[usize], _) = match count {
            6 | 9 => (&[8, 16, 32], 2),
            10 | 15 => (&[8, 16, 32, 64, 128], 1),
            _ => {
                let needed = "6 or 9 (three levels), 10 or 15 (five levels)";
                return Err(Error::shape("outputs of a face detector", needed, count));
            }
        };
        Ok(Self {
            strides: levels,
            anchors,
            landmarks: count == 3 * levels.len(),
        })
    }

    /// The coarsest stride: sides of the canvas must be multiples of it.
    pub fn coarsest(&self) -> usize {
        self.strides[self.strides.len() - 1]
    }

    /// Faces in picture pixels, the surest first.
    ///
    /// A box without area is dropped; so are landmarks that are all in one place, but not their face.
    ///
    /// # Shapes
    /// - `outputs`: as many as the layout has, each with one row per anchor, flattened
    /// - `canvas`: width and height of what the network saw, `scale` its pixels per picture pixel
    ///
    /// # Errors
    /// If an output has another length; `NotFinite` if one that counts holds NaN or infinity.
    pub fn decode(
        &self,
        outputs: &[&[f32]],
        (canvas, scale): ([usize; 2], f32),
        limits: &DetectionLimits,
    ) -> Result<Vec<DetectedFace>> {
        self.check(outputs, canvas)?;
        let levels = self.strides.len();
        let (mut boxes, mut scores, mut points) = (Vec::new(), Vec::new(), Vec::new());
        for (level, &stride) in self.strides.iter().enumerate() {
            for (anchor, &score) in outputs[level].iter().enumerate() {
                // A score that is NaN does not pass for "too small".
                if score < limits.score {
                    continue;
                }
                let corner = self.corner(anchor, stride, canvas);
                let row = |part: usize| {
                    let row =
                        &outputs[part * levels + level][anchor * WIDTHS[part]..][..WIDTHS[part]];
                    row.iter().map(move |value| value * stride as f32)
                };
                boxes.push(box_at(corner, row(1), scale));
                scores.push(score);
                points.push(self.landmarks.then(|| points_at(corner, row(2), scale)));
            }
        }
        let finite = boxes
            .iter()
            .flatten()
            .chain(&scores)
            .all(|value| value.is_finite());
        if !finite {
            let what = "output of the face detector".to_owned();
            return Err(Error::new(ErrorKind::NotFinite { what }));
        }
        let face = |index: usize| {
            let [x0, y0, x1, y1] = boxes[index];
            Some(DetectedFace {
                bounds: FaceBox::new(x0, y0, x1, y1).ok()?,
                landmarks: points[index].and_then(|points| Landmarks5::new(points).ok()),
                score: scores[index],
            })
        };
        let kept = suppress(&boxes, &scores, limits.overlap);
        Ok(kept.into_iter().filter_map(face).collect())
    }

    fn check(&self, outputs: &[&[f32]], canvas: [usize; 2]) -> Result<()> {
        let parts = 2 + usize::from(self.landmarks);
        if outputs.len() != parts * self.strides.len() {
            let needed = format!("{}", parts * self.strides.len());
            return Err(Error::shape(
                "outputs of a face detector",
                needed,
                outputs.len(),
            ));
        }
        for (index, output) in outputs.iter().enumerate() {
            let (part, level) = (index / self.strides.len(), index % self.strides.len());
            let [columns, rows] = canvas.map(|side| side / self.strides[level]);
            let needed = columns * rows * self.anchors * WIDTHS[part];
            if output.len() != needed {
                let what = format!("output {index} of a face detector");
                let needed = format!("{needed} numbers for a canvas of {canvas:?}");
                return Err(Error::shape(what, needed, output.len()));
            }
        }
        Ok(())
    }

    fn corner(&self, anchor: usize, stride: usize, [width, _]: [usize; 2]) -> [f32; 2] {
        let (cell, columns) = (anchor / self.anchors, width / stride);
        [cell % columns, cell / columns].map(|place| (place * stride) as f32)
    }
}

fn box_at([x, y]: [f32; 2], mut distances: impl Iterator<Item = f32>, scale: f32) -> [f32; 4] {
    let mut next = || distances.next().unwrap_or_default();
    [x - next(), y - next(), x + next(), y + next()].map(|edge| edge / scale)
}

fn points_at(
    [x, y]: [f32; 2],
    mut offsets: impl Iterator<Item = f32>,
    scale: f32,
) -> [[f32; 2]; 5] {
    let mut next = || offsets.next().unwrap_or_default();
    std::array::from_fn(|_| [(x + next()) / scale, (y + next()) / scale])
}

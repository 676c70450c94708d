//! YOLOX's output read as boxes of people (Ge et al. 2021), as DWPose reads it.
//!
//! One row per cell of three pyramid levels: centre offset, log size, objectness, class scores.

use super::suppress::suppress;
use crate::error::{Error, ErrorKind, Result};

const STRIDES: [usize; 3] = [8, 16, 32];
/// Numbers before the class scores.
const HEAD: usize = 5;
/// Smallest objectness × class score.
const SCORE: f32 = 0.3;
/// Largest intersection / union of two people.
const OVERLAP: f32 = 0.45;

/// Left, top, right and bottom of every person (class 0) in picture pixels, the surest first.
///
/// # Shapes
/// - `rows`: `[cells, 5 + classes]`, flattened, of a canvas of `[width, height]`
/// - `scale`: canvas pixels per picture pixel
///
/// # Errors
/// If there are not as many rows as the canvas has cells, or no class; `NotFinite` if a person's row
/// holds NaN or infinity.
pub fn decode_people(rows: &[f32], (canvas, scale): ([usize; 2], f32)) -> Result<Vec<[f32; 4]>> {
    let cells: usize = STRIDES.iter().map(|stride| cells_of(canvas, *stride)).sum();
    let width = rows.len() / cells.max(1);
    if cells == 0 || width * cells != rows.len() || width <= HEAD {
        let needed =
            format!("{cells} rows of 5 numbers and class scores for a canvas of {canvas:?}");
        return Err(Error::shape(
            "output of a person detector",
            needed,
            rows.len(),
        ));
    }
    let places = STRIDES.into_iter().flat_map(|stride| {
        let columns = canvas[0] / stride;
        (0..cells_of(canvas, stride)).map(move |cell| ([cell % columns, cell / columns], stride))
    });
    let (mut boxes, mut scores) = (Vec::new(), Vec::new());
    for (row, ([column, line], stride)) in rows.chunks_exact(width).zip(places) {
        let score = row[4] * row[HEAD];
        if score <= SCORE {
            continue;
        }
        let stride = stride as f32;
        let [x, y] = [(row[0], column), (row[1], line)]
            .map(|(offset, cell)| (offset + cell as f32) * stride);
        let [half_width, half_height] = [row[2], row[3]].map(|log| log.exp() * stride / 2.0);
        let edges = [
            x - half_width,
            y - half_height,
            x + half_width,
            y + half_height,
        ];
        boxes.push(edges.map(|edge| edge / scale));
        scores.push(score);
    }
    if !boxes
        .iter()
        .flatten()
        .chain(&scores)
        .all(|value| value.is_finite())
    {
        let what = "output of the person detector".to_owned();
        return Err(Error::new(ErrorKind::NotFinite { what }));
    }
    let kept = suppress(&boxes, &scores, OVERLAP);
    Ok(kept.into_iter().map(|index| boxes[index]).collect())
}

fn cells_of([width, height]: [usize; 2], stride: usize) -> usize {
    (width / stride) * (height / stride)
}

//! People's places.

use anyhow::Result;
use fpga_core::data::portrait::Drawing;
use fpga_core::face::FaceBox;

/// Where everyone's head is, hair included: what the small model takes as a person's place.
pub(crate) fn heads(drawing: &Drawing) -> Result<Vec<FaceBox>> {
    let head = |face: &FaceBox| {
        let [left, top, right, bottom] = face.edges();
        let (wide, high) = (right - left, bottom - top);
        FaceBox::new(
            left - 0.25 * wide,
            top - 0.35 * high,
            right + 0.25 * wide,
            bottom + 0.1 * high,
        )
    };
    let heads = drawing.figures.iter().map(|figure| head(&figure.face));
    Ok(heads.collect::<Result<_, _>>()?)
}

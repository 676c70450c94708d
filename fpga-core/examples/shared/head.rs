//! People's places.

use fpga_core::Error;
use fpga_core::face::FaceBox;

/// The face with its hair: what the small model takes as a person's place.
pub(crate) fn head(face: &FaceBox) -> Result<FaceBox, Error> {
    let [left, top, right, bottom] = face.edges();
    let (wide, high) = (right - left, bottom - top);
    FaceBox::new(
        left - 0.25 * wide,
        top - 0.35 * high,
        right + 0.25 * wide,
        bottom + 0.1 * high,
    )
}

//! Alignment to the ArcFace template: the 112×112 picture that face embedders read.
//!
//! The numbers are those of the common Python implementation, so that the same landmarks give the
//! same embedding: least-squares similarity to the template, bilinear sampling, black outside.
//! That implementation counts pixel *indices* (the first pixel's centre is 0); this file follows it
//! on both sides of the map, unlike the rest of the room.

use image::RgbImage;

use super::affine::Affine;
use super::landmarks::Landmarks5;
use super::warp::warp;
use crate::error::Result;

/// Side of an aligned face, in pixels.
pub const ALIGNED_SIZE: u32 = 112;

/// Where the five landmarks lie in an aligned face (InsightFace's `arcface_dst`; the template of
/// SphereFace, Liu et al. 2017, moved from 96×112 to 112×112).
pub const ARCFACE_TEMPLATE: [[f64; 2]; 5] = [
    [38.2946, 51.6963],
    [73.5318, 51.5014],
    [56.0252, 71.7366],
    [41.5493, 92.3655],
    [70.7299, 92.2041],
];

/// The similarity that brings landmarks nearest to [`ARCFACE_TEMPLATE`].
///
/// # Errors
/// If the points leave scale and turn open.
pub fn alignment(landmarks: &Landmarks5) -> Result<Affine> {
    Affine::similarity_from_points(&landmarks.exact(), &ARCFACE_TEMPLATE)
}

/// The face as embedders want it: 112×112, eyes and mouth at the template's places.
///
/// # Errors
/// If the landmarks leave scale and turn open.
pub fn align_face(picture: &RgbImage, landmarks: &Landmarks5) -> Result<RgbImage> {
    let to_picture = alignment(landmarks)?.inverse()?;
    Ok(warp(picture, &to_picture, [ALIGNED_SIZE; 2]))
}

/// The same, `side` pixels wide and high.
///
/// # Errors
/// If the landmarks leave scale and turn open.
pub fn align_face_to(picture: &RgbImage, landmarks: &Landmarks5, side: u32) -> Result<RgbImage> {
    let to_picture = alignment(landmarks)?.inverse()?;
    let shrink = f64::from(ALIGNED_SIZE) / f64::from(side.max(1));
    let to_picture = to_picture.after(&Affine::similarity(shrink, 0.0, [0.0; 2]));
    Ok(warp(picture, &to_picture, [side; 2]))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::super::photograph::{astronaut, fixture};
    use super::*;

    #[derive(Deserialize)]
    struct Expected {
        similarity: Vec<Similarity>,
        aligned: Vec<Aligned>,
    }

    #[derive(Deserialize)]
    struct Similarity {
        name: String,
        landmarks: Landmarks5,
        matrix: Affine,
    }

    #[derive(Deserialize)]
    struct Aligned {
        xy: Vec<[u32; 2]>,
        rgb: Vec<[f64; 3]>,
    }

    #[test]
    fn equals_the_reference_s_matrices_and_pixels() {
        let text = std::fs::read_to_string(fixture("face_geometry/expected.json")).unwrap();
        let expected: Expected = serde_json::from_str(&text).unwrap();
        assert!(expected.similarity.len() == 4 && expected.aligned.len() == 4);
        for (face, pixels) in expected.similarity.iter().zip(&expected.aligned) {
            let found = alignment(&face.landmarks).unwrap();
            for (found, wanted) in found
                .rows
                .iter()
                .flatten()
                .zip(face.matrix.rows.iter().flatten())
            {
                assert!(
                    (found - wanted).abs() < 1e-9,
                    "{}: {found} {wanted}",
                    face.name
                );
            }
            let aligned = align_face(&astronaut(), &face.landmarks).unwrap();
            for (&[x, y], wanted) in pixels.xy.iter().zip(&pixels.rgb) {
                for (found, wanted) in aligned.get_pixel(x, y).0.iter().zip(wanted) {
                    let step = (f64::from(*found) - wanted).abs();
                    assert!(
                        step <= 0.5 + 1e-4,
                        "{} ({x}, {y}): {found} {wanted}",
                        face.name
                    );
                }
            }
        }
    }
}

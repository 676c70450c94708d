//! The square around a face that the model works on, and the way back.
//!
//! A plan is one similarity between crop and picture, kept exactly and used for everything: taking
//! the crop, bringing masks into it, bringing the result back. The square's side is a multiple of
//! the larger box side. It is upright and on whole pixels unless the eyes are tilted; then it turns
//! with them. It is shifted into the picture; what still sticks out shows the picture's mirror image.

use image::RgbImage;
use ndarray::{Array2, Array3};
use serde::{Deserialize, Serialize};

use super::affine::Affine;
use super::face_box::FaceBox;
use super::landmarks::Landmarks5;
use super::resample::{Grid, Kernel, resample};
use crate::error::{Error, Result};

/// How crops are cut.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CropSettings {
    /// Side of the crop in pixels as the model sees it: a multiple of 8, at most 4096.
    pub size: u32,
    /// Side of the crop / larger side of the face box.
    pub reach: f64,
    /// Crops turn with the eye line where it is tilted by more than this many degrees.
    pub upright_over: f64,
}

impl Default for CropSettings {
    /// 512 pixels, twice the face, upright over 15°.
    fn default() -> Self {
        Self {
            size: 512,
            reach: 2.0,
            upright_over: 15.0,
        }
    }
}

impl CropSettings {
    /// # Errors
    /// If a value is outside its documented range.
    pub fn check(&self) -> Result<()> {
        if self.size == 0 || !self.size.is_multiple_of(8) || self.size > 4096 {
            let why = format!(
                "must be a multiple of 8 from 8 to 4096, found {}",
                self.size
            );
            return Err(Error::invalid("crop size", why));
        }
        if !(1.0..=8.0).contains(&self.reach) {
            return Err(Error::invalid(
                "crop reach",
                format!("must be 1 to 8, found {}", self.reach),
            ));
        }
        if !(0.0..=180.0).contains(&self.upright_over) {
            let why = format!("must be 0 to 180 degrees, found {}", self.upright_over);
            return Err(Error::invalid("upright_over", why));
        }
        Ok(())
    }
}

/// Where one face's crop lies in its picture.
#[derive(Clone, Debug, PartialEq)]
pub struct CropPlan {
    picture: [u32; 2],
    size: u32,
    side: f64,
    angle: f64,
    to_picture: Affine,
    to_crop: Affine,
}

impl CropPlan {
    /// Plans the crop of one face of a `[width, height]` picture.
    ///
    /// # Errors
    /// If the picture is empty, the box lies outside it, the landmarks are far from the box, or a
    /// setting is out of range.
    pub fn new(
        picture: [u32; 2],
        face: &FaceBox,
        landmarks: Option<&Landmarks5>,
        settings: &CropSettings,
    ) -> Result<Self> {
        settings.check()?;
        let [width, height] = picture;
        if width == 0 || height == 0 {
            return Err(Error::shape("picture", "at least one pixel", picture));
        }
        let face = face.clip(width, height)?;
        if let Some(landmarks) = landmarks {
            landmarks.check_within(&face)?;
        }
        let angle = landmarks
            .map(Landmarks5::eye_angle)
            .filter(|angle| angle.abs().to_degrees() > settings.upright_over)
            .unwrap_or(0.0);
        let side = settings.reach * f64::from(face.width().max(face.height()));
        let (side, centre) = match angle == 0.0 {
            true => upright_square(picture, &face, side),
            false => (side, turned_centre(picture, &face, side, angle)),
        };
        let size = f64::from(settings.size);
        let turn = Affine::similarity(side / size, angle, centre);
        let to_picture = turn.after(&Affine::translation(-size / 2.0, -size / 2.0));
        Ok(Self {
            picture,
            size: settings.size,
            side,
            angle,
            to_picture,
            to_crop: to_picture.inverse()?,
        })
    }

    /// Width and height of the picture.
    pub fn picture_size(&self) -> [u32; 2] {
        self.picture
    }

    /// Side of the crop, in crop pixels.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// Side of the crop, in picture pixels.
    pub fn side(&self) -> f64 {
        self.side
    }

    /// Degrees by which the crop is turned; 0 = upright, positive = its right side is lower.
    pub fn angle(&self) -> f64 {
        self.angle.to_degrees()
    }

    /// From crop pixels to picture pixels.
    pub fn to_picture(&self) -> &Affine {
        &self.to_picture
    }

    /// From picture pixels to crop pixels.
    pub fn to_crop(&self) -> &Affine {
        &self.to_crop
    }

    /// Whether the picture shows the face larger than the crop does, so that the crop loses detail.
    pub fn shrinks(&self) -> bool {
        self.side > f64::from(self.size)
    }

    /// The face as the model sees it: antialiased, mirrored where the crop leaves the picture.
    ///
    /// # Shapes
    /// - returns `[size, size, 3]`, levels 0–255
    ///
    /// # Errors
    /// If the picture is not of the size that was planned for.
    pub fn extract(&self, picture: &RgbImage) -> Result<Array3<f32>> {
        self.check_picture(picture)?;
        let (pixels, _) = picture.as_raw().as_chunks::<3>();
        let source = Grid {
            pixels,
            width: picture.width() as usize,
        };
        Ok(self.to_array(self.view(source, &self.to_picture)))
    }

    /// Landmarks in crop pixels.
    pub fn landmarks_in_crop(&self, landmarks: &Landmarks5) -> [[f64; 2]; 5] {
        landmarks.exact().map(|point| self.to_crop.apply(point))
    }

    pub(super) fn check_picture(&self, picture: &RgbImage) -> Result<()> {
        let (width, height) = picture.dimensions();
        if [width, height] != self.picture {
            let expected = format!("{:?} as planned", self.picture);
            return Err(Error::shape("picture", expected, [width, height]));
        }
        Ok(())
    }

    pub(super) fn check_crop(&self, crop: &Array3<f32>) -> Result<()> {
        let size = self.size as usize;
        if crop.dim() != (size, size, 3) {
            let expected = format!("[{size}, {size}, 3]");
            return Err(Error::shape("crop", expected, crop.shape()));
        }
        Ok(())
    }

    /// The picture's rectangle that holds the crop: left, top, width, height.
    pub(super) fn bounds(&self) -> [usize; 4] {
        let end = f64::from(self.size);
        let corners =
            [[0.0, 0.0], [end, 0.0], [end, end], [0.0, end]].map(|p| self.to_picture.apply(p));
        let span = |axis: usize| {
            let length = f64::from(self.picture[axis]);
            let low = corners
                .iter()
                .map(|p| p[axis])
                .fold(f64::INFINITY, f64::min);
            let high = corners
                .iter()
                .map(|p| p[axis])
                .fold(f64::NEG_INFINITY, f64::max);
            let low = (low + 1e-6).floor().clamp(0.0, length - 1.0);
            let high = (high - 1e-6).ceil().clamp(low + 1.0, length);
            [low as usize, (high - low) as usize]
        };
        let ([left, width], [top, height]) = (span(0), span(1));
        [left, top, width, height]
    }

    /// The crop of a source whose pixels lie at `to_source` of the crop's, in levels 0–255.
    pub(super) fn view<T: Copy + Into<f32> + Sync>(
        &self,
        source: Grid<'_, T, 3>,
        to_source: &Affine,
    ) -> Vec<[f32; 3]> {
        let size = self.size as usize;
        let mut crop = resample(source, to_source, [size, size], Kernel::Cubic);
        clamp_levels(&mut crop);
        crop
    }

    /// `mask` (in picture pixels from `left`, `top`) as the crop sees it.
    pub(super) fn extract_mask(&self, mask: &Array2<f32>, [left, top]: [usize; 2]) -> Array2<f32> {
        let pixels: Vec<[f32; 1]> = mask.iter().map(|&value| [value]).collect();
        let to_mask = Affine::translation(-(left as f64), -(top as f64)).after(&self.to_picture);
        let size = self.size as usize;
        let crop = resample(
            Grid {
                pixels: &pixels,
                width: mask.ncols(),
            },
            &to_mask,
            [size, size],
            Kernel::Linear,
        );
        Array2::from_shape_fn((size, size), |(y, x)| crop[y * size + x][0].clamp(0.0, 1.0))
    }

    fn to_array(&self, pixels: Vec<[f32; 3]>) -> Array3<f32> {
        let size = self.size as usize;
        Array3::from_shape_fn((size, size, 3), |(y, x, channel)| {
            pixels[y * size + x][channel]
        })
    }
}

pub(super) fn clamp_levels(pixels: &mut [[f32; 3]]) {
    for level in pixels.iter_mut().flatten() {
        *level = level.clamp(0.0, 255.0);
    }
}

/// Whole-pixel side and the centre of the square around `face`, shifted into the picture.
fn upright_square(picture: [u32; 2], face: &FaceBox, side: f64) -> (f64, [f64; 2]) {
    let side = side.round().max(1.0);
    let middle = face.centre();
    let centre = [0, 1].map(|axis| {
        let room = f64::from(picture[axis]) - side;
        let start = (middle[axis] - side / 2.0).round();
        start.clamp(room.min(0.0), room.max(0.0)) + side / 2.0
    });
    (side, centre)
}

/// Centre of a turned square, shifted towards the picture as far as the face stays in the square.
fn turned_centre(picture: [u32; 2], face: &FaceBox, side: f64, angle: f64) -> [f64; 2] {
    let middle = face.centre();
    let (sine, cosine) = angle.sin_cos();
    let half = side / 2.0 * (sine.abs() + cosine.abs());
    let wish = [0, 1].map(|axis| {
        let length = f64::from(picture[axis]);
        let (low, high) = (half.min(length - half), half.max(length - half));
        middle[axis].clamp(low, high) - middle[axis]
    });
    // The shift along the square's own axes, limited to what the turned face box leaves free.
    let [box_width, box_height] = [face.width(), face.height()].map(f64::from);
    let room_x = (side - box_width * cosine.abs() - box_height * sine.abs()).max(0.0) / 2.0;
    let room_y = (side - box_width * sine.abs() - box_height * cosine.abs()).max(0.0) / 2.0;
    let across = (cosine * wish[0] + sine * wish[1]).clamp(-room_x, room_x);
    let down = (cosine * wish[1] - sine * wish[0]).clamp(-room_y, room_y);
    [
        middle[0] + cosine * across - sine * down,
        middle[1] + sine * across + cosine * down,
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::super::photograph::{astronaut, face, fixture};
    use super::*;

    fn plan(picture: [u32; 2], edges: [f32; 4]) -> CropPlan {
        let face = FaceBox::try_from(edges).unwrap();
        CropPlan::new(picture, &face, None, &CropSettings::default()).unwrap()
    }

    fn corners(plan: &CropPlan) -> [f64; 4] {
        let end = f64::from(plan.size());
        let ([left, top], [right, bottom]) = (
            plan.to_picture().apply([0.0; 2]),
            plan.to_picture().apply([end; 2]),
        );
        [left, top, right, bottom].map(|edge| (edge * 1e6).round() / 1e6)
    }

    #[test]
    fn squares_lie_on_whole_pixels_inside_the_picture() {
        assert_eq!(
            corners(&plan([640, 480], [300.0, 200.0, 340.0, 230.0])),
            [280.0, 175.0, 360.0, 255.0]
        );
        assert_eq!(
            corners(&plan([640, 480], [-20.0, 460.0, 20.0, 500.0])),
            [0.0, 440.0, 40.0, 480.0]
        );
        // The picture is 60 pixels high, the crop 80: the mirror fills the rest.
        assert_eq!(
            corners(&plan([640, 60], [300.0, 10.0, 340.0, 50.0])),
            [280.0, -10.0, 360.0, 70.0]
        );
        assert_eq!(
            corners(&plan([1, 1], [0.0, 0.0, 1.0, 1.0])),
            [-1.0, -1.0, 1.0, 1.0]
        );
    }

    #[test]
    fn turns_upright_only_beyond_the_limit() {
        let (face, landmarks) = face();
        let [cx, cy] = face.centre();
        for (degrees, expected) in [(13.0, 0.0), (16.0, 17.3), (-40.0, -38.7), (170.0, 171.3)] {
            let turn = Affine::similarity(1.0, f64::to_radians(degrees), [cx, cy])
                .after(&Affine::translation(-cx, -cy));
            let points = landmarks.exact().map(|p| turn.apply(p).map(|v| v as f32));
            let turned = Landmarks5::new(points).unwrap();
            let plan =
                CropPlan::new([400, 400], &face, Some(&turned), &CropSettings::default()).unwrap();
            assert!(
                (plan.angle() - expected).abs() < 0.1,
                "{degrees}: {}",
                plan.angle()
            );
            let [left, right, ..] = plan.landmarks_in_crop(&turned);
            let tilt = (right[1] - left[1]).atan2(right[0] - left[0]).to_degrees();
            let wanted = if expected == 0.0 { degrees + 1.3 } else { 0.0 };
            assert!((tilt - wanted).abs() < 0.1, "{degrees}: {tilt}");
        }
    }

    #[test]
    fn a_crop_of_the_model_s_size_is_a_copy() {
        let picture = astronaut();
        let (face, _) = face();
        let settings = CropSettings {
            size: 208,
            reach: 208.0 / 102.0,
            ..CropSettings::default()
        };
        let plan = CropPlan::new([256, 256], &face, None, &settings).unwrap();
        let [left, top, ..] = corners(&plan).map(|edge| edge as u32);
        for ((y, x, channel), &level) in plan.extract(&picture).unwrap().indexed_iter() {
            let pixel = picture.get_pixel(left + x as u32, top + y as u32);
            assert_eq!(level, f32::from(pixel.0[channel]));
        }
    }

    #[derive(Deserialize)]
    struct Expected {
        resized: Vec<Resized>,
    }

    #[derive(Deserialize)]
    struct Resized {
        size: u32,
        xy: Vec<[usize; 2]>,
        rgb: Vec<[f32; 3]>,
    }

    #[test]
    fn resizes_as_the_reference_s_antialiased_bicubic() {
        let text = std::fs::read_to_string(fixture("face_geometry/expected.json")).unwrap();
        let expected: Expected = serde_json::from_str(&text).unwrap();
        assert_eq!(expected.resized.len(), 2);
        let face = FaceBox::new(108.0, 104.0, 156.0, 152.0).unwrap(); // its square: left 84, top 80, side 96
        for case in expected.resized {
            let settings = CropSettings {
                size: case.size,
                ..CropSettings::default()
            };
            let crop = CropPlan::new([256, 256], &face, None, &settings)
                .unwrap()
                .extract(&astronaut())
                .unwrap();
            for (&[x, y], wanted) in case.xy.iter().zip(&case.rgb) {
                for channel in 0..3 {
                    let found = crop[[y, x, channel]];
                    assert!(
                        (found - wanted[channel]).abs() < 1e-2,
                        "{}: {found} {wanted:?}",
                        case.size
                    );
                }
            }
        }
    }

    #[test]
    fn refuses_what_cannot_be_planned() {
        let (face, _) = face();
        let settings = CropSettings::default();
        let outside = FaceBox::new(300.0, 0.0, 310.0, 9.0).unwrap();
        assert!(CropPlan::new([256, 256], &outside, None, &settings).is_err());
        assert!(CropPlan::new([0, 256], &face, None, &settings).is_err());
        for size in [0, 100, 8192] {
            let settings = CropSettings { size, ..settings };
            assert!(
                CropPlan::new([256, 256], &face, None, &settings).is_err(),
                "{size}"
            );
        }
        let other = plan([300, 300], [10.0, 10.0, 40.0, 40.0]);
        let error = other.extract(&astronaut()).unwrap_err().to_string();
        assert_eq!(
            error,
            "picture: expected [300, 300] as planned, found [256, 256]"
        );
    }

    proptest! {
        #[test]
        fn every_face_is_in_its_crop(
            width in 1u32..300, height in 1u32..300,
            left in -0.5f64..1.0, top in -0.5f64..1.0,
            side in 0.01f64..1.5, degrees in -180.0f64..180.0,
        ) {
            let (w, h) = (f64::from(width), f64::from(height));
            let edges = [left * w, top * h, (left + side) * w, (top + side) * h].map(|v| v as f32);
            let Ok(face) = FaceBox::try_from(edges).unwrap().clip(width, height) else { return Ok(()) };
            let [cx, cy] = face.centre();
            let turn = Affine::similarity(f64::from(face.width()) / 4.0, degrees.to_radians(), [cx, cy]);
            let points = [[-1.0, -1.0], [1.0, -1.0], [0.0, 0.0], [-1.0, 1.0], [1.0, 1.0]];
            let Ok(landmarks) = Landmarks5::new(points.map(|p| turn.apply(p).map(|v| v as f32))) else { return Ok(()) };
            let settings = CropSettings { size: 16, ..CropSettings::default() };
            let plan = CropPlan::new([width, height], &face, Some(&landmarks), &settings).unwrap();
            let [u, v] = plan.to_crop().apply(face.centre());
            prop_assert!((0.0..=16.0).contains(&u) && (0.0..=16.0).contains(&v), "{u} {v}");
            let [x, y] = plan.to_picture().apply([u, v]);
            prop_assert!((x - cx).abs() < 1e-9 && (y - cy).abs() < 1e-9);
            let picture = RgbImage::from_pixel(width, height, image::Rgb([9, 99, 199]));
            let crop = plan.extract(&picture).unwrap();
            prop_assert!(crop.indexed_iter().all(|((_, _, c), v)| (v - [9.0, 99.0, 199.0][c]).abs() < 1e-3));
        }
    }
}

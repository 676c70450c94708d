//! Faces from near, as they are cut out to be made anew.

use fpga_core::data::portrait::{Person, Scene as Script, Style, Wording};
use fpga_core::face::{CropPlan, CropSettings, FaceBox, Landmarks5, MaskShape, face_region};
use fpga_core::vae::picture_to_tensor;
use fpga_core::{Error, RgbImage};
use image::Rgb;
use ndarray::{Array2, Array3};

use crate::head::head;
use crate::people::{Numbers, closely};
use crate::recipe::{ASIDE, REACH, SIDE};
use crate::scenes::{Scene, Scenes, rectangle, target};

impl Scenes {
    /// One face of a scene, not quite in the middle, with words for that person alone.
    pub(crate) fn cut_out(&self, numbers: &mut Numbers) -> Result<Scene, Error> {
        let (scene, who) = closely(numbers, &self.crowd)?;
        let drawing = scene.draw()?;
        let one = numbers.below(who.len() as u64) as usize;
        let figure = &drawing.figures[one];
        let crop = plan(numbers, drawing.picture.dimensions().into(), &figure.face)?;
        let pixels = picture_to_tensor(&rounded(&crop.extract(&drawing.picture)?), &self.device);
        let landmarks = crop.landmarks_in_crop(&figure.landmarks);
        let landmarks = Landmarks5::new(landmarks.map(|point| point.map(|at| at as f32)))?;
        let region = region(numbers, &in_crop(&crop, &figure.face)?, &landmarks)?;

        let person = Person::from_seed(who[one]);
        let face = self.known_face(numbers, &person)?;
        // One scene in ten knows nobody, as the unconditional half of guidance does.
        let somebody = !numbers.chance(0.1);
        let short = numbers.chance(0.5) && scene.style == Style::Painted;
        let words = match short {
            true => format!("a painting of a {}", person.noun()),
            false => {
                let figures = vec![scene.figures[one].clone()];
                Script { figures, ..scene }.caption(Wording::Plain)
            }
        };
        Ok(Scene {
            latents: self.vae.scale(self.vae.encode(pixels).mean),
            words: self.words(&words)?,
            faces: vec![target(face, landmarks, region, somebody)],
            bodies: Vec::new(),
            landmarks: vec![landmarks.points()],
        })
    }
}

/// A square around a face, a little too large or too small, and a little aside.
fn plan(numbers: &mut Numbers, picture: [u32; 2], face: &FaceBox) -> Result<CropPlan, Error> {
    let (reach, vary) = REACH;
    let settings = CropSettings {
        size: SIDE,
        reach: f64::from(reach * (1.0 - vary + 2.0 * vary * numbers.share())),
        ..CropSettings::default()
    };
    let mut aside = |side: f32| 2.0 * ASIDE * side * (numbers.share() - 0.5);
    let [x, y] = [aside(face.width()), aside(face.height())];
    let [left, top, right, bottom] = face.edges();
    let seen = FaceBox::new(left + x, top + y, right + x, bottom + y)?;
    CropPlan::new(picture, &seen, None, &settings)
}

fn in_crop(crop: &CropPlan, face: &FaceBox) -> Result<FaceBox, Error> {
    let [left, top, right, bottom] = face.edges().map(f64::from);
    let [[left, top], [right, bottom]] = [[left, top], [right, bottom]]
        .map(|corner| crop.to_crop().apply(corner).map(|at| at as f32));
    FaceBox::new(left, top, right, bottom)
}

/// Where the person is: most often where a mask made of landmarks, or of a box, would say.
fn region(
    numbers: &mut Numbers,
    face: &FaceBox,
    landmarks: &Landmarks5,
) -> Result<Array2<f32>, Error> {
    match numbers.below(4) {
        0 => Ok(rectangle(&head(face)?)),
        1 => face_region(MaskShape::Box(face), [SIDE; 2]),
        _ => face_region(MaskShape::Landmarks(landmarks), [SIDE; 2]),
    }
}

fn rounded(levels: &Array3<f32>) -> RgbImage {
    RgbImage::from_fn(SIDE, SIDE, |x, y| {
        Rgb([0, 1, 2].map(|channel| levels[[y as usize, x as usize, channel]].round() as u8))
    })
}

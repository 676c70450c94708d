//! A picture: who is where, and what is drawn.

use image::RgbImage;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::backdrop::{self, Backdrop};
use super::brush::{Brush, Light, Style};
use super::canvas::{Canvas, Wash};
use super::curve::Shape;
use super::head::Head;
use super::paint::{Sitter, face_outline, truth};
use super::person::Person;
use super::pose::{Attire, Expression, Pose};
use crate::error::{Context, Error, Result};
use crate::face::{FaceBox, Landmarks5, Skeleton};

/// Largest side that is drawn.
const MAX_SIDE: u32 = 4096;

/// Everything that a picture shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scene {
    /// Width and height in pixels.
    pub size: [u32; 2],
    /// How it is made.
    pub style: Style,
    /// What falls on everybody.
    pub light: Light,
    /// Behind everybody.
    pub backdrop: Backdrop,
    /// Of the backdrop's details and the caption's wording.
    pub seed: u64,
    /// From left to right.
    pub figures: Vec<Figure>,
}

/// One person in one picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Who.
    pub person: Person,
    /// Where, and how standing.
    pub pose: Pose,
    /// What the face does.
    pub expression: Expression,
    /// What is worn.
    pub attire: Attire,
}

/// A picture and all that is known about it.
#[derive(Clone, Debug)]
pub struct Drawing {
    /// What there is to see.
    pub picture: RgbImage,
    /// `[height, width]`: the [`FacePart`](crate::face::FacePart) of every pixel.
    pub parts: Array2<u8>,
    /// `[height, width]`: 0 for the background, `i` + 1 for figure `i`.
    pub people: Array2<u8>,
    /// In the scene's order.
    pub figures: Vec<DrawnFigure>,
}

/// Where a figure's face and joints are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DrawnFigure {
    /// Round the face from forehead to chin, without ears and hair; parts may lie outside the picture.
    pub face: FaceBox,
    /// Eyes, nose tip, corners of the mouth.
    pub landmarks: Landmarks5,
    /// Joints inside the picture; the others have score 0.
    pub skeleton: Skeleton,
    /// Share of the face that nobody in front hides and that is inside the picture.
    pub visible: f32,
}

impl Scene {
    /// Draws the picture.
    ///
    /// # Errors
    /// A side of 0 or beyond 4096, more than 255 figures, or a pose that is not finite.
    pub fn draw(&self) -> Result<Drawing> {
        self.check()?;
        let mut canvas = Canvas::new(self.size).ok_or_else(|| {
            Error::invalid("scene size", format!("{:?} cannot be drawn", self.size))
        })?;
        let short = self.size[0].min(self.size[1]) as f32;
        backdrop::paint(
            &mut canvas,
            &self.brush(0.2 * short),
            self.backdrop,
            self.seed,
        );
        for index in self.back_to_front() {
            canvas.begin_person(index as u8 + 1);
            self.sitter(index).paint(&mut canvas);
        }
        self.wash_over(&mut canvas);
        let faces: Vec<_> = (0..self.figures.len())
            .map(|index| self.face_pixels(&canvas, index))
            .collect();
        let (picture, parts, people) = canvas.finish();
        let figures = faces
            .iter()
            .enumerate()
            .map(|(index, face)| {
                self.measure(index, face, &people)
                    .context(|| format!("figure {index}"))
            })
            .collect::<Result<_>>()?;
        Ok(Drawing {
            picture,
            parts,
            people,
            figures,
        })
    }

    fn check(&self) -> Result<()> {
        if self.size.iter().any(|side| !(1..=MAX_SIDE).contains(side)) {
            let why = format!("sides must be 1 to {MAX_SIDE}, found {:?}", self.size);
            return Err(Error::invalid("scene size", why));
        }
        if self.figures.len() > usize::from(u8::MAX) {
            let why = format!(
                "at most 255 fit the person mask, found {}",
                self.figures.len()
            );
            return Err(Error::invalid("figures", why));
        }
        Ok(())
    }

    /// Larger figures stand in front.
    fn back_to_front(&self) -> Vec<usize> {
        let mut order: Vec<_> = (0..self.figures.len()).collect();
        order.sort_by(|&a, &b| {
            self.figures[a]
                .pose
                .unit
                .total_cmp(&self.figures[b].pose.unit)
        });
        order
    }

    fn brush(&self, unit: f32) -> Brush<'_> {
        Brush {
            style: self.style,
            light: &self.light,
            unit,
        }
    }

    fn sitter(&self, index: usize) -> Sitter<'_> {
        let Figure {
            person,
            pose,
            expression,
            attire,
        } = &self.figures[index];
        let (brush, head) = (self.brush(pose.unit), Head::new(pose, person.face.width));
        Sitter {
            brush,
            head,
            person,
            pose,
            expression,
            attire,
        }
    }

    /// The light's colour over everything.
    fn wash_over(&self, canvas: &mut Canvas) {
        let [width, height] = canvas.size();
        let whole = Shape::rectangle([-1.0, -1.0], [width + 1.0, height + 1.0]);
        canvas.fill(&whole, &Wash::flat(self.light.tone, 0.07));
    }

    /// Coverage of a figure's face, wherever others stand.
    fn face_pixels(&self, canvas: &Canvas, index: usize) -> Vec<u8> {
        let sitter = self.sitter(index);
        canvas
            .mask(&face_outline(&sitter.head, &sitter.person.face))
            .take()
    }

    fn measure(&self, index: usize, face: &[u8], people: &Array2<u8>) -> Result<DrawnFigure> {
        let sitter = self.sitter(index);
        let outline = face_outline(&sitter.head, &sitter.person.face);
        let [x0, y0, x1, y1] = outline.bounds().unwrap_or_default();
        let truth = truth::read(&sitter, self.size);
        let mine = index as u8 + 1;
        let seen = face
            .iter()
            .zip(people)
            .filter(|&(&cover, &person)| cover > 127 && person == mine)
            .count();
        Ok(DrawnFigure {
            face: FaceBox::new(x0, y0, x1, y1)?,
            landmarks: Landmarks5::new(truth.landmarks)?,
            skeleton: truth.skeleton,
            visible: (seen as f32 / outline.area().max(1.0)).min(1.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::layout::{Framing, SceneSampler};
    use super::*;
    use crate::face::FacePart as Part;

    fn people(first: u64, count: u64) -> Vec<Person> {
        (first..first + count).map(Person::from_seed).collect()
    }

    fn scene(count: u64, seed: u64) -> Scene {
        SceneSampler::new(128)
            .scene(&people(40 + 10 * seed, count), seed)
            .unwrap()
    }

    /// Mean place of the pixels for which `mine` holds.
    fn middle(labels: &Array2<u8>, mine: impl Fn(usize, usize) -> bool) -> [f32; 2] {
        let (mut sum, mut count) = ([0.0; 2], 0.0);
        for ((y, x), _) in labels.indexed_iter().filter(|((y, x), _)| mine(*y, *x)) {
            sum = [sum[0] + x as f32 + 0.5, sum[1] + y as f32 + 0.5];
            count += 1.0;
        }
        sum.map(|value| value / count)
    }

    #[test]
    fn a_seed_gives_one_picture_and_another_seed_another() {
        let [first, again, other] = [3, 3, 4].map(|seed| scene(2, seed).draw().unwrap());
        assert_eq!(first.picture, again.picture);
        assert_eq!((&first.parts, &first.people), (&again.parts, &again.people));
        assert_eq!(first.figures, again.figures);
        assert_ne!(first.picture, other.picture);
    }

    /// Exactly rounded arithmetic only: these numbers are the same on every machine.
    #[test]
    fn geometry_is_fixed_for_all_machines() {
        let drawing = scene(2, 1).draw().unwrap();
        let points = drawing.figures[1].landmarks.points();
        assert_eq!(points, GOLDEN, "{points:?}");
    }

    const GOLDEN: [[f32; 2]; 5] = [
        [88.13701, 45.858784],
        [103.12668, 47.268234],
        [94.00605, 56.711365],
        [87.427025, 60.875996],
        [102.69199, 62.311337],
    ];

    #[test]
    fn labels_lie_where_boxes_and_landmarks_say() {
        for (seed, style) in (0..9).zip(Style::ALL.into_iter().cycle()) {
            let mut scene = scene(1 + seed % 4, seed);
            scene.style = style;
            scene
                .figures
                .iter_mut()
                .for_each(|figure| figure.expression = Expression::calm());
            let drawing = scene.draw().unwrap();
            for (index, figure) in drawing.figures.iter().enumerate() {
                let unit = scene.figures[index].pose.unit;
                let of = |part: Part| {
                    let is_mine = |y: usize, x: usize| {
                        drawing.parts[[y, x]] == part as u8
                            && drawing.people[[y, x]] == index as u8 + 1
                    };
                    middle(&drawing.parts, is_mine)
                };
                let [left, right, ..] = figure.landmarks.points();
                for (part, [x, y]) in [(Part::LeftEye, left), (Part::RightEye, right)] {
                    let [u, v] = of(part);
                    let gap = (u - x).hypot(v - y) / unit;
                    assert!(
                        gap < 0.12,
                        "scene {seed}, figure {index}: {part:?} is {gap} off"
                    );
                }
                let [x0, y0, x1, y1] = figure.face.edges();
                assert!(figure.visible > 0.8, "scene {seed}: {}", figure.visible);
                for [x, y] in figure.landmarks.points() {
                    assert!(
                        x > x0 && x < x1 && y > y0 && y < y1,
                        "scene {seed}, figure {index}"
                    );
                }
                let [u, v] = of(Part::Nose);
                assert!(u > x0 && u < x1 && v > y0 && v < y1);
            }
        }
    }

    #[test]
    fn masks_hold_known_parts_of_known_people() {
        for seed in 0..6 {
            let scene = scene(3, seed);
            let drawing = scene.draw().unwrap();
            assert!(
                drawing
                    .parts
                    .iter()
                    .all(|&part| usize::from(part) < Part::ALL.len())
            );
            assert!(drawing.people.iter().all(|&person| person <= 3));
            for person in 1..=3 {
                let pixels = drawing
                    .people
                    .iter()
                    .filter(|&&label| label == person)
                    .count();
                assert!(pixels > 300, "person {person} covers {pixels} pixels");
            }
            let nobody = drawing
                .parts
                .iter()
                .zip(&drawing.people)
                .filter(|&(_, &person)| person == 0);
            assert!(nobody.into_iter().all(|(&part, _)| part == 0));
        }
    }

    #[test]
    fn a_person_who_faces_the_viewer_has_the_right_arm_on_the_viewer_s_left() {
        let sampler = SceneSampler {
            framing: Framing::Full,
            ..SceneSampler::new(256)
        };
        let drawing = sampler.scene(&people(5, 1), 2).unwrap().draw().unwrap();
        let joints = drawing.figures[0]
            .skeleton
            .body
            .map(|joint| [joint.x, joint.y]);
        for (right, left) in [(2, 5), (8, 11), (10, 13), (14, 15)] {
            assert!(
                joints[right][0] > 0.0 && joints[right][0] < joints[left][0],
                "{right} {left}"
            );
        }
        assert!(
            joints[0][1] < joints[1][1]
                && joints[1][1] < joints[8][1]
                && joints[8][1] < joints[10][1]
        );
    }

    /// The same posture, light and clothes: what is left is identity.
    #[test]
    fn identities_look_different_and_stay_themselves() {
        let sitters = people(1000, 80);
        let draw = |person: &Person, yaw: f32| {
            let sampler = SceneSampler {
                styles: vec![Style::Painted],
                ..SceneSampler::new(48)
            };
            let mut scene = sampler.portrait(person, 7).unwrap();
            let figure = &mut scene.figures[0];
            figure.pose = Pose::frontal([24.0, 25.0], 14.0);
            figure.pose.yaw = yaw;
            figure.expression = Expression::calm();
            scene.draw().unwrap().picture
        };
        let distance = |a: &RgbImage, b: &RgbImage| {
            let sum: u64 = a
                .iter()
                .zip(b.iter())
                .map(|(p, q)| u64::from(p.abs_diff(*q)))
                .sum();
            sum as f32 / a.len() as f32
        };
        let [front, turned] =
            [0.0, 0.12].map(|yaw| sitters.iter().map(|p| draw(p, yaw)).collect::<Vec<_>>());
        for (index, picture) in turned.iter().enumerate() {
            let nearest = (0..front.len())
                .min_by(|&a, &b| {
                    distance(picture, &front[a]).total_cmp(&distance(picture, &front[b]))
                })
                .unwrap();
            assert_eq!(nearest, index);
        }
    }

    #[test]
    fn hair_reaches_over_no_neighbour_s_eyes() {
        for seed in 20..40 {
            let drawing = scene(4, seed).draw().unwrap();
            assert!(
                drawing.figures.iter().all(|figure| figure.visible > 0.75),
                "scene {seed}"
            );
        }
    }

    #[test]
    fn what_cannot_be_drawn_is_refused() {
        let mut scene = scene(1, 0);
        scene.size = [0, 128];
        assert!(
            scene
                .draw()
                .unwrap_err()
                .to_string()
                .contains("sides must be 1 to 4096")
        );
        scene.size = [128, 96];
        assert!(scene.draw().is_ok());
        scene.figures[0].pose.unit = f32::NAN;
        assert!(scene.draw().is_err());
        let sampler = SceneSampler::new(64);
        assert!(sampler.scene(&[], 0).is_err());
        assert!(sampler.scene(&people(0, 5), 0).is_err());
        assert!(
            SceneSampler {
                styles: vec![],
                ..sampler
            }
            .scene(&people(0, 1), 0)
            .is_err()
        );
    }
}

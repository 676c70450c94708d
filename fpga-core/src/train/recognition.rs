//! What face recognition learns: pictures of one person point one way, those of another another way, with a
//! margin between them (Deng et al. 2019, ArcFace, eq. 3).

use std::f64::consts::PI;

use burn::module::{Module, Param};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, IndexingUpdateOp, Int, Tensor};

use super::draw::Draw;
use super::graph::tracked;
use super::objective::{Loss, Objective};
use crate::error::{Error, Result};
use crate::face::ArcFace;
use crate::nn::read_number;

/// A recognition network, and where it looks for each person that it learns from.
#[derive(Module, Debug)]
pub struct Recogniser {
    /// What is kept.
    pub network: ArcFace,
    /// One direction per person, `[people, features]`; of no use after the training.
    pub centres: Param<Tensor<2>>,
}

impl Recogniser {
    /// Directions are drawn from `seed`.
    pub fn new(network: ArcFace, people: usize, seed: u64, device: &Device) -> Self {
        let features = network.config().features;
        let drawn = Draw::new(seed, 0, 0).normal([1, 1, people, features], device);
        Self {
            network,
            centres: Param::from_tensor(drawn.reshape([people, features])),
        }
    }
}

/// Aligned faces of people who are known by number.
#[derive(Clone, Debug)]
pub struct KnownFaces {
    /// `[b, 3, side, side]`, red first, −1..1
    pub pixels: Tensor<4>,
    /// Whose they are, one number per face.
    pub people: Vec<usize>,
}

/// Softmax over all people, after the angle to the right one was made larger by the margin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AngularMargin {
    /// What cosines are multiplied by; 64 in the paper.
    pub scale: f64,
    /// In radians; 0.5 in the paper.
    pub margin: f64,
}

/// Keeps the slope of the sine finite where an angle is 0.
const EPSILON: f64 = 1e-6;

impl AngularMargin {
    /// The paper's.
    pub const ARCFACE: Self = Self {
        scale: 64.0,
        margin: 0.5,
    };

    /// `cos(θ + margin)`; beyond π, where that would rise again, a line that goes on falling, as
    /// InsightFace has it.
    fn widened(&self, cosine: Tensor<2>) -> Tensor<2> {
        let (sin_margin, cos_margin) = self.margin.sin_cos();
        let sine = (cosine.clone().square() * -1.0 + 1.0)
            .clamp_min(EPSILON)
            .sqrt();
        let widened = cosine.clone() * cos_margin - sine * sin_margin;
        let beyond = cosine.clone().lower_elem((PI - self.margin).cos());
        let line = cosine - sin_margin * self.margin;
        widened.mask_where(beyond, line)
    }
}

impl Objective for AngularMargin {
    type Model = Recogniser;
    type Batch = KnownFaces;

    fn loss(&self, model: &Recogniser, batch: &KnownFaces, _: &mut Draw) -> Result<Loss> {
        check(model, batch)?;
        let device = model.centres.device();
        let pixels = tracked(batch.pixels.clone(), &device);
        let directions = unit(model.network.forward(pixels));
        let cosines = directions.matmul(unit(model.centres.val()).transpose());

        let rows = batch.people.len();
        let people: Vec<i64> = batch.people.iter().map(|&person| person as i64).collect();
        let people = Tensor::<1, Int>::from_ints(people.as_slice(), &device).reshape([rows, 1]);
        let right = cosines.clone().gather(1, people.clone());
        let moved = self.widened(right.clone()) - right.clone();
        let [_, known] = cosines.dims();
        let chosen = Tensor::zeros([rows, known], &device).scatter(
            1,
            people.clone(),
            moved,
            IndexingUpdateOp::Add,
        );
        let logits = (cosines.clone() + chosen) * self.scale;
        let value = -log_softmax(logits, 1).gather(1, people.clone()).mean();

        let nearest = cosines.argmax(1).equal(people).int().float().mean();
        Ok(Loss {
            value,
            parts: vec![
                ("recognised", read_number(nearest)?),
                ("cosine", read_number(right.mean())?),
            ],
        })
    }
}

/// Rows of length 1.
fn unit(rows: Tensor<2>) -> Tensor<2> {
    let length = (rows.clone().square().sum_dim(1) + EPSILON).sqrt();
    rows / length
}

fn check(model: &Recogniser, batch: &KnownFaces) -> Result<()> {
    let shape = batch.pixels.dims();
    model.network.config().check_pixels(shape)?;
    let (faces, people) = (shape[0], batch.people.len());
    if faces != people {
        let needed = format!("{faces}, one per face");
        return Err(Error::shape("people", needed, [people]));
    }
    let [known, _] = model.centres.dims();
    match batch.people.iter().find(|&&person| person >= known) {
        Some(person) => {
            let why = format!("the recogniser was made for {known} people, found number {person}");
            Err(Error::invalid("person", why))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::{ArcFaceConfig, ResidualStage};
    use crate::nn::randomize;
    use crate::train::{Computed, Learner, LearnerConfig};

    fn recogniser(people: usize) -> Recogniser {
        let device = Device::flex().autodiff();
        let config = ArcFaceConfig {
            side: 16,
            stem_width: 4,
            stages: [ResidualStage {
                blocks: 1,
                width: 4,
            }; 4],
            features: 6,
        };
        Recogniser::new(randomize(config.init(&device), 1), people, 2, &device)
    }

    /// Three faces, each of one colour.
    fn faces(people: Vec<usize>) -> KnownFaces {
        let device = Device::flex();
        let face = |tone: f32| Tensor::full([1, 1, 16, 16], tone, &device);
        let coloured = |tones: [f32; 3]| Tensor::cat(tones.map(face).to_vec(), 1);
        let tones = [[0.9, -0.3, 0.1], [-0.8, 0.5, 0.2], [0.1, 0.7, -0.9]];
        KnownFaces {
            pixels: Tensor::cat(tones.map(coloured).to_vec(), 0),
            people,
        }
    }

    fn loss(objective: AngularMargin, model: &Recogniser, people: Vec<usize>) -> Result<Loss> {
        objective.loss(model, &faces(people), &mut Draw::new(0, 0, 0))
    }

    /// The formula, number by number, in double precision.
    #[test]
    fn the_loss_is_the_paper_s() {
        let (model, people) = (recogniser(4), vec![2, 0, 3]);
        let values = |rows: Tensor<2>| -> Vec<Vec<f64>> {
            let width = rows.dims()[1];
            let flat = rows.into_data().try_to_vec::<f32>().unwrap();
            let rows = flat.chunks(width);
            rows.map(|row| row.iter().map(|&value| f64::from(value)).collect())
                .collect()
        };
        let pixels = tracked(faces(people.clone()).pixels, &model.centres.device());
        let embeddings = values(model.network.forward(pixels));
        let centres = values(model.centres.val());
        let cosine = |a: &[f64], b: &[f64]| {
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            dot(a, b) / ((dot(a, a) + EPSILON) * (dot(b, b) + EPSILON)).sqrt()
        };
        for objective in [
            AngularMargin::ARCFACE,
            AngularMargin {
                scale: 5.0,
                margin: 2.5,
            },
        ] {
            let AngularMargin { scale, margin } = objective;
            let each = embeddings.iter().zip(&people).map(|(row, &person)| {
                let logit = |index: usize| {
                    let angle = cosine(row, &centres[index]).acos();
                    scale
                        * match index == person {
                            true if angle + margin > PI => angle.cos() - margin * margin.sin(),
                            true => (angle + margin).cos(),
                            false => angle.cos(),
                        }
                };
                let logits: Vec<_> = (0..4).map(logit).collect();
                let most = logits.iter().copied().fold(f64::MIN, f64::max);
                let sum: f64 = logits.iter().map(|logit| (logit - most).exp()).sum();
                most + sum.ln() - logits[person]
            });
            let expected = each.sum::<f64>() / 3.0;
            let found = loss(objective, &model, people.clone()).unwrap().value;
            let found = f64::from(found.into_scalar::<f32>());
            assert!((found / expected - 1.0).abs() < 1e-4, "{found} {expected}");
        }
    }

    #[test]
    fn it_learns_to_tell_people_apart() {
        let source = Computed::new(|_| Ok(faces(vec![0, 1, 2])));
        let objective = AngularMargin {
            scale: 16.0,
            margin: 0.3,
        };
        let config = LearnerConfig::new(80, 1e-2);
        let mut learner = Learner::new(objective, recogniser(3), source, config).unwrap();
        learner.run(&mut ()).unwrap();
        let told = learner.make_step().unwrap().parts;
        assert_eq!(told[0], ("recognised", 1.0));
        assert!(told[1].1 > 0.8, "{told:?}");
    }

    #[test]
    fn strangers_and_missing_names_are_refused() {
        let model = recogniser(2);
        let refused = |people| {
            let found = loss(AngularMargin::ARCFACE, &model, people);
            found.unwrap_err().to_string()
        };
        assert!(refused(vec![0, 1, 2]).contains("made for 2 people, found number 2"));
        assert!(refused(vec![0, 1]).contains("one per face"));
    }
}

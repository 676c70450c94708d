//! What a face parser learns: the class of every pixel, by the pixels that are still hard (online hard
//! example mining, as face-parsing.PyTorch has it), from all three heads (Yu et al. 2018, eq. 2).
//!
//! Answers are enlarged as far as asked for and no further: nineteen numbers per pixel of a whole picture
//! would cost more than the network. The two heads that only serve training are judged on their own grids.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};
use ndarray::Array2;

use super::draw::Draw;
use super::graph::tracked;
use super::objective::{Loss, Objective};
use crate::error::{Error, Result};
use crate::face::{BiSeNet, enlarge};
use crate::nn::{read_number, read_values};

/// Pictures of which every pixel's class is known.
#[derive(Clone, Debug)]
pub struct LabelledPictures {
    /// `[b, 3, h, w]`, −1..1
    pub pixels: Tensor<4>,
    /// `[h, w]` each.
    pub classes: Vec<Array2<u8>>,
}

/// Cross-entropy of hard pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parsing {
    /// Pixels whose class is given a smaller probability are hard; 0.7 is usual.
    pub hard_below: f64,
    /// Share of the pixels that counts at least, the hardest ones; 1/16 is usual.
    pub least: f64,
    /// Pixels of the picture for one that is judged, along each side: 1 judges all.
    pub stride: usize,
}

impl Default for Parsing {
    fn default() -> Self {
        Self {
            hard_below: 0.7,
            least: 1.0 / 16.0,
            stride: 1,
        }
    }
}

/// ImageNet's mean and deviation, for pixels of −1 to 1.
const MEAN: [f32; 3] = [-0.03, -0.088, -0.188];
const DEVIATION: [f32; 3] = [0.458, 0.448, 0.45];

impl Parsing {
    /// The mean over the hard ones.
    fn hardest(&self, losses: Tensor<1>) -> Result<Tensor<1>> {
        let mut found = read_values(losses.clone())?;
        let least = (self.least * found.len() as f64) as usize;
        let least = least.clamp(1, found.len()) - 1;
        let (_, hardest, _) = found.select_nth_unstable_by(least, |a, b| b.total_cmp(a));
        let limit = f64::from(*hardest).min(-self.hard_below.ln());
        let hard = losses.clone().greater_equal_elem(limit).float();
        let count = hard.clone().sum();
        Ok((losses * hard).sum() / count)
    }
}

impl Objective for Parsing {
    type Model = BiSeNet;
    type Batch = LabelledPictures;

    fn loss(&self, model: &BiSeNet, batch: &LabelledPictures, _: &mut Draw) -> Result<Loss> {
        check(model, batch)?;
        let device = model_device(model);
        let plane =
            |values: [f32; 3]| Tensor::<1>::from_floats(values, &device).reshape([1, 3, 1, 1]);
        let pixels = tracked(batch.pixels.clone(), &device);
        let pixels = (pixels - plane(MEAN)) / plane(DEVIATION);
        let [_, _, height, width] = batch.pixels.dims();
        let judged = [height, width].map(|side| side.div_ceil(self.stride.max(1)));
        let mut right = 0.0;
        let heads = model.forward_small(pixels).into_iter().enumerate();
        let losses = heads.map(|(head, logits)| {
            let logits = match head {
                0 => enlarge(logits, judged),
                _ => logits,
            };
            let [_, _, rows, columns] = logits.dims();
            let classes = classes(batch, [rows, columns], &device);
            if head == 0 {
                let hits = logits.clone().argmax(1).equal(classes.clone());
                right = read_number(hits.int().float().mean())?;
            }
            let own = log_softmax(logits, 1).gather(1, classes);
            let count = own.dims().iter().product::<usize>();
            self.hardest(own.reshape([count]) * -1.0)
        });
        let losses = losses.collect::<Result<Vec<_>>>()?;
        Ok(Loss {
            value: Tensor::cat(losses, 0).sum(),
            parts: vec![("right", right)],
        })
    }
}

fn model_device(model: &BiSeNet) -> Device {
    use burn::module::Module;
    let found = model.devices().into_iter().next();
    found.expect("a parser has parameters")
}

/// On a grid whose corners are the picture's: `[b, 1, rows, columns]`.
fn classes(
    batch: &LabelledPictures,
    [rows, columns]: [usize; 2],
    device: &Device,
) -> Tensor<4, Int> {
    let nearest = |index: usize, count: usize, pixels: usize| match count {
        1 => pixels / 2,
        count => (index * (pixels - 1) + (count - 1) / 2) / (count - 1),
    };
    let mut labels = Vec::with_capacity(batch.classes.len() * rows * columns);
    for map in &batch.classes {
        let (height, width) = map.dim();
        for row in 0..rows {
            let y = nearest(row, rows, height);
            let label = |column| i64::from(map[[y, nearest(column, columns, width)]]);
            labels.extend((0..columns).map(label));
        }
    }
    let shape = [batch.classes.len(), 1, rows, columns];
    Tensor::from_data(TensorData::new(labels, shape), device)
}

fn check(model: &BiSeNet, batch: &LabelledPictures) -> Result<()> {
    let shape = batch.pixels.dims();
    model.config().check_pixels(shape)?;
    let [count, _, height, width] = shape;
    if batch.classes.len() != count {
        let needed = format!("{count}, one per picture");
        return Err(Error::shape("maps of classes", needed, batch.classes.len()));
    }
    for map in &batch.classes {
        if map.dim() != (height, width) {
            let needed = format!("[{height}, {width}] like the picture");
            return Err(Error::shape("map of classes", needed, map.dim()));
        }
        let known = model.config().classes;
        if let Some(label) = map.iter().find(|&&label| usize::from(label) >= known) {
            let why = format!("the parser tells {known} apart, found number {label}");
            return Err(Error::invalid("class of a pixel", why));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::{BiSeNetConfig, ResidualStage};
    use crate::nn::randomize;
    use crate::train::{Computed, Learner, LearnerConfig};

    fn parser() -> BiSeNet {
        let config = BiSeNetConfig {
            stem_width: 8,
            stages: [8; 4].map(|width| ResidualStage { blocks: 1, width }),
            context_width: 8,
            fusion_width: 8,
            head_widths: [8; 3],
            classes: 3,
        };
        randomize(config.init(&Device::flex().autodiff()), 1)
    }

    /// A dark, a grey and a light third.
    fn batch() -> LabelledPictures {
        let third = |value: f32, width| Tensor::full([1, 3, 64, width], value, &Device::flex());
        let pixels = vec![third(-0.9, 20), third(0.0, 24), third(0.9, 20)];
        let class = |(_, x): (usize, usize)| u8::from(x >= 20) + u8::from(x >= 44);
        LabelledPictures {
            pixels: Tensor::cat(pixels, 3),
            classes: vec![Array2::from_shape_fn((64, 64), class)],
        }
    }

    #[test]
    fn only_hard_pixels_count_and_never_none() {
        let device = Device::flex();
        let mean = |losses: &[f32]| {
            let losses = Tensor::<1>::from_floats(losses, &device);
            let parsing = Parsing {
                hard_below: 0.5,
                least: 0.25,
                ..Parsing::default()
            };
            parsing.hardest(losses).unwrap().into_scalar::<f32>()
        };
        // The limit is ln 2.
        assert_eq!(mean(&[0.1, 2.0, 1.0, 0.6]), 1.5);
        assert_eq!(mean(&[0.1, 0.2, 0.3, 0.4]), 0.4);
    }

    #[test]
    fn coarser_grids_have_the_corners_of_the_picture() {
        let mut map = Array2::zeros((5, 7));
        (map[[0, 0]], map[[4, 6]], map[[2, 3]]) = (1, 2, 3);
        let batch = LabelledPictures {
            pixels: Tensor::zeros([1, 3, 5, 7], &Device::flex()),
            classes: vec![map],
        };
        let found = classes(&batch, [3, 3], &Device::flex()).into_data();
        let found: Vec<i64> = found.iter::<i64>().collect();
        assert_eq!(found, [1, 0, 0, 0, 3, 0, 0, 0, 2]);
    }

    #[test]
    fn shades_are_told_apart() {
        let source = Computed::new(|_| Ok(batch()));
        let config = LearnerConfig::new(80, 0.01);
        let mut learner = Learner::new(Parsing::default(), parser(), source, config).unwrap();
        learner.run(&mut ()).unwrap();
        let draw = &mut Draw::new(0, 0, 0);
        let found = Parsing::default().loss(learner.model(), &batch(), draw);
        let (_, right) = found.unwrap().parts[0];
        assert!(right > 0.9, "{right}");
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let refused = |batch: LabelledPictures| {
            let found = Parsing::default().loss(&parser(), &batch, &mut Draw::new(0, 0, 0));
            found.unwrap_err().to_string()
        };
        let mut strange = batch();
        strange.classes[0][[3, 4]] = 3;
        assert!(refused(strange).contains("found number 3"));
        let mut small = batch();
        small.classes[0] = Array2::zeros((64, 32));
        assert!(refused(small).contains("like the picture"));
    }
}

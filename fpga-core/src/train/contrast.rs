//! What the two halves of CLIP learn: that a picture and its caption point the same way, and every other
//! pair of the batch does not (Radford et al. 2021, figure 3).

use burn::module::{Module, Param};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor};

use super::draw::Draw;
use super::graph::tracked;
use super::objective::{Loss, Objective};
use crate::error::{Context, Error, Result};
use crate::nn::read_number;
use crate::text::ClipText;
use crate::vision::ClipVision;

/// Both halves, and how sharply their likeness is judged.
#[derive(Module, Debug)]
pub struct ClipPair {
    /// Reads captions; has a projection.
    pub text: ClipText,
    /// Sees pictures; has a projection of the same width.
    pub vision: ClipVision,
    /// Logarithm of what cosines are multiplied by, `[1]`.
    pub logit_scale: Param<Tensor<1>>,
}

/// Largest factor of cosines, as in the paper.
const SHARPEST: f64 = 100.0;
/// Where it starts: a temperature of 0.07, as in the paper.
const FIRST: f64 = 1.0 / 0.07;

impl ClipPair {
    /// With the paper's first temperature.
    ///
    /// # Errors
    /// One half has no projection, or the two differ in width.
    pub fn new(text: ClipText, vision: ClipVision, device: &Device) -> Result<Self> {
        let widths = [
            text.config().projection_width,
            vision.config().projection_width,
        ];
        if widths[0].is_none() || widths[0] != widths[1] {
            let needed = "the same width in the text's and the picture's half";
            return Err(Error::shape("projections", needed, widths));
        }
        let scale = Tensor::from_floats([FIRST.ln() as f32], device);
        Ok(Self {
            text,
            vision,
            logit_scale: Param::from_tensor(scale),
        })
    }
}

/// Pictures with their captions, as many of these as of those.
#[derive(Clone, Debug)]
pub struct Captioned {
    /// `[b, 3, side, side]`, normalised as [`preprocess`](crate::vision::preprocess) does it.
    pub pixels: Tensor<4>,
    /// Token ids, one row per picture.
    pub captions: Vec<Vec<i64>>,
}

/// The symmetric cross-entropy of pictures over captions and of captions over pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contrast;

impl Objective for Contrast {
    type Model = ClipPair;
    type Batch = Captioned;

    fn loss(&self, model: &ClipPair, batch: &Captioned, _: &mut Draw) -> Result<Loss> {
        check(model, batch)?;
        let device = model.logit_scale.device();
        let rows = batch.captions.len();
        let ids = batch.captions.concat();
        let ids = Tensor::<1, Int>::from_ints(ids.as_slice(), &device);
        let texts = model.text.forward(ids.reshape([rows as i32, -1]));
        let pictures = model.vision.forward(tracked(batch.pixels.clone(), &device));
        let halves = [texts.text_embeds, pictures.image_embeds];
        let [texts, pictures] = halves.map(|found| unit(found.expect("checked: both project")));

        let scale = model.logit_scale.val().exp().clamp_max(SHARPEST);
        let logits = pictures.matmul(texts.transpose()) * scale.reshape([1, 1]);
        let own = Tensor::<1, Int>::arange(0..rows as i64, &device).reshape([rows, 1]);
        let captions = log_softmax(logits.clone(), 1).gather(1, own.clone());
        let seen = log_softmax(logits.clone().transpose(), 1).gather(1, own.clone());
        let right = logits.argmax(1).equal(own).int().float().mean();
        Ok(Loss {
            value: (captions.mean() + seen.mean()) * -0.5,
            parts: vec![("matched", read_number(right)?)],
        })
    }
}

/// Rows of length 1.
fn unit(rows: Tensor<2>) -> Tensor<2> {
    let length = (rows.clone().square().sum_dim(1) + 1e-8).sqrt();
    rows / length
}

fn check(model: &ClipPair, batch: &Captioned) -> Result<()> {
    let shape = batch.pixels.dims();
    model.vision.config().check_pixels(shape)?;
    let (pictures, captions) = (shape[0], batch.captions.len());
    if pictures != captions || captions == 0 {
        let needed = format!("{pictures}, one per picture, and at least one");
        return Err(Error::shape("captions", needed, captions));
    }
    let length = batch.captions[0].len();
    for (index, caption) in batch.captions.iter().enumerate() {
        let clause = || format!("caption {index}");
        model.text.config().check_ids(caption).context(clause)?;
        if caption.len() != length {
            let needed = format!("{length} ids like the first");
            return Err(Error::shape(clause(), needed, caption.len()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::nn::randomize;
    use crate::text::ClipTextConfig;
    use crate::train::{Computed, Learner, LearnerConfig};
    use crate::vision::ClipVisionConfig;

    fn pair() -> ClipPair {
        let device = Device::flex().autodiff();
        let text = json!({
            "architectures": ["CLIPTextModelWithProjection"], "vocab_size": 12,
            "max_position_embeddings": 4, "hidden_size": 8, "intermediate_size": 16,
            "num_attention_heads": 2, "num_hidden_layers": 1, "hidden_act": "gelu",
            "eos_token_id": 11, "projection_dim": 6,
        });
        let vision = json!({
            "architectures": ["CLIPVisionModelWithProjection"], "image_size": 8, "patch_size": 4,
            "hidden_size": 8, "intermediate_size": 16, "num_attention_heads": 2,
            "num_hidden_layers": 1, "hidden_act": "gelu", "projection_dim": 6,
        });
        let text = ClipTextConfig::from_json(&text).unwrap().init(&device);
        let vision = ClipVisionConfig::from_json(&vision).unwrap().init(&device);
        ClipPair::new(randomize(text, 1), randomize(vision, 2), &device).unwrap()
    }

    /// Three shades with a word for each.
    fn batch() -> Captioned {
        let shade = |value: f32| Tensor::full([1, 3, 8, 8], value, &Device::flex());
        Captioned {
            pixels: Tensor::cat([-1.0, 0.1, 1.2].map(shade).to_vec(), 0),
            captions: [3, 4, 5].map(|word| vec![10, word, 11, 11]).to_vec(),
        }
    }

    fn part(model: &ClipPair) -> (f64, f64) {
        let loss = Contrast
            .loss(model, &batch(), &mut Draw::new(0, 0, 0))
            .unwrap();
        (f64::from(loss.value.into_scalar::<f32>()), loss.parts[0].1)
    }

    /// The loss of the paper's figure, in doubles, from the embeddings that the halves give.
    #[test]
    fn is_the_mean_of_both_cross_entropies() {
        let (model, batch) = (pair(), batch());
        let device = model.logit_scale.device();
        let ids = batch.captions.concat();
        let ids = Tensor::<1, Int>::from_ints(ids.as_slice(), &device).reshape([3, 4]);
        let texts = model.text.forward(ids).text_embeds.unwrap();
        let pixels = tracked(batch.pixels, &device);
        let pictures = model.vision.forward(pixels).image_embeds.unwrap();
        let rows = |tensor: Tensor<2>| -> Vec<Vec<f64>> {
            let values: Vec<f64> = tensor.into_data().iter::<f64>().collect();
            let unit = |row: &[f64]| {
                let length = row.iter().map(|value| value * value).sum::<f64>().sqrt();
                row.iter().map(|value| value / length).collect()
            };
            values.chunks(6).map(unit).collect()
        };
        let (texts, pictures) = (rows(texts), rows(pictures));
        let score = |picture: &[f64], text: &[f64]| {
            picture.iter().zip(text).map(|(a, b)| a * b).sum::<f64>() / 0.07
        };
        let mut expected = 0.0;
        for own in 0..3 {
            let over = |scores: Vec<f64>| {
                scores.iter().map(|score| score.exp()).sum::<f64>().ln() - scores[own]
            };
            let captions = texts.iter().map(|text| score(&pictures[own], text));
            let seen = pictures.iter().map(|picture| score(picture, &texts[own]));
            expected += (over(captions.collect()) + over(seen.collect())) / 6.0;
        }
        let (found, _) = part(&model);
        assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
    }

    #[test]
    fn words_find_their_pictures() {
        let source = Computed::new(|_| Ok(batch()));
        let config = LearnerConfig::new(150, 0.01);
        let mut learner = Learner::new(Contrast, pair(), source, config).unwrap();
        let (first, _) = part(learner.model());
        learner.run(&mut ()).unwrap();
        let (last, matched) = part(learner.model());
        assert!(last < 0.1 * first, "{first} became {last}");
        assert_eq!(matched, 1.0);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let refused = |batch: Captioned| {
            let found = Contrast.loss(&pair(), &batch, &mut Draw::new(0, 0, 0));
            found.unwrap_err().to_string()
        };
        let mut few = batch();
        few.captions.pop();
        assert!(refused(few).contains("3, one per picture"));
        let mut long = batch();
        long.captions[1] = vec![10, 3, 11];
        assert!(refused(long).contains("caption 1"));
        let mut strange = batch();
        strange.captions[2][1] = 12;
        assert!(refused(strange).contains("ids are 0 to 11"));
    }
}

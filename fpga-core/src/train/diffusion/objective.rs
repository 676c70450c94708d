//! Noise prediction: noise is added to pictures, and the network has to say what was added
//! (Ho et al. 2020, eq. 14; velocities: Salimans and Ho 2022).

use burn::tensor::{Device, Tensor};

use super::batch::{DiffusionBatch, Modality};
use super::clone_face::{Activated, CloneFaceTuning};
use super::drop::{ConditionDrop, Empty};
use super::focus::Focus;
use super::likeness::LikenessLoss;
use super::localisation::Localisation;
use super::trainee::{Inputs, Trainee};
use crate::diffusion::{NoiseLevel, NoiseSchedule, Prediction, add_noise};
use crate::error::{Error, Result};
use crate::identity::projector::IdentityFeatures;
use crate::nn::read_number;
use crate::train::graph::tracked;
use crate::train::{Draw, Loss, Objective};

/// What a diffusion model learns from a batch. [`new`](Self::new) is the plain objective.
///
/// MMF is this objective over a source that alternates
/// ([`Alternating`](crate::train::Alternating)) skeletons over full pictures with landmarks over crops.
#[derive(Clone, Debug)]
pub struct DiffusionObjective {
    /// How much noise each timestep means.
    pub schedule: NoiseSchedule,
    /// What the network predicts.
    pub prediction: Prediction,
    /// Weighs each picture by `min(SNR, limit)/SNR`, so that easy levels do not rule (Hang et al.
    /// 2023); 5 is usual.
    pub snr_limit: Option<f64>,
    /// Where errors count more.
    pub focus: Focus,
    /// One active face per picture; takes the place of `focus`.
    pub clone_face: Option<CloneFaceTuning>,
    /// What is left out now and then.
    pub drop: ConditionDrop,
    /// The empty prompt `[1, n, width]`; needed where text is left out.
    pub empty_text: Option<Tensor<3>>,
    /// What CLIP sees of a picture whose normalised pixels are all 0; needed where pictures are left out.
    pub empty_picture: Option<IdentityFeatures>,
    /// Attention that stays where it belongs.
    pub localisation: Option<Localisation>,
    /// Faces that a recogniser knows.
    pub likeness: Option<LikenessLoss>,
}

impl DiffusionObjective {
    /// Every pixel and every picture count the same; nothing is left out.
    pub fn new(schedule: NoiseSchedule, prediction: Prediction) -> Self {
        Self {
            schedule,
            prediction,
            snr_limit: None,
            focus: Focus::Everywhere,
            clone_face: None,
            drop: ConditionDrop::NONE,
            empty_text: None,
            empty_picture: None,
            localisation: None,
            likeness: None,
        }
    }

    /// Noise level of each picture.
    fn levels(&self, rows: usize, draw: &mut Draw) -> Result<Vec<NoiseLevel>> {
        let count = self.schedule.num_train_timesteps();
        (0..rows)
            .map(|_| self.schedule.level(draw.below(count) as i64))
            .collect()
    }

    /// `[b, 1, 1, 1]`, or nothing where all are 1.
    fn level_weights(&self, levels: &[NoiseLevel], device: &Device) -> Option<Tensor<4>> {
        let limit = self.snr_limit?;
        let weight = |level: &NoiseLevel| {
            let ratio = level.alpha_bar / (1.0 - level.alpha_bar);
            let weight = match self.prediction {
                Prediction::Epsilon => ratio.min(limit) / ratio,
                Prediction::V => ratio.min(limit) / (ratio + 1.0),
                Prediction::Sample => ratio.min(limit),
            };
            weight as f32
        };
        let weights: Vec<f32> = levels.iter().map(weight).collect();
        let weights = Tensor::<1>::from_floats(weights.as_slice(), device);
        Some(weights.reshape([-1, 1, 1, 1]))
    }

    /// Checks that every number is possible, and that the empty prompt can take the place of the text.
    fn check(&self, batch: &DiffusionBatch) -> Result<()> {
        self.drop.check()?;
        let localisation = self.localisation.map_or(0.0, |place| place.weight);
        let limit = self.snr_limit.unwrap_or(1.0);
        for (name, fine, found) in [
            ("SNR limit", limit > 0.0, limit),
            (
                "weight of the localisation",
                localisation >= 0.0,
                localisation,
            ),
        ] {
            if !(fine && found.is_finite()) {
                return Err(Error::invalid(name, format!("is out of range: {found}")));
            }
        }
        if self.drop.text_and_pictures > 0.0 && self.empty_picture.is_none() {
            let why = "is needed where pictures are left out, and is not given";
            return Err(Error::invalid("empty picture", why));
        }
        if !self.drop.leaves_out_text() {
            return Ok(());
        }
        let [_, tokens, width] = batch.conditioning.context.dims();
        match self.empty_text.as_ref().map(Tensor::dims) {
            Some(found) if found == [1, tokens, width] => Ok(()),
            Some(found) => {
                let needed = format!("[1, {tokens}, {width}] like the text");
                Err(Error::shape("empty text", needed, found))
            }
            None => {
                let why = "is needed where text is left out, and is not given";
                Err(Error::invalid("empty text", why))
            }
        }
    }

    /// The batch as the network sees it, pixel weights, and what there is to tell.
    fn altered(&self, batch: DiffusionBatch, draw: &mut Draw) -> Result<Altered> {
        self.check(&batch)?;
        let device = batch.latents.device();
        let mut told = Vec::new();
        let (batch, weights) = match &self.clone_face {
            Some(tuning) => {
                let Activated {
                    batch,
                    weights,
                    cloned,
                } = tuning.apply(batch, draw);
                told.push(("cloned_faces", cloned));
                (batch, Some(weights))
            }
            None => {
                let weights = self.focus.weights(&batch, &device, draw);
                (batch, weights)
            }
        };
        let text = self.empty_text.clone().map(|text| tracked(text, &device));
        let picture = self.empty_picture.clone();
        let picture = picture.map(|features| features_on(features, &device));
        let empty = Empty {
            text: text.as_ref(),
            picture: picture.as_ref(),
        };
        let (batch, dropped) = self.drop.apply(batch, empty, draw);
        told.extend([
            ("without_text", dropped.text),
            ("without_identity", dropped.identity),
            ("without_condition", dropped.condition),
            ("without_pictures", dropped.pictures),
        ]);
        let skeleton = batch.modality == Modality::Skeleton;
        told.push(("skeleton", f64::from(u8::from(skeleton))));
        Ok(Altered {
            batch,
            weights,
            told,
        })
    }
}

struct Altered {
    batch: DiffusionBatch,
    weights: Option<Tensor<4>>,
    told: Vec<(&'static str, f64)>,
}

impl Objective for DiffusionObjective {
    type Model = Trainee;
    type Batch = DiffusionBatch;

    fn loss(&self, model: &Trainee, batch: &DiffusionBatch, draw: &mut Draw) -> Result<Loss> {
        batch.check()?;
        let device = model.device();
        if let Some(likeness) = &self.likeness {
            likeness.check(&device)?;
        }
        let levels = self.levels(batch.len(), draw)?;
        let noise = draw.normal(batch.latents.dims(), &device);
        let batch = on_graph(batch.clone(), &device);
        let Altered {
            mut batch,
            weights,
            mut told,
        } = self.altered(batch, draw)?;

        let clean = batch.latents.clone();
        batch.latents = add_noise(clean.clone(), noise.clone(), &levels);
        let target = self.prediction.target(clean, noise, &levels);
        let timesteps: Vec<f32> = levels.iter().map(|level| level.timestep as f32).collect();
        let (parts, faces, noisy) = (
            batch.parts.clone(),
            batch.faces.clone(),
            batch.latents.clone(),
        );
        let inputs = Inputs {
            batch,
            timesteps: Tensor::from_floats(timesteps.as_slice(), &device),
            watch: self
                .localisation
                .map(|place| (place.site, place.watched(model.stages()))),
        };
        let predicted = model.predict(&inputs)?;

        let mut error = (predicted.output.clone() - target).square();
        for weights in weights
            .into_iter()
            .chain(self.level_weights(&levels, &device))
        {
            error = error * weights;
        }
        let mut value = error.mean();
        if let Some(place) = &self.localisation
            && let Some(loss) = place.loss(&predicted.maps, &parts)?
        {
            told.push(("noise", read_number(value.clone())?));
            told.push(("localisation", read_number(loss.clone())?));
            value = value + loss * place.weight;
        }
        if let Some(likeness) = &self.likeness {
            let clean = self.prediction.clean(predicted.output, noisy, &levels);
            if let Some(loss) = likeness.loss(&clean, &levels, &faces, draw)? {
                let cosine = 1.0 - read_number(loss.clone())?;
                told.push(("likeness", cosine));
                value = value + loss * likeness.weight;
            }
        }
        Ok(Loss { value, parts: told })
    }
}

/// The batch where its tensors can meet the model's.
pub(super) fn on_graph(mut batch: DiffusionBatch, device: &Device) -> DiffusionBatch {
    batch.latents = tracked(batch.latents, device);
    batch.conditioning.context = tracked(batch.conditioning.context, device);
    if let Some(added) = &mut batch.conditioning.added {
        added.text_embeds = tracked(added.text_embeds.clone(), device);
        added.time_ids = tracked(added.time_ids.clone(), device);
    }
    batch.condition = batch.condition.map(|condition| tracked(condition, device));
    for face in batch.faces.iter_mut().flatten() {
        face.tokens = face.tokens.take().map(|tokens| tracked(tokens, device));
        let features = face.features.take();
        face.features = features.map(|known| features_on(known, device));
        if let Some(likeness) = &mut face.likeness {
            likeness.embedding = tracked(likeness.embedding.clone(), device);
        }
    }
    for part in batch.parts.iter_mut().flatten() {
        part.look = part.look.take().map(|look| tracked(look, device));
    }
    batch
}

fn features_on(known: IdentityFeatures, device: &Device) -> IdentityFeatures {
    IdentityFeatures {
        face: known.face.map(|face| tracked(face, device)),
        picture: known.picture.map(|picture| tracked(picture, device)),
        picture_tokens: known.picture_tokens.map(|tokens| tracked(tokens, device)),
    }
}

//! Conditions that are left out now and then, so that the model can do without them: what
//! classifier-free guidance stands on.

use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::batch::{DiffusionBatch, FaceTarget};
use crate::error::{Error, Result};
use crate::identity::projector::IdentityFeatures;
use crate::train::Draw;

/// Shares of pictures that do without something, each drawn on its own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConditionDrop {
    /// Without text: the empty prompt instead.
    pub text: f64,
    /// Without identities.
    pub identity: f64,
    /// Without condition picture: black instead.
    pub condition: f64,
    /// Without all three.
    pub all: f64,
    /// Without text, and with nothing to be seen in the faces' pictures; their embeddings and parts stay.
    pub text_and_pictures: f64,
}

impl ConditionDrop {
    /// Nothing is left out.
    pub const NONE: Self = Self {
        text: 0.0,
        identity: 0.0,
        condition: 0.0,
        all: 0.0,
        text_and_pictures: 0.0,
    };
    /// ConsistentID's: one in ten without text and pictures, together.
    pub const CONSISTENT_ID: Self = Self {
        text_and_pictures: 0.1,
        ..Self::NONE
    };
    /// One in twenty each, and one in twenty without all.
    pub const USUAL: Self = Self {
        text: 0.05,
        identity: 0.05,
        condition: 0.05,
        all: 0.05,
        ..Self::NONE
    };

    /// Whether pictures may do without text.
    pub(super) fn leaves_out_text(&self) -> bool {
        self.text + self.all + self.text_and_pictures > 0.0
    }

    pub(super) fn check(&self) -> Result<()> {
        for (name, share) in [
            ("text", self.text),
            ("identity", self.identity),
            ("condition", self.condition),
            ("all", self.all),
            ("text and pictures", self.text_and_pictures),
        ] {
            if !(0.0..=1.0).contains(&share) {
                let why = format!("needs 0 to 1, found {share}");
                return Err(Error::invalid(format!("share without {name}"), why));
            }
        }
        Ok(())
    }

    /// `batch` without what the draws leave out.
    pub(super) fn apply(
        &self,
        mut batch: DiffusionBatch,
        empty: Empty<'_>,
        draw: &mut Draw,
    ) -> (DiffusionBatch, Dropped<f64>) {
        let rows: Vec<Without> = (0..batch.len()).map(|_| self.draw(draw)).collect();
        let device = batch.latents.device();
        let keep = |which: fn(&Without) -> bool| -> Option<Tensor<1>> {
            let dropped = rows.iter().any(which);
            let kept = |row| if which(row) { 0.0 } else { 1.0 };
            dropped.then(|| vector(rows.iter().map(kept).collect(), &device))
        };

        if let (Some(keep), Some(text)) = (keep(|row| row.text), empty.text) {
            let keep = keep.reshape([-1, 1, 1]);
            let context = batch.conditioning.context;
            batch.conditioning.context = context * keep.clone() + text.clone() * (1.0 - keep);
            // The pooled vector of an empty prompt is the model's own; zero is what pipelines give.
            if let Some(added) = &mut batch.conditioning.added {
                let keep = keep_rows(&rows, &device);
                added.text_embeds = added.text_embeds.clone() * keep;
            }
        }
        if let Some(keep) = keep(|row| row.condition) {
            let keep = keep.reshape([-1, 1, 1, 1]);
            batch.condition = batch.condition.map(|condition| condition * keep);
        }
        for (row, faces) in rows.iter().zip(&mut batch.faces) {
            for face in faces.iter_mut().filter(|_| row.identity) {
                (face.tokens, face.features) = (None, None);
            }
            if let (true, Some(nothing)) = (row.pictures, empty.picture) {
                faces.iter_mut().for_each(|face| see_nothing(face, nothing));
            }
        }
        // The empty prompt has no words for parts.
        for (row, parts) in rows.iter().zip(&mut batch.parts) {
            if row.text {
                parts.clear();
            }
        }
        let share = |which: fn(&Without) -> bool| {
            rows.iter().filter(|row| which(row)).count() as f64 / rows.len().max(1) as f64
        };
        let dropped = Dropped {
            text: share(|row| row.text),
            identity: share(|row| row.identity),
            condition: share(|row| row.condition),
            pictures: share(|row| row.pictures),
        };
        (batch, dropped)
    }

    fn draw(&self, draw: &mut Draw) -> Without {
        // Every picture takes five numbers, whatever they say.
        let shares = [
            self.text,
            self.identity,
            self.condition,
            self.all,
            self.text_and_pictures,
        ];
        let [text, identity, condition, all, pictures] = shares.map(|share| draw.chance(share));
        Without {
            text: text || all || pictures,
            identity: identity || all,
            condition: condition || all,
            pictures,
        }
    }
}

/// What takes the place of what is left out.
#[derive(Clone, Copy, Default)]
pub(super) struct Empty<'a> {
    /// The empty prompt `[1, n, width]`.
    pub(super) text: Option<&'a Tensor<3>>,
    /// What CLIP sees of a picture of zeros.
    pub(super) picture: Option<&'a IdentityFeatures>,
}

/// The face, as if its picture were all zeros.
fn see_nothing(face: &mut FaceTarget, nothing: &IdentityFeatures) {
    if let Some(features) = &mut face.features {
        let picture = features.picture.as_ref();
        features.picture = picture.and(nothing.picture.clone());
        let tokens = features.picture_tokens.as_ref();
        features.picture_tokens = tokens.and(nothing.picture_tokens.clone());
    }
}

/// One value for each thing that may be left out.
pub(super) struct Dropped<T> {
    pub(super) text: T,
    pub(super) identity: T,
    pub(super) condition: T,
    pub(super) pictures: T,
}

/// What one picture does without.
type Without = Dropped<bool>;

fn vector(values: Vec<f32>, device: &Device) -> Tensor<1> {
    Tensor::from_floats(values.as_slice(), device)
}

fn keep_rows(rows: &[Without], device: &Device) -> Tensor<2> {
    let kept = |row: &Without| if row.text { 0.0 } else { 1.0 };
    vector(rows.iter().map(kept).collect(), device).reshape([-1, 1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unet::Conditioning;

    fn batch() -> DiffusionBatch {
        let device = Device::flex();
        let text = Conditioning::text(Tensor::ones([2, 3, 4], &device) * 2.0);
        DiffusionBatch {
            condition: Some(Tensor::ones([2, 3, 8, 8], &device)),
            ..DiffusionBatch::new(Tensor::ones([2, 4, 4, 4], &device), text)
        }
    }

    /// First value of each row of text and condition picture, and what was left out.
    fn seen(drop: ConditionDrop, step: u64) -> ([f32; 2], [f32; 2], Dropped<f64>) {
        let text = Tensor::zeros([1, 3, 4], &Device::flex());
        let empty = Empty {
            text: Some(&text),
            picture: None,
        };
        let (batch, dropped) = drop.apply(batch(), empty, &mut Draw::new(1, step, 0));
        let first = |values: Vec<f32>| [values[0], values[values.len() / 2]];
        let text = batch.conditioning.context.into_data();
        let condition = batch.condition.unwrap().into_data();
        (
            first(text.try_to_vec().unwrap()),
            first(condition.try_to_vec().unwrap()),
            dropped,
        )
    }

    #[test]
    fn what_is_not_left_out_stays() {
        let (text, condition, dropped) = seen(ConditionDrop::NONE, 0);
        assert_eq!((text, condition), ([2.0; 2], [1.0; 2]));
        assert_eq!(dropped.text + dropped.identity + dropped.condition, 0.0);
    }

    #[test]
    fn each_picture_does_without_what_was_drawn_for_it() {
        let drop = ConditionDrop {
            text: 0.3,
            condition: 0.3,
            ..ConditionDrop::NONE
        };
        let mut kinds = std::collections::BTreeSet::new();
        for step in 0..40 {
            let (text, condition, dropped) = seen(drop, step);
            let share = |values: [f32; 2]| values.iter().filter(|value| **value == 0.0).count();
            assert_eq!(share(text) as f64 / 2.0, dropped.text);
            assert_eq!(share(condition) as f64 / 2.0, dropped.condition);
            kinds.insert((share(text), share(condition)));
        }
        assert!(kinds.len() > 5, "{kinds:?}");
    }

    #[test]
    fn text_and_pictures_go_together_and_embeddings_stay() {
        let device = Device::flex();
        let features = |value: f32| IdentityFeatures {
            face: Some(Tensor::full([1, 5], value, &device)),
            picture: None,
            picture_tokens: Some(Tensor::full([1, 2, 3], value, &device)),
        };
        let face = || FaceTarget {
            features: Some(features(1.0)),
            ..FaceTarget::unknown(ndarray::Array2::ones((4, 4)))
        };
        let with_faces = DiffusionBatch {
            faces: vec![vec![face()], vec![face()]],
            ..batch()
        };
        let drop = ConditionDrop {
            text_and_pictures: 0.5,
            ..ConditionDrop::NONE
        };
        let (text, nothing) = (Tensor::zeros([1, 3, 4], &device), features(7.0));
        let empty = Empty {
            text: Some(&text),
            picture: Some(&nothing),
        };
        let mut seen = std::collections::BTreeSet::new();
        for step in 0..20 {
            let draw = &mut Draw::new(1, step, 0);
            let (batch, dropped) = drop.apply(with_faces.clone(), empty, draw);
            assert_eq!(dropped.pictures, dropped.text);
            for (row, faces) in batch.faces.iter().enumerate() {
                let known = faces[0].features.as_ref().unwrap();
                let tokens = known.picture_tokens.clone().unwrap();
                let context = batch
                    .conditioning
                    .context
                    .clone()
                    .slice_dim(0, row..row + 1);
                let pair = [
                    tokens.max().into_scalar::<f32>(),
                    context.max().into_scalar::<f32>(),
                ];
                assert!(pair == [7.0, 0.0] || pair == [1.0, 2.0], "{pair:?}");
                let face = known.face.clone().unwrap().max().into_scalar::<f32>();
                assert_eq!((face, known.picture.is_none()), (1.0, true));
                seen.insert(pair[0] as u32);
            }
        }
        assert_eq!(seen.len(), 2);
    }
}

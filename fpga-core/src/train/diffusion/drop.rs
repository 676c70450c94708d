//! Conditions that are left out now and then, so that the model can do without them: what
//! classifier-free guidance stands on.

use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::batch::DiffusionBatch;
use crate::error::{Error, Result};
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
}

impl ConditionDrop {
    /// Nothing is left out.
    pub const NONE: Self = Self {
        text: 0.0,
        identity: 0.0,
        condition: 0.0,
        all: 0.0,
    };
    /// One in twenty each, and one in twenty without all.
    pub const USUAL: Self = Self {
        text: 0.05,
        identity: 0.05,
        condition: 0.05,
        all: 0.05,
    };

    pub(super) fn check(&self) -> Result<()> {
        for (name, share) in [
            ("text", self.text),
            ("identity", self.identity),
            ("condition", self.condition),
            ("all", self.all),
        ] {
            if !(0.0..=1.0).contains(&share) {
                let why = format!("needs 0 to 1, found {share}");
                return Err(Error::invalid(format!("share without {name}"), why));
            }
        }
        Ok(())
    }

    /// `batch` without what the draws leave out; `empty` is the empty prompt `[1, n, width]`.
    pub(super) fn apply(
        &self,
        mut batch: DiffusionBatch,
        empty: Option<&Tensor<3>>,
        draw: &mut Draw,
    ) -> (DiffusionBatch, Dropped) {
        let rows: Vec<Without> = (0..batch.len()).map(|_| self.draw(draw)).collect();
        let device = batch.latents.device();
        let keep = |which: fn(&Without) -> bool| -> Option<Tensor<1>> {
            let dropped = rows.iter().any(which);
            let kept = |row| if which(row) { 0.0 } else { 1.0 };
            dropped.then(|| vector(rows.iter().map(kept).collect(), &device))
        };

        if let (Some(keep), Some(empty)) = (keep(|row| row.text), empty) {
            let keep = keep.reshape([-1, 1, 1]);
            let context = batch.conditioning.context;
            batch.conditioning.context = context * keep.clone() + empty.clone() * (1.0 - keep);
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
        };
        (batch, dropped)
    }

    fn draw(&self, draw: &mut Draw) -> Without {
        // Every picture takes four numbers, whatever they say.
        let [text, identity, condition, all] =
            [self.text, self.identity, self.condition, self.all].map(|share| draw.chance(share));
        Without {
            text: text || all,
            identity: identity || all,
            condition: condition || all,
        }
    }
}

/// What one picture does without.
struct Without {
    text: bool,
    identity: bool,
    condition: bool,
}

/// Shares of a batch that were left out.
pub(super) struct Dropped {
    pub(super) text: f64,
    pub(super) identity: f64,
    pub(super) condition: f64,
}

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
    fn seen(drop: ConditionDrop, step: u64) -> ([f32; 2], [f32; 2], Dropped) {
        let empty = Tensor::zeros([1, 3, 4], &Device::flex());
        let (batch, dropped) = drop.apply(batch(), Some(&empty), &mut Draw::new(1, step, 0));
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
}

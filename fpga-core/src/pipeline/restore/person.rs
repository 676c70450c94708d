//! Whose face a restored face shall be, and how near it came.

use std::fmt;

use image::RgbImage;
use serde::Serialize;

use super::request::{Face, RestoreRequest, Task};
use crate::error::{Context, Error, Result};
use crate::face::{FaceEmbedder, FaceEmbedding};
use crate::identity::{Identity, IdentitySet, RegionMask};
use crate::pipeline::adapter::FacialPrompts;
use crate::pipeline::guided::ActivePeople;
use crate::pipeline::people::IdentityTokens;

/// Who a face shall show.
#[derive(Clone, Debug)]
pub struct FaceIdentity {
    /// Made by the request's adapter.
    pub tokens: IdentityTokens,
    /// 1 as the adapter was trained, 0 silent.
    pub strength: f64,
    /// Share of the steps back at which it starts and ends to act: `(0.0, 1.0)` for all.
    pub window: (f64, f64),
    /// ConsistentID's text, which knows the parts of the person's face. It takes the place of the
    /// face's prompt; its steps count over the whole schedule.
    pub text: Option<FacialPrompts>,
    /// To measure how much the face is the person's, by the request's embedder.
    pub embedding: Option<FaceEmbedding>,
}

/// Who tells whether two faces are one person's.
#[derive(Clone, Copy)]
pub struct Recogniser<'a>(pub &'a dyn FaceEmbedder);

/// Cosine between a face and the person it shall show.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Likeness {
    /// Of the original.
    pub before: f64,
    /// Of the restored face.
    pub after: f64,
}

impl FaceIdentity {
    /// Full strength, at all steps, unmeasured.
    pub fn new(tokens: IdentityTokens) -> Self {
        Self {
            tokens,
            strength: 1.0,
            window: (0.0, 1.0),
            text: None,
            embedding: None,
        }
    }
}

impl fmt::Debug for Recogniser<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recogniser")
    }
}

impl<'a> RestoreRequest<'a> {
    fn face(&self, task: &Task) -> &Face {
        &self.faces[task.index]
    }

    /// The face's person in the face's mask, if it is to show one.
    pub(super) fn person(&self, task: &Task, guided: bool) -> Result<Option<ActivePeople<'a>>> {
        let Some(identity) = &self.face(task).identity else {
            return Ok(None);
        };
        let adapter = self.adapter.ok_or_else(|| {
            let why = "the request has no adapter that could read its tokens";
            Error::invalid("identity", why)
        })?;
        let region = RegionMask::new(task.mask.in_crop(&task.crop))?;
        let person = Identity {
            tokens: identity.tokens.rows(1, guided)?,
            region,
            strength: identity.strength,
            window: identity.window,
        };
        Ok(Some(ActivePeople {
            adapter,
            set: IdentitySet::new(vec![person])?,
            measure: false,
        }))
    }

    /// How much the face is the person's before and after, where that can be told.
    pub(super) fn likeness(
        &self,
        task: &Task,
        [before, after]: [&RgbImage; 2],
    ) -> Result<Option<Likeness>> {
        let face = self.face(task);
        let embedding = face
            .identity
            .as_ref()
            .and_then(|one| one.embedding.as_ref());
        let (Some(embedding), Some(landmarks), Some(Recogniser(embedder))) =
            (embedding, &face.landmarks, self.recogniser)
        else {
            return Ok(None);
        };
        let cosine = |picture: &RgbImage| -> Result<f64> {
            embedder.embed(picture, landmarks)?.cosine(embedding)
        };
        let measured = || -> Result<Likeness> {
            Ok(Likeness {
                before: cosine(before)?,
                after: cosine(after)?,
            })
        };
        measured().context(|| "measuring the likeness").map(Some)
    }
}

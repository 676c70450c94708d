//! Strangers, each known by one reference picture.

use std::ops::Range;

use anyhow::Result;
use fpga_core::RgbImage;
use fpga_core::data::portrait::{Drawing, Framing, Person, SceneSampler, Style, Wording};
use fpga_core::face::{FaceEmbedder, FaceEmbedding};
use fpga_core::pipeline::{FaceReference, IdentityAdapter, IdentityTokens};
use rayon::prelude::*;

use crate::judge::Judge;
use crate::studio::Studio;

pub(crate) struct Crowd(Vec<Stranger>);

pub(crate) struct Stranger {
    pub(crate) person: Person,
    /// The reference picture.
    pub(crate) picture: RgbImage,
    pub(crate) embedding: FaceEmbedding,
    /// What the second recogniser says of it.
    pub(crate) second: Option<FaceEmbedding>,
}

impl Stranger {
    /// What the recogniser says of the face.
    pub(crate) fn face(&self) -> FaceReference {
        FaceReference::from_embedding(self.embedding.clone())
    }

    pub(crate) fn tokens(&self, adapter: &IdentityAdapter) -> Result<IdentityTokens> {
        Ok(adapter.tokens(&[self.face()])?)
    }
}

/// Some of them in a picture.
pub(crate) struct Scene {
    /// Numbers in the crowd, from left to right.
    pub(crate) who: Vec<usize>,
    pub(crate) words: String,
    pub(crate) drawing: Drawing,
}

impl Crowd {
    /// The people of these numbers.
    pub(crate) fn drawn(studio: &Studio, judge: &Judge, numbers: Range<u64>) -> Result<Self> {
        let first = numbers.start;
        let stranger = |number| {
            let person = Person::from_seed(number);
            let drawing = painted(studio.size)
                .portrait(&person, number - first)?
                .draw()?;
            let landmarks = &drawing.figures[0].landmarks;
            let embedding = studio.embedder.embed(&drawing.picture, landmarks)?;
            Ok(Stranger {
                person,
                embedding,
                second: judge.second(&drawing.picture, landmarks)?,
                picture: drawing.picture,
            })
        };
        let strangers = numbers.into_par_iter().map(stranger);
        strangers.collect::<Result<_>>().map(Self)
    }

    pub(crate) fn get(&self, number: usize) -> &Stranger {
        &self.0[number]
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The next few, before another backdrop with every seed.
    pub(crate) fn scene(&self, people: usize, side: u32, seed: u64) -> Result<Scene> {
        let first = seed as usize * people;
        let who: Vec<_> = (first..first + people)
            .map(|number| number % self.len())
            .collect();
        let sampler = SceneSampler {
            framing: if people == 1 {
                Framing::Portrait
            } else {
                Framing::Half
            },
            hats: false,
            ..painted(side)
        };
        let present: Vec<_> = who
            .iter()
            .map(|&number| self.get(number).person.clone())
            .collect();
        let scene = sampler.scene(&present, 1_000 + seed)?;
        Ok(Scene {
            who,
            words: scene.caption(Wording::Plain),
            drawing: scene.draw()?,
        })
    }

    /// Whom of all a face is most like, in the eyes of the recogniser `by` whom everyone is known.
    pub(crate) fn nearest(
        &self,
        face: &FaceEmbedding,
        by: impl Fn(&Stranger) -> Option<&FaceEmbedding>,
    ) -> Result<usize> {
        let known = self.0.iter().filter_map(by);
        let cosines = known.map(|one| face.cosine(one));
        let cosines = cosines.collect::<Result<Vec<_>, _>>()?;
        let nearest = (0..cosines.len()).max_by(|&a, &b| cosines[a].total_cmp(&cosines[b]));
        Ok(nearest.expect("somebody is in the crowd"))
    }
}

fn painted(side: u32) -> SceneSampler {
    SceneSampler {
        styles: vec![Style::Painted],
        ..SceneSampler::new(side)
    }
}

//! Who is shown: people whom no network was trained on, each with one reference picture.

use anyhow::Result;
use fpga_core::RgbImage;
use fpga_core::data::portrait::{Framing, Person, Scene, SceneSampler, Style};
use fpga_core::face::{FaceEmbedder, FaceEmbedding, Landmarks5};
use fpga_core::pipeline::{FaceReference, IdentityTokens};

use crate::studio::Studio;

/// People from this number on were never trained on.
const STRANGERS: u64 = 1_000_000;
/// How many people are given.
const GIVEN: u64 = 3;

pub(crate) struct Cast {
    pub(crate) people: Vec<Given>,
}

/// A person as a user gives them: a picture in which somebody has found the face.
pub(crate) struct Given {
    pub(crate) person: Person,
    pub(crate) picture: RgbImage,
    pub(crate) embedding: FaceEmbedding,
    pub(crate) tokens: IdentityTokens,
}

impl Cast {
    /// Others with every seed.
    pub(crate) fn drawn(studio: &Studio, seed: u64) -> Result<Self> {
        let given = |index| {
            let person = Person::from_seed(STRANGERS + GIVEN * seed + index);
            let sampler = SceneSampler {
                styles: vec![Style::Painted],
                ..SceneSampler::new(studio.size)
            };
            let drawing = sampler.portrait(&person, index)?.draw()?;
            let landmarks = &drawing.figures[0].landmarks;
            let embedding = studio.embedder.embed(&drawing.picture, landmarks)?;
            let reference = FaceReference::from_embedding(embedding.clone());
            Ok(Given {
                person,
                tokens: studio.adapter.tokens(&[reference])?,
                embedding,
                picture: drawing.picture,
            })
        };
        let people = (0..GIVEN).map(given).collect::<Result<_>>()?;
        Ok(Self { people })
    }

    /// Some of them in one scene: what to say of it, and where they stand.
    pub(crate) fn scene(&self, who: &[usize], side: u32, seed: u64) -> Result<Scene> {
        let framing = match who.len() {
            1 => Framing::Portrait,
            _ => Framing::Half,
        };
        let sampler = SceneSampler {
            framing,
            styles: vec![Style::Painted],
            hats: false,
            ..SceneSampler::new(side)
        };
        let people: Vec<_> = who
            .iter()
            .map(|&index| self.people[index].person.clone())
            .collect();
        Ok(sampler.scene(&people, seed)?)
    }

    /// Cosines of a face with everyone who is given.
    pub(crate) fn likeness(
        &self,
        studio: &Studio,
        picture: &RgbImage,
        landmarks: &Landmarks5,
    ) -> Result<Vec<f64>> {
        let face = studio.embedder.embed(picture, landmarks)?;
        let cosines = self.people.iter().map(|one| face.cosine(&one.embedding));
        Ok(cosines.collect::<Result<_, _>>()?)
    }
}

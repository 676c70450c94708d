//! Scenes whose words know what eyes, nose and mouth look like (ConsistentID).

use std::ops::Range;
use std::path::Path;

use anyhow::Result;
use burn::tensor::{Int, Tensor};
use fpga_core::data::portrait::{Drawing, Person, SceneSampler, Wording};
use fpga_core::identity::facial_parts::{PartMask, part_masks};
use fpga_core::identity::facial_prompt::{
    FACIAL_MARK, FacialPrompt, PICTURE_MARK, Pairing, PromptLayout,
};
use fpga_core::identity::projector::IdentityFeatures;
use fpga_core::text::ClipTokenizer;
use fpga_core::train::diffusion::{DiffusionBatch, FaceTarget, PartTarget};
use fpga_core::unet::Conditioning;
use fpga_core::vae::picture_to_tensor;
use fpga_core::vision::{ClipVision, preprocess};
use fpga_core::weights::{ModelFolder, Storage};
use fpga_core::{Error, RgbImage};
use rayon::prelude::*;

use crate::head::head;
use crate::people::{Numbers, aligned, near};
use crate::recipe::{CLIP_SIDE, LOCAL_POOL, SIDE};
use crate::remembered::Remembered;
use crate::scenes::{Scenes, rectangle};

/// One face from near in every scene, known by another picture. What was read once is remembered.
#[derive(Clone)]
pub(crate) struct Closely {
    scenes: Scenes,
    viewer: ClipVision,
    /// Knows the marks.
    tokenizer: ClipTokenizer,
    mark: i64,
    known: Remembered<Look>,
}

/// What is known of a scene.
#[derive(Clone)]
struct Look {
    /// `[1, c, h, w]`
    latents: Tensor<4>,
    /// `[1, n, width]`
    words: Tensor<3>,
    face: FaceTarget,
    parts: Vec<PartTarget>,
}

impl Closely {
    pub(crate) fn open(scenes: &Scenes, model: &Path) -> Result<Self> {
        let folder = ModelFolder::open(model.join("image_encoder"), None)?;
        let mut tokenizer = scenes.tokenizer.clone();
        let mark = tokenizer.add_tokens(&[PICTURE_MARK, FACIAL_MARK])?[1];
        Ok(Self {
            scenes: scenes.clone(),
            viewer: folder.clip_vision(Storage::F32, &scenes.device)?.0,
            tokenizer,
            mark,
            known: Remembered::default(),
        })
    }

    /// Scenes of others.
    pub(crate) fn of(&self, crowd: Range<u64>) -> Self {
        Self {
            scenes: self.scenes.of(crowd),
            known: Remembered::default(),
            ..self.clone()
        }
    }

    /// What a step learns from.
    pub(crate) fn batch(&self, at: u64, count: u64) -> Result<DiffusionBatch, Error> {
        let number = |index| Numbers::new(at, index).below(LOCAL_POOL);
        let looks = (0..count).into_par_iter().map(|index| {
            self.known
                .or_made(number(index), |number| self.read(number))
        });
        let looks = looks.collect::<Result<Vec<_>, Error>>()?;
        let latents = looks.iter().map(|look| look.latents.clone()).collect();
        let words = looks.iter().map(|look| look.words.clone()).collect();
        let text = Conditioning::text(Tensor::cat(words, 0));
        let (faces, parts) = looks
            .into_iter()
            .map(|look| (vec![look.face], look.parts))
            .unzip();
        Ok(DiffusionBatch {
            faces,
            parts,
            ..DiffusionBatch::new(Tensor::cat(latents, 0), text)
        })
    }

    fn features(&self, pixels: Tensor<4>) -> IdentityFeatures {
        IdentityFeatures {
            picture_tokens: Some(self.seen(pixels)),
            ..IdentityFeatures::default()
        }
    }

    /// CLIP's last hidden state but one, `[b, t, width]`.
    fn seen(&self, pixels: Tensor<4>) -> Tensor<3> {
        let states = self.viewer.forward(pixels).hidden_states;
        states[states.len() - 2].clone()
    }

    fn read(&self, number: u64) -> Result<Look, Error> {
        let Scenes {
            vae,
            embedder,
            device,
            crowd,
            ..
        } = &self.scenes;
        let numbers = &mut Numbers::new(number, 254);
        let (scene, who) = near(numbers, crowd, SIDE)?;
        let person = Person::from_seed(who[0]);
        let drawing = scene.draw()?;
        let pixels = picture_to_tensor(&drawing.picture, device);

        let reference = SceneSampler::new(SIDE)
            .portrait(&person, numbers.next())?
            .draw()?;
        let face = embedder.embed_aligned(&aligned(numbers, &person)?)?;
        let face = Tensor::<1>::from_floats(face.unit().as_slice(), device);
        let whole = preprocess(&reference.picture, CLIP_SIDE, device)?;
        let place = rectangle(&head(&drawing.figures[0].face)?);
        let (words, parts) = self.words(&scene.caption(Wording::Plain), &person, &reference)?;
        Ok(Look {
            latents: vae.scale(vae.encode(pixels).mean),
            words,
            face: FaceTarget {
                features: Some(IdentityFeatures {
                    face: Some(face.unsqueeze()),
                    ..self.features(whole)
                }),
                ..FaceTarget::unknown(place)
            },
            parts: { parts.into_iter() }
                .filter_map(|(token, part)| self.target(token, &part, &drawing, &reference.picture))
                .collect::<Result<_, _>>()?,
        })
    }

    /// A caption and a description of the face, and which part which of its tokens stands for.
    fn words(
        &self,
        caption: &str,
        person: &Person,
        reference: &Drawing,
    ) -> Result<(Tensor<3>, Vec<(usize, PartMask)>), Error> {
        let masks = part_masks(reference.parts.view());
        let present: Vec<_> = masks.iter().map(|mask| mask.part).collect();
        let description = person.facial_description();
        let tokenizer = &self.tokenizer;
        let fits = |text: &str| Ok(tokenizer.count(text)? <= tokenizer.window());
        let ways = (PromptLayout::Joined, Pairing::ByWord);
        let prompt = FacialPrompt::new(caption, &description, &present, ways, fits)?;
        let window = tokenizer.marked_window(&prompt.marked, Some(self.mark))?;
        let ids = window.windows.as_slice()[0].ids.as_slice();
        let ids = Tensor::<1, Int>::from_ints(ids, &self.scenes.device);
        let mask = |part| masks.iter().find(|mask| mask.part == part).cloned();
        let parts = prompt.parts.into_iter().filter_map(mask);
        let words = self
            .scenes
            .reader
            .forward(ids.unsqueeze())
            .last_hidden_state;
        Ok((words, window.marked.into_iter().zip(parts).collect()))
    }

    /// Nothing where the scene hides the part.
    fn target(
        &self,
        token: usize,
        part: &PartMask,
        drawing: &Drawing,
        reference: &RgbImage,
    ) -> Option<Result<PartTarget, Error>> {
        let class = part.part.class();
        let region = drawing
            .parts
            .mapv(|found| f32::from(u8::from(found == class)));
        region.iter().any(|&inside| inside > 0.0).then(|| {
            let pixels = preprocess(&part.picture(reference)?, CLIP_SIDE, &self.scenes.device)?;
            Ok(PartTarget {
                token,
                region,
                look: Some(self.seen(pixels).squeeze_dim(0)),
            })
        })
    }
}

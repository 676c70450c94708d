//! What to restore, how, and the one check of it.
//!
//! [`RestoreRequest::check`] turns a request into tasks: one per face, with its crop planned, its mask
//! made and its prompt encoded. Whatever does not fit the picture or the model is found here, before
//! any network runs.

use image::RgbImage;
use ndarray::Array2;

use super::find::FaceSearch;
use super::gate::{Gate, KeptReason};
use super::landmark_control::LandmarkControl;
use super::person::{FaceIdentity, Recogniser};
use crate::diffusion::Guidance;
use crate::error::{Context, Error, Result};
use crate::face::{
    CropPlan, CropSettings, FaceBox, FaceMask, Landmarks5, MaskShape, split_overlaps,
};
use crate::identity::IdentityAttention;
use crate::pipeline::adapter::FacialPrompts;
use crate::pipeline::model::StableDiffusion;
use crate::pipeline::prompt::{Prompt, PromptChange, PromptPair, encode_prompts};
use crate::pipeline::seed::NoiseKind;
use crate::sampler::DdimInversion;
use crate::text::LongPrompt;

/// One face of the picture.
#[derive(Clone, Debug)]
pub struct Face {
    /// Where it is.
    pub region: FaceBox,
    /// Eyes, nose and mouth; without them the crop is never turned.
    pub landmarks: Option<Landmarks5>,
    /// `[height, width]` of the picture, 1 where it may change, 0 where not. Without it the mask is
    /// made from the landmarks, or from the box.
    pub mask: Option<Array2<f32>>,
    /// What it looks like; `None`: the request's prompt.
    pub prompt: Option<Prompt>,
    /// Who it shall show; `None`: whoever the prompt makes of it.
    pub identity: Option<FaceIdentity>,
}

impl Face {
    /// A face of which only the box is known.
    pub fn new(region: FaceBox) -> Self {
        Self {
            region,
            landmarks: None,
            mask: None,
            prompt: None,
            identity: None,
        }
    }
}

/// One job of a [`FaceRestorer`](super::FaceRestorer).
#[derive(Clone, Debug)]
pub struct RestoreRequest<'a> {
    /// The picture, of any size.
    pub picture: &'a RgbImage,
    /// The faces to restore, in this order; all others stay as they are.
    pub faces: Vec<Face>,
    /// Finds the faces where `faces` is empty.
    pub search: Option<FaceSearch<'a>>,
    /// What restored faces look like.
    pub prompt: Prompt,
    /// What they do not look like.
    pub negative_prompt: Prompt,
    /// What the picture shows now, for the inversion. `None`: the empty text, or the negative prompt
    /// where prompts are embedded.
    pub source_prompt: Option<Prompt>,
    /// Prompts beyond 77 tokens.
    pub long_prompt: LongPrompt,
    /// How much of the old face is forgotten: 0 nothing, 1 all but what the noise remembers.
    pub depth: f64,
    /// Steps of the whole schedule; `depth` times as many are made, each way.
    pub steps: usize,
    /// Extra network calls per inversion step that make the way back lead to the same picture.
    pub fixed_point_iterations: usize,
    /// How strongly the prompt pulls on the way back; 3 to 5 is usual.
    pub guidance: Guidance,
    /// Share of fresh noise in what the way back starts from: 0 always makes the same face, more makes
    /// another one with every seed.
    pub variation: f64,
    /// Of the fresh noise; face `i` uses `seed + i`. `None`: a fresh one, reported in the result.
    pub seed: Option<u64>,
    /// Whose random numbers.
    pub noise: NoiseKind,
    /// How faces are cut out; `size` is what the model was trained on.
    pub crop: CropSettings,
    /// Width over which masks fade, as a share of the crop's side: 0 to 0.25.
    pub feather: f64,
    /// Reads the tokens of the faces' identities; loaded for this model.
    pub adapter: Option<&'a IdentityAttention>,
    /// Keeps pose and expression of every face, by its own landmarks.
    pub landmark_control: Option<LandmarkControl<'a>>,
    /// Tells how much a face is the person's that it shall show.
    pub recogniser: Option<Recogniser<'a>>,
    /// When the original is kept.
    pub gate: Gate,
    /// Whether the report says how well the inversion leads back, at the cost of as many network calls
    /// as steps are made, and of one decoding.
    pub measure_round_trip: bool,
}

impl<'a> RestoreRequest<'a> {
    /// Depth 0.6 of 30 steps, guidance 4, one refinement per inversion step, crops of 512 pixels.
    pub fn new(picture: &'a RgbImage, faces: Vec<Face>, prompt: impl Into<Prompt>) -> Self {
        Self {
            picture,
            faces,
            search: None,
            prompt: prompt.into(),
            negative_prompt: Prompt::from(""),
            source_prompt: None,
            long_prompt: LongPrompt::default(),
            depth: 0.6,
            steps: 30,
            fixed_point_iterations: 1,
            guidance: Guidance::new(4.0),
            variation: 0.0,
            seed: None,
            noise: NoiseKind::default(),
            crop: CropSettings::default(),
            feather: 1.0 / 16.0,
            adapter: None,
            landmark_control: None,
            recogniser: None,
            gate: Gate::default(),
            measure_round_trip: true,
        }
    }

    /// The same job at depth 1: another face instead of a better one.
    #[must_use]
    pub fn swapping(self) -> Self {
        Self { depth: 1.0, ..self }
    }

    /// Checks everything against the model and plans every face.
    pub(super) fn check(&self, model: &StableDiffusion) -> Result<Plan> {
        let (width, height) = self.picture.dimensions();
        if width == 0 || height == 0 {
            return Err(Error::shape(
                "picture",
                "at least one pixel",
                [width, height],
            ));
        }
        self.check_numbers()?;
        self.crop.check()?;
        let mut inversion = DdimInversion::new(&model.schedule, self.steps)?;
        inversion.fixed_point_iterations = self.fixed_point_iterations;

        let shapes: Vec<_> = (self.faces.iter().enumerate())
            .map(|(index, face)| self.shape(face).context(|| in_face(index)))
            .collect::<Result<_>>()?;
        let boxes: Vec<FaceBox> = self.faces.iter().map(|face| face.region).collect();
        let (crops, mut masks): (Vec<CropPlan>, Vec<FaceMask>) = shapes.into_iter().unzip();
        split_overlaps(&mut masks, &boxes)?;
        let tasks = crops.into_iter().zip(masks).enumerate();
        let tasks = tasks
            .map(|(index, (crop, mask))| Task { index, crop, mask })
            .collect();
        Ok(Plan {
            steps: inversion.steps_to(self.depth)?,
            inversion,
            tasks,
        })
    }

    fn check_numbers(&self) -> Result<()> {
        let within =
            |what: &str, value: f64, low: f64, high: f64| match (low..=high).contains(&value) {
                true => Ok(()),
                false => Err(Error::invalid(
                    what,
                    format!("needs {low} to {high}, found {value}"),
                )),
            };
        within("depth", self.depth, 0.0, 1.0)?;
        within("steps", self.steps as f64, 1.0, 1000.0)?;
        within(
            "fixed_point_iterations",
            self.fixed_point_iterations as f64,
            0.0,
            100.0,
        )?;
        within("guidance scale", self.guidance.scale, 0.0, 100.0)?;
        within("guidance rescale", self.guidance.rescale, 0.0, 1.0)?;
        within("variation", self.variation, 0.0, 1.0)?;
        within("feather", self.feather, 0.0, 0.25)?;
        self.gate.check()
    }

    fn shape(&self, face: &Face) -> Result<(CropPlan, FaceMask)> {
        let (width, height) = self.picture.dimensions();
        let crop = CropPlan::new(
            [width, height],
            &face.region,
            face.landmarks.as_ref(),
            &self.crop,
        )?;
        let shape = match (&face.mask, &face.landmarks) {
            (Some(mask), _) => MaskShape::Given(mask),
            (None, Some(landmarks)) => MaskShape::Landmarks(landmarks),
            (None, None) => MaskShape::Box(&face.region),
        };
        let mask = FaceMask::new(&crop, shape, self.feather)?;
        Ok((crop, mask))
    }

    /// What the networks are told on the way to noise.
    pub(super) fn encode_source(&self, model: &StableDiffusion) -> Result<PromptPair> {
        let source = self.source();
        self.encode(model, [&source, &source])
            .context(|| "source prompt")
    }

    fn source(&self) -> Prompt {
        match (&self.source_prompt, &self.negative_prompt) {
            (Some(source), _) => source.clone(),
            (None, Prompt::Text(_)) => Prompt::from(""),
            (None, embedded) => embedded.clone(),
        }
    }

    /// What the networks are told on the way back to a face with this prompt.
    pub(super) fn encode_target(&self, model: &StableDiffusion, prompt: &Prompt) -> Result<Target> {
        let prompts = self.encode(model, [prompt, &self.negative_prompt])?;
        Ok(Target {
            prompts,
            change: None,
        })
    }

    /// The same for a face that brings its own text.
    pub(super) fn encode_facial(
        &self,
        model: &StableDiffusion,
        text: &FacialPrompts,
        plan: &Plan,
    ) -> Result<Target> {
        let PromptChange {
            from_step,
            prompt,
            negative_prompt,
        } = &text.change;
        let left_out = self.steps - plan.steps;
        Ok(Target {
            prompts: self.encode(model, [&text.prompt, &text.negative_prompt])?,
            change: Some((
                from_step.saturating_sub(left_out),
                self.encode(model, [prompt, negative_prompt])?,
            )),
        })
    }

    fn encode(&self, model: &StableDiffusion, texts: [&Prompt; 2]) -> Result<PromptPair> {
        let size = [self.crop.size; 2];
        let added = model
            .unet
            .config()
            .encoder
            .added
            .map(|_| (size, &model.device));
        encode_prompts(model.text.as_ref(), texts, self.long_prompt, added)
    }
}

/// What the networks are told on the way back.
#[derive(Clone)]
pub(super) struct Target {
    /// From the first step.
    pub(super) prompts: PromptPair,
    /// From a later one.
    pub(super) change: Option<(usize, PromptPair)>,
}

/// A checked request.
pub(super) struct Plan {
    pub(super) inversion: DdimInversion,
    /// Steps that are made, each way.
    pub(super) steps: usize,
    pub(super) tasks: Vec<Task>,
}

/// One face, ready to be worked on.
pub(super) struct Task {
    pub(super) index: usize,
    pub(super) crop: CropPlan,
    pub(super) mask: FaceMask,
}

impl Plan {
    /// Timesteps of the way back, noisiest first.
    pub(super) fn timesteps_back(&self) -> Vec<f64> {
        let way = &self.inversion.timesteps()[..self.steps];
        way.iter().rev().copied().collect()
    }

    /// Why there is nothing to do for a face.
    pub(super) fn idle(&self, task: &Task) -> Option<KeptReason> {
        if self.steps == 0 {
            return Some(KeptReason::NoSteps);
        }
        task.mask.is_empty().then_some(KeptReason::EmptyMask)
    }
}

impl Task {
    /// The mask on the model's latents, `[h, w]`.
    pub(super) fn latent_mask(&self, model: &StableDiffusion) -> Result<Array2<f32>> {
        self.mask
            .in_latents(&self.crop, model.vae.config().reduction())
    }
}

pub(super) fn in_face(index: usize) -> String {
    format!("face {index}")
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor};

    use super::*;

    #[test]
    fn the_source_is_neutral_unless_given() {
        let picture = RgbImage::new(8, 8);
        let request = |negative: Prompt| RestoreRequest {
            negative_prompt: negative,
            ..RestoreRequest::new(&picture, Vec::new(), "a face")
        };
        let text = |prompt: Prompt| match prompt {
            Prompt::Text(text) => text,
            Prompt::Embedded { .. } => panic!("text was asked for"),
        };
        assert_eq!(text(request("blurred".into()).source()), "");
        let context = Tensor::<3>::ones([1, 3, 12], &Device::flex());
        let negative = Prompt::Embedded {
            context,
            pooled: None,
        };
        assert!(matches!(
            request(negative.clone()).source(),
            Prompt::Embedded { .. }
        ));
        let given = RestoreRequest {
            source_prompt: Some("a man".into()),
            ..request(negative)
        };
        assert_eq!(text(given.source()), "a man");
    }
}

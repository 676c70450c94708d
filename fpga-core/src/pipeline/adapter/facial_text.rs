//! ConsistentID's text (Huang et al. 2024, section 3.2): a prompt whose words for facial parts are fused
//! with pictures of those parts, from a certain step on.
//!
//! [`FacialTextWays::upstream`] does what the published code does, which is what the checkpoints were
//! made with; every oddity of it is a choice.

use burn::tensor::Tensor;
use image::RgbImage;

use super::super::prompt::{Prompt, PromptChange, PromptEncoder, TextEncoder};
use super::{FaceReference, IdentityAdapter};
use crate::error::{Context, Error, Result};
use crate::identity::facial_parts::{PartMask, part_masks};
use crate::identity::facial_prompt::{
    FACIAL_MARK, FacialPart, FacialPrompt, PICTURE_MARK, Pairing, PromptLayout,
};
use crate::identity::projector::{FacialEncoder, MarkedTokens};
use crate::text::{ClipTokenizer, LongPrompt, PromptEmbedding, TokenWindows, WeightedSpan};
use crate::vision::preprocess;

/// Parts that get a picture; checkpoints were trained with this many.
const PARTS: usize = 5;

/// What the picture shows, and whose face.
#[derive(Clone, Copy, Debug)]
pub struct FacialText<'a> {
    /// What the picture shows; taken as it stands, without emphasis.
    pub prompt: &'a str,
    /// What it does not show.
    pub negative_prompt: &'a str,
    /// What the face looks like; `None`: the published template.
    pub caption: Option<&'a str>,
    /// A picture of the person with its part map.
    pub reference: &'a FaceReference,
    /// How the text is made.
    pub ways: FacialTextWays,
}

/// Every choice in the making of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FacialTextWays {
    /// How prompt and caption are joined.
    pub layout: PromptLayout,
    /// Which part's picture goes to which word.
    pub pairing: Pairing,
    /// Which negative prompt the first steps get.
    pub negative: NegativeText,
    /// What SDXL's second tokenizer makes of the marks.
    pub second_tokenizer: SecondTokenizer,
    /// The last step, from 0, that gets the plain text (`start_merge_step`).
    pub last_plain_step: usize,
}

/// The negative prompt of the steps before the parts are merged in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NegativeText {
    /// Already fused with pictures of nothing: upstream changes it in place.
    #[default]
    Fused,
    /// As it was written.
    Plain,
}

/// What SDXL's second tokenizer makes of the marks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecondTokenizer {
    /// Ordinary text, which shifts all words behind them: upstream does not teach them to it.
    #[default]
    ReadsMarks,
    /// Nothing, like the first.
    StripsMarks,
}

/// Text for a generation: one pair of prompts for the first steps, another for the rest.
#[derive(Clone, Debug)]
pub struct FacialPrompts {
    /// Of the first steps.
    pub prompt: Prompt,
    /// Of the first steps.
    pub negative_prompt: Prompt,
    /// From where the parts are merged in.
    pub change: PromptChange,
}

impl FacialTextWays {
    /// As the published code has it: the demonstrations merge after step 30 of 50.
    pub fn upstream(layout: PromptLayout) -> Self {
        Self {
            layout,
            pairing: Pairing::default(),
            negative: NegativeText::default(),
            second_tokenizer: SecondTokenizer::default(),
            last_plain_step: 30,
        }
    }

    /// What was meant instead.
    pub fn corrected(layout: PromptLayout) -> Self {
        Self {
            pairing: Pairing::ByWord,
            negative: NegativeText::Plain,
            second_tokenizer: SecondTokenizer::StripsMarks,
            ..Self::upstream(layout)
        }
    }
}

impl IdentityAdapter {
    /// The prompts of a picture of one person.
    ///
    /// # Errors
    /// This is no ConsistentID file, the model has no tokenizer, or the reference lacks its picture or
    /// its part map.
    pub fn facial_prompts(
        &self,
        encoder: Option<&PromptEncoder>,
        text: &FacialText<'_>,
    ) -> Result<FacialPrompts> {
        let facial = self.facial.as_ref().ok_or_else(|| {
            let why = format!("needs a ConsistentID file, and this is {:?}", self.kind);
            Error::invalid("facial prompt", why)
        })?;
        let encoder = encoder.ok_or_else(|| {
            let why = "the model has no tokenizer or text model";
            Error::invalid("facial prompt", why)
        })?;
        let taught = Taught::new(encoder, text.ways.second_tokenizer)?;
        let masks = part_masks(text.reference.need_parts()?.labels().view());
        let prompt = taught.prompt(text, &masks)?;

        let marked = taught.encode_marked(&prompt.marked)?;
        let plain = taught.encode_plain(&prompt.plain).context(|| "prompt")?;
        let negative = taught.encode_plain(text.negative_prompt);
        let negative = negative.context(|| "negative prompt")?;
        let marks = MarkedTokens::new(vec![marked.positions]);

        let parts = self.part_pictures(text.reference.need_picture()?, &masks, &prompt.parts)?;
        let fused = fuse(facial, marked.embedding, self.look_at_parts(parts)?, &marks)?;
        let dark = self.look(self.darkness()).tokens.repeat_dim(0, PARTS);
        let fused_negative = fuse(facial, negative.clone(), dark.unsqueeze(), &marks)?;
        let first_negative = match text.ways.negative {
            NegativeText::Fused => fused_negative.clone(),
            NegativeText::Plain => negative,
        };
        Ok(FacialPrompts {
            prompt: embedded(plain),
            negative_prompt: embedded(first_negative),
            change: PromptChange {
                from_step: text.ways.last_plain_step + 1,
                prompt: embedded(fused),
                negative_prompt: embedded(fused_negative),
            },
        })
    }

    /// One picture per part, in the order of the words that they go to.
    fn part_pictures(
        &self,
        picture: &RgbImage,
        masks: &[PartMask],
        parts: &[FacialPart],
    ) -> Result<Vec<RgbImage>> {
        let mask = |part: &FacialPart| masks.iter().find(|mask| mask.part == *part);
        let found = parts.iter().filter_map(mask).take(PARTS);
        found.map(|mask| mask.picture(picture)).collect()
    }

    /// CLIP's hidden states of the parts, `[1, 5, t, w]`; parts that are absent are dark.
    fn look_at_parts(&self, pictures: Vec<RgbImage>) -> Result<Tensor<4>> {
        let side = self.need_vision().config().image_size;
        let mut pixels = pictures
            .iter()
            .map(|picture| preprocess(picture, side, &self.device))
            .collect::<Result<Vec<_>>>()?;
        pixels.resize_with(PARTS, || self.darkness());
        Ok(self.look(Tensor::cat(pixels, 0)).tokens.unsqueeze())
    }
}

/// Text models whose tokenizers know the marks.
struct Taught<'a> {
    first: (&'a TextEncoder, ClipTokenizer, i64),
    second: Option<(&'a TextEncoder, ClipTokenizer, Option<i64>)>,
}

/// A prompt with marks, encoded.
struct Marked {
    embedding: PromptEmbedding,
    positions: Vec<usize>,
}

impl<'a> Taught<'a> {
    fn new(encoder: &'a PromptEncoder, second: SecondTokenizer) -> Result<Self> {
        let marks = [PICTURE_MARK, FACIAL_MARK];
        let mut tokenizer = encoder.first.tokenizer.clone();
        let mark = tokenizer.add_tokens(&marks)?[1];
        let taught_second = |encoder: &'a TextEncoder| -> Result<_> {
            let mut tokenizer = encoder.tokenizer.clone();
            let mark = match second {
                SecondTokenizer::ReadsMarks => {
                    tokenizer.add_tokens(&marks[..1])?;
                    None
                }
                SecondTokenizer::StripsMarks => Some(tokenizer.add_tokens(&marks)?[1]),
            };
            Ok((encoder, tokenizer, mark))
        };
        Ok(Self {
            first: (&encoder.first, tokenizer, mark),
            second: encoder.second.as_ref().map(taught_second).transpose()?,
        })
    }

    fn prompt(&self, text: &FacialText<'_>, masks: &[PartMask]) -> Result<FacialPrompt> {
        let (_, tokenizer, _) = &self.first;
        let FacialTextWays {
            layout, pairing, ..
        } = text.ways;
        let caption = text.caption.unwrap_or(layout.default_caption());
        let parts: Vec<_> = masks.iter().map(|mask| mask.part).collect();
        let fits = |text: &str| Ok(tokenizer.count(text)? <= tokenizer.window());
        FacialPrompt::new(text.prompt, caption, &parts, (layout, pairing), fits)
    }

    fn encode_marked(&self, text: &str) -> Result<Marked> {
        let (encoder, tokenizer, mark) = &self.first;
        let window = tokenizer.marked_window(text, Some(*mark))?;
        let first = encoder.model.encode(&window.windows, encoder.layer)?;
        let second = self.second.as_ref().map(|(encoder, tokenizer, mark)| {
            let window = tokenizer.marked_window(text, *mark)?;
            encoder.model.encode(&window.windows, encoder.layer)
        });
        Ok(Marked {
            embedding: join(first, second.transpose()?),
            positions: window.marked,
        })
    }

    /// One window, cut off where it is too long.
    fn encode_plain(&self, text: &str) -> Result<PromptEmbedding> {
        let encode = |encoder: &TextEncoder, tokenizer: &ClipTokenizer| {
            let span = [WeightedSpan::plain(text)];
            let windows: TokenWindows = tokenizer.windows(&span, LongPrompt::Truncate)?;
            encoder.model.encode(&windows, encoder.layer)
        };
        let (encoder, tokenizer, _) = &self.first;
        let first = encode(encoder, tokenizer)?;
        let second = self
            .second
            .as_ref()
            .map(|(encoder, tokenizer, _)| encode(encoder, tokenizer));
        Ok(join(first, second.transpose()?))
    }
}

/// SDXL's tokens are those of both models; the pooled vector is the second's.
fn join(first: PromptEmbedding, second: Option<PromptEmbedding>) -> PromptEmbedding {
    match second {
        None => first,
        Some(second) => PromptEmbedding {
            context: Tensor::cat(vec![first.context, second.context], 2),
            pooled: second.pooled,
        },
    }
}

fn fuse(
    facial: &FacialEncoder,
    text: PromptEmbedding,
    parts: Tensor<4>,
    marks: &MarkedTokens,
) -> Result<PromptEmbedding> {
    facial.check(text.context.dims(), parts.dims(), marks)?;
    let context = facial.forward(text.context, parts, marks);
    Ok(PromptEmbedding { context, ..text })
}

fn embedded(text: PromptEmbedding) -> Prompt {
    Prompt::Embedded {
        context: text.context,
        pooled: Some(text.pooled),
    }
}

//! From a prompt to what the UNet is told.
//!
//! SD 1 and SD 2 have one text model; SDXL concatenates the tokens of two and takes the pooled
//! vector of the second (Podell et al. 2023, section 2.1).

use burn::tensor::{Device, Tensor};

use crate::error::{Context, Error, Result};
use crate::text::{
    ClipText, ClipTokenizer, HiddenLayer, LongPrompt, PromptEmbedding, TokenWindows, parse_emphasis,
};
use crate::unet::{AddedConditioning, Conditioning};

/// What a picture is told to show.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a job holds two of them")]
pub enum Prompt {
    /// Words, with `(word:1.2)` emphasis.
    Text(String),
    /// Tokens that the caller encoded: `[b, n, width]`, and the pooled `[b, width]` for SDXL.
    Embedded {
        /// Text tokens.
        context: Tensor<3>,
        /// Pooled text; SDXL only.
        pooled: Option<Tensor<2>>,
    },
}

impl Prompt {
    /// How many tokens a UNet gets of it; no text model reads it.
    ///
    /// # Errors
    /// As [`PromptEncoder::encode`]; a text where there is no tokenizer.
    pub(super) fn tokens(
        &self,
        encoder: Option<&PromptEncoder>,
        long: LongPrompt,
    ) -> Result<usize> {
        match self {
            Self::Embedded { context, .. } => Ok(context.dims()[1]),
            Self::Text(text) => {
                let first = &encoder.ok_or_else(no_encoder)?.first;
                let windows = first.windows(text, long)?;
                Ok(windows.as_slice().len() * first.tokenizer.window())
            }
        }
    }
}

fn no_encoder() -> Error {
    let why = "the model has no tokenizer or text model: pass an embedded prompt";
    Error::invalid("prompt", why)
}

impl From<&str> for Prompt {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Prompt {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// Other prompts from a step on.
#[derive(Clone, Debug)]
pub struct PromptChange {
    /// The first step, from 0, that gets them.
    pub from_step: usize,
    /// What the picture shows from there on.
    pub prompt: Prompt,
    /// What it does not show from there on.
    pub negative_prompt: Prompt,
}

/// One text model with its tokenizer.
#[derive(Clone, Debug)]
pub struct TextEncoder {
    /// Text to ids.
    pub tokenizer: ClipTokenizer,
    /// Ids to hidden states.
    pub model: ClipText,
    /// Which hidden state the UNet was trained to read.
    pub layer: HiddenLayer,
}

/// All text models of one checkpoint.
#[derive(Clone, Debug)]
pub struct PromptEncoder {
    /// The only one of SD 1 and SD 2; the first of SDXL.
    pub first: TextEncoder,
    /// SDXL's second.
    pub second: Option<TextEncoder>,
}

/// Encoded prompt and negative prompt, equally long.
#[derive(Clone, Debug)]
pub struct PromptPair {
    /// What the picture shows.
    pub positive: Conditioning,
    /// What it does not show.
    pub negative: Conditioning,
}

impl PromptPair {
    /// Both for several pictures.
    #[must_use]
    pub(crate) fn repeated(self, count: usize) -> Self {
        Self {
            positive: self.positive.repeated(count),
            negative: self.negative.repeated(count),
        }
    }
}

impl PromptEncoder {
    /// Encodes prompt and negative prompt to the same number of tokens.
    ///
    /// # Errors
    /// A prompt that is too long where `long` refuses that, or a tokenizer that does not fit.
    pub fn encode(
        &self,
        prompt: &str,
        negative: &str,
        long: LongPrompt,
    ) -> Result<[PromptEmbedding; 2]> {
        let [positive, other] = self.first.encode(prompt, negative, long)?;
        let Some(second) = &self.second else {
            return Ok([positive, other]);
        };
        let [wide, other_wide] = second
            .encode(prompt, negative, long)
            .context(|| "second text model")?;
        let join = |first: PromptEmbedding, second: PromptEmbedding| PromptEmbedding {
            context: Tensor::cat(vec![first.context, second.context], 2),
            pooled: second.pooled,
        };
        Ok([join(positive, wide), join(other, other_wide)])
    }
}

impl TextEncoder {
    fn encode(
        &self,
        prompt: &str,
        negative: &str,
        long: LongPrompt,
    ) -> Result<[PromptEmbedding; 2]> {
        let mut prompt = self.windows(prompt, long).context(|| "prompt")?;
        let mut negative = self.windows(negative, long).context(|| "negative prompt")?;
        prompt.extend_to(negative.as_slice().len());
        negative.extend_to(prompt.as_slice().len());
        let encode = |windows| self.model.encode(windows, self.layer);
        Ok([encode(&prompt)?, encode(&negative)?])
    }

    fn windows(&self, text: &str, long: LongPrompt) -> Result<TokenWindows> {
        self.tokenizer.windows(&parse_emphasis(text)?, long)
    }
}

/// Makes the UNet's conditioning out of both prompts.
///
/// `size` is the picture's width and height in pixels, which SDXL is told.
///
/// # Errors
/// Text is given but the model folder has no tokenizer or text model; embedded prompts of
/// different lengths; SDXL without pooled text.
pub(crate) fn encode_prompts(
    encoder: Option<&PromptEncoder>,
    [prompt, negative]: [&Prompt; 2],
    long: LongPrompt,
    wants_added: Option<([u32; 2], &Device)>,
) -> Result<PromptPair> {
    let [positive, negative] = match (prompt, negative) {
        (Prompt::Text(prompt), Prompt::Text(negative)) => {
            let encoder = encoder.ok_or_else(no_encoder)?;
            encoder
                .encode(prompt, negative, long)?
                .map(|PromptEmbedding { context, pooled }| Prompt::Embedded {
                    context,
                    pooled: Some(pooled),
                })
        }
        (Prompt::Embedded { .. }, Prompt::Embedded { .. }) => [prompt.clone(), negative.clone()],
        _ => {
            let why = "prompt and negative prompt must both be text or both be embedded";
            return Err(Error::invalid("prompt", why));
        }
    };
    let condition = |prompt: Prompt| -> Result<Conditioning> {
        let Prompt::Embedded { context, pooled } = prompt else {
            unreachable!("text prompts were encoded above")
        };
        let Some((size, device)) = wants_added else {
            return Ok(Conditioning::text(context));
        };
        let text_embeds = pooled.ok_or_else(|| {
            Error::invalid(
                "prompt",
                "this model needs the pooled text of its second encoder",
            )
        })?;
        let time_ids = time_ids(size, text_embeds.dims()[0], device);
        Ok(Conditioning {
            context,
            added: Some(AddedConditioning {
                text_embeds,
                time_ids,
            }),
        })
    };
    Ok(PromptPair {
        positive: condition(positive)?,
        negative: condition(negative)?,
    })
}

/// Original size, no crop, target size; each height first.
fn time_ids([width, height]: [u32; 2], batch: usize, device: &Device) -> Tensor<2> {
    let (width, height) = (width as f32, height as f32);
    let row = Tensor::<1>::from_floats([height, width, 0.0, 0.0, height, width], device);
    row.unsqueeze_dim::<2>(0).repeat_dim(0, batch)
}

//! CLIP's byte-pair encoding, with the ids that transformers' `CLIPTokenizer` gives.
//!
//! Normalise (NFC, white space to one space, lower case), split into words, digits and runs of
//! punctuation, write each as bytes, merge pairs by rank; the last piece of a word ends in `</w>`.

use std::path::Path;

use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::normalizers::replace::ReplacePattern;
use tokenizers::normalizers::{Lowercase, NFC, NormalizerWrapper, Replace, Sequence};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence as PreSequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, PreTokenizerWrapper, SplitDelimiterBehavior, Tokenizer};

use super::prompt::WeightedSpan;
use super::vocabulary::{Vocabulary, plain_token};
use super::windows::{LongPrompt, TokenWindows, WindowFrame};
use crate::error::{Context, Error, Result};

/// Prompts to token ids.
#[derive(Clone, Debug)]
pub struct ClipTokenizer {
    tokenizer: Tokenizer,
    frame: WindowFrame,
}

/// Words, their common endings, single digits, runs of everything else.
const WORDS: &str =
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";
const START: &str = "<|startoftext|>";
const END: &str = "<|endoftext|>";
/// Longer prompts are refused: nothing reads them, and their cost grows.
const MAX_BYTES: usize = 1 << 20;

impl ClipTokenizer {
    /// Reads a tokenizer folder: `vocab.json` and `merges.txt`, or `tokenizer.json`.
    ///
    /// The padding token is the one that `tokenizer_config.json` or `special_tokens_map.json`
    /// names (`<|endoftext|>` in SD 1, `!` in SD 2 and in SDXL's second tokenizer).
    ///
    /// # Errors
    /// A missing or broken file, or tables that contradict each other.
    pub fn from_folder(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let vocabulary = Vocabulary::read(folder)?;
        Self::build(vocabulary)
            .map_err(|error| Error::format(folder, "is no CLIP tokenizer").with_source(error))
    }

    /// Tokens that the model takes at once, the two ends included: 77.
    pub fn window(&self) -> usize {
        self.frame.length
    }

    /// Id of a token that is in the vocabulary or was added.
    pub fn id(&self, token: &str) -> Option<i64> {
        self.tokenizer.token_to_id(token).map(i64::from)
    }

    /// Adds tokens that are found in the text as a whole, and returns their ids.
    ///
    /// New tokens take the ids behind the vocabulary, in this order; known ones keep theirs.
    ///
    /// # Errors
    /// An empty token.
    pub fn add_tokens(&mut self, tokens: &[&str]) -> Result<Vec<i64>> {
        let added = tokens.iter().map(|token| plain_token(token));
        self.tokenizer.add_tokens(added).map_err(|error| {
            Error::invalid("added tokens", "cannot be added").with_source(error)
        })?;
        tokens
            .iter()
            .map(|token| {
                let lost = || Error::invalid("added token", format!("{token:?} is empty"));
                self.id(token).ok_or_else(lost)
            })
            .collect()
    }

    /// Ids of a text, without start, end and padding.
    ///
    /// # Errors
    /// A text beyond 1 MiB.
    pub fn encode(&self, text: &str) -> Result<Vec<i64>> {
        if text.len() > MAX_BYTES {
            let why = format!("at most {MAX_BYTES} bytes, found {}", text.len());
            return Err(Error::invalid("prompt", why));
        }
        let encoding = self
            .tokenizer
            .encode_fast(text, false)
            .map_err(|error| Error::invalid("prompt", "cannot be tokenised").with_source(error))?;
        Ok(encoding.get_ids().iter().copied().map(i64::from).collect())
    }

    /// The prompt as one or more windows of [`window`](Self::window) tokens, each with start, end
    /// and padding.
    ///
    /// # Errors
    /// A prompt that needs more than one window where `long` refuses that.
    pub fn windows(&self, prompt: &[WeightedSpan], long: LongPrompt) -> Result<TokenWindows> {
        let mut tokens = Vec::new();
        for span in prompt {
            let ids = self.encode(&span.text)?;
            tokens.extend(ids.into_iter().map(|id| (id, span.weight)));
        }
        self.frame
            .fill(&tokens, long)
            .context(|| "tokenising the prompt")
    }

    pub(super) fn frame(&self) -> WindowFrame {
        self.frame
    }

    fn build(vocabulary: Vocabulary) -> tokenizers::Result<Self> {
        let Vocabulary {
            ids,
            merges,
            added,
            named,
            window,
        } = vocabulary;
        let special = |name: &str, default: &str| {
            let token = named.get(name).cloned();
            token.unwrap_or_else(|| plain_token(default))
        };
        let start = special("bos_token", START);
        let end = special("eos_token", END);
        let unknown = special("unk_token", END);
        let pad = special("pad_token", END);

        let model = BPE::builder()
            .vocab_and_merges(Vocab::from_iter(ids), merges)
            .end_of_word_suffix("</w>".to_owned())
            .unk_token(unknown.content.clone())
            .build()?;
        let mut tokenizer = Tokenizer::new(model);
        tokenizer.with_normalizer(Some(normalizer()?))?;
        tokenizer.with_pre_tokenizer(Some(splitter()?));
        tokenizer.add_tokens(added.values().cloned())?;
        for (id, token) in &added {
            let found = tokenizer.token_to_id(&token.content);
            if found != Some(*id) {
                let token = &token.content;
                return Err(format!("added token {token:?} says id {id}, gets {found:?}").into());
            }
        }
        let mut id_of = |token: &AddedToken| -> tokenizers::Result<i64> {
            let id = tokenizer.token_to_id(&token.content);
            let id = id.ok_or_else(|| format!("no token {:?}", token.content))?;
            if !added.contains_key(&id) {
                tokenizer.add_tokens([token.clone()])?;
            }
            Ok(id.into())
        };
        id_of(&unknown)?;
        let frame = WindowFrame {
            start: id_of(&start)?,
            end: id_of(&end)?,
            pad: id_of(&pad)?,
            length: window,
        };
        Ok(Self { tokenizer, frame })
    }
}

fn normalizer() -> tokenizers::Result<NormalizerWrapper> {
    let spaces = Replace::new(ReplacePattern::Regex(r"\s+".to_owned()), " ")?;
    let steps = vec![NFC.into(), spaces.into(), Lowercase.into()];
    Ok(Sequence::new(steps).into())
}

fn splitter() -> tokenizers::Result<PreTokenizerWrapper> {
    let words = SplitPattern::Regex(WORDS.to_owned());
    let words = Split::new(words, SplitDelimiterBehavior::Removed, true)?;
    let bytes = ByteLevel::default().add_prefix_space(false);
    Ok(PreSequence::new(vec![words.into(), bytes.into()]).into())
}

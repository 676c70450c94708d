//! ConsistentID's facial prompt (Huang et al. 2024, section 3.2): a caption of the face in which a mark
//! follows every word that names a part which the picture shows.
//!
//! Plain functions on text. They do what the published code does, oddities included: checkpoints were
//! trained on its output. What was meant instead is a choice of [`Pairing`] and [`PromptLayout`].

use crate::error::Result;

/// Stands behind a word that names a facial part; a token of its own.
pub const FACIAL_MARK: &str = "<|facial|>";
/// Added to the tokenizer before [`FACIAL_MARK`], which fixes the id of that one.
pub const PICTURE_MARK: &str = "<|image|>";
/// Longer captions, in characters, are not used at all.
const MAX_CAPTION: usize = 330;
/// What ends a clause.
const CLAUSE_ENDS: [char; 3] = [',', '.', ';'];

/// A part of the face that gets a picture of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FacialPart {
    /// Skin.
    Face,
    /// The person's left.
    LeftEye,
    /// The person's right.
    RightEye,
    /// The person's left.
    LeftEar,
    /// The person's right.
    RightEar,
    /// Whole.
    Nose,
    /// Without the mouth.
    UpperLip,
    /// Without the mouth.
    LowerLip,
}

/// A word that names facial parts, in the order of a caption's clauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FacialWord {
    /// "face"
    Face,
    /// "ears"
    Ears,
    /// "eyes"
    Eyes,
    /// "nose"
    Nose,
    /// "mouth"
    Mouth,
}

/// Which part's picture a marked word is fused with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pairing {
    /// First word, first part, though words come as face, ears, eyes and parts as face, eye, ear: how
    /// the published checkpoints were trained.
    #[default]
    Upstream,
    /// Every word with the part that it names.
    ByWord,
}

/// How prompt and caption are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptLayout {
    /// `{prompt}Detail:{caption}`; before the parts are merged in, the same without marks (SD 1.5).
    Joined,
    /// `{prompt}; Detail:{caption}`; before the parts are merged in, the prompt alone (SDXL).
    Separated,
}

/// A caption with marks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkedCaption {
    /// One clause per marked word, each closed by a comma.
    pub text: String,
    /// The marked words as they come in the text.
    pub words: Vec<FacialWord>,
    /// The parts that the caption names, in the given order.
    pub parts: Vec<FacialPart>,
}

/// Prompt and caption as the text model gets them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FacialPrompt {
    /// With marks.
    pub marked: String,
    /// For the steps before the parts are merged in.
    pub plain: String,
    /// Marked words as they come in `marked`.
    pub words: Vec<FacialWord>,
    /// The parts whose pictures are fused with them, in the order of the words they go to.
    pub parts: Vec<FacialPart>,
}

impl FacialPart {
    /// All, in the order of their classes in a part map.
    pub const ALL: [Self; 8] = [
        Self::Face,
        Self::LeftEye,
        Self::RightEye,
        Self::LeftEar,
        Self::RightEar,
        Self::Nose,
        Self::UpperLip,
        Self::LowerLip,
    ];

    /// Its class in a map of 19 classes (CelebAMask-HQ's order).
    pub fn class(self) -> u8 {
        match self {
            Self::Face => 1,
            Self::LeftEye => 4,
            Self::RightEye => 5,
            Self::LeftEar => 7,
            Self::RightEar => 8,
            Self::Nose => 10,
            Self::UpperLip => 12,
            Self::LowerLip => 13,
        }
    }

    /// The word that names it.
    pub fn word(self) -> FacialWord {
        match self {
            Self::Face => FacialWord::Face,
            Self::LeftEye | Self::RightEye => FacialWord::Eyes,
            Self::LeftEar | Self::RightEar => FacialWord::Ears,
            Self::Nose => FacialWord::Nose,
            Self::UpperLip | Self::LowerLip => FacialWord::Mouth,
        }
    }
}

impl FacialWord {
    /// All, in the order of a caption's clauses.
    pub const ALL: [Self; 5] = [Self::Face, Self::Ears, Self::Eyes, Self::Nose, Self::Mouth];

    /// As captions spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Face => "face",
            Self::Ears => "ears",
            Self::Eyes => "eyes",
            Self::Nose => "nose",
            Self::Mouth => "mouth",
        }
    }

    fn mark(self) -> String {
        format!("<|{}|>", self.as_str())
    }
}

impl PromptLayout {
    /// The caption where nobody has described the face.
    pub fn default_caption(self) -> &'static str {
        match self {
            Self::Joined => "The person has one face, one nose, two eyes, two ears, and one mouth.",
            Self::Separated => {
                "The person has one face, one nose, two eyes, two ears, and a mouth."
            }
        }
    }

    fn join(self, prompt: &str, caption: &str) -> String {
        match self {
            Self::Joined => format!("{prompt}Detail:{caption}"),
            Self::Separated => format!("{prompt}; Detail:{caption}"),
        }
    }

    /// Caption first, so that marks survive where the text is cut off.
    fn join_long(self, prompt: &str, caption: &str) -> String {
        match self {
            Self::Joined => format!("Detail:{caption} Caption:{prompt}"),
            Self::Separated => format!("; Detail:{caption} Caption:{prompt}"),
        }
    }
}

/// Marks the first mention of every part, and orders the clauses as face, ears, eyes, nose, mouth.
///
/// Clauses that name no part are dropped, and so are parts that the caption does not name.
pub fn mark_caption(caption: &str, parts: &[FacialPart]) -> MarkedCaption {
    let mut text = without_repeats(caption);
    let mut parts = parts.to_vec();
    let wanted: Vec<_> = FacialWord::ALL
        .into_iter()
        .filter(|word| parts.iter().any(|part| part.word() == *word))
        .collect();
    for word in wanted.iter().rev() {
        match find_word(&text, word.as_str()) {
            Some(at) => text.insert_str(at + word.as_str().len(), &format!(" {}", word.mark())),
            None => parts.retain(|part| part.word() != *word),
        }
    }
    let text = clauses(&text.replace('\n', ""), &wanted);
    let words = marked_words(&text);
    let text = FacialWord::ALL
        .into_iter()
        .fold(text, |text, word| text.replace(&word.mark(), FACIAL_MARK));
    MarkedCaption { text, words, parts }
}

impl FacialPrompt {
    /// Joins prompt and caption; `fits` says whether a text with its marks fits the text model's window.
    ///
    /// # Errors
    /// Those of `fits`.
    pub fn new(
        prompt: &str,
        caption: &str,
        parts: &[FacialPart],
        (layout, pairing): (PromptLayout, Pairing),
        fits: impl FnOnce(&str) -> Result<bool>,
    ) -> Result<Self> {
        let captioned = mark_caption(caption, parts);
        if caption.chars().count() > MAX_CAPTION {
            return Ok(Self {
                marked: prompt.to_owned(),
                plain: prompt.to_owned(),
                words: Vec::new(),
                parts: captioned.parts,
            });
        }
        let joined = layout.join(prompt, &captioned.text);
        let marked = match fits(&joined)? {
            true => joined,
            false => layout.join_long(prompt, &captioned.text),
        };
        let plain = match layout {
            PromptLayout::Joined => marked.replace(FACIAL_MARK, "").replace(PICTURE_MARK, ""),
            PromptLayout::Separated => prompt.to_owned(),
        };
        let parts = pairing.order(&captioned);
        Ok(Self {
            marked,
            plain,
            words: captioned.words,
            parts,
        })
    }
}

impl Pairing {
    /// The parts in the order of the words that they go to.
    fn order(self, caption: &MarkedCaption) -> Vec<FacialPart> {
        let named = |word: &FacialWord| {
            let mut parts = caption.parts.iter().copied();
            parts.find(|part| part.word() == *word)
        };
        match self {
            Self::Upstream => caption.parts.clone(),
            Self::ByWord => caption.words.iter().filter_map(named).collect(),
        }
    }
}

/// The words whose marks stand in the text, in its order.
fn marked_words(text: &str) -> Vec<FacialWord> {
    let mut found: Vec<(usize, FacialWord)> = Vec::new();
    for word in FacialWord::ALL {
        let mark = word.mark();
        found.extend(text.match_indices(&mark).map(|(at, _)| (at, word)));
    }
    found.sort_unstable();
    found.into_iter().map(|(_, word)| word).collect()
}

/// Words and punctuation with single spaces, every naming word blanked where it comes again.
fn without_repeats(caption: &str) -> String {
    let mut seen = [false; FacialWord::ALL.len()];
    let pieces = split_words(caption).into_iter().map(|piece| {
        let lower = piece.to_lowercase();
        let naming = FacialWord::ALL
            .iter()
            .position(|word| word.as_str() == lower);
        match naming {
            Some(index) if std::mem::replace(&mut seen[index], true) => "",
            _ => piece,
        }
    });
    pieces.collect::<Vec<_>>().join(" ")
}

/// Runs of letters and digits, and the punctuation that is kept.
fn split_words(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = None;
    for (at, symbol) in text.char_indices() {
        if in_word(symbol) {
            start.get_or_insert(at);
            continue;
        }
        pieces.extend(start.take().map(|from| &text[from..at]));
        if ".,;!?".contains(symbol) {
            pieces.push(&text[at..at + symbol.len_utf8()]);
        }
    }
    pieces.extend(start.map(|from| &text[from..]));
    pieces
}

fn in_word(symbol: char) -> bool {
    symbol.is_alphanumeric() || symbol == '_'
}

/// Where `word` first stands as a word of its own.
fn find_word(text: &str, word: &str) -> Option<usize> {
    let alone = |&(at, _): &(usize, &str)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(in_word) && !after.is_some_and(in_word)
    };
    text.match_indices(word).find(alone).map(|(at, _)| at)
}

/// The clauses with marks, in the order of `words`.
fn clauses(text: &str, words: &[FacialWord]) -> String {
    let mut text: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    for word in words {
        let mark: Vec<char> = word.mark().chars().collect();
        let place = text
            .windows(mark.len())
            .position(|window| window == mark.as_slice());
        let range = match place {
            Some(start) => {
                let before = text[..start].iter().rposition(ends_clause);
                before.map_or(0, |at| at + 1)..clause_end(&text, start + mark.len())
            }
            // The published code looks one symbol before the text, which is the last one.
            None => {
                let end = clause_end(&text, mark.len() - 1);
                text.len().saturating_sub(1).min(end)..end.min(text.len())
            }
        };
        let clause: String = text[range.clone()].iter().collect();
        let clause = clause.trim();
        if !clause.is_empty() {
            found.push(format!("{clause},"));
            text.drain(range);
        }
    }
    found.join(" ")
}

fn clause_end(text: &[char], from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    from + rest.iter().position(ends_clause).unwrap_or(rest.len())
}

fn ends_clause(symbol: &char) -> bool {
    CLAUSE_ENDS.contains(symbol)
}

#[cfg(test)]
mod tests;

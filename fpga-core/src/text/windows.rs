//! Prompts of any length as windows that the model can take.
//!
//! A window is start, tokens, end, padding: 77 ids of which 75 are the prompt's.

use crate::error::{Error, Result};

/// What happens to a prompt that fills more than one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum LongPrompt {
    /// It is an error that says how many tokens are too many.
    Refuse,
    /// What does not fit is dropped, silently, as plain transformers does.
    Truncate,
    /// It fills as many windows as it needs, each read by itself and laid end to end.
    #[default]
    Split,
}

/// A prompt as token ids, ready for the model.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenWindows {
    windows: Vec<TokenWindow>,
    empty: TokenWindow,
}

/// Token ids that the model takes at once.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenWindow {
    /// Start, tokens, end, padding.
    pub ids: Vec<i64>,
    /// One per id; 1 is neutral.
    pub weights: Vec<f32>,
}

impl TokenWindows {
    /// At least one; all equally long.
    pub fn as_slice(&self) -> &[TokenWindow] {
        &self.windows
    }

    /// One window as it is.
    pub(super) fn single(window: TokenWindow, frame: WindowFrame) -> Self {
        Self {
            windows: vec![window],
            empty: frame.window(&[]),
        }
    }

    /// Appends empty windows, so that a prompt and its negative become equally long.
    ///
    /// Does nothing where there are `count` or more.
    pub fn extend_to(&mut self, count: usize) {
        let count = count.max(self.windows.len());
        self.windows.resize(count, self.empty.clone());
    }
}

/// What surrounds the tokens of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WindowFrame {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) pad: i64,
    /// Ids of a window, at least three.
    pub(super) length: usize,
}

impl WindowFrame {
    /// Lays tokens and their weights into windows.
    pub(super) fn fill(&self, tokens: &[(i64, f32)], long: LongPrompt) -> Result<TokenWindows> {
        let room = self.length - 2;
        let tokens = match long {
            LongPrompt::Refuse if tokens.len() > room => {
                let why = format!("at most {room} tokens, found {}", tokens.len());
                return Err(Error::invalid("prompt", why));
            }
            LongPrompt::Truncate => &tokens[..tokens.len().min(room)],
            LongPrompt::Refuse | LongPrompt::Split => tokens,
        };
        let empty = self.window(&[]);
        let mut windows: Vec<_> = tokens.chunks(room).map(|part| self.window(part)).collect();
        if windows.is_empty() {
            windows.push(empty.clone());
        }
        Ok(TokenWindows { windows, empty })
    }

    fn window(&self, tokens: &[(i64, f32)]) -> TokenWindow {
        let (mut ids, mut weights) = (vec![self.start], vec![1.0]);
        ids.extend(tokens.iter().map(|&(id, _)| id));
        weights.extend(tokens.iter().map(|&(_, weight)| weight));
        ids.push(self.end);
        ids.resize(self.length, self.pad);
        weights.resize(self.length, 1.0);
        TokenWindow { ids, weights }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: WindowFrame = WindowFrame {
        start: 90,
        end: 91,
        pad: 0,
        length: 5,
    };

    fn tokens(count: i64) -> Vec<(i64, f32)> {
        (1..=count).map(|id| (id, id as f32)).collect()
    }

    fn ids(windows: &TokenWindows) -> Vec<&[i64]> {
        let windows = windows.as_slice().iter();
        windows.map(|window| window.ids.as_slice()).collect()
    }

    #[test]
    fn each_window_has_its_own_start_and_end() {
        let mut windows = FRAME.fill(&tokens(4), LongPrompt::Split).unwrap();
        windows.extend_to(3);
        assert_eq!(
            ids(&windows),
            [[90, 1, 2, 3, 91], [90, 4, 91, 0, 0], [90, 91, 0, 0, 0]]
        );
        assert_eq!(windows.as_slice()[1].weights, [1.0, 4.0, 1.0, 1.0, 1.0]);
        windows.extend_to(1);
        assert_eq!(windows.as_slice().len(), 3);
    }

    #[test]
    fn long_prompts_do_what_the_caller_chose() {
        let refused = FRAME.fill(&tokens(4), LongPrompt::Refuse).unwrap_err();
        assert_eq!(refused.to_string(), "prompt: at most 3 tokens, found 4");
        let cut = FRAME.fill(&tokens(4), LongPrompt::Truncate).unwrap();
        assert_eq!(ids(&cut), [[90, 1, 2, 3, 91]]);
        let fits = FRAME.fill(&tokens(3), LongPrompt::Refuse).unwrap();
        assert_eq!(ids(&fits), [[90, 1, 2, 3, 91]]);
        let nothing = FRAME.fill(&[], LongPrompt::Split).unwrap();
        assert_eq!(ids(&nothing), [[90, 91, 0, 0, 0]]);
    }
}

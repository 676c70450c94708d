//! One window of tokens in which some are marked (ConsistentID): a token of its own stands behind the
//! word that it marks, and is taken out again.

use super::tokenizer::ClipTokenizer;
use super::windows::{TokenWindow, TokenWindows};
use crate::error::Result;

/// A prompt in one window, and which of its tokens were marked.
#[derive(Clone, Debug, PartialEq)]
pub struct MarkedWindow {
    /// Exactly one; cut off where it is too long, even the end token.
    pub windows: TokenWindows,
    /// Positions of the tokens that stood before a mark, ascending; those that were cut off are not
    /// among them.
    pub marked: Vec<usize>,
}

impl ClipTokenizer {
    /// How many tokens a text has with both ends, before anything is cut off.
    ///
    /// # Errors
    /// A text beyond 1 MiB.
    pub fn count(&self, text: &str) -> Result<usize> {
        Ok(self.encode(text)?.len() + 2)
    }

    /// The text as one window, without the tokens whose id is `mark`.
    ///
    /// # Errors
    /// A text beyond 1 MiB.
    pub fn marked_window(&self, text: &str, mark: Option<i64>) -> Result<MarkedWindow> {
        let frame = self.frame();
        let mut ids = vec![frame.start];
        let mut marked = Vec::new();
        for id in self.encode(text)? {
            if Some(id) == mark {
                marked.push(ids.len() - 1);
            } else {
                ids.push(id);
            }
        }
        ids.push(frame.end);
        ids.resize(frame.length, frame.pad);
        marked.dedup();
        marked.retain(|position| *position < frame.length);
        let weights = vec![1.0; frame.length];
        Ok(MarkedWindow {
            windows: TokenWindows::single(TokenWindow { ids, weights }, frame),
            marked,
        })
    }
}

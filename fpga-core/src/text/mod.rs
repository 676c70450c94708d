//! From a prompt to what the UNet attends to: CLIP's text model and its tokenizer.
//!
//! [`parse_emphasis`] reads `(words:1.2)`, [`ClipTokenizer::windows`] makes 77-token windows,
//! [`ClipText::encode`] makes the context. [`ClipText::forward`] is the bare network.

mod config;
mod encode;
mod marked;
mod model;
mod prompt;
mod tokenizer;
mod vocabulary;
mod windows;

pub use config::{ClipTextConfig, Pooling};
pub use encode::{HiddenLayer, PromptEmbedding};
pub use marked::MarkedWindow;
pub use model::{ClipText, ClipTextTower, TextEmbeddings, TextOutput};
pub use prompt::{WeightedSpan, parse_emphasis};
pub use tokenizer::ClipTokenizer;
pub use windows::{LongPrompt, TokenWindow, TokenWindows};

//! ConsistentID's fine-grained identity data set (FGID): one JSON object per picture, as its scripts
//! write them, alone or in one list.
//!
//! Paths, captions and embeddings appear under several names in the code and documents of the data
//! set; all are read, the ones that its loader reads are written. A picture without a face embedding
//! has one of zeros.

mod embedding;
mod list;
mod record;
mod text;

pub use embedding::{EMBEDDING_WIDTH, read_embedding};
pub use list::{FgidReader, write_list};
pub use record::FgidRecord;
pub use text::training_text;

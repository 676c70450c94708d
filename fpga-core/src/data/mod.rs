//! Data sets: pictures of people with everything that training and measuring needs to know of them.
//!
//! - [`portrait`] draws people whose identities, places and parts are known exactly.
//! - [`manifest`]: IDZoom-style lists, one JSON row per picture: built from a folder with whatever
//!   analysers the caller has, validated with reasons, streamed and shuffled in flat memory.
//! - [`shards`]: the same as WebDataset tar files, which the usual tools read and write.
//! - [`fgid`]: ConsistentID's fine-grained data set, with every variant of its fields.

mod array_file;
mod draws;
mod files;
mod lines;

pub mod fgid;
pub mod manifest;
pub mod portrait;
pub mod shards;

pub use array_file::{read_array, write_array};
pub use lines::{
    BrokenRow, OnBroken, Origin, RowStream, StreamPosition, StreamSettings, StreamedRow,
};

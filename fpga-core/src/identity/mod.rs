//! Who appears where: people's tokens, their regions, and how they enter a UNet's cross-attention.
//!
//! A [`projector`] turns features of a face or a picture into tokens; [`facial_prompt`] and
//! [`facial_parts`] are ConsistentID's way of telling words which part of a face they name. An
//! [`IdentitySet`] says who is where. [`IdentityAttention`] reads its tokens for every layer of a
//! UNet, once per job; the [`PreparedIdentities`] then take part in every step. A [`LeakageMeter`]
//! watches where everyone's attention goes.
//!
//! Letters: `k` people, `n` tokens of one of them, `h`/`w` size of a layer's grid.

mod attention;
pub mod facial_parts;
pub mod facial_prompt;
mod leakage;
mod prepared;
pub mod projector;
mod region;
mod set;

pub use attention::{IdentityAttention, IdentityAttentionConfig, IdentityProjection};
pub use leakage::{Leakage, LeakageMeter};
pub use prepared::{LayerSite, PreparedIdentities};
pub use region::RegionMask;
pub use set::{Identity, IdentitySet};

//! Who appears where: people's tokens, their regions, and how they enter a UNet's cross-attention.
//!
//! An [`IdentitySet`] says who is where. [`IdentityAttention`] reads its tokens for every layer of a
//! UNet, once per job; the [`PreparedIdentities`] then take part in every step. A [`LeakageMeter`]
//! watches where everyone's attention goes.
//!
//! Letters: `k` people, `n` tokens of one of them, `h`/`w` size of a layer's grid.

mod attention;
mod leakage;
mod prepared;
mod region;
mod set;

pub use attention::{IdentityAttention, IdentityAttentionConfig, IdentityProjection};
pub use leakage::{Leakage, LeakageMeter};
pub use prepared::{LayerSite, PreparedIdentities};
pub use region::RegionMask;
pub use set::{Identity, IdentitySet};

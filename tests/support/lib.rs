//! What the tests of this workspace share: the parity runner, as a library, and small models.

#[path = "../parity/mod.rs"]
pub mod parity;

#[cfg(feature = "flex")]
pub mod models;

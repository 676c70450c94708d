//! What the tests of this workspace share: the parity runner, as a library.

#[path = "../parity/mod.rs"]
pub mod parity;

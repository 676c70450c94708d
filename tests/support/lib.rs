//! What the tests of this workspace share: the parity runner, as a library, small models, memory.

#[path = "../parity/mod.rs"]
pub mod parity;

#[cfg(feature = "flex")]
pub mod models;

#[cfg(target_os = "linux")]
pub mod process;

//! What the residual networks of this room have in common.

/// Blocks of one stage of a residual network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResidualStage {
    /// How many.
    pub blocks: usize,
    /// Their channels.
    pub width: usize,
}

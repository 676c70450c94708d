//! The kernels where gradients are tracked: the same way there, and a way back on kernels too.
//!
//! Each function first tries the plain device. A tracked tensor is opened to the plain tensor inside it,
//! the plain kernel computes the result, and [`Step`] records a function from the gradient of the result
//! to the gradients of the parents; only parents that need one are computed. Nothing is recorded where no
//! parent is tracked. Graphs with gradient checkpointing, and weights in half precision, are left to
//! ordinary operations.

mod map;
mod rows;
mod step;
#[cfg(test)]
mod tests;

pub(crate) use map::{add_maps, convolve, group_norm, join_channels};
// Ordinary operations serve where it is tracked.
pub(crate) use super::flex::{attend_groups, multiply_gated};
pub(crate) use rows::{activate, attend, gated_gelu, layer_norm, multiply};

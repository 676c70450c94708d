//! What training asks of the kernels: gradients of their results with respect to what went in.
//!
//! Every function takes the gradient of the result, shaped like the result, and overwrites (or, where it
//! says so, adds to) the gradient of one or more inputs. Matrix products run on the same microkernel as
//! the way there; convolutions go back as convolutions with turned kernels.

mod activation;
mod attention;
mod conv;
mod linear;
mod norm;
mod product;
mod sums;

pub(crate) use activation::{activation, geglu};
pub(crate) use attention::attention;
pub(crate) use conv::ConvolutionGradient;
pub(crate) use linear::LinearGradient;
pub(crate) use norm::{GroupNormGradient, LayerNormGradient};
pub(crate) use sums::column_sums;

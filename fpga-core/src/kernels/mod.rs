//! CPU kernels on plain slices: the work that a diffusion model does most, as fast as one processor allows.
//!
//! Feature maps are NHWC (`[batch, height, width, channels]`), tokens `[batch, n, heads·d]`, all f32; weights are
//! taken as modules store them, in PyTorch's order and in f32, f16 or bf16. Nothing here knows a tensor or a
//! model. Every kernel runs on as many threads as the current rayon pool has, the caller among them, and with
//! the best instruction set that the processor has (see [`instruction_set`]); it checks all lengths, and panics if
//! they do not fit. This is the only room with `unsafe`.
//!
//! Sums are as exact as f32 makes them, with one exception: on processors with AMX, linear layers of more than 33
//! million multiplications take two bf16 parts of every number (module `tiles`), with relative errors of a few millionths
//! instead of less than one. `FPGA_KERNELS=avx512` keeps to f32 there.

mod activation;
mod attention;
mod conv;
mod factors;
mod gated;
#[cfg(all(feature = "flex", feature = "train"))]
mod gradient;
mod level;
mod linear;
mod math;
mod micro;
mod norm;
#[cfg(test)]
mod oracle;
mod pack;
mod parallel;
mod pool;
mod simd;
pub(crate) mod tensor;
mod tiles;
mod weights;

pub use activation::{Activation, add, geglu, softmax};
pub use attention::{Attention, GroupedAttention};
pub use conv::{Convolution, Shape, Window};
pub use gated::GatedLinear;
pub use level::instruction_set;
pub use linear::Linear;
pub use norm::{GroupNorm, LayerNorm};
pub use weights::WeightView;

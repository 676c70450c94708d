//! Layers that know nothing of diffusion.
//!
//! Field names are the checkpoint's. Feature maps are `[b, c, h, w]`, tokens `[b, n, width]`.
//! Weights may be stored as f16 or bf16; layers compute in the type of their input, and in f32 what half
//! precision would spoil: statistics of normalisations and softmax.

mod activation;
mod attention;
mod batch_norm;
mod clip;
mod conv;
mod device;
mod embedding;
mod feed_forward;
mod fields;
mod grouped;
mod init;
mod linear;
mod map;
mod module_path;
mod norm;
mod param;
mod parameters;
mod perceiver;
mod precision;
mod prelu;
mod read;
mod resample;
mod resnet;
mod timestep;

pub use activation::{gated_gelu, gelu, quick_gelu, silu};
pub use attention::{Attention, AttentionConfig, KeyValue, Reach, attend};
pub use batch_norm::{BatchNorm, ConvNorm};
pub use clip::{
    ClipActivation, ClipAttention, ClipEncoder, ClipEncoderConfig, ClipFeedForward, ClipLayer,
};
pub use conv::{Added, Conv2d, Window};
pub(crate) use device::{Trouble, card_name, is_cpu};
pub use embedding::Embedding;
pub use feed_forward::GegluFeedForward;
pub(crate) use fields::{DEPTHS, Fields, WIDTHS};
pub use grouped::{Groups, attend_groups};
pub use init::randomize;
pub use linear::Linear;
pub use map::{add, join_channels, to_map, to_tokens};
pub(crate) use module_path::ModulePath;
pub use norm::{GroupNorm, LayerNorm};
pub(crate) use param::{cast_to, sum_type, zeros};
pub use parameters::{Flat, ParameterSet, make_parameters, map_parameters, visit_parameters};
pub use perceiver::{
    Perceiver, PerceiverAttention, PerceiverConfig, PerceiverFeedForward, PerceiverLayer,
};
pub use precision::Precision;
pub use prelu::PRelu;
pub(crate) use read::{read_data, settle};
pub use read::{read_number, read_values};
pub use resample::{Downsample, Upsample};
pub use resnet::{ResnetBlock, ResnetConfig};
pub use timestep::{SinusoidalEmbedding, TimestepEmbedding};

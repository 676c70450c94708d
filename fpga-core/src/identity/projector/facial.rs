//! ConsistentID's encoder of facial parts (Huang et al. 2024, section 3.2): the words that name a part
//! of the face are fused with what CLIP sees of that part.
//!
//! For marked token `i` with text vector `t` and part vector `p`:
//! `t ← norm(mlp₂(mlp₁([t ‖ p]) + t))`, where `mlp₂` adds its input. All other tokens stay.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};

use super::resampler::{Resampler, ResamplerConfig};
use crate::error::{Error, Result};
use crate::nn::{LayerNorm, Linear, gelu};

/// Sizes of a [`FacialEncoder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FacialEncoderConfig {
    /// One part's hidden states to one vector.
    pub visual_projection: ResamplerConfig,
    /// Width of the text tokens.
    pub text_width: usize,
    /// Width inside the first of the two fusing layers.
    pub inner_widths: [usize; 2],
}

/// Pictures of facial parts into the words that name them.
#[derive(Module, Debug)]
pub struct FacialEncoder {
    /// One part's hidden states to one vector.
    pub visual_projection: Resampler,
    /// Joins text and part vectors.
    pub fuse_module: FuseModule,
}

/// Joins the vectors of words with those of parts.
#[derive(Module, Debug)]
pub struct FuseModule {
    /// `[t ‖ p]` to the width of `t`.
    pub mlp1: FuseMlp,
    /// Keeps the width.
    pub mlp2: FuseMlp,
    /// Of the result.
    pub layer_norm: LayerNorm,
}

/// Norm and two linear layers with GELU between.
#[derive(Module, Debug)]
pub struct FuseMlp {
    /// Of the input.
    pub layernorm: LayerNorm,
    /// To the inner width.
    pub fc1: Linear,
    /// From the inner width.
    pub fc2: Linear,
}

/// Which tokens of each text name a facial part, in the order of the parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarkedTokens(Vec<Vec<usize>>);

impl FacialEncoderConfig {
    /// Zero until weights are loaded.
    pub fn init(&self, device: &Device) -> FacialEncoder {
        let width = self.text_width;
        let mlp = |inputs, inner| FuseMlp {
            layernorm: LayerNorm::new(inputs, 1e-5, device),
            fc1: Linear::new(inputs, inner, device),
            fc2: Linear::new(inner, width, device),
        };
        let ResamplerConfig {
            tokens, perceiver, ..
        } = self.visual_projection;
        let part_width = tokens * perceiver.output_width;
        let [inner, second] = self.inner_widths;
        FacialEncoder {
            visual_projection: self.visual_projection.init(device),
            fuse_module: FuseModule {
                mlp1: mlp(width + part_width, inner),
                mlp2: mlp(width, second),
                layer_norm: LayerNorm::new(width, 1e-5, device),
            },
        }
    }
}

impl MarkedTokens {
    /// Token positions, one list per row of the batch, in the order of the parts they name.
    pub fn new(rows: Vec<Vec<usize>>) -> Self {
        Self(rows)
    }

    /// From a mask of ones and zeros, `tokens` per row: the parts come in the order of the tokens.
    ///
    /// # Errors
    /// A value that is neither 0 nor 1, or rows that are not whole.
    pub fn from_mask(mask: &[i64], tokens: usize) -> Result<Self> {
        if tokens == 0 || !mask.len().is_multiple_of(tokens) {
            let needed = format!("rows of {tokens}");
            return Err(Error::shape("facial token mask", needed, mask.len()));
        }
        if let Some(other) = mask.iter().find(|value| !(0..=1).contains(*value)) {
            let why = format!("needs zeros and ones, found {other}");
            return Err(Error::invalid("facial token mask", why));
        }
        let marked = |row: &[i64]| (0..tokens).filter(|&token| row[token] == 1).collect();
        Ok(Self(mask.chunks(tokens).map(marked).collect()))
    }

    /// Positions, one list per row.
    pub fn rows(&self) -> &[Vec<usize>] {
        &self.0
    }
}

impl FacialEncoder {
    /// Text whose marked tokens know what their parts look like.
    ///
    /// # Shapes
    /// - `text` and result: `[b, n, text_width]`
    /// - `parts`: `[b, parts, t, context_width]`, CLIP's last hidden state but one of each part
    ///
    /// Sizes are checked by [`check`](Self::check), at the edge.
    pub fn forward(&self, text: Tensor<3>, parts: Tensor<4>, marked: &MarkedTokens) -> Tensor<3> {
        let parts = self.encode_parts(parts);
        let [_, tokens, width] = text.dims();
        let rows = marked.0.iter().enumerate().map(|(row, positions)| {
            let line = text.clone().narrow(0, row, 1);
            if positions.is_empty() {
                return line;
            }
            let line = line.reshape([tokens, width]);
            let indices: Vec<i64> = positions.iter().map(|&at| at as i64).collect();
            let indices = Tensor::<1, Int>::from_ints(indices.as_slice(), &line.device());
            let words = line.clone().select(0, indices);
            let part_width = parts.dims()[2];
            let seen = parts
                .clone()
                .narrow(0, row, 1)
                .narrow(1, 0, positions.len());
            let seen = seen.reshape([positions.len(), part_width]);
            let fused = self.fuse_module.forward(words, seen);
            let placed = positions.iter().enumerate();
            let line = placed.fold(line, |line, (index, &at)| {
                line.slice_assign([at..at + 1, 0..width], fused.clone().narrow(0, index, 1))
            });
            line.unsqueeze()
        });
        Tensor::cat(rows.collect(), 0)
    }

    /// # Shapes
    /// - `parts`: `[b, parts, t, context_width]`
    /// - returns `[b, parts, part_width]`
    fn encode_parts(&self, parts: Tensor<4>) -> Tensor<3> {
        let [batch, count, tokens, width] = parts.dims();
        let vectors = self
            .visual_projection
            .forward(parts.reshape([batch * count, tokens, width]));
        let [_, one, width] = vectors.dims();
        vectors.reshape([batch, count, one * width])
    }

    /// Checks that the inputs of [`forward`](Self::forward) fit this network and each other.
    ///
    /// # Errors
    /// Names the first input that does not fit, what was needed and what was found.
    pub fn check(&self, text: [usize; 3], parts: [usize; 4], marked: &MarkedTokens) -> Result<()> {
        let [rows, tokens, width] = text;
        let needed_width = self.fuse_module.layer_norm.weight.lazy_shape()[0];
        if width != needed_width || rows * tokens == 0 {
            let needed = format!("[b, n, {needed_width}]");
            return Err(Error::shape("text tokens", needed, text));
        }
        let context_width = self.visual_projection.config().perceiver.context_width;
        if parts[0] != rows || parts[3] != context_width || parts.contains(&0) {
            let needed = format!("[{rows}, parts, t, {context_width}]");
            return Err(Error::shape("hidden states of facial parts", needed, parts));
        }
        if marked.0.len() != rows {
            let needed = format!("{rows} rows like the text");
            return Err(Error::shape("marked tokens", needed, marked.0.len()));
        }
        for (row, positions) in marked.0.iter().enumerate() {
            if let Some(beyond) = positions.iter().find(|&&at| at >= tokens) {
                let why = format!("row {row} marks token {beyond} of {tokens}");
                return Err(Error::invalid("marked tokens", why));
            }
            if positions.len() > parts[1] {
                let why = format!("row {row} marks {} for {} parts", positions.len(), parts[1]);
                return Err(Error::invalid("marked tokens", why));
            }
        }
        Ok(())
    }
}

impl FuseModule {
    /// # Shapes
    /// - `words` and result: `[n, text_width]`; `parts`: `[n, part_width]`
    pub fn forward(&self, words: Tensor<2>, parts: Tensor<2>) -> Tensor<2> {
        let both = Tensor::cat(vec![words.clone(), parts], 1);
        let joined = self.mlp1.forward_added(both, words);
        let joined = self.mlp2.forward_added(joined.clone(), joined);
        self.layer_norm.forward(joined)
    }
}

impl FuseMlp {
    /// The layer's result added to `residual`.
    ///
    /// # Shapes
    /// - `input`: `[n, width]`; `residual` and result: `[n, text_width]`
    pub fn forward_added(&self, input: Tensor<2>, residual: Tensor<2>) -> Tensor<2> {
        let inner = gelu(self.fc1.forward(self.layernorm.forward(input)));
        self.fc2.forward_added(inner, residual)
    }
}

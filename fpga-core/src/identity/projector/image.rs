//! IP-Adapter's projection of a whole picture's embedding (Ye et al. 2023, section 3.2.1).

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::nn::{LayerNorm, Linear};

/// Sizes of an [`ImageProjection`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageProjectionConfig {
    /// Width of the image embedding.
    pub input_width: usize,
    /// Number of identity tokens.
    pub tokens: usize,
    /// Width of an identity token.
    pub token_width: usize,
}

/// One linear layer to all tokens, each normed.
#[derive(Module, Debug)]
pub struct ImageProjection {
    /// `[tokens·token_width, input_width]`
    pub proj: Linear,
    /// Of a token.
    pub norm: LayerNorm,
    #[module(skip)]
    config: ImageProjectionConfig,
}

impl ImageProjectionConfig {
    /// Number and width of the tokens.
    pub fn token_shape(&self) -> [usize; 2] {
        [self.tokens, self.token_width]
    }

    /// Zero until weights are loaded.
    pub fn init(&self, device: &Device) -> ImageProjection {
        let outputs = self.tokens * self.token_width;
        ImageProjection {
            proj: Linear::new(self.input_width, outputs, device),
            norm: LayerNorm::new(self.token_width, 1e-5, device),
            config: *self,
        }
    }
}

impl ImageProjection {
    /// The sizes that it was built with.
    pub fn config(&self) -> &ImageProjectionConfig {
        &self.config
    }

    /// # Shapes
    /// - `picture`: `[b, input_width]`, CLIP's projected image embedding
    /// - returns `[b, tokens, token_width]`
    pub fn forward(&self, picture: Tensor<2>) -> Tensor<3> {
        let [batch, _] = picture.dims();
        let [tokens, width] = self.config.token_shape();
        let projected = self.proj.forward(picture);
        self.norm.forward(projected.reshape([batch, tokens, width]))
    }
}

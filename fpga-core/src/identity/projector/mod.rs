//! From features of a person to identity tokens, one network per kind of adapter file.
//!
//! | file | network | reads | tokens |
//! |---|---|---|---|
//! | IP-Adapter | [`ImageProjection`] | CLIP's image embedding | 4 |
//! | IP-Adapter-Plus | [`Resampler`] | CLIP's hidden states | 16 |
//! | InstantID | [`Resampler`] | a face embedding | 16 |
//! | IP-Adapter-FaceID | [`FaceProjection`] | a face embedding | 4 |
//! | FaceID-Plus, ConsistentID | [`FacePerceiver`] | both | 4 |
//!
//! Letters: `b` batch, `n` identity tokens, `t` tokens of a picture, `width` of the UNet's text tokens.

mod face;
mod facial;
mod image;
mod resampler;

use burn::module::Module;
use burn::tensor::Tensor;

pub use face::{
    FacePerceiver, FacePerceiverConfig, FaceProjection, FaceProjectionConfig, Shortcut,
};
pub use facial::{FacialEncoder, FacialEncoderConfig, FuseMlp, FuseModule, MarkedTokens};
pub use image::{ImageProjection, ImageProjectionConfig};
pub use resampler::{Resampler, ResamplerConfig, ResamplerInput};

use crate::error::{Error, Result};

/// What is known of a person; a projector says with [`Projector::needs`] what it reads.
#[derive(Clone, Debug, Default)]
pub struct IdentityFeatures {
    /// Embedding of the face by a recognition network: `[b, e]`.
    pub face: Option<Tensor<2>>,
    /// CLIP's projected embedding of the picture: `[b, e]`.
    pub picture: Option<Tensor<2>>,
    /// CLIP's last hidden state but one of the picture: `[b, t, e]`.
    pub picture_tokens: Option<Tensor<3>>,
}

impl IdentityFeatures {
    /// Several people, one after the other; what one of them lacks is absent.
    #[cfg(feature = "train")]
    pub(crate) fn stacked(people: &[Self]) -> Self {
        fn rows<const D: usize>(
            each: impl Iterator<Item = Option<Tensor<D>>>,
        ) -> Option<Tensor<D>> {
            let rows: Option<Vec<_>> = each.collect();
            rows.filter(|rows| !rows.is_empty())
                .map(|rows| Tensor::cat(rows, 0))
        }
        Self {
            face: rows(people.iter().map(|one| one.face.clone())),
            picture: rows(people.iter().map(|one| one.picture.clone())),
            picture_tokens: rows(people.iter().map(|one| one.picture_tokens.clone())),
        }
    }
}

/// What a projector reads, with its width.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeatureNeeds {
    /// Width of [`IdentityFeatures::face`], and how it is scaled.
    pub face: Option<(usize, FaceScale)>,
    /// Width of [`IdentityFeatures::picture`].
    pub picture: Option<usize>,
    /// Width of [`IdentityFeatures::picture_tokens`].
    pub picture_tokens: Option<usize>,
}

/// How a face embedding is scaled before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaceScale {
    /// To length 1.
    Unit,
    /// As the recognition network leaves it.
    Raw,
}

/// The network of one adapter file.
#[derive(Module, Debug)]
#[expect(clippy::large_enum_variant, reason = "an adapter holds one of them")]
pub enum Projector {
    /// IP-Adapter.
    Image(ImageProjection),
    /// IP-Adapter-Plus and InstantID.
    Resampler(Resampler),
    /// IP-Adapter-FaceID.
    Face(FaceProjection),
    /// IP-Adapter-FaceID-Plus and ConsistentID.
    FacePerceiver(FacePerceiver),
}

impl Projector {
    /// What [`tokens`](Self::tokens) reads.
    pub fn needs(&self) -> FeatureNeeds {
        match self {
            Self::Image(network) => FeatureNeeds {
                picture: Some(network.config().input_width),
                ..FeatureNeeds::default()
            },
            Self::Resampler(network) => network.needs(),
            Self::Face(network) => FeatureNeeds {
                face: Some((network.config().input_width, FaceScale::Unit)),
                ..FeatureNeeds::default()
            },
            Self::FacePerceiver(network) => {
                let FacePerceiverConfig { face, perceiver } = network.config();
                FeatureNeeds {
                    face: Some((face.input_width, FaceScale::Unit)),
                    picture_tokens: Some(perceiver.context_width),
                    ..FeatureNeeds::default()
                }
            }
        }
    }

    /// Number and width of the identity tokens.
    pub fn token_shape(&self) -> [usize; 2] {
        match self {
            Self::Image(network) => network.config().token_shape(),
            Self::Resampler(network) => {
                let config = network.config();
                [config.tokens, config.perceiver.output_width]
            }
            Self::Face(network) => network.config().token_shape(),
            Self::FacePerceiver(network) => network.config().face.token_shape(),
        }
    }

    /// Identity tokens `[b, n, width]`.
    ///
    /// # Errors
    /// A feature that this projector reads is absent or has another width, or the features differ in
    /// their number of rows.
    pub fn tokens(&self, features: &IdentityFeatures) -> Result<Tensor<3>> {
        let read = self.needs().check(features)?;
        Ok(match self {
            Self::Image(network) => network.forward(read.picture()),
            Self::Resampler(network) => match network.config().input {
                ResamplerInput::Picture => network.forward(read.picture_tokens()),
                ResamplerInput::Face => network.forward(read.face().unsqueeze_dim(1)),
            },
            Self::Face(network) => network.forward(read.face()),
            Self::FacePerceiver(network) => network.forward(read.face(), read.picture_tokens()),
        })
    }
}

impl FeatureNeeds {
    fn check(self, features: &IdentityFeatures) -> Result<Checked> {
        let IdentityFeatures {
            face,
            picture,
            picture_tokens,
        } = features;
        let face_width = self.face.map(|(width, _)| width);
        let checked = Checked {
            face: take("face embedding", face_width, face.as_ref())?,
            picture: take("image embedding", self.picture, picture.as_ref())?,
            picture_tokens: take(
                "CLIP hidden states",
                self.picture_tokens,
                picture_tokens.as_ref(),
            )?,
        };
        match (&checked.face, &checked.picture_tokens) {
            (Some(face), Some(tokens)) if face.dims()[0] != tokens.dims()[0] => {
                let needed = format!("{} rows like the face embedding", face.dims()[0]);
                Err(Error::shape("CLIP hidden states", needed, tokens.dims()))
            }
            _ => Ok(checked),
        }
    }
}

/// Features that are there and fit.
struct Checked {
    face: Option<Tensor<2>>,
    picture: Option<Tensor<2>>,
    picture_tokens: Option<Tensor<3>>,
}

impl Checked {
    fn face(&self) -> Tensor<2> {
        self.face.clone().expect("needed, so it was checked")
    }

    fn picture(&self) -> Tensor<2> {
        self.picture.clone().expect("needed, so it was checked")
    }

    fn picture_tokens(&self) -> Tensor<3> {
        let tokens = self.picture_tokens.clone();
        tokens.expect("needed, so it was checked")
    }
}

/// A feature that is needed, or nothing where it is not.
fn take<const D: usize>(
    what: &str,
    width: Option<usize>,
    found: Option<&Tensor<D>>,
) -> Result<Option<Tensor<D>>> {
    let Some(width) = width else { return Ok(None) };
    let absent = || Error::invalid(what, "this adapter needs it, and it is absent");
    let found = found.ok_or_else(absent)?;
    let dims = found.dims();
    if dims[D - 1] != width || dims.contains(&0) {
        let needed = format!("{} axes, the last {width} wide", D);
        return Err(Error::shape(what, needed, dims));
    }
    Ok(Some(found.clone()))
}

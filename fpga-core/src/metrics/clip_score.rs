//! CLIP-I and CLIP-T: pictures and texts in the space that CLIP made for both (Radford et al. 2021).

use burn::tensor::{Device, Int, Tensor, TensorData};
use image::RgbImage;

use super::cosine::cosine;
use crate::error::{Error, Result};
use crate::nn::read_values;
use crate::text::{ClipText, ClipTokenizer, LongPrompt, WeightedSpan};
use crate::vision::{ClipVision, preprocess};

/// The two halves of one CLIP model, both with their projections.
pub struct ClipScore {
    vision: ClipVision,
    text: Option<(ClipText, ClipTokenizer)>,
    device: Device,
}

impl ClipScore {
    /// `text` may be missing where only pictures are compared.
    ///
    /// # Errors
    /// `Unsupported` if a model has no projection, or the two project to different widths.
    pub fn new(
        vision: ClipVision,
        text: Option<(ClipText, ClipTokenizer)>,
        device: &Device,
    ) -> Result<Self> {
        let lacks =
            |what: &str| Error::unsupported(what, "it has no projection into the common space");
        let width = vision
            .config()
            .projection_width
            .ok_or_else(|| lacks("CLIP vision model"))?;
        if let Some((text, _)) = &text {
            let found = text
                .config()
                .projection_width
                .ok_or_else(|| lacks("CLIP text model"))?;
            if found != width {
                let why = format!(
                    "projects to {found} values, the vision model to {width}: another model's half"
                );
                return Err(Error::unsupported("CLIP text model", why));
            }
        }
        Ok(Self {
            vision,
            text,
            device: device.clone(),
        })
    }

    /// The vector of a picture.
    ///
    /// # Errors
    /// What [`preprocess`] refuses.
    pub fn picture(&self, picture: &RgbImage) -> Result<Vec<f32>> {
        let pixels = preprocess(picture, self.vision.config().image_size, &self.device)?;
        let output = self.vision.forward(pixels);
        read_values(
            output
                .image_embeds
                .expect("checked when the score was made"),
        )
    }

    /// The vector of a text; what exceeds the model's window is cut off, as it is usual for this measure.
    ///
    /// # Errors
    /// If there is no text model, or the text cannot be tokenised.
    pub fn text(&self, text: &str) -> Result<Vec<f32>> {
        let (model, tokenizer) = self.text.as_ref().ok_or_else(|| {
            Error::invalid(
                "CLIP-T",
                "needs the text model and its tokenizer, and was made without",
            )
        })?;
        let span = WeightedSpan {
            text: text.to_owned(),
            weight: 1.0,
        };
        let windows = tokenizer.windows(&[span], LongPrompt::Truncate)?;
        let ids = windows.as_slice()[0].ids.clone();
        model.config().check_ids(&ids)?;
        let count = ids.len();
        let ids: Tensor<2, Int> = Tensor::from_data(TensorData::new(ids, [1, count]), &self.device);
        read_values(
            model
                .forward(ids)
                .text_embeds
                .expect("checked when the score was made"),
        )
    }

    /// CLIP-I: how alike two pictures are.
    ///
    /// # Errors
    /// As [`picture`](Self::picture).
    pub fn pictures(&self, one: &RgbImage, other: &RgbImage) -> Result<f64> {
        cosine(&self.picture(one)?, &self.picture(other)?)
    }

    /// CLIP-T: how well a picture shows what a text says.
    ///
    /// # Errors
    /// As [`picture`](Self::picture) and [`text`](Self::text).
    pub fn agreement(&self, picture: &RgbImage, text: &str) -> Result<f64> {
        cosine(&self.picture(picture)?, &self.text(text)?)
    }
}

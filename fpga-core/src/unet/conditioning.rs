//! What steers the prediction: text, SDXL's extra vector, and a ControlNet's residuals.

use burn::tensor::Tensor;

use crate::error::{Error, Result};
use crate::nn::add;

/// Everything that the UNet is told besides latents and timestep.
#[derive(Clone, Debug)]
pub struct Conditioning {
    /// Text tokens `[b, tokens, width]`.
    pub context: Tensor<3>,
    /// SDXL's extra vector; needed exactly by the models that have it.
    pub added: Option<AddedConditioning>,
}

/// SDXL's pooled text and picture sizes (Podell et al. 2023, section 2.2).
#[derive(Clone, Debug)]
pub struct AddedConditioning {
    /// Pooled text `[b, width]`.
    pub text_embeds: Tensor<2>,
    /// Original height and width, crop top and left, target height and width: `[b, 6]`.
    pub time_ids: Tensor<2>,
}

impl Conditioning {
    /// Text alone.
    pub fn text(context: Tensor<3>) -> Self {
        Self {
            context,
            added: None,
        }
    }

    /// This one's batch followed by the other's, for one pass over both.
    ///
    /// # Errors
    /// The two differ in width or token count, or in SDXL's extra vector.
    pub fn followed_by(self, other: Self) -> Result<Self> {
        let ([_, tokens, width], found) = (self.context.dims(), other.context.dims());
        if found[1..] != [tokens, width] {
            let expected = format!("[_, {tokens}, {width}] like the other half");
            return Err(Error::shape("text context", expected, found));
        }
        let added = match (self.added, other.added) {
            (Some(first), Some(second)) => Some(first.followed_by(second)?),
            (None, None) => None,
            _ => {
                let why = "given for one half of the batch and not for the other";
                return Err(Error::invalid("text_embeds and time_ids", why));
            }
        };
        Ok(Self {
            context: Tensor::cat(vec![self.context, other.context], 0),
            added,
        })
    }
}

impl AddedConditioning {
    fn followed_by(self, other: Self) -> Result<Self> {
        let join = |what: &str, first: Tensor<2>, second: Tensor<2>| {
            let (width, found) = (first.dims()[1], second.dims());
            if found[1] != width {
                let expected = format!("[_, {width}] like the other half");
                return Err(Error::shape(what, expected, found));
            }
            Ok(Tensor::cat(vec![first, second], 0))
        };
        Ok(Self {
            text_embeds: join("text_embeds", self.text_embeds, other.text_embeds)?,
            time_ids: join("time_ids", self.time_ids, other.time_ids)?,
        })
    }
}

impl Conditioning {
    /// Every row `count` times in succession, for several pictures of each prompt.
    #[must_use]
    pub fn repeated(self, count: usize) -> Self {
        let rows = |rows: Tensor<2>| {
            let [batch, width] = rows.dims();
            let rows = rows.unsqueeze_dim::<3>(1).repeat_dim(1, count);
            rows.reshape([batch * count, width])
        };
        let [batch, tokens, width] = self.context.dims();
        let context = rows(self.context.reshape([batch, tokens * width]));
        Self {
            context: context.reshape([batch * count, tokens, width]),
            added: self.added.map(|added| AddedConditioning {
                text_embeds: rows(added.text_embeds),
                time_ids: rows(added.time_ids),
            }),
        }
    }
}

/// What a ControlNet adds: one tensor per skip connection, and one in the middle.
#[derive(Clone, Debug)]
pub struct ControlResiduals {
    /// In the order in which the encoder makes its skips.
    pub down: Vec<Tensor<4>>,
    /// Added after the middle stage.
    pub mid: Tensor<4>,
}

impl ControlResiduals {
    /// Every residual multiplied by `scale` ("conditioning scale").
    #[must_use]
    pub fn scaled(self, scale: f64) -> Self {
        if scale == 1.0 {
            return self;
        }
        let down = self
            .down
            .into_iter()
            .map(|residual| residual * scale)
            .collect();
        Self {
            down,
            mid: self.mid * scale,
        }
    }

    /// Every residual multiplied by `scale` and by its depth's share, from a tenth at the first to one
    /// in the middle, in equal ratios ("guess mode").
    #[must_use]
    pub fn graded(self, scale: f64) -> Self {
        let count = self.down.len() as f64;
        let share = |index: usize| 10f64.powf(index as f64 / count - 1.0) * scale;
        let down = self.down.into_iter().enumerate();
        Self {
            down: down
                .map(|(index, residual)| residual * share(index))
                .collect(),
            mid: self.mid * scale,
        }
    }

    /// The same behind `rows` rows of zeros: for a batch whose first rows are not to be guided.
    #[must_use]
    pub fn after_silent(self, rows: usize) -> Self {
        if rows == 0 {
            return self;
        }
        let extend = |residual: Tensor<4>| {
            let [_, channels, height, width] = residual.dims();
            let silence = Tensor::zeros([rows, channels, height, width], &residual.device());
            Tensor::cat(vec![silence, residual], 0)
        };
        Self {
            down: self.down.into_iter().map(extend).collect(),
            mid: extend(self.mid),
        }
    }

    /// The sum of two ControlNets' residuals.
    ///
    /// # Errors
    /// The two were made for UNets of different sizes.
    pub fn plus(self, other: Self) -> Result<Self> {
        if self.shapes() != other.shapes() {
            let expected = format!("{:?} like the other ControlNet", self.shapes());
            return Err(Error::shape("control residuals", expected, other.shapes()));
        }
        let down = self
            .down
            .into_iter()
            .zip(other.down)
            .map(|(a, b)| add(a, b))
            .collect();
        Ok(Self {
            down,
            mid: add(self.mid, other.mid),
        })
    }

    /// Shapes of all residuals, the middle one last.
    pub fn shapes(&self) -> Vec<[usize; 4]> {
        self.down
            .iter()
            .chain([&self.mid])
            .map(Tensor::dims)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn half(tokens: usize, pooled: Option<(usize, usize)>) -> Conditioning {
        let device = Device::flex();
        let added = pooled.map(|(text, ids)| AddedConditioning {
            text_embeds: Tensor::ones([1, text], &device),
            time_ids: Tensor::ones([1, ids], &device),
        });
        Conditioning {
            context: Tensor::ones([1, tokens, 12], &device),
            added,
        }
    }

    #[test]
    fn halves_that_do_not_fit_are_refused_by_name() {
        let sound = half(3, Some((10, 6)));
        let both = sound.clone().followed_by(sound.clone()).unwrap();
        assert_eq!(both.context.dims(), [2, 3, 12]);
        assert_eq!(both.added.unwrap().text_embeds.dims(), [2, 10]);
        let wrong = [
            (half(4, Some((10, 6))), "text context: expected [_, 3, 12]"),
            (half(3, Some((9, 6))), "text_embeds: expected [_, 10]"),
            (half(3, Some((10, 5))), "time_ids: expected [_, 6]"),
            (half(3, None), "text_embeds and time_ids"),
        ];
        for (other, words) in wrong {
            let error = sound.clone().followed_by(other).unwrap_err().to_string();
            assert!(error.starts_with(words), "{words}: {error}");
        }
    }
}

//! What an autoencoder learns: to give pictures back, from latents that stay near the standard normal
//! distribution (Kingma and Welling 2013, eq. 10, with the small weight of Rombach et al. 2022, section G).

use burn::tensor::Tensor;

use super::draw::Draw;
use super::graph::tracked;
use super::objective::{Loss, Objective};
use crate::error::{Error, Result};
use crate::nn::read_number;
use crate::vae::{AutoencoderKl, LatentDistribution};

/// Absolute error of the picture and of its edges, and the latents' distance from the standard normal
/// distribution. There is no network that judges what pictures look like: none may be bundled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reconstruction {
    /// Weight of the differences between neighbouring pixels: blurred edges cost more than shifted tones.
    pub edges: f64,
    /// Weight of the Kullback-Leibler divergence, per latent value.
    pub divergence: f64,
}

impl Objective for Reconstruction {
    type Model = AutoencoderKl;
    /// `[b, 3, H, W]` in −1..1, sides that are multiples of the autoencoder's reduction.
    type Batch = Tensor<4>;

    fn loss(&self, model: &AutoencoderKl, batch: &Tensor<4>, draw: &mut Draw) -> Result<Loss> {
        let device = model.decoder.conv_in.weight.device();
        let pictures = tracked(batch.clone(), &device);
        check(model, pictures.dims())?;
        let LatentDistribution { mean, logvar } = model.encode(pictures.clone());
        let noise = draw.normal(mean.dims(), &device);
        let latents = mean.clone() + noise * (logvar.clone() * 0.5).exp();
        let error = model.decode(latents) - pictures;

        let tones = error.clone().abs().mean();
        let edges = (across(error.clone(), 2).abs().mean() + across(error, 3).abs().mean()) * 0.5;
        let divergence = (mean.square() + logvar.clone().exp() - logvar - 1.0).mean() * 0.5;
        let told = [
            ("tones", &tones),
            ("edges", &edges),
            ("divergence", &divergence),
        ];
        let parts = told.map(|(name, part)| Ok((name, read_number(part.clone())?)));
        Ok(Loss {
            parts: parts.into_iter().collect::<Result<_>>()?,
            value: tones + edges * self.edges + divergence * self.divergence,
        })
    }
}

/// Each value's difference from its neighbour.
fn across(values: Tensor<4>, dim: usize) -> Tensor<4> {
    let last = values.dims()[dim] - 1;
    values.clone().narrow(dim, 1, last) - values.narrow(dim, 0, last)
}

fn check(model: &AutoencoderKl, shape: [usize; 4]) -> Result<()> {
    model.check_picture(shape)?;
    let side = model.config().reduction();
    let [_, _, height, width] = shape;
    if height % side == 0 && width % side == 0 && height > 1 && width > 1 {
        return Ok(());
    }
    let needed = format!("[b, 3, H, W], H and W multiples of {side} above 1");
    Err(Error::shape("picture to learn from", needed, shape))
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use serde_json::json;

    use super::*;
    use crate::nn::randomize;
    use crate::train::{Computed, Learner, LearnerConfig};
    use crate::vae::VaeConfig;

    fn autoencoder() -> AutoencoderKl {
        let config = json!({
            "latent_channels": 4, "block_out_channels": [8, 8], "layers_per_block": 1,
            "norm_num_groups": 4, "down_block_types": vec!["DownEncoderBlock2D"; 2],
            "up_block_types": vec!["UpDecoderBlock2D"; 2],
        });
        let config = VaeConfig::from_json(&config).unwrap();
        randomize(config.init(&Device::flex().autodiff()), 1)
    }

    const OBJECTIVE: Reconstruction = Reconstruction {
        edges: 2.0,
        divergence: 1e-3,
    };

    /// Two pictures of 8×12, one light and one dark, with an edge in the middle.
    fn pictures() -> Tensor<4> {
        let device = Device::flex();
        let light = Tensor::full([2, 3, 8, 6], 0.6, &device);
        Tensor::cat(vec![light.clone(), light * -0.5], 3)
    }

    fn part(loss: &Loss, name: &str) -> f64 {
        let found = loss.parts.iter().find(|(known, _)| *known == name);
        found.unwrap().1
    }

    #[test]
    fn the_loss_is_the_weighted_sum_of_what_it_says() {
        let loss = OBJECTIVE.loss(&autoencoder(), &pictures(), &mut Draw::new(1, 0, 0));
        let loss = loss.unwrap();
        let [tones, edges, divergence] =
            ["tones", "edges", "divergence"].map(|name| part(&loss, name));
        let value = f64::from(loss.value.clone().into_scalar::<f32>());
        assert!((value - (tones + 2.0 * edges + 1e-3 * divergence)).abs() < 1e-5);
        assert!(tones > 0.1 && edges > 0.01 && divergence > 0.0);
    }

    /// By hand: the decoder says 0 everywhere, so tones and edges are the picture's own.
    #[test]
    fn a_decoder_that_says_nothing_is_off_by_the_picture() {
        let mut model = autoencoder();
        let weight = model.decoder.conv_out.weight.clone();
        model.decoder.conv_out.weight = weight.map(|value| value * 0.0);
        let loss = OBJECTIVE.loss(&model, &pictures(), &mut Draw::new(1, 0, 0));
        let loss = loss.unwrap();
        assert!((part(&loss, "tones") - 0.45).abs() < 1e-5);
        // One of eleven differences along x is 0.9; along y all are 0.
        assert!((part(&loss, "edges") - 0.9 / 11.0 / 2.0).abs() < 1e-5);
    }

    #[test]
    fn it_learns_to_give_pictures_back() {
        let source = Computed::new(|_| Ok(pictures()));
        let config = LearnerConfig::new(60, 3e-3);
        let mut learner = Learner::new(OBJECTIVE, autoencoder(), source, config).unwrap();
        let first = learner.make_step().unwrap().loss;
        learner.run(&mut ()).unwrap();
        assert!(learner.make_step().unwrap().loss < 0.4 * first);
    }

    #[test]
    fn sides_that_would_not_come_back_are_refused() {
        let odd = pictures().narrow(3, 0, 11);
        let refused = OBJECTIVE.loss(&autoencoder(), &odd, &mut Draw::new(1, 0, 0));
        assert!(refused.unwrap_err().to_string().contains("multiples of 2"));
    }
}

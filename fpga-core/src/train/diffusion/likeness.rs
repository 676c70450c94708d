//! Faces of the picture to be are shown to a recogniser, as in PortraitBooth (Peng et al. 2023) and PuLID (Guo et
//! al. 2024): what is left of the noise is decoded where the face is, aligned, and asked whose face it is.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::batch::{FaceTarget, Likeness};
use crate::diffusion::NoiseLevel;
use crate::error::{Error, Result};
use crate::face::{
    ALIGNED_SIZE, ARCFACE_TEMPLATE, Affine, ArcFace, Landmarks5, alignment, warp_pixels,
};
use crate::nn::make_parameters;
use crate::train::Draw;
use crate::vae::AutoencoderKl;

/// One minus the cosine between faces of the picture to be and the people whom they show.
#[derive(Clone, Debug)]
pub struct LikenessLoss {
    /// How much it counts.
    pub weight: f64,
    /// Least ᾱ of pictures that are looked at: in more noise there is no face yet.
    pub from_signal: f64,
    /// Most faces per batch; if there are more, they are drawn.
    pub faces: usize,
    /// How far faces are turned (radians), resized (share) and moved (eye distances) at random before the recogniser
    /// sees them, so that they are not made for its view of them alone.
    pub shake: f64,
    autoencoder: AutoencoderKl,
    recogniser: ArcFace,
}

/// Latents around an aligned face that are decoded with it, so that it does not end at a border.
const MARGIN: f64 = 2.0;

impl LikenessLoss {
    /// With a weight of 0.1, from ᾱ = 0.2 on, for at most 8 faces, not shaken. The networks lie where the model learns, and do
    /// not learn.
    pub fn new(autoencoder: AutoencoderKl, recogniser: ArcFace) -> Self {
        make_parameters(&autoencoder);
        make_parameters(&recogniser);
        Self {
            weight: 0.1,
            from_signal: 0.2,
            faces: 8,
            shake: 0.0,
            autoencoder: autoencoder.no_grad(),
            recogniser: recogniser.no_grad(),
        }
    }

    /// # Errors
    /// Numbers out of range, or networks elsewhere than the model on `device`.
    pub(super) fn check(&self, device: &Device) -> Result<()> {
        for (name, fine, found) in [
            ("weight of the likeness", self.weight >= 0.0, self.weight),
            (
                "least signal of the likeness",
                (0.0..=1.0).contains(&self.from_signal),
                self.from_signal,
            ),
            (
                "shake of the likeness",
                (0.0..0.5).contains(&self.shake),
                self.shake,
            ),
        ] {
            if !(fine && found.is_finite()) {
                return Err(Error::invalid(name, format!("is out of range: {found}")));
            }
        }
        for (name, found) in [
            ("autoencoder", self.autoencoder.devices()),
            ("recogniser", self.recogniser.devices()),
        ] {
            let elsewhere =
                |found: &&Device| *found != device || found.is_autodiff() != device.is_autodiff();
            if let Some(other) = found.iter().find(elsewhere) {
                let tracks = |device: &Device| match device.is_autodiff() {
                    true => format!("{device:?}, tracking gradients"),
                    false => format!("{device:?}, without gradients"),
                };
                let (found, needed) = (tracks(other), tracks(device));
                let why = format!("must lie where the model does: needs {needed}, found {found}");
                return Err(Error::invalid(format!("{name} of the likeness"), why));
            }
        }
        Ok(())
    }

    /// `None` where no face can be looked at. Faces whose identity was left out are not asked about.
    ///
    /// # Shapes
    /// - `clean`: `[b, c, h, w]`, what the model takes the pictures for
    pub(super) fn loss(
        &self,
        clean: &Tensor<4>,
        levels: &[NoiseLevel],
        faces: &[Vec<FaceTarget>],
        draw: &mut Draw,
    ) -> Result<Option<Tensor<1>>> {
        let clear = |&(_, level): &(usize, &NoiseLevel)| level.alpha_bar >= self.from_signal;
        let rows = levels.iter().enumerate().filter(clear).map(|(row, _)| row);
        let known = |row: usize| {
            let faces = faces.get(row).into_iter().flatten();
            let faces = faces.filter(|face| face.is_known());
            faces.filter_map(move |face| Some((row, face, face.likeness.as_ref()?)))
        };
        let mut seen: Vec<(usize, &FaceTarget, &Likeness)> = rows.flat_map(known).collect();
        while seen.len() > self.faces {
            seen.swap_remove(draw.below(seen.len()));
        }
        if seen.is_empty() {
            return Ok(None);
        }
        let features = self.recogniser.config().features;
        let mut aligned = Vec::with_capacity(seen.len());
        let mut wanted = Vec::with_capacity(seen.len());
        for (row, face, likeness) in seen {
            let embedding = likeness.embedding.clone();
            if embedding.dims() != [features] {
                let needed = format!("[{features}] as the recogniser says");
                return Err(Error::shape(
                    "embedding of a face",
                    needed,
                    embedding.dims(),
                ));
            }
            wanted.push(embedding);
            let (height, width) = face.region.dim();
            let landmarks = self.in_pixels(&likeness.landmarks, [height, width], clean.dims())?;
            let seen = alignment(&landmarks)?.inverse()?.after(&self.shaken(draw));
            aligned.push(self.aligned(clean.clone().narrow(0, row, 1), &seen));
        }
        let found = self.recogniser.forward(Tensor::cat(aligned, 0));
        let length = (found.clone().square().sum_dim(1) + 1e-8).sqrt();
        let cosines = (found / length * Tensor::stack(wanted, 0)).sum_dim(1);
        Ok(Some(-cosines.mean() + 1.0))
    }

    /// From a mask of `[height, width]` to the picture that the latents stand for.
    fn in_pixels(
        &self,
        landmarks: &Landmarks5,
        [height, width]: [usize; 2],
        latents: [usize; 4],
    ) -> Result<Landmarks5> {
        let cell = self.autoencoder.config().reduction();
        let [down, across] = [(latents[2], height), (latents[3], width)]
            .map(|(cells, pixels)| (cells * cell) as f32 / pixels as f32);
        Landmarks5::new(landmarks.points().map(|[x, y]| [x * across, y * down]))
    }

    /// Of an aligned face, round its nose.
    fn shaken(&self, draw: &mut Draw) -> Affine {
        if self.shake == 0.0 {
            return Affine::IDENTITY;
        }
        let mut share = || self.shake * (2.0 * draw.unit() - 1.0);
        let (scale, angle) = (1.0 + share(), share());
        let [[left, _], [right, _], [x, y], ..] = ARCFACE_TEMPLATE;
        let shift = [x, y].map(|centre| centre + share() * (right - left));
        Affine::similarity(scale, angle, shift).after(&Affine::translation(-x, -y))
    }

    /// A face as the recogniser sees it: `[1, 3, 112, 112]` of `latents` `[1, c, h, w]`.
    fn aligned(&self, latents: Tensor<4>, to_picture: &Affine) -> Tensor<4> {
        let [_, _, height, width] = latents.dims();
        let cell = self.autoencoder.config().reduction() as f64;
        let side = f64::from(ALIGNED_SIZE);
        let corners = [[0.0, 0.0], [side, 0.0], [0.0, side], [side, side]]
            .map(|corner| to_picture.apply(corner).map(|place| place / cell));
        let cells = |axis: usize, count: usize| {
            let places = corners.map(|corner| corner[axis]);
            let least = places.into_iter().fold(f64::INFINITY, f64::min) - MARGIN;
            let most = places.into_iter().fold(f64::NEG_INFINITY, f64::max) + MARGIN;
            let first = (least.floor().max(0.0) as usize).min(count - 1);
            first..(most.ceil().max(0.0) as usize).clamp(first + 1, count)
        };
        let (rows, columns) = (cells(1, height), cells(0, width));
        let [left, top] = [columns.start, rows.start].map(|first| first as f64 * cell);
        let latents = latents.slice_dim(2, rows).slice_dim(3, columns);
        let pixels = self.autoencoder.decode(self.autoencoder.unscale(latents));
        let to_pixels = Affine::translation(-left, -top).after(to_picture);
        warp_pixels(pixels, &to_pixels, [ALIGNED_SIZE; 2])
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use serde_json::json;

    use super::*;
    use crate::face::{ArcFaceConfig, ResidualStage};
    use crate::nn::randomize;
    use crate::vae::VaeConfig;

    fn device() -> Device {
        Device::flex().autodiff()
    }

    fn loss() -> LikenessLoss {
        let vae = json!({
            "in_channels": 3, "out_channels": 3, "latent_channels": 4, "block_out_channels": [4, 4],
            "down_block_types": vec!["DownEncoderBlock2D"; 2],
            "up_block_types": vec!["UpDecoderBlock2D"; 2], "layers_per_block": 1,
            "norm_num_groups": 2, "sample_size": 16, "scaling_factor": 0.5,
        });
        let vae = VaeConfig::from_json(&vae).unwrap().init(&device());
        let face = ArcFaceConfig {
            side: 112,
            stem_width: 4,
            stages: [4; 4].map(|width| ResidualStage { blocks: 1, width }),
            features: 6,
        };
        LikenessLoss::new(randomize(vae, 1), randomize(face.init(&device()), 2))
    }

    /// At the left or at the right of a picture of 16 pixels.
    fn face(left: f32, features: usize) -> FaceTarget {
        let points = [[1.0, 3.0], [5.0, 3.2], [3.0, 5.0], [1.5, 7.0], [4.5, 7.1]];
        let landmarks = Landmarks5::new(points.map(|[x, y]| [left + x, y])).unwrap();
        let embedding = Tensor::ones([features], &device()) / (features as f64).sqrt();
        FaceTarget {
            tokens: Some(Tensor::zeros([1, 3], &device())),
            likeness: Some(Likeness {
                landmarks,
                embedding,
            }),
            ..FaceTarget::unknown(Array2::ones((16, 16)))
        }
    }

    fn levels(alpha_bar: f64) -> [NoiseLevel; 1] {
        let timestep = 1.0;
        [NoiseLevel {
            timestep,
            alpha_bar,
        }]
    }

    fn asked(loss: &LikenessLoss, alpha_bar: f64, faces: Vec<FaceTarget>) -> Result<Option<f32>> {
        let clean = Draw::new(5, 0, 0).normal([1, 4, 8, 8], &device());
        let draw = &mut Draw::new(6, 0, 0);
        let found = loss.loss(&clean, &levels(alpha_bar), &[faces], draw)?;
        Ok(found.map(|found| found.into_scalar()))
    }

    #[test]
    fn only_known_faces_in_clear_pictures_are_asked_about() {
        let loss = loss();
        let stranger = FaceTarget {
            tokens: None,
            ..face(0.0, 6)
        };
        let unseen = FaceTarget {
            likeness: None,
            ..face(0.0, 6)
        };
        assert_eq!(asked(&loss, 0.19, vec![face(0.0, 6)]).unwrap(), None);
        assert_eq!(asked(&loss, 0.9, vec![stranger, unseen]).unwrap(), None);
        let found = asked(&loss, 0.21, vec![face(0.0, 6)]).unwrap().unwrap();
        assert!((0.0..=2.0).contains(&found), "{found}");
    }

    #[test]
    fn faces_beyond_the_limit_are_left_out() {
        let both = loss();
        let one = LikenessLoss { faces: 1, ..loss() };
        let [left, right] = [0.0, 9.0].map(|at| asked(&both, 0.9, vec![face(at, 6)]).unwrap());
        let pair = || vec![face(0.0, 6), face(9.0, 6)];
        let found = asked(&one, 0.9, pair()).unwrap();
        assert!(left != right && (found == left || found == right));
        let mean = (left.unwrap() + right.unwrap()) / 2.0;
        let found = asked(&both, 0.9, pair()).unwrap().unwrap();
        assert!((found - mean).abs() < 1e-5, "{found} {mean}");
    }

    #[test]
    fn faces_are_shaken_round_the_nose() {
        let still = loss().shaken(&mut Draw::new(1, 0, 0));
        assert_eq!(still, Affine::IDENTITY);
        let loss = LikenessLoss {
            shake: 0.1,
            ..loss()
        };
        let (draw, nose) = (&mut Draw::new(1, 0, 0), ARCFACE_TEMPLATE[2]);
        let mut farthest: f64 = 0.0;
        for _ in 0..200 {
            let moved = loss.shaken(draw).apply(nose);
            let away = [0, 1].map(|axis| (moved[axis] - nose[axis]).abs());
            farthest = farthest.max(away[0]).max(away[1]);
        }
        // A tenth of the distance between the eyes.
        assert!(farthest > 3.2 && farthest < 3.53, "{farthest}");
    }

    #[test]
    fn mistakes_are_named() {
        let error = asked(&loss(), 0.9, vec![face(0.0, 7)]).unwrap_err();
        assert!(error.to_string().contains("embedding of a face"), "{error}");
        let error = loss().check(&Device::flex()).unwrap_err();
        assert!(
            error.to_string().contains("autoencoder of the likeness"),
            "{error}"
        );
        let wrong = LikenessLoss {
            from_signal: 1.5,
            ..loss()
        };
        let error = wrong.check(&device()).unwrap_err();
        assert!(error.to_string().contains("least signal"), "{error}");
        assert!(loss().check(&device()).is_ok());
    }
}

//! Identity-guided regeneration along an inverted trajectory (DIIR, the part that knows no pictures).
//!
//! Deterministic DDIM over the steps of the inversion, backwards; after each step everything outside
//! the mask is put back on the trajectory: `z ← m·z + (1−m)·z_inv(to)`. Mask `[b, 1, h, w]`, 1 where
//! the face may change. Where it is 0 the result is the inverted picture's latents, bit for bit.

use burn::tensor::Tensor;

use super::{Denoiser, Observer, Trajectory, check_shape, in_step, report};
use crate::diffusion::ddim_step;
use crate::error::{Context, Error, Result};

/// What may change, and how far.
#[derive(Clone, Debug)]
pub struct Regeneration {
    /// 1 where the latents may change, 0 where they stay, soft between: `[b or 1, 1, h, w]`.
    pub mask: Tensor<4>,
    /// Noise level to start from: 0 changes nothing, 1 forgets the picture.
    pub depth: f64,
}

/// Denoises back from `depth` of `trajectory` under `denoiser`'s guidance.
///
/// # Shapes
/// Returns `[b, c, h, w]`, as the trajectory's latents.
///
/// # Errors
/// The mask does not fit the latents, the trajectory is not as deep as asked for, the denoiser's own
/// errors, or the observer's cancel.
pub fn regenerate(
    denoiser: &mut impl Denoiser,
    trajectory: &Trajectory,
    regeneration: &Regeneration,
    observer: &mut Observer<'_>,
) -> Result<Tensor<4>> {
    let inversion = trajectory.inversion();
    let count = inversion.steps_to(regeneration.depth)?;
    let start = trajectory.after(count).ok_or_else(|| {
        let why = format!(
            "needed {count} inverted steps, found {}",
            trajectory.depth()
        );
        Error::invalid("depth", why)
    })?;
    let region = Region::new(&regeneration.mask, start)?;
    let plan = inversion.plan();
    let mut latents = start.clone();
    for step in 0..count {
        let left = count - 1 - step;
        let pair = inversion.pair(left);
        let output = denoiser.predict(latents.clone(), pair.from.timestep);
        let output = output.context(|| in_step(step))?;
        check_shape("model output", &output, &latents).context(|| in_step(step))?;
        let split = plan.split(output, latents, pair);
        let clean = split.clean.clone();
        let inside = ddim_step(split, pair, 0.0);
        let outside = trajectory
            .after(left)
            .expect("a trajectory holds every level up to its depth");
        latents = region.blend(inside, outside.clone());
        report(observer, step, count, &latents, &clean)?;
    }
    Ok(latents)
}

/// A checked mask.
struct Region {
    mask: Tensor<4>,
}

impl Region {
    fn new(mask: &Tensor<4>, latents: &Tensor<4>) -> Result<Self> {
        let [batch, _, height, width] = latents.dims();
        let dims = mask.dims();
        if dims != [batch, 1, height, width] && dims != [1, 1, height, width] {
            let expected = format!("[{batch} or 1, 1, {height}, {width}]");
            return Err(Error::shape("latent mask", expected, dims));
        }
        let mask = mask.clone().expand([batch, 1, height, width]);
        Ok(Self { mask })
    }

    fn blend(&self, inside: Tensor<4>, outside: Tensor<4>) -> Tensor<4> {
        let keep = self.mask.clone().neg() + 1.0;
        let blended = inside * self.mask.clone() + outside.clone() * keep;
        // Not left to the arithmetic: 0·NaN is NaN, and a kept −0 would turn into 0.
        let kept = self.mask.clone().equal_elem(0.0).expand(outside.dims());
        blended.mask_where(kept, outside)
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::diffusion::{NoiseSource, ScheduleConfig, TorchCpuNoise};
    use crate::sampler::{DdimInversion, Sampler, SamplerKind, StepReport, invert_ddim, sample};

    const SHAPE: [usize; 4] = [2, 4, 3, 5];
    const STEPS: usize = 10;

    fn neutral(latents: Tensor<4>, timestep: f64) -> Result<Tensor<4>> {
        Ok(latents * (timestep / 1500.0))
    }

    fn guided(latents: Tensor<4>, timestep: f64) -> Result<Tensor<4>> {
        Ok(latents.tanh() * (timestep / 900.0) + 0.3)
    }

    fn onward(_: StepReport<'_>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn trajectory(depth: f64) -> Trajectory {
        let inversion = DdimInversion::new(&ScheduleConfig::stable_diffusion(), STEPS).unwrap();
        let clean = TorchCpuNoise::new(3).latents(SHAPE, &Device::flex());
        invert_ddim(&mut neutral, clean, &inversion, depth, &mut onward).unwrap()
    }

    fn bits(latents: &Tensor<4>) -> Vec<u32> {
        let values: Vec<f32> = latents.to_data().try_to_vec().unwrap();
        values.into_iter().map(f32::to_bits).collect()
    }

    fn mask(values: [f32; 15]) -> Tensor<4> {
        Tensor::from_data(
            TensorData::new(values.to_vec(), [1, 1, 3, 5]),
            &Device::flex(),
        )
    }

    #[test]
    fn an_empty_mask_returns_the_picture_bit_for_bit() {
        let way = trajectory(0.6);
        let task = Regeneration {
            mask: mask([0.0; 15]),
            depth: 0.6,
        };
        let mut broken = |latents: Tensor<4>, _: f64| Ok(latents * f32::NAN);
        let result = regenerate(&mut broken, &way, &task, &mut onward).unwrap();
        assert_eq!(bits(&result), bits(way.clean()));
    }

    #[test]
    fn a_full_mask_is_plain_sampling() {
        let way = trajectory(1.0);
        let task = Regeneration {
            mask: mask([1.0; 15]),
            depth: 1.0,
        };
        let result = regenerate(&mut guided, &way, &task, &mut onward).unwrap();
        let config = ScheduleConfig::stable_diffusion();
        let mut sampler = Sampler::new(SamplerKind::Ddim { eta: 0.0 }, &config, STEPS).unwrap();
        let start = way.noisiest().clone();
        let noise = &mut TorchCpuNoise::new(0);
        let expected = sample(&mut guided, &mut sampler, start, noise, &mut onward).unwrap();
        assert_eq!(bits(&result), bits(&expected));
        assert_ne!(bits(&result), bits(way.clean()));
    }

    #[test]
    fn only_what_the_mask_covers_changes() {
        let way = trajectory(0.6);
        let mut values = [0.0; 15];
        (values[6], values[7]) = (1.0, 0.5);
        let task = Regeneration {
            mask: mask(values),
            depth: 0.6,
        };
        let result = regenerate(&mut guided, &way, &task, &mut onward).unwrap();
        for (place, (found, before)) in bits(&result).iter().zip(bits(way.clean())).enumerate() {
            let covered = values[place % 15] > 0.0;
            assert_eq!(*found != before, covered, "place {place}");
        }
    }

    #[test]
    fn half_a_mask_goes_half_the_way() {
        let way = trajectory(0.1);
        let result = |share| {
            let task = Regeneration {
                mask: mask([share; 15]),
                depth: 0.1,
            };
            regenerate(&mut guided, &way, &task, &mut onward).unwrap()
        };
        let middle = (result(1.0) + way.clean().clone()) / 2.0;
        let gap = (result(0.5) - middle).abs().max().into_scalar::<f32>();
        assert!(gap < 1e-6, "{gap}");
    }

    #[test]
    fn depth_zero_asks_the_network_nothing() {
        let way = trajectory(0.6);
        let task = Regeneration {
            mask: mask([1.0; 15]),
            depth: 0.0,
        };
        let mut absent = |_: Tensor<4>, _: f64| Err(Error::invalid("network", "was called"));
        let result = regenerate(&mut absent, &way, &task, &mut onward).unwrap();
        assert_eq!(bits(&result), bits(way.clean()));
    }

    #[test]
    fn refuses_misfits_and_obeys_a_cancel() {
        let way = trajectory(0.6);
        let too_deep = Regeneration {
            mask: mask([1.0; 15]),
            depth: 0.7,
        };
        assert!(regenerate(&mut guided, &way, &too_deep, &mut onward).is_err());
        let flat = mask([1.0; 15]).reshape([1, 1, 5, 3]);
        let misfit = Regeneration {
            mask: flat,
            depth: 0.6,
        };
        assert!(regenerate(&mut guided, &way, &misfit, &mut onward).is_err());
        let task = Regeneration {
            mask: mask([1.0; 15]),
            depth: 0.6,
        };
        let mut seen = Vec::new();
        let mut stop = |report: StepReport<'_>| {
            seen.push((report.step, report.count));
            if report.step == 2 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let error = regenerate(&mut guided, &way, &task, &mut stop).unwrap_err();
        assert!(error.is_cancelled());
        assert_eq!(seen, [(0, 6), (1, 6), (2, 6)]);
    }
}

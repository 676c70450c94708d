//! Pictures in and out of the networks: tiles, and what CLIP's vision model sees.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use fpga_core::RgbImage;
use fpga_core::pipeline::DeviceChoice;
use fpga_core::vae::{AutoencoderKl, Tiling};
use fpga_core::vision::preprocess;
use fpga_core::weights::{ModelFolder, Storage};
use fpga_core::{Error, ErrorKind};
use fpga_tests::parity::Tensors;

fn device() -> Device {
    DeviceChoice::default().open().unwrap()
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name)
}

fn vae(name: &str, device: &Device) -> AutoencoderKl {
    let folder = ModelFolder::open(fixture("vae").join(name).join("vae"), None).unwrap();
    folder.vae(Storage::AsStored, device).unwrap().0
}

/// Slow waves of another frequency in each channel.
fn waves([channels, height, width]: [usize; 3], device: &Device) -> Tensor<4> {
    let mut values = Vec::with_capacity(channels * height * width);
    for channel in 0..channels {
        let pace = 0.31 + 0.07 * channel as f32;
        for row in 0..height {
            let down = (row as f32 * pace).sin();
            values.extend((0..width).map(|column| down * (column as f32 * pace * 0.8).cos()));
        }
    }
    let data = TensorData::new(values, [1, channels, height, width]);
    Tensor::from_data(data, device)
}

fn relative_error(found: Tensor<4>, expected: Tensor<4>) -> f32 {
    let norm = |tensor: Tensor<4>| tensor.square().sum().sqrt().into_scalar::<f32>();
    norm(found - expected.clone()) / norm(expected)
}

#[test]
fn one_tile_gives_the_same_bits() {
    let device = device();
    let vae = vae("sd1_encode", &device);
    let latents = waves([4, 16, 12], &device);
    let tiling = Tiling {
        tile: 64,
        overlap: 16,
    };
    let tiled = vae
        .decode_tiled(latents.clone(), tiling, |_, _| Ok(()))
        .unwrap();
    assert_eq!(tiled.into_data(), vae.decode(latents).into_data());
    let picture = waves([3, 64, 50], &device);
    let tiled = vae
        .encode_tiled(picture.clone(), tiling, |_, _| Ok(()))
        .unwrap();
    let whole = vae.encode(picture);
    assert_eq!(tiled.mean.into_data(), whole.mean.into_data());
    assert_eq!(tiled.logvar.into_data(), whole.logvar.into_data());
}

/// Group norms see one tile, so the result cannot be equal; this autoencoder has no attention, and
/// waves look the same everywhere, so it must be close.
#[test]
fn tiles_are_close_to_the_whole() {
    let device = device();
    let vae = vae("odd_widths_encode", &device);
    let tiling = Tiling {
        tile: 160,
        overlap: 64,
    };
    let latents = waves([5, 63, 70], &device);
    let mut calls = Vec::new();
    let tiled = vae
        .decode_tiled(latents.clone(), tiling, |done, total| {
            calls.push((done, total));
            Ok(())
        })
        .unwrap();
    assert_eq!(calls, (0..6).map(|done| (done, 6)).collect::<Vec<_>>());
    let error = relative_error(tiled, vae.decode(latents));
    assert!(error < 0.1, "decoded: {error}");

    // sides that leave a rest that fills no latent pixel
    let picture = waves([4, 251, 283], &device);
    let tiled = vae
        .encode_tiled(picture.clone(), tiling, |_, _| Ok(()))
        .unwrap();
    let whole = vae.encode(picture);
    let error = relative_error(tiled.mean, whole.mean);
    assert!(error < 0.05, "encoded: {error}");
    let error = relative_error(tiled.logvar, whole.logvar);
    assert!(error < 0.05, "encoded: {error}");
}

#[test]
fn a_job_can_stop_between_tiles() {
    let device = device();
    let tiling = Tiling {
        tile: 32,
        overlap: 8,
    };
    let stop = |done, _| match done {
        2 => Err(Error::cancelled()),
        _ => Ok(()),
    };
    let stopped =
        vae("sd1_encode", &device).decode_tiled(waves([4, 16, 16], &device), tiling, stop);
    assert!(stopped.unwrap_err().is_cancelled());
}

#[test]
fn tensors_that_do_not_fit_are_refused() {
    let device = device();
    let vae = vae("sd1_encode", &device);
    let shapes = [[1, 5, 8, 8], [1, 4, 0, 8], [0, 4, 8, 8]];
    for shape in shapes {
        let latents = Tensor::zeros(shape, &device);
        let refused = vae.decode_tiled(latents, Tiling::default(), |_, _| Ok(()));
        assert!(matches!(
            refused.unwrap_err().kind(),
            ErrorKind::Shape { .. }
        ));
    }
    let small = Tensor::zeros([1, 3, 3, 64], &device);
    assert!(
        vae.encode_tiled(small, Tiling::default(), |_, _| Ok(()))
            .is_err()
    );
}

#[test]
fn pixels_equal_the_references_within_one_step_of_a_byte() {
    let device = device();
    let file = Tensors::read(&fixture("clip_preprocess/pictures.safetensors")).unwrap();
    let mut steps = [0; 4];
    for index in 0..8 {
        let image = file.get(&format!("image.{index}")).unwrap();
        let bytes = image.values.iter().map(|value| *value as u8).collect();
        let [height, width] = [image.shape[0] as u32, image.shape[1] as u32];
        let picture = RgbImage::from_raw(width, height, bytes).unwrap();
        let pixels = preprocess(&picture, 32, &device).unwrap().into_data();
        let expected = file.get(&format!("pixel_values.{index}")).unwrap();
        assert_eq!(pixels.shape().to_vec(), expected.shape);
        for (at, (found, expected)) in pixels.iter::<f64>().zip(&expected.values).enumerate() {
            let deviation = [0.26862954, 0.26130258, 0.27577711][at / (32 * 32)];
            let step = (found - expected).abs() * 255.0 * deviation;
            assert!(
                (step - step.round()).abs() < 1e-3,
                "picture {index}: {step} steps"
            );
            steps[(step.round() as usize).min(3)] += 1;
        }
    }
    assert_eq!(steps[2..], [0, 0], "{steps:?}");
    assert!(steps[1] * 100 <= steps[0], "{steps:?}");
}

//! Picture to picture and repainting inside a mask equal diffusers' pipelines, latents and bytes.

use std::path::{Path, PathBuf};

use burn::tensor::Tensor;
use fpga_core::RgbImage;
use fpga_core::diffusion::Guidance;
use fpga_core::pipeline::{
    Canvas, DeviceChoice, GenerateRequest, LoadOptions, Monitor, PortraitGenerator, Prompt,
    StableDiffusion,
};
use fpga_core::weights::{Storage, TensorSource};
use ndarray::Array2;

const MODELS: [&str; 2] = ["ddim", "dpmpp_2m_karras"];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// A model of `fixtures/txt2img`, and what diffusers made with it.
struct Case {
    model: StableDiffusion,
    source: TensorSource,
}

impl Case {
    fn open(name: &str) -> Self {
        let device = DeviceChoice::Cpu.open().unwrap();
        let folder = fixtures().join("txt2img").join(name);
        let model = StableDiffusion::load(folder, &LoadOptions::default(), &device).unwrap();
        let file = fixtures()
            .join("repaint")
            .join(format!("{name}.safetensors"));
        Self {
            model,
            source: TensorSource::open(file).unwrap(),
        }
    }

    fn tensor<const D: usize>(&self, name: &str) -> Tensor<D> {
        self.source
            .tensor(name, Storage::F32, &self.model.device)
            .unwrap()
    }

    fn values(&self, name: &str) -> Vec<f32> {
        let data = self.source.read(name, Storage::AsStored).unwrap();
        data.convert::<f32>().try_into_vec().unwrap()
    }

    fn picture(&self) -> RgbImage {
        let values = self.values("picture");
        RgbImage::from_fn(24, 16, |x, y| {
            let at = (y * 24 + x) as usize;
            image::Rgb([0, 1, 2].map(|channel| values[channel * 16 * 24 + at] as u8))
        })
    }

    fn mask(&self) -> Array2<f32> {
        Array2::from_shape_vec((16, 24), self.values("mask")).unwrap()
    }

    fn prompt(&self, name: &str) -> Prompt {
        Prompt::Embedded {
            context: self.tensor(name),
            pooled: None,
        }
    }

    fn request<'a>(&self, canvas: Canvas<'a>) -> GenerateRequest<'a> {
        GenerateRequest {
            negative_prompt: self.prompt("negative_prompt_embeds"),
            steps: 5,
            guidance: Guidance::new(4.0),
            seed: Some(77),
            ..GenerateRequest::new(self.prompt("prompt_embeds"), canvas)
        }
    }

    fn assert_latents(&self, canvas: Canvas<'_>, expected: &str) {
        let generator = PortraitGenerator::new(&self.model);
        let sampled = generator
            .sample(&self.request(canvas), &mut Monitor::none())
            .unwrap();
        let expected: Tensor<4> = self.tensor(expected);
        let size: f32 = expected.clone().square().sum().sqrt().into_scalar();
        let gap: f32 = (sampled.latents - expected)
            .square()
            .sum()
            .sqrt()
            .into_scalar();
        assert!(gap / size < 1e-4, "relative L2 {}", gap / size);
    }
}

#[test]
fn a_changed_picture_equals_diffusers() {
    for name in MODELS {
        let case = Case::open(name);
        let picture = case.picture();
        for strength in [0.6, 1.0] {
            let canvas = Canvas::Picture {
                picture: &picture,
                strength,
            };
            case.assert_latents(canvas, &format!("img2img.{strength:.1}"));
        }
    }
}

#[test]
fn a_repainted_picture_equals_diffusers() {
    for name in MODELS {
        let case = Case::open(name);
        let (picture, mask) = (case.picture(), case.mask());
        for strength in [0.6, 1.0] {
            let canvas = Canvas::Masked {
                picture: &picture,
                mask: &mask,
                strength,
            };
            case.assert_latents(canvas, &format!("inpaint.{strength:.1}"));
        }
    }
}

#[test]
fn repainting_keeps_every_byte_outside_the_mask_at_any_size() {
    let case = Case::open("ddim");
    let whole = case.picture();
    for (width, height) in [(24, 16), (23, 15), (1, 1), (3, 9)] {
        let picture = image::imageops::crop_imm(&whole, 0, 0, width, height).to_image();
        let mask = Array2::from_shape_fn((height as usize, width as usize), |(y, x)| {
            f32::from(u8::from(x >= 1 && y >= 2 && x < 12))
        });
        let canvas = Canvas::Masked {
            picture: &picture,
            mask: &mask,
            strength: 0.8,
        };
        let generator = PortraitGenerator::new(&case.model);
        let made = generator
            .generate(&case.request(canvas), &mut Monitor::none())
            .unwrap();
        let made = &made.pictures[0];
        assert_eq!(made.dimensions(), picture.dimensions());
        let mut changed = 0;
        for (x, y, pixel) in picture.enumerate_pixels() {
            let same = made.get_pixel(x, y) == pixel;
            assert!(
                same || mask[[y as usize, x as usize]] > 0.0,
                "{x}, {y} of {width}×{height}"
            );
            changed += usize::from(!same);
        }
        let covered = mask.iter().filter(|weight| **weight > 0.0).count();
        assert!(
            2 * changed >= covered,
            "{changed} of {covered} pixels changed"
        );
    }
}

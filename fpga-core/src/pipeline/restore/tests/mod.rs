//! Whole restorations of a real photograph by a small model with random weights: its faces are no
//! faces, but every guarantee holds for whatever a model makes.

mod bytes;
mod course;
mod outcome;
mod people;
mod search;

use std::path::Path;
use std::sync::OnceLock;

use burn::tensor::{Device, Tensor};

use super::*;
use crate::face::{CropSettings, FaceBox, Landmarks5};
use crate::pipeline::model::LoadOptions;
use crate::pipeline::prompt::Prompt;

fn fixture(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures")
        .join(path)
}

fn model() -> &'static StableDiffusion {
    static MODEL: OnceLock<StableDiffusion> = OnceLock::new();
    MODEL.get_or_init(|| {
        let folder = fixture("txt2img/ddim");
        StableDiffusion::load(folder, &LoadOptions::default(), &Device::flex()).unwrap()
    })
}

fn photograph() -> RgbImage {
    image::open(fixture("pictures/astronaut.png"))
        .unwrap()
        .to_rgb8()
}

fn prompt(value: f32) -> Prompt {
    let context = Tensor::<3>::full([1, 3, 12], value, &Device::flex());
    Prompt::Embedded {
        context,
        pooled: None,
    }
}

fn region(x0: f32, y0: f32, x1: f32, y1: f32) -> FaceBox {
    FaceBox::new(x0, y0, x1, y1).unwrap()
}

/// The photograph's face, its landmarks turned by `degrees`.
fn astronaut(degrees: f32) -> Face {
    let points = [
        [107.0, 102.0],
        [151.0, 103.0],
        [127.0, 128.0],
        [107.0, 140.0],
        [148.0, 141.0],
    ];
    let (sine, cosine) = degrees.to_radians().sin_cos();
    let turned = points.map(|[x, y]: [f32; 2]| {
        let (x, y) = (x - 129.5, y - 127.0);
        [129.5 + cosine * x - sine * y, 127.0 + sine * x + cosine * y]
    });
    let landmarks = Some(Landmarks5::new(turned).unwrap());
    Face {
        landmarks,
        ..Face::new(region(84.0, 76.0, 175.0, 178.0))
    }
}

fn request(picture: &RgbImage, faces: Vec<Face>) -> RestoreRequest<'_> {
    RestoreRequest {
        negative_prompt: prompt(-0.5),
        steps: 5,
        seed: Some(7),
        crop: CropSettings {
            size: 32,
            ..CropSettings::default()
        },
        gate: Gate::OPEN,
        ..RestoreRequest::new(picture, faces, prompt(0.5))
    }
}

fn restore(request: &RestoreRequest<'_>) -> Result<Restored> {
    FaceRestorer::new(model()).restore(request, &mut Monitor::none())
}

fn refusal(request: &RestoreRequest<'_>) -> String {
    restore(request).unwrap_err().to_string()
}

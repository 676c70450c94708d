//! Five faces of 24 to 1100 pixels in a picture of 24 megapixels: memory grows with the picture, not with
//! the number or size of faces, and what lies outside them keeps its bytes.

#![cfg(target_os = "linux")]

use std::path::Path;

use burn::tensor::{Device, Tensor};
use fpga_core::RgbImage;
use fpga_core::face::{CropSettings, FaceBox, Landmarks5};
use fpga_core::pipeline::{
    DeviceChoice, Face, FaceRestorer, Gate, LoadOptions, Monitor, Prompt, RestoreRequest,
    StableDiffusion, Verdict,
};
use fpga_tests::process::memory;

const SIZE: [u32; 2] = [6000, 4000];
/// Centre, width and angle in degrees of every face.
const FACES: [([f32; 2], f32, f32); 5] = [
    ([320.0, 310.0], 24.0, -25.0),
    ([1100.0, 3000.0], 60.0, 12.0),
    ([2200.0, 800.0], 160.0, 0.0),
    ([3300.0, 2600.0], 420.0, 35.0),
    ([4900.0, 1400.0], 1100.0, -8.0),
];
/// Pictures that a job may hold at once: what it makes, and a change of it.
const COPIES: usize = 3;
/// What the largest face and the network take beyond that: crops, masks, kernels' memory.
const REST: usize = 160 << 20;

#[test]
fn memory_grows_with_the_picture_alone() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/txt2img/ddim");
    let device = DeviceChoice::Cpu.open().unwrap();
    let model = StableDiffusion::load(folder, &LoadOptions::default(), &device).unwrap();
    let picture = RgbImage::from_fn(SIZE[0], SIZE[1], |x, y| {
        let wave = (x as f32 / 37.0).sin() * (y as f32 / 23.0).cos();
        image::Rgb([(x / 24) as u8, (y / 16) as u8, (128.0 + 100.0 * wave) as u8])
    });
    let request = RestoreRequest {
        steps: 4,
        seed: Some(3),
        negative_prompt: prompt(-0.5),
        crop: CropSettings {
            size: 64,
            ..CropSettings::default()
        },
        gate: Gate::OPEN,
        ..RestoreRequest::new(&picture, FACES.map(face).into(), prompt(0.5))
    };

    let before = forget_peak();
    let restored = FaceRestorer::new(&model).restore(&request, &mut Monitor::none());
    let restored = restored.unwrap();
    let grown = memory("VmHWM") - before;

    let most = COPIES * picture.len() + REST;
    assert!(grown <= most, "{grown} bytes at most, expected {most}");
    assert_eq!(restored.report.changed_outside_mask, 0);
    for (report, (centre, width, _)) in restored.report.faces.iter().zip(FACES) {
        assert_eq!(report.verdict, Verdict::Accepted, "face of {width} pixels");
        let at = centre.map(|value| value as u32);
        assert_ne!(
            restored.picture.get_pixel(at[0], at[1]),
            picture.get_pixel(at[0], at[1]),
            "face of {width} pixels"
        );
    }
    let pixels = picture.enumerate_pixels().zip(restored.picture.pixels());
    let strayed = pixels
        .filter(|&((x, y, old), new)| old != new && !near_a_face([x as f32, y as f32]))
        .count();
    assert_eq!(strayed, 0);
}

/// The model has no text encoder.
fn prompt(value: f32) -> Prompt {
    let context = Tensor::<3>::full([1, 3, 12], value, &Device::flex());
    Prompt::Embedded {
        context,
        pooled: None,
    }
}

/// A face whose five landmarks lie as an upright face's do, turned about its centre.
fn face(([x, y], width, degrees): ([f32; 2], f32, f32)) -> Face {
    let (sine, cosine) = degrees.to_radians().sin_cos();
    let points = [
        [-0.22, -0.2],
        [0.22, -0.2],
        [0.0, 0.05],
        [-0.18, 0.22],
        [0.18, 0.22],
    ];
    let turned = points.map(|[u, v]: [f32; 2]| {
        let (u, v) = (u * width, v * width);
        [x + cosine * u - sine * v, y + sine * u + cosine * v]
    });
    let half = width / 2.0;
    let region = FaceBox::new(x - half, y - half, x + half, y + half).unwrap();
    Face {
        landmarks: Some(Landmarks5::new(turned).unwrap()),
        ..Face::new(region)
    }
}

/// Within two widths of a face's centre; no mask reaches further.
fn near_a_face([x, y]: [f32; 2]) -> bool {
    FACES
        .iter()
        .any(|&([u, v], width, _)| (x - u).abs().max((y - v).abs()) <= 2.0 * width)
}

/// Makes the peak of this process what it holds now, and gives that in bytes.
fn forget_peak() -> usize {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    memory("VmHWM")
}

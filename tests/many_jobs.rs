//! A hundred jobs take no more memory than twenty, on the CPU or on the device that `FPGA_TEST_DEVICE` names.

#![cfg(target_os = "linux")]

use burn::tensor::Device;
use fpga_core::RgbImage;
use fpga_core::face::{CropSettings, FaceBox};
use fpga_core::pipeline::{
    Canvas, DeviceChoice, Face, FaceRestorer, Gate, GenerateRequest, LoadOptions, Monitor,
    PortraitGenerator, RestoreRequest, StableDiffusion,
};
use fpga_tests::process::memory;

/// Bytes that may be gained without growing: by a process, because allocators round and keep, and by a device.
const SLACK: u64 = 8 << 20;
const DEVICE_SLACK: u64 = 1 << 20;

#[test]
fn a_hundred_jobs_do_not_grow() {
    let folder = tempfile::tempdir().unwrap();
    fpga_tests::models::write_folder(folder.path());
    let device = std::env::var("FPGA_TEST_DEVICE").unwrap_or_else(|_| "cpu".to_owned());
    let device = device.parse::<DeviceChoice>().unwrap().open().unwrap();
    let model = StableDiffusion::load(folder.path(), &LoadOptions::default(), &device).unwrap();

    jobs(&model, 0..20);
    let (early, slack) = taken(&device);
    jobs(&model, 20..100);
    let (late, _) = taken(&device);
    println!("{early} bytes after 20 jobs, {late} after 100");
    assert!(
        late <= early + slack,
        "{early} bytes after 20 jobs, {late} after 100"
    );
}

/// In turn a new picture, a changed one, and one with a restored face.
fn jobs(model: &StableDiffusion, numbers: std::ops::Range<u64>) {
    let picture = RgbImage::from_fn(32, 24, |x, y| image::Rgb([x as u8 * 7, y as u8 * 9, 90]));
    for number in numbers {
        let made = match number % 3 {
            0 => new_picture(
                model,
                number,
                Canvas::Blank {
                    width: 24,
                    height: 16,
                },
            ),
            1 => new_picture(
                model,
                number,
                Canvas::Picture {
                    picture: &picture,
                    strength: 0.7,
                },
            ),
            _ => restored(model, number, &picture),
        };
        assert!(made.iter().any(|level| *level > 0), "job {number}");
    }
}

fn new_picture(model: &StableDiffusion, seed: u64, canvas: Canvas<'_>) -> RgbImage {
    let request = GenerateRequest {
        steps: 3,
        seed: Some(seed),
        ..GenerateRequest::new("a cat", canvas)
    };
    let made = PortraitGenerator::new(model).generate(&request, &mut Monitor::none());
    made.unwrap().pictures.remove(0)
}

fn restored(model: &StableDiffusion, seed: u64, picture: &RgbImage) -> RgbImage {
    let face = Face::new(FaceBox::new(8.0, 4.0, 22.0, 20.0).unwrap());
    let request = RestoreRequest {
        steps: 3,
        crop: CropSettings {
            size: 32,
            ..CropSettings::default()
        },
        gate: Gate::OPEN,
        seed: Some(seed),
        ..RestoreRequest::new(picture, vec![face], "a face")
    };
    let restored = FaceRestorer::new(model).restore(&request, &mut Monitor::none());
    restored.unwrap().picture
}

/// Bytes that the device has reserved, or where it does not say (the CPU) those of this process; and how many more are no
/// growth.
fn taken(device: &Device) -> (u64, u64) {
    device.sync().unwrap();
    match device.memory_pool_usage() {
        Some(usage) => (usage.bytes_reserved, DEVICE_SLACK),
        None => (memory("VmRSS") as u64, SLACK),
    }
}

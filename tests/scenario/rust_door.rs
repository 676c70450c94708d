//! The door for Rust.

use std::cell::RefCell;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

use fpga::{fpga_log_level, fpga_phase, fpga_status};
use fpga_core::RgbImage;
use fpga_core::control::ControlNet;
use fpga_core::diffusion::Guidance;
use fpga_core::face::{CropSettings, FaceBox};
use fpga_core::pipeline::{
    CancelToken, Canvas, Control, DeviceChoice, Face, FaceRestorer, Gate, GenerateRequest,
    LoadOptions, Monitor, NoiseKind, PortraitGenerator, Progress, RestoreRequest, StableDiffusion,
};
use fpga_core::vae::Tiling;
use fpga_core::weights::{ModelFolder, Storage};
use ndarray::Array2;

use crate::scene::{
    Failure, Ground, Heard, Paint, Play, Scene, SceneFace, Shown, Step, Task, cross, timeless,
    untimed,
};

pub(crate) struct RustDoor {
    model: StableDiffusion,
    net: ControlNet,
}

thread_local! {
    static HEARD: RefCell<Heard> = RefCell::default();
}

impl RustDoor {
    pub(crate) fn open(files: &Path) -> Self {
        let device = DeviceChoice::Cpu.open().unwrap();
        let (model, options) = (files.join("model"), LoadOptions::default());
        let net = ModelFolder::open(files.join("controlnet"), None).unwrap();
        Self {
            model: StableDiffusion::load(model, &options, &device).unwrap(),
            net: net.controlnet(Storage::AsStored, &device).unwrap().0,
        }
    }

    pub(crate) fn play(&self, scene: &Scene) -> Shown {
        let heard = Mutex::new(Heard::default());
        let token = CancelToken::new();
        if scene.cancelled_before {
            token.cancel();
        }
        let inside = token.clone();
        let mut monitor = Monitor::watching(|progress| {
            let mut heard = lock(&heard);
            heard.steps.push(step(progress));
            if Some(heard.steps.len()) == scene.stop_at {
                return inside.cancel();
            }
            heard.previews.extend(progress.preview());
        })
        .with_cancel(token)
        .noting(|level, words| {
            let level = fpga_log_level::from(level) as u32;
            lock(&heard).notes.push((level, untimed(words)));
        });
        let made = self.make(&scene.task, &mut monitor);
        drop(monitor);
        let heard = heard.into_inner().unwrap();
        let notes = heard.notes.clone();
        HEARD.replace(heard);
        match made {
            Ok((pictures, report)) => Ok(Play {
                pictures,
                report: timeless(report),
                notes,
            }),
            Err(error) => Err(Failure {
                status: fpga_status::from(error.kind()) as u32,
                message: error.to_string(),
            }),
        }
    }

    pub(crate) fn steps(&self) -> Vec<Step> {
        HEARD.with_borrow(|heard| heard.steps.clone())
    }

    pub(crate) fn previews(&self) -> Vec<RgbImage> {
        HEARD.with_borrow(|heard| heard.previews.clone())
    }

    fn make(
        &self,
        task: &Task,
        monitor: &mut Monitor<'_>,
    ) -> fpga_core::Result<(Vec<RgbImage>, serde_json::Value)> {
        match task {
            Task::Restore {
                picture,
                faces,
                depth,
            } => {
                let size = picture.0.dimensions();
                let faces = faces.iter().map(|face| to_core(face, size)).collect();
                let request = RestoreRequest {
                    steps: 5,
                    depth: *depth,
                    crop: CropSettings {
                        size: 32,
                        ..CropSettings::default()
                    },
                    gate: Gate::OPEN,
                    seed: Some(7),
                    variation: 0.5,
                    ..RestoreRequest::new(&picture.0, faces, "a face")
                };
                let restored = FaceRestorer::new(&self.model).restore(&request, monitor)?;
                let report = serde_json::to_value(&restored.report).unwrap();
                Ok((vec![restored.picture], report))
            }
            Task::Generate(paint) => {
                let generated = self.paint(paint, monitor)?;
                let report = serde_json::to_value(&generated).unwrap();
                Ok((generated.pictures, report))
            }
        }
    }

    fn paint(
        &self,
        paint: &Paint,
        monitor: &mut Monitor<'_>,
    ) -> fpga_core::Result<fpga_core::pipeline::Generated> {
        let mask;
        let (canvas, size) = match &paint.ground {
            &Ground::Blank(width, height) => (Canvas::Blank { width, height }, (width, height)),
            Ground::Changed(picture, None, strength) => (
                Canvas::Picture {
                    picture: &picture.0,
                    strength: *strength,
                },
                picture.0.dimensions(),
            ),
            Ground::Changed(picture, Some(bytes), strength) => {
                mask = weights(bytes, picture.0.dimensions());
                (
                    Canvas::Masked {
                        picture: &picture.0,
                        mask: &mask,
                        strength: *strength,
                    },
                    picture.0.dimensions(),
                )
            }
        };
        let condition = cross(size.0, size.1);
        let control = |control: &crate::scene::Control| Control {
            net: &self.net,
            condition: &condition,
            scale: control.scale,
            window: control.window,
        };
        let request = GenerateRequest {
            negative_prompt: paint.negative.into(),
            count: paint.count as usize,
            steps: paint.steps as usize,
            guidance: Guidance::new(paint.guidance),
            sampler: paint.sampler.map(|(_, name)| name.parse().unwrap()),
            seed: Some(paint.seed),
            noise: match paint.philox {
                true => NoiseKind::Philox,
                false => NoiseKind::TorchCpu,
            },
            tiling: paint.tile.map(|(tile, overlap)| Tiling {
                tile: tile as usize,
                overlap: overlap as usize,
            }),
            controls: paint.controls.iter().map(control).collect(),
            ..GenerateRequest::new(paint.prompt, canvas)
        };
        PortraitGenerator::new(&self.model).generate(&request, monitor)
    }
}

fn to_core(face: &SceneFace, size: (u32, u32)) -> Face {
    let [left, top, right, bottom] = face.edges;
    Face {
        mask: face.mask.as_ref().map(|bytes| weights(bytes, size)),
        prompt: face.prompt.map(Into::into),
        ..Face::new(FaceBox::new(left, top, right, bottom).unwrap())
    }
}

fn weights(bytes: &[u8], (width, height): (u32, u32)) -> Array2<f32> {
    Array2::from_shape_fn((height as usize, width as usize), |(y, x)| {
        f32::from(bytes[y * width as usize + x]) / 255.0
    })
}

fn step(progress: &Progress<'_>) -> Step {
    let face = progress.face.map_or(0, |face| face as u32 + 1);
    let phase = fpga_phase::from(progress.phase) as u32;
    [phase, face, progress.step as u32, progress.steps as u32]
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap()
}

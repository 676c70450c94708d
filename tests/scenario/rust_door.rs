//! The door for Rust.

use std::cell::RefCell;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

use fpga::{fpga_log_level, fpga_phase, fpga_status};
use fpga_core::RgbImage;
use fpga_core::control::ControlNet;
use fpga_core::diffusion::Guidance;
use fpga_core::face::{CropSettings, DetectedFace, FaceBox, FaceEmbedding, FaceFilter, Landmarks5};
use fpga_core::pipeline::{
    AdapterOptions, CancelToken, Canvas, Control, ControlMode, DeviceChoice, Face, FaceIdentity,
    FaceReference, FaceRestorer, FaceSearch, Gate, GenerateRequest, IdentityAdapter,
    IdentityTokens, LoadOptions, Monitor, NoiseKind, People, Place, PortraitGenerator,
    PortraitIdentity, Progress, Recogniser, Recognition, RestoreRequest, SoughtPerson,
    StableDiffusion,
};
use fpga_core::vae::Tiling;
use fpga_core::weights::{ModelFolder, Storage};
use ndarray::Array2;

use crate::scene::{
    CROWD, Embedding, Failure, Ground, Heard, Paint, Person, Play, Scene, SceneFace, Search, Shown,
    Step, Task, cross, device_name, read_report, recognise, untimed,
};

pub(crate) struct RustDoor {
    model: StableDiffusion,
    net: ControlNet,
    adapter: IdentityAdapter,
}

thread_local! {
    static HEARD: RefCell<Heard> = RefCell::default();
}

impl RustDoor {
    pub(crate) fn open(files: &Path) -> Self {
        let device: DeviceChoice = device_name().parse().unwrap();
        let device = device.open().unwrap();
        let (model, options) = (files.join("model"), LoadOptions::default());
        let net = ModelFolder::open(files.join("controlnet"), None).unwrap();
        let model = StableDiffusion::load(model, &options, &device).unwrap();
        let adapter = files.join("adapter.safetensors");
        let adapter = IdentityAdapter::load(adapter, &model, &AdapterOptions::default()).unwrap();
        Self {
            model,
            net: net.controlnet(Storage::AsStored, &device).unwrap().0,
            adapter,
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
                report: read_report(&report),
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
    ) -> fpga_core::Result<(Vec<RgbImage>, String)> {
        match task {
            Task::Restore {
                picture,
                faces,
                depth,
                search,
            } => {
                let size = picture.0.dimensions();
                let face = |face: &SceneFace| Face {
                    identity: face.identity.as_ref().map(|who| self.worn(who)),
                    ..to_core(face, size)
                };
                let faces = faces.iter().map(face).collect();
                let request = RestoreRequest {
                    search: search.as_ref().map(|search| self.search(search)),
                    adapter: Some(self.adapter.attention()),
                    recogniser: Some(Recogniser(&embed)),
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
                let report = serde_json::to_string(&restored.report).unwrap();
                Ok((vec![restored.picture], report))
            }
            Task::Generate(paint) => {
                let generated = self.paint(paint, monitor)?;
                let report = serde_json::to_string(&generated).unwrap();
                Ok((generated.pictures, report))
            }
        }
    }

    fn search(&self, search: &Search) -> FaceSearch<'static> {
        let sought = |who: &Embedding| SoughtPerson {
            embedding: Some(known(who)),
            identity: Some(self.worn(who)),
            ..SoughtPerson::default()
        };
        FaceSearch {
            filter: FaceFilter {
                most: search.most.map(|most| most as usize),
                min_size: search.min_size,
                ..FaceFilter::default()
            },
            people: search.people.iter().map(sought).collect(),
            embedder: Some(&embed),
            ..FaceSearch::new(&detect)
        }
    }

    fn tokens(&self, who: &Embedding) -> IdentityTokens {
        let embedding = FaceEmbedding::new(who.to_vec()).unwrap();
        let reference = FaceReference::from_embedding(embedding);
        self.adapter.tokens(&[reference]).unwrap()
    }

    fn worn(&self, who: &Embedding) -> FaceIdentity {
        FaceIdentity {
            embedding: Some(known(who)),
            ..FaceIdentity::new(self.tokens(who))
        }
    }

    fn people(&self, paint: &Paint) -> Option<People<'_>> {
        let person = |person: &Person| {
            let [left, top, right, bottom] = person.edges;
            let place = Place::Box(FaceBox::new(left, top, right, bottom).unwrap());
            PortraitIdentity {
                name: person.name.map(Into::into),
                strength: person.strength,
                window: person.window,
                embedding: Some(known(&person.embedding)),
                ..PortraitIdentity::new(self.tokens(&person.embedding), place)
            }
        };
        let everyone = paint.people.iter().map(person).collect();
        (!paint.people.is_empty()).then(|| People {
            measure: paint.measure,
            recognition: paint.measure.then_some(Recognition {
                detector: &detect,
                embedder: &embed,
            }),
            ..People::new(self.adapter.attention(), everyone)
        })
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
            mode: match control.guess {
                true => ControlMode::Guess,
                false => ControlMode::Balanced,
            },
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
            people: self.people(paint),
            ..GenerateRequest::new(paint.prompt, canvas)
        };
        PortraitGenerator::new(&self.model).generate(&request, monitor)
    }
}

/// As the other door keeps what an identity was made from.
fn known(who: &Embedding) -> FaceEmbedding {
    FaceEmbedding::mean(&[FaceEmbedding::new(who.to_vec()).unwrap()]).unwrap()
}

fn detect(_: &RgbImage) -> fpga_core::Result<Vec<DetectedFace>> {
    let face = |([x0, y0, x1, y1], score, points): ([f32; 4], f32, Option<[f32; 10]>)| {
        let points = points.map(|all| [0, 2, 4, 6, 8].map(|at| [all[at], all[at + 1]]));
        Ok(DetectedFace {
            bounds: FaceBox::new(x0, y0, x1, y1)?,
            landmarks: points.map(Landmarks5::new).transpose()?,
            score,
        })
    };
    CROWD.into_iter().map(face).collect()
}

fn embed(_: &RgbImage, landmarks: &Landmarks5) -> fpga_core::Result<FaceEmbedding> {
    FaceEmbedding::new(recognise(landmarks.points()[0][0]).to_vec())
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

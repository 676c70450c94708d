//! Gives people in pictures their own faces: face restoration and portrait generation with Stable
//! Diffusion models, on the CPU and on GPUs, without Python.
//!
//! # Restore a face
//!
//! Everything outside the face's mask keeps every byte; the report proves it.
//!
//! ```
//! use fpga_core::pipeline::{
//!     DeviceChoice, Face, FaceRestorer, LoadOptions, Monitor, RestoreRequest, StableDiffusion,
//! };
//! # use burn::tensor::Tensor;
//! # use fpga_core::pipeline::Prompt;
//! # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/txt2img/ddim");
//! # let photograph = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/pictures/astronaut.png");
//!
//! let device = DeviceChoice::Cpu.open()?;
//! // A diffusers folder, or one `.safetensors` file.
//! let model = StableDiffusion::load(folder, &LoadOptions::default(), &device)?;
//!
//! let picture = image::open(photograph).expect("a photograph").into_rgb8();
//! let face = Face::new(fpga_core::face::FaceBox::new(84.0, 76.0, 175.0, 178.0)?);
//! let prompt = "a sharp photo of a face";
//! # // The model of this example has no tokenizer.
//! # let prompt = Prompt::Embedded { context: Tensor::zeros([1, 3, 12], &device), pooled: None };
//! let mut request = RestoreRequest::new(&picture, vec![face], prompt);
//! # request.negative_prompt = Prompt::Embedded { context: Tensor::ones([1, 3, 12], &device), pooled: None };
//! # request.crop.size = 32;
//! request.steps = 5;
//!
//! let restored = FaceRestorer::new(&model).restore(&request, &mut Monitor::none())?;
//! assert_eq!(restored.report.changed_outside_mask, 0);
//! println!("{:?}, seed {}", restored.report.faces[0].verdict, restored.report.seed);
//! # Ok::<(), fpga_core::Error>(())
//! ```
//!
//! # Put people at their places
//!
//! Each person acts inside their own region only; the report says how much leaked elsewhere.
//!
//! ```no_run
//! use fpga_core::face::{FaceBox, FaceEmbedding};
//! use fpga_core::pipeline::{
//!     AdapterOptions, Canvas, FaceReference, GenerateRequest, IdentityAdapter, Monitor, People, Place,
//!     PortraitGenerator, PortraitIdentity, StableDiffusion,
//! };
//!
//! fn two_people(model: &StableDiffusion, faces: [FaceEmbedding; 2]) -> fpga_core::Result<()> {
//!     let file = "ip-adapter-faceid_sd15.bin";
//!     let adapter = IdentityAdapter::load(file, model, &AdapterOptions::default())?;
//!     // With the LoRA that the file holds.
//!     let model = adapter.applied_to(model)?;
//!
//!     let boxes = [FaceBox::new(40.0, 60.0, 240.0, 300.0)?, FaceBox::new(280.0, 60.0, 480.0, 300.0)?];
//!     let mut people = Vec::new();
//!     for (face, place) in faces.into_iter().zip(boxes) {
//!         let tokens = adapter.tokens(&[FaceReference::from_embedding(face)])?;
//!         people.push(PortraitIdentity::new(tokens, Place::Box(place)));
//!     }
//!     let people = People { measure: true, ..People::new(adapter.attention(), people) };
//!
//!     let canvas = Canvas::Blank { width: 512, height: 512 };
//!     let mut request = GenerateRequest::new("two people on a beach", canvas);
//!     request.people = Some(people);
//!     let generated = PortraitGenerator::new(&model).generate(&request, &mut Monitor::none())?;
//!     generated.pictures[0].save("two.png").expect("a place to write to");
//!     Ok(())
//! }
//! ```
//!
//! # The types that matter
//!
//! - [`pipeline::StableDiffusion`]: one checkpoint, loaded once, used by any number of jobs.
//! - [`pipeline::FaceRestorer`] takes a [`pipeline::RestoreRequest`]; it inverts the face's crop with
//!   DDIM, regenerates it along the same way, and pastes only what the mask covers (DIIR).
//! - [`pipeline::PortraitGenerator`] takes a [`pipeline::GenerateRequest`]: from text, from a
//!   picture, or inside a mask, with any number of ControlNets, and with [`pipeline::People`]
//!   at their places (MGMICA).
//! - [`pipeline::IdentityAdapter`] turns reference pictures into identity tokens.
//! - [`control::RepControlNet`]: spatial guidance that is merged into the UNet and costs nothing.
//! - [`pipeline::Monitor`] and [`pipeline::CancelToken`]: progress, previews and cancelling, per job.
//! - [`Error`]: what went wrong, what was needed, what was found.
//!
//! Below them lie networks ([`unet`], [`control`], [`vae`], [`text`], [`vision`]) that compute what
//! diffusers and transformers compute, samplers ([`sampler`], [`diffusion`]) equal to diffusers', and
//! [`weights`], which reads the files that people have. Tensors and devices are
//! [Burn](https://burn.dev)'s; on the CPU, layers run on our own [`kernels`].
//!
//! # What is not here yet
//!
//! A model of our own in the box, and quantised weights.

pub mod control;
pub mod data;
pub mod diffusion;
pub mod error;
pub mod face;
pub mod identity;
pub mod kernels;
pub mod metrics;
pub mod nn;
pub mod pipeline;
pub mod sampler;
pub mod text;
#[cfg(feature = "train")]
pub mod train;
pub mod unet;
pub mod vae;
pub mod vision;
pub mod weights;

pub use error::{Context, Error, ErrorKind, Result};
pub use image::RgbImage;

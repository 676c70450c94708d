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
//! # The types that matter
//!
//! - [`pipeline::StableDiffusion`]: one checkpoint, loaded once, used by any number of jobs.
//! - [`pipeline::FaceRestorer`] takes a [`pipeline::RestoreRequest`]; it inverts the face's crop with
//!   DDIM, regenerates it along the same way, and pastes only what the mask covers (DIIR).
//! - [`pipeline::PortraitGenerator`] takes a [`pipeline::GenerateRequest`]: from text, from a
//!   picture, or inside a mask, with any number of ControlNets.
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
//! Identity tokens and their adapters, face detection, and quantised weights.

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

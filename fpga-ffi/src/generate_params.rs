//! `fpga_generate_params`: how pictures are made.

use std::ffi::c_char;

use burn::tensor::Device;
use fpga_core::diffusion::Guidance;
use fpga_core::pipeline::{Canvas, GenerateRequest, Prompt};
use fpga_core::vae::Tiling;

use crate::control::fpga_control;
use crate::detector::fpga_face_detector;
use crate::embedder::fpga_face_embedder;
use crate::facial::fpga_facial_prompts;
use crate::fault::Outcome;
use crate::growing::{self, Growing};
use crate::guard::guard;
use crate::image::fpga_image_view;
use crate::modality::fpga_modality;
use crate::params::{fpga_long_prompt, fpga_noise};
use crate::person::fpga_person;
use crate::prompt::{self, fpga_prompt_embedding};
use crate::sampler::fpga_sampler;
use crate::status::fpga_status;
use crate::view::{flag, zero};

/// How pictures are made. Start from `FPGA_GENERATE_PARAMS_INIT`. Pointers are borrowed for the call.
///
/// Without `picture` they start from noise; with it, it is changed; with `mask` too, only there.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fpga_generate_params {
    /// Size of this struct.
    pub struct_size: usize,
    /// What the picture shows; NULL for the empty prompt.
    pub prompt: *const c_char,
    /// What it does not show; NULL for the empty prompt.
    pub negative_prompt: *const c_char,
    /// The picture to change, RGB of any size; NULL to start from noise.
    pub picture: *const fpga_image_view,
    /// Where it may change: `FPGA_PIXEL_FORMAT_GRAY8`, as large as `picture`; 0 keeps its bytes. NULL for
    /// everywhere.
    pub mask: *const fpga_image_view,
    /// ControlNets, whose effects add up.
    pub controls: *const fpga_control,
    /// How many.
    pub num_controls: usize,
    /// Seed of the noise. Read only if `has_seed` is 1.
    pub seed: u64,
    /// How much of `picture` may change: 0 hardly, 1 wholly. Read only with `picture`.
    pub strength: f64,
    /// How strongly the prompt pulls; 7.5 is usual, 1 or less leaves the negative prompt out.
    pub guidance: f64,
    /// How far the spread of guided predictions is pulled back to that of unguided ones: 0 to 1.
    pub guidance_rescale: f64,
    /// Share of fresh noise at each step, 0 to 1, of samplers that have a choice. Read only if `has_eta`
    /// is 1.
    pub eta: f64,
    /// Pixels of a row; a multiple of 8. Read only without `picture`.
    pub width: u32,
    /// Rows; a multiple of 8. Read only without `picture`.
    pub height: u32,
    /// Pictures at once: 1 to 64.
    pub count: u32,
    /// Steps of the whole schedule: 1 to 1000.
    pub steps: u32,
    /// 1 if `seed` is set, 0 for a fresh one, which the result names.
    pub has_seed: u32,
    /// 1 if `eta` is set, 0 for the sampler's own.
    pub has_eta: u32,
    /// One of `fpga_sampler`.
    pub sampler: u32,
    /// One of `fpga_long_prompt`.
    pub long_prompt: u32,
    /// One of `fpga_noise`.
    pub noise: u32,
    /// Longest side in pixels of the tiles in which the result is decoded, for pictures whose whole would
    /// take too much memory; 0 for no tiles.
    pub tile: u32,
    /// Shortest overlap of two tiles in pixels.
    pub tile_overlap: u32,
    /// Must be 0.
    pub reserved: u32,
    /// Who appears, and where; the model should be that of `fpga_model_with_adapter`.
    pub people: *const fpga_person,
    /// How many.
    pub num_people: usize,
    /// 1 to measure where everyone's attention goes, for the report; the pictures stay the same, it takes
    /// about one more attention per person and layer. 0 to leave that out.
    pub measure: u32,
    /// Must be 0.
    pub reserved_2: u32,
    /// Condition pictures of the modalities that are merged into the model; one for each of them.
    pub modalities: *const fpga_modality,
    /// How many.
    pub num_modalities: usize,
    /// Finds the faces of the finished pictures, so that the report says who is recognised at their place;
    /// NULL to leave that out. The job keeps its own reference.
    pub recognition_detector: *const fpga_face_detector,
    /// Says whose they are: the network that the identities' embeddings come from. Set both or neither.
    pub recognition_embedder: *const fpga_face_embedder,
    /// Words that know somebody's face (ConsistentID), in place of all other prompts, which must be NULL then.
    /// NULL for none. The job keeps its own reference.
    pub facial_prompts: *const fpga_facial_prompts,
    /// What the picture shows, encoded by the caller, in place of `prompt`, which must be NULL then; NULL for
    /// none. With it comes `negative_prompt_embedding`.
    pub prompt_embedding: *const fpga_prompt_embedding,
    /// What it does not show, in place of `negative_prompt`.
    pub negative_prompt_embedding: *const fpga_prompt_embedding,
}

// SAFETY: `repr(C)`, `struct_size` first, pointers, floats and integers.
unsafe impl Growing for fpga_generate_params {
    const NAME: &'static str = "fpga_generate_params";
    const FIRST_SIZE: usize = 7 * size_of::<usize>() + 5 * size_of::<f64>() + 12 * size_of::<u32>();

    /// The core's defaults, so that both doors agree.
    fn defaults() -> Self {
        let blank = Canvas::Blank {
            width: 512,
            height: 512,
        };
        let core = GenerateRequest::new("", blank);
        Self {
            struct_size: size_of::<Self>(),
            prompt: std::ptr::null(),
            negative_prompt: std::ptr::null(),
            picture: std::ptr::null(),
            mask: std::ptr::null(),
            controls: std::ptr::null(),
            num_controls: 0,
            seed: 0,
            strength: 0.75,
            guidance: core.guidance.scale,
            guidance_rescale: core.guidance.rescale,
            eta: 0.0,
            width: 512,
            height: 512,
            count: core.count as u32,
            steps: core.steps as u32,
            has_seed: 0,
            has_eta: 0,
            sampler: fpga_sampler::Model as u32,
            long_prompt: fpga_long_prompt::from(core.long_prompt) as u32,
            noise: fpga_noise::from(core.noise) as u32,
            tile: 0,
            tile_overlap: Tiling::default().overlap as u32,
            reserved: 0,
            people: std::ptr::null(),
            num_people: 0,
            measure: 0,
            reserved_2: 0,
            modalities: std::ptr::null(),
            num_modalities: 0,
            recognition_detector: std::ptr::null(),
            recognition_embedder: std::ptr::null(),
            facial_prompts: std::ptr::null(),
            prompt_embedding: std::ptr::null(),
            negative_prompt_embedding: std::ptr::null(),
        }
    }
}

/// Sets every field to its default, as `FPGA_GENERATE_PARAMS_INIT` does.
///
/// `size` is `sizeof *params`; it becomes `struct_size`.
///
/// Ownership: `params` stays the caller's.
/// Threads: any.
/// NULL: `params` must not be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_generate_params_init(
    params: *mut fpga_generate_params,
    size: usize,
) -> fpga_status {
    // SAFETY: the caller says that `params` has `size` bytes.
    guard(|_| unsafe { growing::write(&fpga_generate_params::defaults(), params, size) })
}

/// # Safety
/// `params` is NULL for the defaults, or a struct.
pub(crate) unsafe fn read(params: *const fpga_generate_params) -> Outcome<fpga_generate_params> {
    match params.is_null() {
        true => Ok(fpga_generate_params::defaults()),
        // SAFETY: this function's contract.
        false => unsafe { growing::read(params) },
    }
}

/// The request without canvas, controls, people and modalities. What the caller encoded goes to `device`.
///
/// # Safety
/// The prompts of `params` live during the call.
pub(crate) unsafe fn settings(
    params: &fpga_generate_params,
    device: &Device,
) -> Outcome<GenerateRequest<'static>> {
    zero(params.reserved, "fpga_generate_params.reserved")?;
    // SAFETY: this function's contract.
    let (prompt, negative) = unsafe {
        (
            prompt::copy_in(
                params.prompt,
                params.prompt_embedding,
                "fpga_generate_params.prompt",
                device,
            )?,
            prompt::copy_in(
                params.negative_prompt,
                params.negative_prompt_embedding,
                "fpga_generate_params.negative_prompt",
                device,
            )?,
        )
    };
    let seeded = flag(params.has_seed, "fpga_generate_params.has_seed")?;
    let eta = flag(params.has_eta, "fpga_generate_params.has_eta")?;
    let long_prompt = "fpga_generate_params.long_prompt";
    // Stands in until the job lends its own.
    let canvas = Canvas::Blank {
        width: params.width,
        height: params.height,
    };
    Ok(GenerateRequest {
        negative_prompt: negative.unwrap_or_else(|| Prompt::from("")),
        long_prompt: fpga_long_prompt::from_code(params.long_prompt, long_prompt)?,
        count: params.count as usize,
        steps: params.steps as usize,
        guidance: Guidance {
            scale: params.guidance,
            rescale: params.guidance_rescale,
        },
        sampler: fpga_sampler::from_code(params.sampler, eta.then_some(params.eta))?,
        seed: seeded.then_some(params.seed),
        noise: fpga_noise::from_code(params.noise, "fpga_generate_params.noise")?,
        tiling: (params.tile > 0).then_some(Tiling {
            tile: params.tile as usize,
            overlap: params.tile_overlap as usize,
        }),
        ..GenerateRequest::new(prompt.unwrap_or_else(|| Prompt::from("")), canvas)
    })
}

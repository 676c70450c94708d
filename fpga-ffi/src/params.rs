//! `fpga_restore_params`: how faces are restored.

use std::ffi::c_char;
use std::sync::LazyLock;

use burn::tensor::Device;
use fpga_core::RgbImage;
use fpga_core::diffusion::Guidance;
use fpga_core::face::CropSettings;
use fpga_core::pipeline::{Gate, NoiseKind, Prompt, RestoreRequest};
use fpga_core::text::LongPrompt;

use crate::controlnet::fpga_controlnet;
use crate::embedder::fpga_face_embedder;
use crate::fault::{Fault, Outcome};
use crate::growing::{self, Growing};
use crate::guard::guard;
use crate::prompt::{self, fpga_prompt_embedding};
use crate::search::fpga_search;
use crate::status::fpga_status;
use crate::view::{flag, zero};

/// What happens to prompts beyond the 77 tokens that text models read at once.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum fpga_long_prompt {
    /// The job fails and says how many tokens are too many.
    Refuse = 1,
    /// What does not fit is dropped.
    Truncate = 2,
    /// The prompt fills as many windows of 77 tokens as it needs.
    Split = 3,
}

/// Whose random numbers a seed starts.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum fpga_noise {
    /// PyTorch's CPU generator.
    TorchCpu = 1,
    /// Philox 4x32-10: PyTorch's CUDA generator.
    Philox = 2,
}

/// How faces are restored. Start from `FPGA_RESTORE_PARAMS_INIT`. Strings are borrowed for the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fpga_restore_params {
    /// Size of this struct.
    pub struct_size: usize,
    /// What restored faces look like; NULL for the empty prompt.
    pub prompt: *const c_char,
    /// What they do not look like; NULL for the empty prompt.
    pub negative_prompt: *const c_char,
    /// What the picture shows now; NULL for the empty prompt.
    pub source_prompt: *const c_char,
    /// Seed of the fresh noise; face `i` uses `seed + i`. Read only if `has_seed` is 1.
    pub seed: u64,
    /// How much of the old face is forgotten: 0 nothing, 0.6 to restore, 1 to swap.
    pub depth: f64,
    /// How strongly the prompt pulls: 0 to 100; 3 to 5 is usual, 1 for no guidance.
    pub guidance: f64,
    /// How far the spread of guided predictions is pulled back to that of unguided ones: 0 to 1.
    pub guidance_rescale: f64,
    /// Share of fresh noise: 0 always makes the same face, more makes another one with every seed.
    pub variation: f64,
    /// Side of the crop / larger side of the face's box: 1 to 8.
    pub crop_reach: f64,
    /// Crops turn with the eye line where it is tilted by more than this many degrees: 0 to 180.
    pub upright_over: f64,
    /// Width over which masks fade, as a share of the crop's side: 0 to 0.25.
    pub feather: f64,
    /// The original is kept where the seam differs by more, in CIEDE2000; `HUGE_VAL` for no limit.
    pub max_seam_delta_e: f64,
    /// The original is kept where sharpness after / before is less; 0 for no limit.
    pub min_sharpness_gain: f64,
    /// 1 if `seed` is set, 0 for a fresh one, which the result names.
    pub has_seed: u32,
    /// Steps of the whole schedule; `depth` times as many are made, each way: 1 to 1000.
    pub steps: u32,
    /// Extra network calls per inversion step that make the way back lead to the same picture:
    /// 0 to 100.
    pub fixed_point_iterations: u32,
    /// Side in pixels of what the model sees: 512 for SD 1, 768 or 512 for SD 2, 1024 for SDXL; a
    /// multiple of 8, at most 4096.
    pub model_size: u32,
    /// 1 to measure how well the inversion leads back, which costs as many network calls as steps are
    /// made; else 0.
    pub measure_round_trip: u32,
    /// One of `fpga_long_prompt`.
    pub long_prompt: u32,
    /// One of `fpga_noise`.
    pub noise: u32,
    /// Must be 0.
    pub reserved: u32,
    /// Finds the faces where the job is given none; NULL to restore given faces only.
    pub search: *const fpga_search,
    /// Tells how much a face is the person's that it shall show, for the gate and the report: the network
    /// that the identities' embeddings come from. NULL to leave that out. The job keeps its own reference.
    pub recogniser: *const fpga_face_embedder,
    /// A ControlNet that was trained on drawings of five landmarks (InstantID's): it keeps pose and
    /// expression, and every face needs landmarks. NULL for none. The job keeps its own reference.
    pub landmark_controlnet: *const fpga_controlnet,
    /// Of `landmark_controlnet`: 1 as trained, 0 silent.
    pub landmark_scale: f64,
    /// Share of the steps back at which it starts to speak: 0 to 1.
    pub landmark_window_start: f64,
    /// Share of the steps back at which that ends: 0 to 1.
    pub landmark_window_end: f64,
    /// The original is kept where the cosine with the person's own face gains less than this, if that is
    /// measured; `-HUGE_VAL` for no limit.
    pub min_likeness_gain: f64,
    /// What restored faces look like, encoded by the caller, in place of `prompt`, which must be NULL then;
    /// NULL for none. With it comes `negative_prompt_embedding`.
    pub prompt_embedding: *const fpga_prompt_embedding,
    /// What they do not look like, in place of `negative_prompt`.
    pub negative_prompt_embedding: *const fpga_prompt_embedding,
    /// What the picture shows now, in place of `source_prompt`; NULL for `negative_prompt_embedding`.
    pub source_prompt_embedding: *const fpga_prompt_embedding,
}

// SAFETY: `repr(C)`, `struct_size` first, pointers, floats and integers.
unsafe impl Growing for fpga_restore_params {
    const NAME: &'static str = "fpga_restore_params";
    const FIRST_SIZE: usize =
        size_of::<usize>() + 3 * size_of::<*const c_char>() + 10 * size_of::<f64>() + 32;

    /// The core's defaults, so that both doors agree.
    fn defaults() -> Self {
        let core = RestoreRequest::new(&NO_PICTURE, Vec::new(), "");
        Self {
            struct_size: size_of::<Self>(),
            prompt: std::ptr::null(),
            negative_prompt: std::ptr::null(),
            source_prompt: std::ptr::null(),
            seed: 0,
            depth: core.depth,
            guidance: core.guidance.scale,
            guidance_rescale: core.guidance.rescale,
            variation: core.variation,
            crop_reach: core.crop.reach,
            upright_over: core.crop.upright_over,
            feather: core.feather,
            max_seam_delta_e: core.gate.max_seam_delta_e,
            min_sharpness_gain: core.gate.min_sharpness_gain,
            has_seed: 0,
            steps: core.steps as u32,
            fixed_point_iterations: core.fixed_point_iterations as u32,
            model_size: core.crop.size,
            measure_round_trip: u32::from(core.measure_round_trip),
            long_prompt: fpga_long_prompt::from(core.long_prompt) as u32,
            noise: fpga_noise::from(core.noise) as u32,
            reserved: 0,
            search: std::ptr::null(),
            recogniser: std::ptr::null(),
            landmark_controlnet: std::ptr::null(),
            landmark_scale: 1.0,
            landmark_window_start: 0.0,
            landmark_window_end: 1.0,
            min_likeness_gain: core.gate.min_likeness_gain,
            prompt_embedding: std::ptr::null(),
            negative_prompt_embedding: std::ptr::null(),
            source_prompt_embedding: std::ptr::null(),
        }
    }
}

/// Stands in until a job lends its own picture.
static NO_PICTURE: LazyLock<RgbImage> = LazyLock::new(RgbImage::default);

impl fpga_long_prompt {
    pub(crate) fn from_code(code: u32, field: &str) -> Outcome<LongPrompt> {
        Ok(match code {
            1 => LongPrompt::Refuse,
            2 => LongPrompt::Truncate,
            3 => LongPrompt::Split,
            _ => {
                let why = format!("no such choice: {code}");
                return Err(Fault::argument(field, why));
            }
        })
    }
}

impl From<LongPrompt> for fpga_long_prompt {
    fn from(long: LongPrompt) -> Self {
        match long {
            LongPrompt::Refuse => Self::Refuse,
            LongPrompt::Truncate => Self::Truncate,
            LongPrompt::Split => Self::Split,
        }
    }
}

impl fpga_noise {
    pub(crate) fn from_code(code: u32, field: &str) -> Outcome<NoiseKind> {
        Ok(match code {
            1 => NoiseKind::TorchCpu,
            2 => NoiseKind::Philox,
            _ => {
                let why = format!("no such noise: {code}");
                return Err(Fault::argument(field, why));
            }
        })
    }
}

impl From<NoiseKind> for fpga_noise {
    fn from(noise: NoiseKind) -> Self {
        match noise {
            NoiseKind::TorchCpu => Self::TorchCpu,
            NoiseKind::Philox => Self::Philox,
        }
    }
}

/// Sets every field to its default, as `FPGA_RESTORE_PARAMS_INIT` does.
///
/// `size` is `sizeof *params`; it becomes `struct_size`.
///
/// Ownership: `params` stays the caller's.
/// Threads: any.
/// NULL: `params` must not be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_restore_params_init(
    params: *mut fpga_restore_params,
    size: usize,
) -> fpga_status {
    // SAFETY: the caller says that `params` has `size` bytes.
    guard(|_| unsafe { growing::write(&fpga_restore_params::defaults(), params, size) })
}

/// # Safety
/// `params` is NULL for the defaults, or a struct.
pub(crate) unsafe fn read(params: *const fpga_restore_params) -> Outcome<fpga_restore_params> {
    match params.is_null() {
        true => Ok(fpga_restore_params::defaults()),
        // SAFETY: this function's contract.
        false => unsafe { growing::read(params) },
    }
}

/// The request without its picture, faces and networks. What the caller encoded goes to `device`.
///
/// # Safety
/// The prompts of `params` live during the call.
pub(crate) unsafe fn settings(
    params: &fpga_restore_params,
    device: &Device,
) -> Outcome<RestoreRequest<'static>> {
    zero(params.reserved, "fpga_restore_params.reserved")?;
    let told = |words, embedding, field: &str| {
        let field = format!("fpga_restore_params.{field}");
        // SAFETY: this function's contract.
        unsafe { prompt::copy_in(words, embedding, &field, device) }
    };
    let prompt = told(params.prompt, params.prompt_embedding, "prompt")?;
    let negative = told(
        params.negative_prompt,
        params.negative_prompt_embedding,
        "negative_prompt",
    )?;
    let source = told(
        params.source_prompt,
        params.source_prompt_embedding,
        "source_prompt",
    )?;
    let seeded = flag(params.has_seed, "fpga_restore_params.has_seed")?;
    Ok(RestoreRequest {
        picture: &NO_PICTURE,
        faces: Vec::new(),
        search: None,
        prompt: prompt.unwrap_or_else(|| Prompt::from("")),
        negative_prompt: negative.unwrap_or_else(|| Prompt::from("")),
        source_prompt: source,
        long_prompt: fpga_long_prompt::from_code(
            params.long_prompt,
            "fpga_restore_params.long_prompt",
        )?,
        depth: params.depth,
        steps: params.steps as usize,
        fixed_point_iterations: params.fixed_point_iterations as usize,
        guidance: Guidance {
            scale: params.guidance,
            rescale: params.guidance_rescale,
        },
        variation: params.variation,
        seed: seeded.then_some(params.seed),
        noise: fpga_noise::from_code(params.noise, "fpga_restore_params.noise")?,
        crop: CropSettings {
            size: params.model_size,
            reach: params.crop_reach,
            upright_over: params.upright_over,
        },
        feather: params.feather,
        gate: Gate {
            max_seam_delta_e: params.max_seam_delta_e,
            min_sharpness_gain: params.min_sharpness_gain,
            min_likeness_gain: params.min_likeness_gain,
        },
        measure_round_trip: flag(
            params.measure_round_trip,
            "fpga_restore_params.measure_round_trip",
        )?,
        adapter: None,
        recogniser: None,
        landmark_control: None,
    })
}

#[cfg(test)]
mod tests {
    use fpga_core::pipeline::DeviceChoice;

    use super::*;

    fn cpu() -> Device {
        DeviceChoice::Cpu.open().unwrap()
    }

    #[test]
    fn the_defaults_are_those_of_the_core() {
        let core = RestoreRequest::new(&NO_PICTURE, Vec::new(), "");
        // SAFETY: NULL is allowed.
        let ours = unsafe { settings(&read(std::ptr::null()).unwrap(), &cpu()) }.unwrap();
        assert_eq!(format!("{ours:?}"), format!("{core:?}"));
    }

    #[test]
    fn every_field_reaches_the_request() {
        // Without `..`: a new field must be added here, and to the request.
        let params = fpga_restore_params {
            struct_size: size_of::<fpga_restore_params>(),
            prompt: c"new".as_ptr(),
            negative_prompt: c"bad".as_ptr(),
            source_prompt: c"old".as_ptr(),
            seed: 1 << 40,
            depth: 0.11,
            guidance: 0.12,
            guidance_rescale: 0.13,
            variation: 0.14,
            crop_reach: 0.15,
            upright_over: 0.16,
            feather: 0.17,
            max_seam_delta_e: 0.18,
            min_sharpness_gain: 0.19,
            has_seed: 1,
            steps: 20,
            fixed_point_iterations: 21,
            model_size: 22,
            measure_round_trip: 0,
            long_prompt: fpga_long_prompt::Truncate as u32,
            noise: fpga_noise::Philox as u32,
            min_likeness_gain: 0.21,
            reserved: 0,
            // Handles: `tests/c/faces.c`.
            search: std::ptr::null(),
            recogniser: std::ptr::null(),
            landmark_controlnet: std::ptr::null(),
            landmark_scale: 0.22,
            landmark_window_start: 0.23,
            landmark_window_end: 0.24,
            // Below, and `tests/c/prompts.c`.
            prompt_embedding: std::ptr::null(),
            negative_prompt_embedding: std::ptr::null(),
            source_prompt_embedding: std::ptr::null(),
        };
        let expected = RestoreRequest {
            negative_prompt: "bad".into(),
            source_prompt: Some("old".into()),
            long_prompt: LongPrompt::Truncate,
            depth: 0.11,
            steps: 20,
            fixed_point_iterations: 21,
            guidance: Guidance {
                scale: 0.12,
                rescale: 0.13,
            },
            variation: 0.14,
            seed: Some(1 << 40),
            noise: NoiseKind::Philox,
            crop: CropSettings {
                size: 22,
                reach: 0.15,
                upright_over: 0.16,
            },
            feather: 0.17,
            gate: Gate {
                max_seam_delta_e: 0.18,
                min_sharpness_gain: 0.19,
                min_likeness_gain: 0.21,
            },
            measure_round_trip: false,
            ..RestoreRequest::new(&NO_PICTURE, Vec::new(), "new")
        };
        // SAFETY: the strings are static.
        let found = unsafe { settings(&params, &cpu()) }.unwrap();
        assert_eq!(format!("{found:?}"), format!("{expected:?}"));
    }

    #[test]
    fn embedded_prompts_stand_in_for_words() {
        let numbers = [1.0_f32, 2.0, 3.0, 4.0];
        let embedding = |num_tokens, width| fpga_prompt_embedding {
            tokens: numbers.as_ptr(),
            num_tokens,
            width,
            ..fpga_prompt_embedding::defaults()
        };
        let [wanted, unwanted, now] = [(4, 1), (2, 2), (1, 4)].map(|(n, w)| embedding(n, w));
        let params = fpga_restore_params {
            prompt_embedding: &raw const wanted,
            negative_prompt_embedding: &raw const unwanted,
            source_prompt_embedding: &raw const now,
            ..fpga_restore_params::defaults()
        };
        // SAFETY: numbers and structs live during the call.
        let read = |params: &fpga_restore_params| unsafe { settings(params, &cpu()) };
        let found = read(&params).unwrap();
        let prompts = [
            &found.prompt,
            &found.negative_prompt,
            found.source_prompt.as_ref().unwrap(),
        ];
        let shapes = prompts.map(|prompt| match prompt {
            Prompt::Embedded { context, .. } => context.dims(),
            Prompt::Text(words) => panic!("{words}"),
        });
        assert_eq!(shapes, [[1, 4, 1], [1, 2, 2], [1, 1, 4]]);
        let both = fpga_restore_params {
            source_prompt: c"a man".as_ptr(),
            ..params
        };
        let message = read(&both).unwrap_err().message;
        let field = "fpga_restore_params.source_prompt_embedding: stands in for words";
        assert!(message.starts_with(field), "{message}");
    }
}

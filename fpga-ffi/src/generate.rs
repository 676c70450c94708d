//! What a generation needs, owned: its request borrows from it.

use std::sync::Arc;

use burn::tensor::Device;
use fpga_core::RgbImage;
use fpga_core::pipeline::{Canvas, FacialPrompts, GenerateRequest};
use ndarray::Array2;

use crate::adapter::fpga_adapter;
use crate::context::fpga_context;
use crate::control::{self, OwnControl};
use crate::controlnet::fpga_controlnet;
use crate::detector::fpga_face_detector;
use crate::embedder::fpga_face_embedder;
use crate::facial::fpga_facial_prompts;
use crate::fault::{Fault, Outcome};
use crate::generate_params::{self, fpga_generate_params};
use crate::handle::share_optional;
use crate::image;
use crate::modality::{self, OwnModality};
use crate::person::{self, OwnPeople};
use crate::view::{flag, zero};

/// What a generation needs.
pub(crate) struct Generation {
    canvas: OwnCanvas,
    controls: Vec<OwnControl>,
    people: Option<OwnPeople>,
    modalities: Vec<OwnModality>,
    words: Option<Arc<fpga_facial_prompts>>,
    /// Without canvas, controls, people and modalities.
    settings: GenerateRequest<'static>,
}

enum OwnCanvas {
    Blank {
        width: u32,
        height: u32,
    },
    Picture {
        picture: RgbImage,
        mask: Option<Array2<f32>>,
        strength: f64,
    },
}

impl Generation {
    pub(crate) fn request(&self) -> GenerateRequest<'_> {
        let mut settings = self.settings.clone();
        if let Some(words) = &self.words {
            let FacialPrompts {
                prompt,
                negative_prompt,
                change,
            } = words.prompts.clone();
            (settings.prompt, settings.negative_prompt) = (prompt, negative_prompt);
            settings.prompt_change = Some(change);
        }
        GenerateRequest {
            canvas: self.canvas.borrowed(),
            controls: self.controls.iter().map(OwnControl::borrowed).collect(),
            people: self.people.as_ref().map(OwnPeople::borrowed),
            modalities: self.modalities.iter().map(OwnModality::borrowed).collect(),
            ..settings
        }
    }

    /// The ControlNets.
    pub(crate) fn controlnets(&self) -> impl Iterator<Item = &fpga_controlnet> {
        self.controls.iter().map(|control| &*control.controlnet)
    }

    /// The adapter that its words were made with.
    pub(crate) fn words_adapter(&self) -> Option<&fpga_adapter> {
        self.words.as_ref().map(|words| &*words.adapter)
    }

    /// Where its modalities live.
    pub(crate) fn modality_contexts(&self) -> impl Iterator<Item = &fpga_context> {
        self.modalities.iter().map(|modality| &*modality.context)
    }

    /// Bytes that its face networks take while they run; the model's networks rest then.
    pub(crate) fn working(&self) -> u64 {
        let people = self.people.as_ref();
        let networks = people.and_then(|people| people.recognition.as_ref());
        networks.map_or(0, |(detector, embedder)| {
            detector.home.working.max(embedder.home.working)
        })
    }

    /// The adapter of its people.
    pub(crate) fn adapter(&self) -> Option<&fpga_adapter> {
        self.people.as_ref().map(|people| &*people.adapter)
    }
}

impl OwnCanvas {
    fn borrowed(&self) -> Canvas<'_> {
        match self {
            &Self::Blank { width, height } => Canvas::Blank { width, height },
            Self::Picture {
                picture,
                mask: None,
                strength,
            } => Canvas::Picture {
                picture,
                strength: *strength,
            },
            Self::Picture {
                picture,
                mask: Some(mask),
                strength,
            } => Canvas::Masked {
                picture,
                mask,
                strength: *strength,
            },
        }
    }
}

/// What the caller encoded goes to `device`.
///
/// # Safety
/// `params` is NULL for the defaults, or a struct whose pointers live during the call.
pub(crate) unsafe fn copy_in(
    params: *const fpga_generate_params,
    device: &Device,
) -> Outcome<Generation> {
    // SAFETY: this function's contract.
    let params = unsafe { generate_params::read(params) }?;
    zero(params.reserved_2, "fpga_generate_params.reserved_2")?;
    let measure = flag(params.measure, "fpga_generate_params.measure")?;
    // SAFETY: this function's contract.
    unsafe {
        let mut people = person::copy_in(params.people, params.num_people, measure)?;
        let recognition = recognition(&params)?;
        if let Some(people) = &mut people {
            people.recognition = recognition;
        }
        Ok(Generation {
            canvas: canvas(&params)?,
            controls: control::copy_in(params.controls, params.num_controls)?,
            people,
            modalities: modality::copy_in(params.modalities, params.num_modalities)?,
            words: words(&params)?,
            settings: generate_params::settings(&params, device)?,
        })
    }
}

/// # Safety
/// The handle of `params` lives during the call.
unsafe fn words(params: &fpga_generate_params) -> Outcome<Option<Arc<fpga_facial_prompts>>> {
    // SAFETY: this function's contract.
    let words = unsafe { share_optional(params.facial_prompts) }?;
    let others = [params.prompt, params.negative_prompt].map(|words| !words.is_null());
    let embedded = [params.prompt_embedding, params.negative_prompt_embedding];
    let embedded = embedded.map(|prompt| !prompt.is_null());
    if words.is_some() && [others, embedded].as_flattened().contains(&true) {
        let why = "has prompt and negative_prompt in it: all others must be NULL";
        return Err(Fault::argument("fpga_generate_params.facial_prompts", why));
    }
    Ok(words)
}

/// # Safety
/// The handles of `params` live during the call.
unsafe fn recognition(
    params: &fpga_generate_params,
) -> Outcome<Option<(Arc<fpga_face_detector>, Arc<fpga_face_embedder>)>> {
    // SAFETY: this function's contract.
    let networks = unsafe {
        (
            share_optional(params.recognition_detector)?,
            share_optional(params.recognition_embedder)?,
        )
    };
    match networks {
        (Some(detector), Some(embedder)) => Ok(Some((detector, embedder))),
        (None, None) => Ok(None),
        _ => {
            let why = "needs recognition_detector and recognition_embedder, or neither";
            Err(Fault::argument("fpga_generate_params", why))
        }
    }
}

/// # Safety
/// The views of `params` live during the call.
unsafe fn canvas(params: &fpga_generate_params) -> Outcome<OwnCanvas> {
    if params.picture.is_null() {
        if !params.mask.is_null() {
            let why = "needs a picture to act on";
            return Err(Fault::argument("fpga_generate_params.mask", why));
        }
        let (width, height) = (params.width, params.height);
        return Ok(OwnCanvas::Blank { width, height });
    }
    // SAFETY: this function's contract.
    unsafe {
        Ok(OwnCanvas::Picture {
            picture: image::picture(params.picture).map_err(|fault| fault.context("picture"))?,
            mask: image::mask(params.mask)?,
            strength: params.strength,
        })
    }
}

#[cfg(test)]
mod tests {
    use fpga_core::diffusion::Guidance;
    use fpga_core::pipeline::{DeviceChoice, NoiseKind, Prompt};
    use fpga_core::sampler::SamplerKind;
    use fpga_core::text::LongPrompt;
    use fpga_core::vae::Tiling;

    use super::*;
    use crate::growing::Growing;
    use crate::image::fpga_image_view;
    use crate::params::{fpga_long_prompt, fpga_noise};
    use crate::prompt::fpga_prompt_embedding;
    use crate::sampler::fpga_sampler;

    fn cpu() -> Device {
        DeviceChoice::Cpu.open().unwrap()
    }

    fn view(pixels: &[u8], format: u32) -> fpga_image_view {
        fpga_image_view {
            pixels: pixels.as_ptr(),
            stride: 6,
            width: 2,
            height: 1,
            format,
            ..fpga_image_view::defaults()
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_core() {
        let (width, height) = (512, 512);
        let core = GenerateRequest::new("", Canvas::Blank { width, height });
        // SAFETY: NULL is allowed.
        let ours = unsafe { copy_in(std::ptr::null(), &cpu()) }.unwrap();
        assert_eq!(format!("{:?}", ours.request()), format!("{core:?}"));
    }

    #[test]
    fn every_field_reaches_the_request() {
        let (colours, grey) = ([1, 2, 3, 4, 5, 6], [0, 255]);
        let (picture, mask) = (view(&colours, 1), view(&grey, 2));
        // Without `..`: a new field must be added here, and to the request.
        let params = fpga_generate_params {
            struct_size: size_of::<fpga_generate_params>(),
            prompt: c"new".as_ptr(),
            negative_prompt: c"bad".as_ptr(),
            picture: &raw const picture,
            mask: &raw const mask,
            seed: 1 << 40,
            strength: 0.11,
            guidance: 0.12,
            guidance_rescale: 0.13,
            eta: 0.14,
            count: 3,
            steps: 20,
            has_seed: 1,
            has_eta: 1,
            sampler: fpga_sampler::Ddim as u32,
            long_prompt: fpga_long_prompt::Truncate as u32,
            noise: fpga_noise::Philox as u32,
            tile: 64,
            tile_overlap: 16,
            // Of a blank canvas: below.
            width: 0,
            height: 0,
            reserved: 0,
            reserved_2: 0,
            // Handles: `tests/c/pictures.c`, `people.c`, `weights.c` and `faces.c`.
            controls: std::ptr::null(),
            num_controls: 0,
            people: std::ptr::null(),
            num_people: 0,
            measure: 1,
            modalities: std::ptr::null(),
            num_modalities: 0,
            recognition_detector: std::ptr::null(),
            recognition_embedder: std::ptr::null(),
            facial_prompts: std::ptr::null(),
            // Below, and `tests/c/prompts.c`.
            prompt_embedding: std::ptr::null(),
            negative_prompt_embedding: std::ptr::null(),
        };
        let picture = RgbImage::from_raw(2, 1, colours.to_vec()).unwrap();
        let canvas = Canvas::Masked {
            picture: &picture,
            mask: &ndarray::arr2(&[[0.0, 1.0]]),
            strength: 0.11,
        };
        let expected = GenerateRequest {
            negative_prompt: "bad".into(),
            long_prompt: LongPrompt::Truncate,
            count: 3,
            steps: 20,
            guidance: Guidance {
                scale: 0.12,
                rescale: 0.13,
            },
            sampler: Some(SamplerKind::Ddim { eta: 0.14 }),
            seed: Some(1 << 40),
            noise: NoiseKind::Philox,
            tiling: Some(Tiling {
                tile: 64,
                overlap: 16,
            }),
            ..GenerateRequest::new("new", canvas)
        };
        // SAFETY: strings and pixels live during the call.
        let found = unsafe { copy_in(&raw const params, &cpu()) }.unwrap();
        assert_eq!(format!("{:?}", found.request()), format!("{expected:?}"));
        let blank = fpga_generate_params {
            picture: std::ptr::null(),
            mask: std::ptr::null(),
            width: 16,
            height: 24,
            ..params
        };
        // SAFETY: as above.
        let found = unsafe { copy_in(&raw const blank, &cpu()) }.unwrap();
        let (width, height) = (16, 24);
        let expected = GenerateRequest {
            canvas: Canvas::Blank { width, height },
            ..expected
        };
        assert_eq!(format!("{:?}", found.request()), format!("{expected:?}"));
    }

    #[test]
    fn embedded_prompts_stand_in_for_words() {
        let numbers = [1.0_f32, 2.0, 3.0];
        let embedding = |num_tokens, width| fpga_prompt_embedding {
            tokens: numbers.as_ptr(),
            num_tokens,
            width,
            ..fpga_prompt_embedding::defaults()
        };
        let (wanted, unwanted) = (embedding(3, 1), embedding(1, 3));
        let params = fpga_generate_params {
            prompt_embedding: &raw const wanted,
            negative_prompt_embedding: &raw const unwanted,
            ..fpga_generate_params::defaults()
        };
        // SAFETY: numbers and structs live during the call.
        let read = |params: &fpga_generate_params| unsafe { copy_in(params, &cpu()) };
        let found = read(&params).unwrap();
        let request = found.request();
        let prompts = [&request.prompt, &request.negative_prompt];
        let shapes = prompts.map(|prompt| match prompt {
            Prompt::Embedded { context, .. } => context.dims(),
            Prompt::Text(words) => panic!("{words}"),
        });
        assert_eq!(shapes, [[1, 3, 1], [1, 1, 3]]);
        let both = fpga_generate_params {
            negative_prompt: c"bad".as_ptr(),
            ..params
        };
        let fault = read(&both).map(|_| ()).unwrap_err();
        let field = "fpga_generate_params.negative_prompt_embedding: stands in for words";
        assert!(fault.message.starts_with(field), "{}", fault.message);
    }
}

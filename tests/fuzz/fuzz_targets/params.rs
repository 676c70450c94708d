//! Parameter structs of any size with any bytes: refused or taken, never believed. Pointers are NULL or
//! point to something, because no library can check that.
#![no_main]

#[path = "../model.rs"]
mod model;

use std::ffi::{c_char, c_void};
use std::mem::offset_of;
use std::ptr;
use std::sync::OnceLock;

use fpga::*;
use libfuzzer_sys::fuzz_target;

/// A struct of any version: as many bytes as its first field says, and its pointers made harmless.
struct Bytes(Vec<u64>);

impl Bytes {
    fn new(size: u16, content: &[u8], pointers: &[usize], text: *const c_char) -> Self {
        let size = usize::from(size);
        let mut words = vec![0u64; size.div_ceil(8).max(64)];
        for (index, byte) in content.iter().enumerate().take(8 * words.len()) {
            words[index / 8] |= u64::from(*byte) << (8 * (index % 8));
        }
        words[0] = size as u64;
        for offset in pointers {
            let Some(word) = words.get_mut(offset / 8) else { continue };
            *word = if *word % 3 == 0 { 0 } else { text as u64 };
        }
        Self(words)
    }

    /// Pointers to structs and handles: no bytes make a sound one.
    fn clear(&mut self, pointers: &[usize]) {
        for offset in pointers {
            if let Some(word) = self.0.get_mut(offset / 8) {
                *word = 0;
            }
        }
    }

    fn get<T>(&self) -> *const T {
        self.0.as_ptr().cast()
    }
}

/// A detector that finds nobody.
fn nobody() -> *const fpga_face_detector {
    struct Shared(*mut fpga_face_detector);
    // SAFETY: detectors may be used by many threads at once.
    unsafe impl Send for Shared {}
    // SAFETY: as above.
    unsafe impl Sync for Shared {}
    static NOBODY: OnceLock<Shared> = OnceLock::new();
    unsafe extern "C" fn detect(
        _: *mut c_void,
        _: *const fpga_image_view,
        _: *mut fpga_detections,
    ) -> i32 {
        0
    }
    let made = NOBODY.get_or_init(|| {
        let mut detector = ptr::null_mut();
        // SAFETY: structs and outputs are variables.
        unsafe {
            let mut own = std::mem::zeroed::<fpga_own_detector>();
            fpga_own_detector_init(&raw mut own, size_of::<fpga_own_detector>());
            own.detect = Some(detect);
            fpga_face_detector_new(&raw const own, &raw mut detector);
        }
        Shared(detector)
    });
    made.0
}

fn restore_defaults() -> fpga_restore_params {
    // SAFETY: any bytes are a valid struct, and it is written whole.
    unsafe {
        let mut params = std::mem::zeroed::<fpga_restore_params>();
        fpga_restore_params_init(&raw mut params, size_of::<fpga_restore_params>());
        params
    }
}

fuzz_target!(|input: (u8, u16, &[u8], [u8; 8])| {
    let (kind, size, content, mut text) = input;
    text[7] = 0;
    let text = text.as_ptr().cast::<c_char>();
    let model = model::get();
    let mut job = ptr::null_mut();
    let bytes = |pointers: &[usize]| Bytes::new(size, content, pointers, text);
    // SAFETY: every struct has as many bytes as it says, and its pointers are NULL or strings.
    let status = unsafe {
        match kind % 7 {
            0 => {
                let pointers = [
                    offset_of!(fpga_restore_params, prompt),
                    offset_of!(fpga_restore_params, negative_prompt),
                    offset_of!(fpga_restore_params, source_prompt),
                ];
                let mut params = bytes(&pointers);
                params.clear(&[
                    offset_of!(fpga_restore_params, search),
                    offset_of!(fpga_restore_params, recogniser),
                    offset_of!(fpga_restore_params, landmark_controlnet),
                ]);
                let picture = model::picture();
                fpga_job_new_restore(model, &raw const picture, ptr::null(), 0, params.get(), &raw mut job)
            }
            1 => {
                let pointers = [
                    offset_of!(fpga_generate_params, prompt),
                    offset_of!(fpga_generate_params, negative_prompt),
                ];
                let mut params = bytes(&pointers);
                params.clear(&[
                    offset_of!(fpga_generate_params, picture),
                    offset_of!(fpga_generate_params, mask),
                    offset_of!(fpga_generate_params, controls),
                    offset_of!(fpga_generate_params, people),
                    offset_of!(fpga_generate_params, modalities),
                    offset_of!(fpga_generate_params, recognition_detector),
                    offset_of!(fpga_generate_params, recognition_embedder),
                    offset_of!(fpga_generate_params, facial_prompts),
                ]);
                let status = fpga_job_new_generate(model, params.get(), &raw mut job);
                if status == fpga_status::Ok {
                    let mut needed = 0;
                    let estimated = fpga_job_estimate_memory(job, &raw mut needed);
                    assert_ne!(estimated, fpga_status::Panic);
                }
                status
            }
            2 => {
                let mut params = bytes(&[offset_of!(fpga_face, prompt)]);
                params.clear(&[
                    offset_of!(fpga_face, mask),
                    offset_of!(fpga_face, identity),
                    offset_of!(fpga_face, facial_prompts),
                ]);
                let picture = model::picture();
                fpga_job_new_restore(model, &raw const picture, params.get(), 1, ptr::null(), &raw mut job)
            }
            5 => {
                let mut search = bytes(&[]);
                search.clear(&[
                    offset_of!(fpga_search, embedder),
                    offset_of!(fpga_search, people),
                ]);
                if let Some(word) = search.0.get_mut(offset_of!(fpga_search, detector) / 8) {
                    *word = nobody() as u64;
                }
                let mut params = restore_defaults();
                params.search = search.get();
                let picture = model::picture();
                fpga_job_new_restore(
                    model, &raw const picture, ptr::null(), 0, &raw const params, &raw mut job,
                )
            }
            6 => {
                let mut person = bytes(&[offset_of!(fpga_sought_person, prompt)]);
                person.clear(&[
                    offset_of!(fpga_sought_person, identity),
                    offset_of!(fpga_sought_person, embedding),
                    offset_of!(fpga_sought_person, facial_prompts),
                ]);
                let mut search = std::mem::zeroed::<fpga_search>();
                fpga_search_init(&raw mut search, size_of::<fpga_search>());
                (search.detector, search.people, search.num_people) = (nobody(), person.get(), 1);
                let mut params = restore_defaults();
                params.search = &raw const search;
                let picture = model::picture();
                fpga_job_new_restore(
                    model, &raw const picture, ptr::null(), 0, &raw const params, &raw mut job,
                )
            }
            3 => {
                let params = bytes(&[offset_of!(fpga_context_params, device)]);
                let mut context = ptr::null_mut();
                let status = fpga_context_new(params.get(), &raw mut context);
                fpga_context_free(context);
                status
            }
            _ => {
                let pointers = [
                    offset_of!(fpga_model_params, variant),
                    offset_of!(fpga_model_params, tokenizer),
                    offset_of!(fpga_model_params, tokenizer_2),
                ];
                let params = bytes(&pointers);
                let mut needed = 0;
                fpga_model_estimate_memory(c"/no/such".as_ptr(), params.get(), &raw mut needed)
            }
        }
    };
    assert!(status != fpga_status::Panic && status != fpga_status::Internal);
    // SAFETY: NULL, or a job that was just made.
    unsafe { fpga_job_free(job) };
});

//! Parameter structs of any size with any bytes: refused or taken, never believed. Pointers are NULL or
//! point to something, because no library can check that.
#![no_main]

#[path = "../model.rs"]
mod model;

use std::ffi::c_char;
use std::mem::offset_of;
use std::ptr;

use fpga::*;
use libfuzzer_sys::fuzz_target;

/// A struct of any version: as many bytes as its first field says, and its pointers made harmless.
struct Bytes(Vec<u64>);

impl Bytes {
    fn new(size: u16, content: &[u8], pointers: &[usize], text: *const c_char) -> Self {
        let size = usize::from(size);
        let mut words = vec![0u64; size.div_ceil(8).max(16)];
        for (index, byte) in content.iter().enumerate().take(8 * words.len()) {
            words[index / 8] |= u64::from(*byte) << (8 * (index % 8));
        }
        words[0] = size as u64;
        for offset in pointers {
            let word = &mut words[offset / 8];
            *word = if *word % 3 == 0 { 0 } else { text as u64 };
        }
        Self(words)
    }

    fn get<T>(&self) -> *const T {
        self.0.as_ptr().cast()
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
        match kind % 5 {
            0 => {
                let pointers = [
                    offset_of!(fpga_restore_params, prompt),
                    offset_of!(fpga_restore_params, negative_prompt),
                    offset_of!(fpga_restore_params, source_prompt),
                ];
                let params = bytes(&pointers);
                let picture = model::picture();
                fpga_job_new_restore(model, &raw const picture, ptr::null(), 0, params.get(), &raw mut job)
            }
            1 => {
                let pointers = [
                    offset_of!(fpga_generate_params, prompt),
                    offset_of!(fpga_generate_params, negative_prompt),
                ];
                let mut params = bytes(&pointers);
                for offset in [
                    offset_of!(fpga_generate_params, picture),
                    offset_of!(fpga_generate_params, mask),
                    offset_of!(fpga_generate_params, controls),
                ] {
                    params.0[offset / 8] = 0;
                }
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
                params.0[offset_of!(fpga_face, mask) / 8] = 0;
                let picture = model::picture();
                fpga_job_new_restore(model, &raw const picture, params.get(), 1, ptr::null(), &raw mut job)
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

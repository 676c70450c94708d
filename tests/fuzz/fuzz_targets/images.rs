//! Views of pictures and masks, whose sizes and strides may say anything, over memory that is there.
#![no_main]

#[path = "../model.rs"]
mod model;

use std::ptr;

use fpga::*;
use libfuzzer_sys::fuzz_target;

/// Memory that every view points to; views that need more are given none of it.
static PIXELS: [u8; 1 << 16] = [0x5A; 1 << 16];

fuzz_target!(|numbers: [u32; 16]| {
    let model = model::get();
    let view = |at: usize| {
        let (width, height) = (numbers[at], numbers[at + 1]);
        let stride = numbers[at + 2] as usize;
        let needed = (height as usize).saturating_mul(stride.max(4 * width as usize));
        fpga_image_view {
            struct_size: size_of::<fpga_image_view>(),
            pixels: if needed <= PIXELS.len() { PIXELS.as_ptr() } else { ptr::null() },
            stride,
            width,
            height,
            format: numbers[at + 3],
            reserved: 0,
        }
    };
    let (picture, mask) = (view(0), view(4));
    let mut job = ptr::null_mut();
    // SAFETY: a view with pixels has at least as many as its height, stride and width say.
    unsafe {
        let mut params: fpga_generate_params = std::mem::zeroed();
        fpga_generate_params_init(&raw mut params, size_of::<fpga_generate_params>());
        params.picture = &raw const picture;
        params.mask = if numbers[8] % 2 == 0 { ptr::null() } else { &raw const mask };
        params.strength = f64::from_bits(u64::from(numbers[9]) << 32);
        let status = fpga_job_new_generate(model, &raw const params, &raw mut job);
        assert_ne!(status, fpga_status::Panic);
        if status == fpga_status::Ok {
            let mut bytes = 0;
            let status = fpga_job_estimate_memory(job, &raw mut bytes);
            assert_ne!(status, fpga_status::Panic);
        }
        fpga_job_free(job);

        let mut face: fpga_face = std::mem::zeroed();
        fpga_face_init(&raw mut face, size_of::<fpga_face>());
        face.mask = params.mask;
        face.r#box = [9, 10, 11, 12].map(|at| f32::from_bits(numbers[at]));
        let status = fpga_job_new_restore(model, &raw const picture, &raw const face, 1, ptr::null(), &raw mut job);
        assert_ne!(status, fpga_status::Panic);
        fpga_job_free(job);
    }
});

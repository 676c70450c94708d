//! A tiny model for targets that need one, loaded once from the fixtures.

use std::ffi::CString;
use std::path::Path;
use std::ptr;
use std::sync::OnceLock;

use fpga::*;

struct Shared(*mut fpga_model, *mut fpga_context);

// SAFETY: models may be used by many threads at once.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

static MODEL: OnceLock<Shared> = OnceLock::new();

/// The model.
pub fn get() -> *const fpga_model {
    MODEL.get_or_init(load).0
}

/// Where it lives.
#[allow(dead_code, reason = "not every target loads something else")]
pub fn context() -> *const fpga_context {
    MODEL.get_or_init(load).1
}

fn load() -> Shared {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/txt2img/ddim");
    let path = CString::new(folder.to_str().expect("a plain path")).expect("a plain path");
    let (mut context, mut model) = (ptr::null_mut(), ptr::null_mut());
    // One thread: calls start their own, and a fuzzer makes thousands of calls a second.
    let threads = fpga_context_params {
        struct_size: size_of::<fpga_context_params>(),
        device: ptr::null(),
        num_threads: 1,
        reserved: 0,
        memory_budget: 0,
    };
    // SAFETY: outputs are variables, the string ends with NUL.
    let status = unsafe {
        assert_eq!(fpga_context_new(&raw const threads, &raw mut context), fpga_status::Ok);
        fpga_model_load(context, path.as_ptr(), ptr::null(), &raw mut model)
    };
    assert_eq!(status, fpga_status::Ok);
    Shared(model, context)
}

/// A small picture.
#[allow(dead_code, reason = "not every target shows one")]
pub fn picture() -> fpga_image_view {
    static PIXELS: [u8; 3 * 64] = [7; 3 * 64];
    fpga_image_view {
        struct_size: size_of::<fpga_image_view>(),
        pixels: PIXELS.as_ptr(),
        stride: 24,
        width: 8,
        height: 8,
        format: 1,
        reserved: 0,
    }
}

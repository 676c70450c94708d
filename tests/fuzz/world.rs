//! One handle of each kind beside the model, for structs that name them; made once, small and sound.

use std::ffi::{CString, c_void};
use std::path::Path;
use std::ptr;
use std::sync::OnceLock;

use fpga::*;
use fpga_tests::models;

use crate::model;

/// Handles that any struct may name.
pub struct World {
    /// Changes UNet and text model, which the model lacks.
    pub lora: *mut fpga_lora,
    /// Fits the model.
    pub net: *mut fpga_rep_controlnet,
    /// What that net adds.
    pub delta: *mut fpga_delta,
    /// Fits the model.
    pub controlnet: *mut fpga_controlnet,
    /// Reads embeddings of six numbers.
    pub adapter: *mut fpga_adapter,
    /// Of that adapter.
    pub identity: *mut fpga_identity,
    /// Finds nobody.
    pub detector: *mut fpga_face_detector,
    /// Gives six numbers.
    pub embedder: *mut fpga_face_embedder,
    /// The devices of this machine.
    pub devices: *mut fpga_device_list,
}

// SAFETY: none of the handles is changed by a call.
unsafe impl Send for World {}
// SAFETY: as above.
unsafe impl Sync for World {}

/// The handles.
pub fn get() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(make)
}

/// A struct with every field at its default.
pub fn fresh<T>(init: unsafe extern "C" fn(*mut T, usize) -> fpga_status) -> T {
    // SAFETY: any bytes are a valid struct, and it is written whole.
    unsafe {
        let mut value = std::mem::zeroed::<T>();
        assert_eq!(init(&raw mut value, size_of::<T>()), fpga_status::Ok);
        value
    }
}

unsafe extern "C" fn detect(
    _: *mut c_void,
    _: *const fpga_image_view,
    _: *mut fpga_detections,
) -> i32 {
    0
}

unsafe extern "C" fn embed(
    _: *mut c_void,
    _: *const fpga_image_view,
    _: *const f32,
    embedding: *mut f32,
) -> i32 {
    // SAFETY: the library's buffer has as many numbers as the embedder says.
    unsafe { ptr::copy_nonoverlapping([4.0, 1.0, -2.0, 0.5, 3.0, -1.0].as_ptr(), embedding, 6) };
    0
}

fn make() -> World {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &str| folder.path().join(name);
    models::write_lora(&file("lora.safetensors"));
    models::write_rep_controlnet(&file("net.safetensors"));
    models::write_adapter(&file("adapter.safetensors"));
    models::write_controlnet(&file("controlnet"), 5);
    let path = |name: &str| c_path(&file(name));
    let (model, context) = (model::get(), model::context());
    let mut eyes = fresh(fpga_own_detector_init);
    eyes.detect = Some(detect);
    let mut memory = fresh(fpga_own_embedder_init);
    memory.embed = Some(embed);
    memory.embedding_length = 6;
    let values = [4.0_f32, 1.0, -2.0, 0.5, 3.0, -1.0];
    let mut reference = fresh(fpga_reference_init);
    (reference.embedding, reference.embedding_length) = (values.as_ptr(), values.len());
    let as_stored = fpga_storage::AsStored as u32;
    // SAFETY: strings end with NUL, outputs are variables, structs and handles are sound.
    unsafe {
        let adapter = made(|out| {
            fpga_adapter_load(model, path("adapter.safetensors").as_ptr(), ptr::null(), out)
        });
        let net = made(|out| {
            fpga_rep_controlnet_load(model, path("net.safetensors").as_ptr(), as_stored, out)
        });
        World {
            lora: made(|out| fpga_lora_load(context, path("lora.safetensors").as_ptr(), out)),
            net,
            delta: made(|out| fpga_delta_new(model, net, out)),
            controlnet: made(|out| {
                fpga_controlnet_load(context, path("controlnet").as_ptr(), as_stored, out)
            }),
            adapter,
            identity: made(|out| fpga_identity_new(adapter, &raw const reference, 1, out)),
            detector: made(|out| fpga_face_detector_new(&raw const eyes, out)),
            embedder: made(|out| fpga_face_embedder_new(&raw const memory, out)),
            devices: made(|out| fpga_device_list_new(out)),
        }
    }
}

fn made<T>(make: impl FnOnce(*mut *mut T) -> fpga_status) -> *mut T {
    let mut handle = ptr::null_mut();
    assert_eq!(make(&raw mut handle), fpga_status::Ok);
    handle
}

fn c_path(path: &Path) -> CString {
    CString::new(path.to_str().expect("a plain path")).expect("a plain path")
}

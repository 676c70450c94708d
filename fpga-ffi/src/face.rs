//! `fpga_face`: one face of a picture, as the caller found it.

use std::ffi::c_char;

use burn::tensor::Device;
use fpga_core::face::{FaceBox, Landmarks5};
use fpga_core::pipeline::Face;

use crate::facial::fpga_facial_prompts;
use crate::fault::Outcome;
use crate::growing::{self, Growing};
use crate::guard::guard;
use crate::identity::{self, CommonAdapter, fpga_identity};
use crate::image::{self, fpga_image_view};
use crate::prompt::{self, fpga_prompt_embedding};
use crate::status::fpga_status;
use crate::view::{flag, zero};

/// More faces than any picture has: such a number was never set.
const MOST_FACES: usize = 4096;

/// One face. Start from `FPGA_FACE_INIT`. Pointers are borrowed for the call.
///
/// In an array every element has the same `struct_size`, and elements are that many bytes apart.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fpga_face {
    /// Size of this struct.
    pub struct_size: usize,
    /// Where the face may change: `FPGA_PIXEL_FORMAT_GRAY8`, as large as the picture. NULL: a mask
    /// made from the landmarks, or from the box.
    pub mask: *const fpga_image_view,
    /// What it looks like; NULL for the prompt of the request.
    pub prompt: *const c_char,
    /// Left, top, right and bottom edge in pixels; parts may lie outside the picture.
    pub r#box: [f32; 4],
    /// Left eye, right eye, nose tip, left and right mouth corner as a viewer of the upright face sees
    /// them: x, y of each, in pixels.
    pub landmarks: [f32; 10],
    /// 1 if `landmarks` are set, 0 to ignore them.
    pub has_landmarks: u32,
    /// Must be 0.
    pub reserved: u32,
    /// Who the face shall show; NULL for whoever the prompt makes of it. The job keeps its own reference.
    /// All identities of one job must come from one adapter; the model should be that of
    /// `fpga_model_with_adapter`.
    pub identity: *const fpga_identity,
    /// Of `identity`: 1 as the adapter was trained, 0 silent.
    pub identity_strength: f64,
    /// Share of the steps back at which `identity` starts to act: 0 to 1.
    pub identity_window_start: f64,
    /// Share of the steps back at which that ends: 0 to 1.
    pub identity_window_end: f64,
    /// Words that know the face of `identity` (ConsistentID), in place of the prompt; their steps count over
    /// the whole schedule. NULL for none. The job keeps its own reference.
    pub facial_prompts: *const fpga_facial_prompts,
    /// What it looks like, encoded by the caller, in place of `prompt`, which must be NULL then; NULL for none.
    pub prompt_embedding: *const fpga_prompt_embedding,
}

// SAFETY: `repr(C)`, `struct_size` first, pointers, floats and integers.
unsafe impl Growing for fpga_face {
    const NAME: &'static str = "fpga_face";
    const FIRST_SIZE: usize = 3 * size_of::<usize>() + 14 * size_of::<f32>() + 8;

    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            mask: std::ptr::null(),
            prompt: std::ptr::null(),
            r#box: [0.0; 4],
            landmarks: [0.0; 10],
            has_landmarks: 0,
            reserved: 0,
            identity: std::ptr::null(),
            identity_strength: 1.0,
            identity_window_start: 0.0,
            identity_window_end: 1.0,
            facial_prompts: std::ptr::null(),
            prompt_embedding: std::ptr::null(),
        }
    }
}

/// Sets every field to its default, as `FPGA_FACE_INIT` does.
///
/// `size` is `sizeof *face`; it becomes `struct_size`.
///
/// Ownership: `face` stays the caller's.
/// Threads: any.
/// NULL: `face` must not be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_face_init(face: *mut fpga_face, size: usize) -> fpga_status {
    // SAFETY: the caller says that `face` has `size` bytes.
    guard(|_| unsafe { growing::write(&fpga_face::defaults(), face, size) })
}

/// Copies an array of faces. What the caller encoded goes to `device`.
///
/// # Safety
/// `faces` is NULL, or points to `count` structs of one version whose pointers live during the call.
pub(crate) unsafe fn copy_in(
    faces: *const fpga_face,
    count: usize,
    adapter: &mut CommonAdapter,
    device: &Device,
) -> Outcome<Vec<Face>> {
    // SAFETY: this function's contract.
    let faces = unsafe { growing::read_all(faces, count, ("face", MOST_FACES)) }?;
    let one = |(index, face)| {
        // SAFETY: this function's contract.
        let face = unsafe { to_core(face, adapter, device) };
        face.map_err(|fault| fault.context(format!("face {index}")))
    };
    faces.iter().enumerate().map(one).collect()
}

/// # Safety
/// The pointers of `face` live during the call.
unsafe fn to_core(face: &fpga_face, adapter: &mut CommonAdapter, device: &Device) -> Outcome<Face> {
    zero(face.reserved, "fpga_face.reserved")?;
    let landmarks = flag(face.has_landmarks, "fpga_face.has_landmarks")?;
    let [left, top, right, bottom] = face.r#box;
    // SAFETY: this function's contract.
    let (mask, prompt, identity) = unsafe {
        let window = (face.identity_window_start, face.identity_window_end);
        (
            image::mask(face.mask)?,
            prompt::copy_in(
                face.prompt,
                face.prompt_embedding,
                "fpga_face.prompt",
                device,
            )?,
            identity::worn(
                (face.identity, face.facial_prompts),
                face.identity_strength,
                window,
                adapter,
            )?,
        )
    };
    Ok(Face {
        landmarks: landmarks.then(|| points(&face.landmarks)).transpose()?,
        mask,
        prompt,
        identity,
        ..Face::new(FaceBox::new(left, top, right, bottom)?)
    })
}

pub(crate) fn points(values: &[f32; 10]) -> Outcome<Landmarks5> {
    let point = |index: usize| [values[2 * index], values[2 * index + 1]];
    Ok(Landmarks5::new([0, 1, 2, 3, 4].map(point))?)
}

#[cfg(test)]
mod tests {
    use fpga_core::pipeline::{DeviceChoice, Prompt};

    use super::*;
    use crate::image::fpga_pixel_format;

    #[test]
    fn every_field_reaches_its_face() {
        let pixels = [0, 51, 255, 99, 102, 153];
        let mask = fpga_image_view {
            pixels: pixels.as_ptr(),
            stride: 4,
            width: 2,
            height: 2,
            format: fpga_pixel_format::Gray8 as u32,
            ..fpga_image_view::defaults()
        };
        let plain = fpga_face {
            r#box: [1.0, 2.0, 30.0, 40.0],
            ..fpga_face::defaults()
        };
        let full = fpga_face {
            mask: &raw const mask,
            prompt: c"smiling".as_ptr(),
            landmarks: [5.0, 6.0, 25.0, 7.0, 15.0, 18.0, 6.0, 29.0, 24.0, 30.0],
            has_landmarks: 1,
            ..plain
        };
        let numbers = [1.0_f32, 2.0];
        let embedding = fpga_prompt_embedding {
            tokens: numbers.as_ptr(),
            num_tokens: 1,
            width: 2,
            ..fpga_prompt_embedding::defaults()
        };
        let embedded = fpga_face {
            prompt_embedding: &raw const embedding,
            ..plain
        };
        let device = DeviceChoice::Cpu.open().unwrap();
        let faces = [plain, full, embedded];
        // SAFETY: three structs of this version.
        let found = unsafe { copy_in(faces.as_ptr(), 3, &mut CommonAdapter::default(), &device) };
        let found = found.unwrap();
        assert_eq!(found[0].region.edges(), [1.0, 2.0, 30.0, 40.0]);
        assert!(found[0].landmarks.is_none() && found[0].mask.is_none());
        assert!(found[0].prompt.is_none());
        let points = [
            [5.0, 6.0],
            [25.0, 7.0],
            [15.0, 18.0],
            [6.0, 29.0],
            [24.0, 30.0],
        ];
        assert_eq!(found[1].landmarks.unwrap().points(), points);
        let mask = found[1].mask.as_ref().unwrap();
        assert_eq!(mask, &ndarray::arr2(&[[0.0, 0.2], [0.4, 0.6]]));
        assert!(matches!(&found[1].prompt, Some(Prompt::Text(text)) if text == "smiling"));
        assert!(matches!(&found[2].prompt, Some(Prompt::Embedded { .. })));
    }
}

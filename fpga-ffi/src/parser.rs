//! `fpga_face_parser`: tells skin, eyes, hair and the other parts of a face.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use fpga_core::Context as _;
use fpga_core::face::{BiSeNetParser, FaceParser, PartMap, RgbImage};
use fpga_core::weights::{TensorSource, bisenet_from_file};
use ndarray::Array2;

use crate::context::fpga_context;
use crate::growing::{self, Growing};
use crate::guard::{guard, release};
use crate::handle::{Handle, share};
use crate::image::{self, fpga_image_view, fpga_pixel_format};
use crate::model::fpga_storage;
use crate::network::{Callback, Home, is_onnx, size_of_file};
use crate::onnx;
use crate::status::fpga_status;
use crate::view::{Out, text};

/// Writes the class of every pixel of `portrait`, 0 to 18 as BiSeNet for CelebAMask-HQ numbers them: rows of
/// as many bytes as the portrait is wide, without gaps. Return 0, anything else if that failed.
///
/// Ownership: all pointers are borrowed until the callback returns.
/// Threads: as `fpga_detect_callback`; the same rules hold.
pub type fpga_parse_callback = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        portrait: *const fpga_image_view,
        labels: *mut u8,
    ) -> i32,
>;

type OnParse = unsafe extern "C" fn(*mut c_void, *const fpga_image_view, *mut u8) -> i32;

/// A parser of the caller's. Start from `FPGA_OWN_PARSER_INIT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fpga_own_parser {
    /// Size of this struct.
    pub struct_size: usize,
    /// Tells the parts of a face.
    pub parse: fpga_parse_callback,
    /// First argument of `parse`. Must live until the parser is gone, and allow being used on another
    /// thread.
    pub userdata: *mut c_void,
}

// SAFETY: `repr(C)`, `struct_size` first, nullable pointers.
unsafe impl Growing for fpga_own_parser {
    const NAME: &'static str = "fpga_own_parser";
    const FIRST_SIZE: usize = 3 * size_of::<usize>();

    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            parse: None,
            userdata: std::ptr::null_mut(),
        }
    }
}

/// Tells skin, eyes, hair and the other parts of a face.
pub struct fpga_face_parser {
    home: Home,
    pub(crate) parser: Box<dyn FaceParser>,
}

impl Handle for fpga_face_parser {
    const NAME: &'static str = "face_parser";
}

impl FaceParser for Callback<OnParse> {
    fn parse(&self, portrait: &RgbImage) -> fpga_core::Result<PartMap> {
        let view = image::view_of(portrait);
        let shape = (view.height as usize, view.width as usize);
        let mut labels = Array2::<u8>::zeros(shape);
        let first = labels.as_mut_ptr();
        // SAFETY: the caller registered this function for this userdata; there is a byte for every pixel.
        let call = |parse: OnParse, data| unsafe { parse(data, &raw const view, first) };
        self.call("face parser", call)?;
        PartMap::new(labels).context(|| "face parser")
    }
}

/// Sets every field to its default, as `FPGA_OWN_PARSER_INIT` does.
///
/// `size` is `sizeof *own`; it becomes `struct_size`.
///
/// Ownership: `own` stays the caller's.
/// Threads: any.
/// NULL: `own` must not be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_own_parser_init(
    own: *mut fpga_own_parser,
    size: usize,
) -> fpga_status {
    // SAFETY: the caller says that `own` has `size` bytes.
    guard(|_| unsafe { growing::write(&fpga_own_parser::defaults(), own, size) })
}

/// Loads a BiSeNet: face-parsing.PyTorch's `79999_iter.pth` or the same as `.safetensors`, onto the device
/// of `context`; or an `.onnx` file, which runs on the CPU as it is.
///
/// `storage` is one of `fpga_storage`; ONNX files do not read it.
///
/// Ownership: inputs are borrowed for the call. `*parser` is the caller's; free it with
/// `fpga_face_parser_free`.
/// Threads: any. A parser may be used by many threads at once.
/// NULL: no pointer may be NULL.
/// Errors: those of `fpga_face_embedder_load`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_face_parser_load(
    context: *const fpga_context,
    path: *const c_char,
    storage: u32,
    parser: *mut *mut fpga_face_parser,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for an output.
        let out = unsafe { Out::handle(parser) }?;
        // SAFETY: the caller's contract for a handle and a string.
        let (context, path) = unsafe { (share(context)?, text(path, "path")?) };
        scope.enter(&context)?;
        let storage = fpga_storage::from_code(storage, "storage")?;
        let what = "face parser";
        let (home, parser) = if is_onnx(path) {
            Home::load(&context, (what, size_of_file(path)?), || onnx::parser(path))?
        } else {
            let bytes = TensorSource::open(path)?.loaded_bytes(storage);
            let device = context.device.open()?;
            Home::load(&context, (what, bytes), || {
                let (network, _) = bisenet_from_file(path, storage, &device)?;
                let parser = BiSeNetParser::new(network, &device)?;
                Ok(Box::new(parser) as Box<dyn FaceParser>)
            })?
        };
        out.give(Arc::new(fpga_face_parser { home, parser }));
        Ok(())
    })
}

/// Makes a parser of a callback of the caller's.
///
/// Ownership: `own` is borrowed for the call; its `userdata` must live until the parser is gone. `*parser`
/// is the caller's; free it with `fpga_face_parser_free`.
/// Threads: any.
/// NULL: no pointer may be NULL.
/// Errors: `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_UNSUPPORTED`, `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_face_parser_new(
    own: *const fpga_own_parser,
    parser: *mut *mut fpga_face_parser,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output and a struct.
        let (out, own) = unsafe { (Out::handle(parser)?, growing::read(own)?) };
        let callback = Callback::new(own.parse, own.userdata, "fpga_own_parser.parse")?;
        out.give(Arc::new(fpga_face_parser {
            home: Home::ELSEWHERE,
            parser: Box::new(callback),
        }));
        Ok(())
    })
}

/// Copies the class of every pixel of a portrait, one byte each: 0 to 18 as BiSeNet for CelebAMask-HQ
/// numbers them, which `parts` of `fpga_reference` takes.
///
/// `stride` is the number of bytes from the start of a row to the start of the next, `capacity` that
/// of the whole buffer: at least `stride * (height - 1) + width`. Bytes between rows stay as they are.
///
/// Ownership: inputs are borrowed for the call; `labels` stays the caller's.
/// Threads: any.
/// NULL: no pointer may be NULL.
/// Errors: `FPGA_STATUS_BUFFER_TOO_SMALL`; `FPGA_STATUS_CALLBACK` if the caller's parser failed;
/// `FPGA_STATUS_NOT_FINITE`, `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_INVALID_STRUCT_SIZE`,
/// `FPGA_STATUS_UNSUPPORTED`, `FPGA_STATUS_POISONED`, `FPGA_STATUS_PANIC`, `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_face_parser_parse(
    parser: *const fpga_face_parser,
    portrait: *const fpga_image_view,
    labels: *mut u8,
    stride: usize,
    capacity: usize,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for a handle and a picture.
        let (parser, portrait) = unsafe { (share(parser)?, image::picture(portrait)?) };
        parser.home.enter(scope)?;
        let size = [portrait.width(), portrait.height()];
        let run = || Ok(parser.parser.parse(&portrait)?.resized(size)?);
        let map = parser.home.run(run)?;
        let found: Vec<u8> = map.labels().iter().copied().collect();
        let format = fpga_pixel_format::Gray8;
        // SAFETY: the caller's contract for a buffer.
        unsafe { image::copy_bytes((&found, size, format), labels, stride, capacity) }
    })
}

/// Gives up the caller's reference to a parser.
///
/// Threads: any, but not while another thread still calls with this pointer.
/// NULL: does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_face_parser_free(parser: *mut fpga_face_parser) {
    release(parser);
}

//! `fpga_face_embedder`: turns a face into the vector that says whose it is.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use fpga_core::Context as _;
use fpga_core::face::{
    ALIGNED_SIZE, ArcFaceEmbedder, FaceEmbedder, FaceEmbedding, Landmarks5, RgbImage, align_face_to,
};
use fpga_core::weights::{TensorSource, arcface_from_file};

use crate::context::fpga_context;
use crate::detection::flat;
use crate::face::points;
use crate::fault::{Fault, Outcome};
use crate::growing::{self, Growing};
use crate::guard::{guard, release};
use crate::handle::{Handle, share};
use crate::identity::LONGEST_EMBEDDING;
use crate::image::{self, fpga_image_view};
use crate::model::fpga_storage;
use crate::network::{Callback, Home, is_onnx, size_of_file};
use crate::onnx;
use crate::status::fpga_status;
use crate::text::copy_numbers;
use crate::view::{Out, array, text};

/// Writes the embedding of a face: as many numbers as `embedding_length` of `fpga_own_embedder` says.
/// Return 0, anything else if that failed.
///
/// `landmarks` are the five points of the face in `picture`, as in `fpga_face`; NULL if `picture` is an
/// aligned face.
///
/// Ownership: all pointers are borrowed until the callback returns.
/// Threads: as `fpga_detect_callback`; the same rules hold.
pub type fpga_embed_callback = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        picture: *const fpga_image_view,
        landmarks: *const f32,
        embedding: *mut f32,
    ) -> i32,
>;

type OnEmbed =
    unsafe extern "C" fn(*mut c_void, *const fpga_image_view, *const f32, *mut f32) -> i32;

/// An embedder of the caller's. Start from `FPGA_OWN_EMBEDDER_INIT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fpga_own_embedder {
    /// Size of this struct.
    pub struct_size: usize,
    /// Embeds a face.
    pub embed: fpga_embed_callback,
    /// First argument of `embed`. Must live until the embedder and all jobs with it are gone, and allow
    /// being used on another thread.
    pub userdata: *mut c_void,
    /// How many numbers an embedding has; usually 512.
    pub embedding_length: usize,
    /// Side in pixels of the aligned face that `embed` gets, eyes and mouth at ArcFace's places: 112 is
    /// usual, at most 4096. 0: it gets the whole picture and the landmarks.
    pub aligned_size: u32,
    /// Must be 0.
    pub reserved: u32,
}

// SAFETY: `repr(C)`, `struct_size` first, nullable pointers and integers.
unsafe impl Growing for fpga_own_embedder {
    const NAME: &'static str = "fpga_own_embedder";
    const FIRST_SIZE: usize = 4 * size_of::<usize>() + 8;

    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            embed: None,
            userdata: std::ptr::null_mut(),
            embedding_length: 512,
            aligned_size: ALIGNED_SIZE,
            reserved: 0,
        }
    }
}

/// Turns a face into the vector that says whose it is.
pub struct fpga_face_embedder {
    pub(crate) home: Home,
    pub(crate) embedder: Box<dyn FaceEmbedder>,
}

impl Handle for fpga_face_embedder {
    const NAME: &'static str = "face_embedder";
}

/// A callback, and what it wants.
struct Own {
    callback: Callback<OnEmbed>,
    length: usize,
    aligned: Option<u32>,
}

impl FaceEmbedder for Own {
    fn embed(
        &self,
        picture: &RgbImage,
        landmarks: &Landmarks5,
    ) -> fpga_core::Result<FaceEmbedding> {
        let aligned = self
            .aligned
            .map(|side| align_face_to(picture, landmarks, side));
        let aligned = aligned.transpose()?;
        let view = image::view_of(aligned.as_ref().unwrap_or(picture));
        let places = flat(Some(landmarks));
        let places = match aligned {
            Some(_) => std::ptr::null(),
            None => places.as_ptr(),
        };
        let mut values = vec![0.0_f32; self.length];
        // SAFETY: the caller registered this function for this userdata; all buffers outlive the call.
        let call = |embed: OnEmbed, data| unsafe {
            embed(data, &raw const view, places, values.as_mut_ptr())
        };
        self.callback.call("face embedder", call)?;
        FaceEmbedding::new(values).context(|| "face embedder")
    }
}

/// Bytes of a pixel's features in the first, widest layers of ArcFace.
const PIXEL: u64 = 768;

/// Sets every field to its default, as `FPGA_OWN_EMBEDDER_INIT` does.
///
/// `size` is `sizeof *own`; it becomes `struct_size`.
///
/// Ownership: `own` stays the caller's.
/// Threads: any.
/// NULL: `own` must not be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_own_embedder_init(
    own: *mut fpga_own_embedder,
    size: usize,
) -> fpga_status {
    // SAFETY: the caller says that `own` has `size` bytes.
    guard(|_| unsafe { growing::write(&fpga_own_embedder::defaults(), own, size) })
}

/// Loads an ArcFace network: InsightFace's `backbone.pth` or the same as `.safetensors`, onto the device of
/// `context`; or an `.onnx` file (`w600k_r50.onnx`, `glintr100.onnx`), which runs on the CPU as it is.
///
/// `storage` is one of `fpga_storage`; ONNX files do not read it.
///
/// Ownership: inputs are borrowed for the call. `*embedder` is the caller's; free it with
/// `fpga_face_embedder_free`. Jobs keep their embedders alive.
/// Threads: any. An embedder may be used by many threads at once.
/// NULL: no pointer may be NULL.
/// Errors: those of `fpga_face_detector_load`; `FPGA_STATUS_WEIGHTS`, `FPGA_STATUS_DEVICE`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_face_embedder_load(
    context: *const fpga_context,
    path: *const c_char,
    storage: u32,
    embedder: *mut *mut fpga_face_embedder,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for an output.
        let out = unsafe { Out::handle(embedder) }?;
        // SAFETY: the caller's contract for a handle and a string.
        let (context, path) = unsafe { (share(context)?, text(path, "path")?) };
        scope.enter(&context)?;
        let storage = fpga_storage::from_code(storage, "storage")?;
        let what = "face embedder";
        let (home, embedder) = if is_onnx(path) {
            Home::load(&context, (what, size_of_file(path)?), || {
                onnx::embedder(path)
            })?
        } else {
            let bytes = TensorSource::open(path)?.loaded_bytes(storage);
            let device = context.device.open()?;
            Home::load(&context, (what, bytes), || {
                let (network, _) = arcface_from_file(path, storage, &device)?;
                let embedder = ArcFaceEmbedder::new(network, &device)?;
                Ok(Box::new(embedder) as Box<dyn FaceEmbedder>)
            })?
        };
        let pixels = u64::from(ALIGNED_SIZE) * u64::from(ALIGNED_SIZE);
        let home = home.taking(pixels * PIXEL);
        out.give(Arc::new(fpga_face_embedder { home, embedder }));
        Ok(())
    })
}

/// Makes an embedder of a callback of the caller's.
///
/// Ownership: `own` is borrowed for the call; its `userdata` must live until the embedder and all jobs
/// with it are gone. `*embedder` is the caller's; free it with `fpga_face_embedder_free`.
/// Threads: any.
/// NULL: no pointer may be NULL.
/// Errors: `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_UNSUPPORTED`,
/// `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_face_embedder_new(
    own: *const fpga_own_embedder,
    embedder: *mut *mut fpga_face_embedder,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output and a struct.
        let (out, own) = unsafe { (Out::handle(embedder)?, growing::read(own)?) };
        out.give(Arc::new(fpga_face_embedder {
            home: Home::ELSEWHERE,
            embedder: Box::new(owned(&own)?),
        }));
        Ok(())
    })
}

fn owned(own: &fpga_own_embedder) -> Outcome<Own> {
    crate::view::zero(own.reserved, "fpga_own_embedder.reserved")?;
    let limits = [
        (
            "embedding_length",
            own.embedding_length,
            1..=LONGEST_EMBEDDING,
        ),
        ("aligned_size", own.aligned_size as usize, 0..=4096),
    ];
    for (field, found, range) in limits {
        if !range.contains(&found) {
            let why = format!("needs {} to {}, found {found}", range.start(), range.end());
            return Err(Fault::argument(&format!("fpga_own_embedder.{field}"), why));
        }
    }
    Ok(Own {
        callback: Callback::new(own.embed, own.userdata, "fpga_own_embedder.embed")?,
        length: own.embedding_length,
        aligned: Some(own.aligned_size).filter(|&side| side > 0),
    })
}

/// Copies the embedding of a face of `picture`, as the network gives it.
///
/// `landmarks` are its five points, as in `fpga_face`: ten numbers. `capacity` and `needed` count numbers.
/// With `embedding` NULL and `capacity` 0 it only writes how many there are to `needed`; the network runs
/// for that, too.
///
/// Ownership: inputs are borrowed for the call; `embedding` stays the caller's.
/// Threads: any.
/// NULL: `embedder`, `picture` and `landmarks` must not be NULL; either `embedding` or `needed` may be, not
/// both.
/// Errors: `FPGA_STATUS_BUFFER_TOO_SMALL` (then only `needed` is written); `FPGA_STATUS_CALLBACK` if the
/// caller's embedder failed; `FPGA_STATUS_NOT_FINITE`, `FPGA_STATUS_INVALID_ARGUMENT`,
/// `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_UNSUPPORTED`, `FPGA_STATUS_POISONED`,
/// `FPGA_STATUS_PANIC`, `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_face_embedder_embed(
    embedder: *const fpga_face_embedder,
    picture: *const fpga_image_view,
    landmarks: *const f32,
    embedding: *mut f32,
    capacity: usize,
    needed: *mut usize,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for a handle, a picture and ten numbers.
        let (embedder, picture, places) = unsafe {
            (
                share(embedder)?,
                image::picture(picture)?,
                array(landmarks, 10, "landmarks")?,
            )
        };
        embedder.home.enter(scope)?;
        let landmarks = points(&std::array::from_fn(|index| places[index]))?;
        let found = (embedder.home).run(|| Ok(embedder.embedder.embed(&picture, &landmarks)?))?;
        // SAFETY: the caller's contract for a buffer and an output.
        unsafe { copy_numbers(found.raw(), "embedding", embedding, capacity, needed) }
    })
}

/// Writes the cosine of two embeddings of one network, of `length` numbers each: 1 is the same face,
/// around 0 are strangers.
///
/// Ownership: all pointers are borrowed for the call.
/// Threads: any.
/// NULL: no pointer may be NULL.
/// Errors: `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_NOT_FINITE` if one has no direction;
/// `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_embedding_cosine(
    one: *const f32,
    other: *const f32,
    length: usize,
    cosine: *mut f64,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output and two arrays.
        let (out, one, other) = unsafe {
            (
                Out::new(cosine, "cosine")?,
                array(one, length, "one")?,
                array(other, length, "other")?,
            )
        };
        let [one, other] = [one, other].map(|values| FaceEmbedding::new(values.to_vec()));
        out.set(one?.cosine(&other?)?);
        Ok(())
    })
}

/// Gives up the caller's reference to an embedder. It goes when its last job is gone too.
///
/// Threads: any, but not while another thread still calls with this pointer.
/// NULL: does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_face_embedder_free(embedder: *mut fpga_face_embedder) {
    release(embedder);
}

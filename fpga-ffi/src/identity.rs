//! `fpga_identity`: who somebody is, as one adapter sees it.

use std::sync::Arc;

use fpga_core::face::{FaceEmbedding, PartMap};
use fpga_core::pipeline::{FaceIdentity, FaceReference, IdentityTokens};
use ndarray::Array2;

use crate::adapter::fpga_adapter;
use crate::face::points;
use crate::facial::fpga_facial_prompts;
use crate::fault::{Fault, Outcome};
use crate::growing::{self, Growing};
use crate::guard::{guard, release};
use crate::handle::{Handle, borrow, share, share_optional};
use crate::image::{self, fpga_image_view, fpga_pixel_format};
use crate::status::fpga_status;
use crate::text::copy_numbers;
use crate::view::{Out, array, flag, zero};

/// More pictures of one person than anyone has: such a number was never set.
pub(crate) const MOST_REFERENCES: usize = 256;
/// More numbers than any face embedding has.
pub(crate) const LONGEST_EMBEDDING: usize = 65_536;

/// What is known of one picture of a person. Start from `FPGA_REFERENCE_INIT`; set what the adapter
/// reads, an error says what is missing. Pointers are borrowed for the call.
///
/// In an array every element has the same `struct_size`, and elements are that many bytes apart.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fpga_reference {
    /// Size of this struct.
    pub struct_size: usize,
    /// The whole picture, RGB; NULL if only the embedding is known.
    pub picture: *const fpga_image_view,
    /// Parts of the face, `FPGA_PIXEL_FORMAT_GRAY8`, as large as `picture`: labels 0 to 18 as BiSeNet
    /// for CelebAMask-HQ numbers them. NULL if unknown.
    pub parts: *const fpga_image_view,
    /// By the recognition network that the adapter was trained with, as the network gives it; usually 512
    /// numbers. NULL if unknown.
    pub embedding: *const f32,
    /// How many numbers.
    pub embedding_length: usize,
    /// Left eye, right eye, nose tip, left and right mouth corner in the picture, as in `fpga_face`.
    pub landmarks: [f32; 10],
    /// 1 if `landmarks` are set, 0 to ignore them.
    pub has_landmarks: u32,
    /// Must be 0.
    pub reserved: u32,
}

// SAFETY: `repr(C)`, `struct_size` first, pointers, floats and integers.
unsafe impl Growing for fpga_reference {
    const NAME: &'static str = "fpga_reference";
    const FIRST_SIZE: usize = 5 * size_of::<usize>() + 10 * size_of::<f32>() + 8;

    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            picture: std::ptr::null(),
            parts: std::ptr::null(),
            embedding: std::ptr::null(),
            embedding_length: 0,
            landmarks: [0.0; 10],
            has_landmarks: 0,
            reserved: 0,
        }
    }
}

/// Who somebody is, as one adapter sees it. Nothing in it ever changes.
pub struct fpga_identity {
    pub(crate) adapter: Arc<fpga_adapter>,
    pub(crate) tokens: IdentityTokens,
    /// The mean of those that it was made from.
    pub(crate) embedding: Option<FaceEmbedding>,
}

impl fpga_identity {
    /// What an adapter makes of a person's pictures.
    pub(crate) fn of(adapter: &Arc<fpga_adapter>, references: &[FaceReference]) -> Outcome<Self> {
        let known = references.iter().filter_map(|one| one.embedding.clone());
        Ok(Self {
            adapter: Arc::clone(adapter),
            tokens: adapter.adapter.tokens(references)?,
            // Nobody's if there are none, or if they cancel each other.
            embedding: FaceEmbedding::mean(&known.collect::<Vec<_>>()).ok(),
        })
    }
}

/// The adapter that all identities of one job come from.
#[derive(Default)]
pub(crate) struct CommonAdapter(Option<Arc<fpga_adapter>>);

impl CommonAdapter {
    pub(crate) fn get(&self) -> Option<&fpga_adapter> {
        self.0.as_deref()
    }

    fn add(&mut self, identity: &fpga_identity) -> Outcome {
        let first = self.0.get_or_insert_with(|| Arc::clone(&identity.adapter));
        if Arc::ptr_eq(first, &identity.adapter) {
            return Ok(());
        }
        let why = "comes from another adapter than the one before it";
        Err(Fault::argument("identity", why))
    }
}

/// Who a face shall show, and in which words; `None` for NULL.
///
/// # Safety
/// The handles live during the call.
pub(crate) unsafe fn worn(
    (identity, words): (*const fpga_identity, *const fpga_facial_prompts),
    strength: f64,
    window: (f64, f64),
    adapter: &mut CommonAdapter,
) -> Outcome<Option<FaceIdentity>> {
    // SAFETY: this function's contract.
    let (identity, words) = unsafe { (share_optional(identity)?, share_optional(words)?) };
    let Some(identity) = identity else {
        let why = "needs the identity whose face they know";
        let lost = || Fault::argument("facial_prompts", why);
        return words.map_or(Ok(None), |_| Err(lost()));
    };
    adapter.add(&identity)?;
    if let Some(words) = &words
        && !Arc::ptr_eq(&words.adapter, &identity.adapter)
    {
        let why = "come from another adapter than the identity";
        return Err(Fault::argument("facial_prompts", why));
    }
    Ok(Some(FaceIdentity {
        strength,
        window,
        embedding: identity.embedding.clone(),
        text: words.map(|words| words.prompts.clone()),
        ..FaceIdentity::new(identity.tokens.clone())
    }))
}

impl Handle for fpga_identity {
    const NAME: &'static str = "identity";
}

/// Sets every field to its default, as `FPGA_REFERENCE_INIT` does.
///
/// `size` is `sizeof *reference`; it becomes `struct_size`.
///
/// Ownership: `reference` stays the caller's.
/// Threads: any.
/// NULL: `reference` must not be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_reference_init(
    reference: *mut fpga_reference,
    size: usize,
) -> fpga_status {
    // SAFETY: the caller says that `reference` has `size` bytes.
    guard(|_| unsafe { growing::write(&fpga_reference::defaults(), reference, size) })
}

/// Makes an identity from pictures or embeddings of one person.
///
/// Embeddings are averaged; where the adapter looks at pictures, every picture counts by itself.
///
/// Ownership: inputs are borrowed for the call. `*identity` is the caller's; free it with
/// `fpga_identity_free`. It keeps its adapter alive, and jobs keep their identities alive.
/// Threads: any. An identity may be used by many threads at once.
/// NULL: no pointer may be NULL.
/// Errors: `FPGA_STATUS_SHAPE` or `FPGA_STATUS_INVALID_ARGUMENT` if there is no reference, or one lacks
/// what the adapter reads, which is named; `FPGA_STATUS_NOT_FINITE`, `FPGA_STATUS_INVALID_STRUCT_SIZE`,
/// `FPGA_STATUS_UNSUPPORTED`, `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_POISONED`, `FPGA_STATUS_PANIC`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_identity_new(
    adapter: *const fpga_adapter,
    references: *const fpga_reference,
    num_references: usize,
    identity: *mut *mut fpga_identity,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for an output.
        let out = unsafe { Out::handle(identity) }?;
        // SAFETY: the caller's contract for a handle and an array of structs.
        let (adapter, references) =
            unsafe { (share(adapter)?, copy_in(references, num_references)?) };
        scope.enter(&adapter.context)?;
        let identity = (adapter.context).run(|| fpga_identity::of(&adapter, &references))?;
        out.give(Arc::new(identity));
        Ok(())
    })
}

/// Copies the face embedding that an identity was made from, the mean direction of several.
///
/// `capacity` and `needed` count numbers. With `embedding` NULL and `capacity` 0 it only writes how many
/// there are to `needed`.
///
/// Ownership: `embedding` stays the caller's.
/// Threads: any.
/// NULL: `identity` must not be NULL; either `embedding` or `needed` may be, not both.
/// Errors: `FPGA_STATUS_INVALID_STATE` if it was made without any; `FPGA_STATUS_BUFFER_TOO_SMALL` (then only
/// `needed` is written), `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_identity_embedding(
    identity: *const fpga_identity,
    embedding: *mut f32,
    capacity: usize,
    needed: *mut usize,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for a handle.
        let found = unsafe { borrow(identity) }?.embedding.as_ref();
        let none = || Fault::state("the identity was made without an embedding");
        let values = found.ok_or_else(none)?.raw();
        // SAFETY: the caller's contract for a buffer and an output.
        unsafe { copy_numbers(values, "embedding", embedding, capacity, needed) }
    })
}

/// Gives up the caller's reference to an identity.
///
/// Threads: any, but not while another thread still calls with this pointer.
/// NULL: does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_identity_free(identity: *mut fpga_identity) {
    release(identity);
}

/// One picture of a person.
///
/// # Safety
/// `reference` is NULL, or a struct whose pointers live during the call.
pub(crate) unsafe fn reference(reference: *const fpga_reference) -> Outcome<FaceReference> {
    // SAFETY: this function's contract.
    unsafe { to_core(&growing::read(reference)?) }.map_err(|fault| fault.context("reference"))
}

/// # Safety
/// `references` is NULL, or points to `count` structs of one version whose pointers live during the call.
unsafe fn copy_in(references: *const fpga_reference, count: usize) -> Outcome<Vec<FaceReference>> {
    let limit = ("reference", MOST_REFERENCES);
    // SAFETY: this function's contract.
    let references = unsafe { growing::read_all(references, count, limit) }?;
    let one = |(index, reference)| {
        // SAFETY: this function's contract.
        unsafe { to_core(reference) }.map_err(|fault| fault.context(format!("reference {index}")))
    };
    references.iter().enumerate().map(one).collect()
}

/// # Safety
/// The pointers of `reference` live during the call.
unsafe fn to_core(reference: &fpga_reference) -> Outcome<FaceReference> {
    zero(reference.reserved, "fpga_reference.reserved")?;
    let landmarks = flag(reference.has_landmarks, "fpga_reference.has_landmarks")?;
    // SAFETY: this function's contract.
    unsafe {
        let mut known = FaceReference {
            parts: parts(reference.parts)?,
            embedding: embedding(
                (reference.embedding, reference.embedding_length),
                "fpga_reference.embedding",
            )?,
            landmarks: landmarks
                .then(|| points(&reference.landmarks))
                .transpose()?,
            picture: None,
        };
        if !reference.picture.is_null() {
            let picture = image::picture(reference.picture);
            known.picture = Some(picture.map_err(|fault| fault.context("picture"))?);
        }
        Ok(known)
    }
}

/// # Safety
/// `view` is NULL or a struct whose pixels live during the call.
unsafe fn parts(view: *const fpga_image_view) -> Outcome<Option<PartMap>> {
    if view.is_null() {
        return Ok(None);
    }
    // SAFETY: this function's contract.
    let pixels = unsafe { image::copy_in(view, fpga_pixel_format::Gray8) };
    let pixels = pixels.map_err(|fault| fault.context("parts"))?;
    let shape = (pixels.height as usize, pixels.width as usize);
    let labels = Array2::from_shape_vec(shape, pixels.bytes);
    let labels = labels.map_err(|error| Fault::argument("parts", error))?;
    Ok(Some(PartMap::new(labels)?))
}

/// # Safety
/// `values` is NULL or points to `length` numbers that live during the call.
pub(crate) unsafe fn embedding(
    (values, length): (*const f32, usize),
    name: &str,
) -> Outcome<Option<FaceEmbedding>> {
    if values.is_null() && length == 0 {
        return Ok(None);
    }
    if length == 0 || length > LONGEST_EMBEDDING {
        let why = format!("needs 1 to {LONGEST_EMBEDDING} numbers, found {length}");
        return Err(Fault::argument(&format!("{name}_length"), why));
    }
    // SAFETY: this function's contract.
    let values = unsafe { array(values, length, name) }?;
    Ok(Some(FaceEmbedding::new(values.to_vec())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_reaches_the_reference() {
        let (colours, labels, values) = ([7, 8, 9], [18], [3.0, 4.0]);
        let one_pixel = |pixels: &[u8], format: fpga_pixel_format| fpga_image_view {
            pixels: pixels.as_ptr(),
            stride: 3,
            width: 1,
            height: 1,
            format: format as u32,
            ..fpga_image_view::defaults()
        };
        let picture = one_pixel(&colours, fpga_pixel_format::Rgb8);
        let parts = one_pixel(&labels, fpga_pixel_format::Gray8);
        let full = fpga_reference {
            picture: &raw const picture,
            parts: &raw const parts,
            embedding: values.as_ptr(),
            embedding_length: 2,
            landmarks: [5.0, 6.0, 25.0, 7.0, 15.0, 18.0, 6.0, 29.0, 24.0, 30.0],
            has_landmarks: 1,
            ..fpga_reference::defaults()
        };
        let both = [fpga_reference::defaults(), full];
        // SAFETY: two structs of this version whose pointers live.
        let found = unsafe { copy_in(both.as_ptr(), 2) }.unwrap();
        assert!(found[0].picture.is_none() && found[0].embedding.is_none());
        assert!(found[0].parts.is_none() && found[0].landmarks.is_none());
        assert_eq!(found[1].picture.as_ref().unwrap().as_raw(), &colours);
        assert_eq!(found[1].embedding.as_ref().unwrap().raw(), &values);
        assert_eq!(found[1].landmarks.unwrap().points()[4], [24.0, 30.0]);
        assert!(found[1].parts.is_some());
    }
}

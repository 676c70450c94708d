//! `fpga_adapter`: what gives a model an identity.

use std::ffi::c_char;
use std::sync::Arc;

use fpga_core::Context as _;
use fpga_core::identity::projector::Shortcut;
use fpga_core::pipeline::{AdapterOptions, IdentityAdapter};
use fpga_core::weights::{AdapterFile, AdapterKind};

use crate::context::fpga_context;
use crate::fault::Outcome;
use crate::growing::{self, Growing};
use crate::guard::{guard, release};
use crate::handle::{Handle, borrow, share};
use crate::memory::Reservation;
use crate::model::{fpga_model, fpga_storage};
use crate::source::fpga_source;
use crate::status::fpga_status;
use crate::view::{Out, flag, optional_text, text};

/// Which identity adapter a file is.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum fpga_adapter_kind {
    /// A picture as prompt.
    IpAdapter = 1,
    /// The same, in more detail.
    IpAdapterPlus = 2,
    /// A face by its embedding, as InstantID wants it.
    InstantId = 3,
    /// A face by its embedding.
    FaceId = 4,
    /// A face by its embedding and its picture.
    FaceIdPlus = 5,
    /// The same, with words that know the parts of the face.
    ConsistentId = 6,
}

impl From<AdapterKind> for fpga_adapter_kind {
    fn from(kind: AdapterKind) -> Self {
        match kind {
            AdapterKind::IpAdapter => Self::IpAdapter,
            AdapterKind::IpAdapterPlus => Self::IpAdapterPlus,
            AdapterKind::InstantId => Self::InstantId,
            AdapterKind::FaceId => Self::FaceId,
            AdapterKind::FaceIdPlus => Self::FaceIdPlus,
            AdapterKind::ConsistentId => Self::ConsistentId,
        }
    }
}

/// How an identity adapter is loaded. Start from `FPGA_ADAPTER_PARAMS_INIT`. Strings are borrowed for
/// the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fpga_adapter_params {
    /// Size of this struct.
    pub struct_size: usize,
    /// Folder of the CLIP vision model that the file was trained with, for kinds that look at pictures;
    /// NULL for none.
    pub image_encoder: *const c_char,
    /// How strongly the face's own tokens keep beside what was read off the picture (FaceID-Plus v2,
    /// ConsistentID for SDXL: 1 as trained); 0 replaces them. Read only if `has_shortcut` is 1.
    pub shortcut: f64,
    /// 1 if `shortcut` is set, 0 for what the published code does with such a file.
    pub has_shortcut: u32,
    /// One of `fpga_storage`.
    pub storage: u32,
}

// SAFETY: `repr(C)`, `struct_size` first, pointers, floats and integers.
unsafe impl Growing for fpga_adapter_params {
    const NAME: &'static str = "fpga_adapter_params";
    const FIRST_SIZE: usize = 2 * size_of::<usize>() + size_of::<f64>() + 8;

    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            image_encoder: std::ptr::null(),
            shortcut: 0.0,
            has_shortcut: 0,
            storage: fpga_storage::AsStored as u32,
        }
    }
}

/// An identity adapter, loaded for one model: IP-Adapter, IP-Adapter-Plus, FaceID, FaceID-Plus or
/// ConsistentID.
pub struct fpga_adapter {
    pub(crate) context: Arc<fpga_context>,
    pub(crate) adapter: IdentityAdapter,
    /// What its weights take.
    memory: Reservation,
}

impl Handle for fpga_adapter {
    const NAME: &'static str = "adapter";
}

impl fpga_adapter {
    fn load(
        model: &fpga_model,
        options: &AdapterOptions,
        open: impl FnOnce() -> fpga_core::Result<AdapterFile> + Send,
    ) -> Outcome<Arc<Self>> {
        let context = &model.context;
        let (adapter, memory) = context.run(|| {
            let file = open()?;
            let bytes = options.loaded_bytes(&file)?;
            let memory = context.ledger.reserve(bytes, "adapter")?;
            let adapter = IdentityAdapter::from_file(&file, &model.model, options)?;
            Ok((adapter, memory))
        })?;
        Ok(Arc::new(Self {
            context: Arc::clone(context),
            adapter,
            memory,
        }))
    }
}

/// Sets every field to its default, as `FPGA_ADAPTER_PARAMS_INIT` does.
///
/// `size` is `sizeof *params`; it becomes `struct_size`.
///
/// Ownership: `params` stays the caller's.
/// Threads: any.
/// NULL: `params` must not be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_adapter_params_init(
    params: *mut fpga_adapter_params,
    size: usize,
) -> fpga_status {
    // SAFETY: the caller says that `params` has `size` bytes.
    guard(|_| unsafe { growing::write(&fpga_adapter_params::defaults(), params, size) })
}

/// Loads an identity adapter for a model: one `.safetensors`, `.bin` or `.pth` file.
///
/// Ownership: inputs are borrowed for the call. `*adapter` is the caller's; free it with
/// `fpga_adapter_free`. Identities and jobs keep their adapter alive, so it may be freed before them.
/// It serves every model that has the sizes and the device of `model`, which may be freed before it.
/// Threads: any. An adapter may be used by many threads at once.
/// NULL: `params` may be NULL for the defaults; nothing else may.
/// Errors: those of `fpga_model_load`; `FPGA_STATUS_INVALID_ARGUMENT` if the file was made for another
/// model, or looks at pictures and `image_encoder` is missing or another one.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_adapter_load(
    model: *const fpga_model,
    path: *const c_char,
    params: *const fpga_adapter_params,
    adapter: *mut *mut fpga_adapter,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for an output.
        let out = unsafe { Out::handle(adapter) }?;
        // SAFETY: the caller's contract for a handle, a string and a params struct.
        let (model, path, options) =
            unsafe { (share(model)?, text(path, "path")?, options(params)?) };
        scope.enter(&model.context)?;
        let open = || AdapterFile::open(path).context(|| format!("identity adapter {path}"));
        out.give(fpga_adapter::load(&model, &options, open)?);
        Ok(())
    })
}

/// Loads an identity adapter from the caller's memory or through the caller's reading.
///
/// Ownership: inputs are borrowed for the call. `*adapter` is the caller's; free it with
/// `fpga_adapter_free`. It does not need the source any more.
/// Threads: any.
/// NULL: `params` may be NULL for the defaults; nothing else may.
/// Errors: those of `fpga_adapter_load`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_adapter_load_source(
    model: *const fpga_model,
    source: *const fpga_source,
    params: *const fpga_adapter_params,
    adapter: *mut *mut fpga_adapter,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for an output.
        let out = unsafe { Out::handle(adapter) }?;
        // SAFETY: the caller's contract for handles and a params struct.
        let (model, source, options) = unsafe { (share(model)?, share(source)?, options(params)?) };
        scope.enter(&model.context)?;
        let open = || AdapterFile::from_source(source.tensors.clone());
        out.give(fpga_adapter::load(&model, &options, open)?);
        Ok(())
    })
}

/// Writes how many bytes an adapter's weights will take with its CLIP vision model, without reading them.
///
/// Ownership: all pointers are borrowed for the call.
/// Threads: any.
/// NULL: `params` may be NULL for the defaults; nothing else may.
/// Errors: `FPGA_STATUS_IO`, `FPGA_STATUS_FORMAT`, `FPGA_STATUS_UNSUPPORTED`; those that `fpga_adapter_load`
/// has for its arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_adapter_estimate_memory(
    path: *const c_char,
    params: *const fpga_adapter_params,
    bytes: *mut u64,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output, a string and a params struct.
        let (out, path, options) = unsafe {
            (
                Out::new(bytes, "bytes")?,
                text(path, "path")?,
                options(params)?,
            )
        };
        out.set(options.loaded_bytes(&AdapterFile::open(path)?)?);
        Ok(())
    })
}

/// Writes how many bytes the weights of an adapter take, by the library's estimate.
///
/// Ownership: both pointers are borrowed for the call.
/// Threads: any.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_adapter_memory(
    adapter: *const fpga_adapter,
    bytes: *mut u64,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output and a handle.
        let (out, adapter) = unsafe { (Out::new(bytes, "bytes")?, borrow(adapter)?) };
        out.set(adapter.memory.bytes());
        Ok(())
    })
}

/// Writes which adapter it is: one of `fpga_adapter_kind`.
///
/// Ownership: both pointers are borrowed for the call.
/// Threads: any.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_adapter_get_kind(
    adapter: *const fpga_adapter,
    kind: *mut u32,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output and a handle.
        let (out, adapter) = unsafe { (Out::new(kind, "kind")?, borrow(adapter)?) };
        out.set(fpga_adapter_kind::from(adapter.adapter.kind()) as u32);
        Ok(())
    })
}

/// Makes the model as the adapter was trained with it: with the LoRA that the file holds, if any. Face
/// adapters have little effect without it. `model` stays as it is.
///
/// Ownership: inputs are borrowed for the call. `*adapted` is the caller's; free it with
/// `fpga_model_free`. It shares with `model` what the adapter does not change, and keeps it alive.
/// Threads: any.
/// NULL: no pointer may be NULL.
/// Errors: `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_WEIGHTS` if the LoRA was made for another model
/// or lies on another device; `FPGA_STATUS_MEMORY_BUDGET` before anything is computed;
/// `FPGA_STATUS_POISONED`, `FPGA_STATUS_PANIC`, `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_model_with_adapter(
    model: *const fpga_model,
    adapter: *const fpga_adapter,
    adapted: *mut *mut fpga_model,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for an output.
        let out = unsafe { Out::handle(adapted) }?;
        // SAFETY: the caller's contract for handles.
        let (model, adapter) = unsafe { (share(model)?, share(adapter)?) };
        scope.enter(&model.context)?;
        let loras: Vec<_> = adapter
            .adapter
            .lora()
            .map(|lora| (lora, 1.0))
            .into_iter()
            .collect();
        out.give(model.with_loras(&loras)?);
        Ok(())
    })
}

/// Gives up the caller's reference to an adapter. Its memory goes when its last identity and job are
/// gone too.
///
/// Threads: any, but not while another thread still calls with this pointer.
/// NULL: does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_adapter_free(adapter: *mut fpga_adapter) {
    release(adapter);
}

/// # Safety
/// `params` is NULL, or a struct whose string lives during the call.
unsafe fn options(params: *const fpga_adapter_params) -> Outcome<AdapterOptions> {
    if params.is_null() {
        return Ok(AdapterOptions::default());
    }
    // SAFETY: this function's contract.
    let params = unsafe { growing::read(params) }?;
    let chosen = flag(params.has_shortcut, "fpga_adapter_params.has_shortcut")?;
    let name = "fpga_adapter_params.image_encoder";
    // SAFETY: this function's contract.
    let image_encoder = unsafe { optional_text(params.image_encoder, name) }?;
    Ok(AdapterOptions {
        storage: fpga_storage::from_code(params.storage, "fpga_adapter_params.storage")?,
        image_encoder: image_encoder.map(Into::into),
        shortcut: chosen.then_some(match params.shortcut {
            0.0 => Shortcut::Off,
            scale => Shortcut::Scaled(scale),
        }),
    })
}

#[cfg(test)]
mod tests {
    use fpga_core::weights::Storage;

    use super::*;

    #[test]
    fn every_field_reaches_the_options() {
        let params = fpga_adapter_params {
            image_encoder: c"clip".as_ptr(),
            shortcut: 0.5,
            has_shortcut: 1,
            storage: fpga_storage::F16 as u32,
            ..fpga_adapter_params::defaults()
        };
        // SAFETY: the string is static.
        let found = unsafe { options(&raw const params) }.unwrap();
        assert_eq!(found.image_encoder, Some("clip".into()));
        assert_eq!(found.shortcut, Some(Shortcut::Scaled(0.5)));
        assert_eq!(found.storage, Storage::F16);
        let off = fpga_adapter_params {
            shortcut: 0.0,
            ..params
        };
        // SAFETY: as above.
        let found = unsafe { options(&raw const off) }.unwrap();
        assert_eq!(found.shortcut, Some(Shortcut::Off));
    }

    #[test]
    fn the_defaults_are_those_of_the_core() {
        let params = fpga_adapter_params::defaults();
        // SAFETY: it has no string.
        let found = unsafe { options(&raw const params) }.unwrap();
        let core = AdapterOptions::default();
        assert_eq!(format!("{found:?}"), format!("{core:?}"));
    }
}

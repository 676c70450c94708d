//! `fpga_delta`: what merging a RepControlNet adds to a model, for every model made from the same one.

use std::ffi::c_char;
use std::path::Path;
use std::sync::Arc;

use fpga_core::control::{ModalDelta, RepControlNet};
use fpga_core::weights::{Storage, TensorSource, delta_from_source, save_delta};

use crate::context::fpga_context;
use crate::fault::Outcome;
use crate::guard::{Scope, guard, release};
use crate::handle::{Handle, share};
use crate::memory::Reservation;
use crate::model::{fpga_model, fpga_storage};
use crate::rep_controlnet::fpga_rep_controlnet;
use crate::source::fpga_source;
use crate::status::fpga_status;
use crate::view::{Out, text};

/// What merging a RepControlNet adds to a model. Nothing in it ever changes.
pub struct fpga_delta {
    pub(crate) context: Arc<fpga_context>,
    delta: ModalDelta,
    /// What its weights take.
    _memory: Reservation,
}

impl Handle for fpga_delta {
    const NAME: &'static str = "delta";
}

impl fpga_delta {
    fn load(
        model: &fpga_model,
        storage: Storage,
        open: impl FnOnce() -> fpga_core::Result<TensorSource> + Send,
    ) -> Outcome<Arc<Self>> {
        let context = &model.context;
        let (delta, memory) = context.run(|| {
            let source = open()?;
            let bytes = source.loaded_bytes(storage);
            let memory = context.ledger.reserve(bytes, "delta")?;
            let (unet, device) = (&model.model.unet, &model.model.device);
            let (delta, _) = delta_from_source(&source, unet, storage, device)?;
            Ok((delta, memory))
        })?;
        Ok(Arc::new(Self {
            context: Arc::clone(context),
            delta,
            _memory: memory,
        }))
    }

    /// A modality of which only the condition encoder is meant to run.
    pub(crate) fn condition(&self) -> Outcome<RepControlNet> {
        let ModalDelta {
            weights,
            encoder,
            coefficients,
        } = self.delta.clone();
        Ok(RepControlNet::new(encoder, weights, coefficients)?)
    }
}

/// Computes what merging a RepControlNet adds to `model`, with the factors of its file.
///
/// Ownership: inputs are borrowed for the call. `*delta` is the caller's; free it with `fpga_delta_free`.
/// Threads: any. A delta may be used by many threads at once.
/// NULL: no pointer may be NULL.
/// Errors: `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_SHAPE` if it was made for a model of other sizes or
/// lies on another device; `FPGA_STATUS_MEMORY_BUDGET` before anything is computed;
/// `FPGA_STATUS_POISONED`, `FPGA_STATUS_PANIC`, `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_delta_new(
    model: *const fpga_model,
    rep_controlnet: *const fpga_rep_controlnet,
    delta: *mut *mut fpga_delta,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for an output.
        let out = unsafe { Out::handle(delta) }?;
        // SAFETY: the caller's contract for handles.
        let (model, found) = unsafe { (share(model)?, share(rep_controlnet)?) };
        let context = &model.context;
        scope.enter(context)?;
        context.check_device("rep_controlnet", &found.context)?;
        let (delta, memory) = context.run(|| {
            // Differences are kept in 32 bits.
            let bytes = 4 * found.net.modal().count() as u64;
            let memory = context.ledger.reserve(bytes, "delta")?;
            Ok((found.net.delta(&model.model.unet)?, memory))
        })?;
        out.give(Arc::new(fpga_delta {
            context: Arc::clone(context),
            delta,
            _memory: memory,
        }));
        Ok(())
    })
}

/// Loads a delta that was saved: one `.safetensors` file.
///
/// `storage` is one of `fpga_storage`.
///
/// Ownership: inputs are borrowed for the call. `*delta` is the caller's; free it with `fpga_delta_free`.
/// It serves every model that has the sizes and the device of `model`, which may be freed before it.
/// Threads: any.
/// NULL: no pointer may be NULL.
/// Errors: those of `fpga_rep_controlnet_load`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_delta_load(
    model: *const fpga_model,
    path: *const c_char,
    storage: u32,
    delta: *mut *mut fpga_delta,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for an output.
        let out = unsafe { Out::handle(delta) }?;
        // SAFETY: the caller's contract for a handle and a string.
        let (model, path) = unsafe { (share(model)?, text(path, "path")?) };
        scope.enter(&model.context)?;
        let storage = fpga_storage::from_code(storage, "storage")?;
        out.give(fpga_delta::load(&model, storage, || {
            TensorSource::open(path)
        })?);
        Ok(())
    })
}

/// Loads a delta from the caller's memory or through the caller's reading.
///
/// `storage` is one of `fpga_storage`.
///
/// Ownership: inputs are borrowed for the call. `*delta` is the caller's; free it with `fpga_delta_free`.
/// It does not need the source any more.
/// Threads: any.
/// NULL: no pointer may be NULL.
/// Errors: those of `fpga_rep_controlnet_load`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_delta_load_source(
    model: *const fpga_model,
    source: *const fpga_source,
    storage: u32,
    delta: *mut *mut fpga_delta,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for an output.
        let out = unsafe { Out::handle(delta) }?;
        // SAFETY: the caller's contract for handles.
        let (model, source) = unsafe { (share(model)?, share(source)?) };
        scope.enter(&model.context)?;
        let storage = fpga_storage::from_code(storage, "storage")?;
        let open = || Ok(source.tensors.clone());
        out.give(fpga_delta::load(&model, storage, open)?);
        Ok(())
    })
}

/// Writes a delta as a `.safetensors` file. A file that is there is replaced once the new one is whole.
///
/// `storage` is one of `fpga_storage`.
///
/// Ownership: inputs are borrowed for the call.
/// Threads: any.
/// NULL: no pointer may be NULL.
/// Errors: those of `fpga_rep_controlnet_save`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_delta_save(
    delta: *const fpga_delta,
    path: *const c_char,
    storage: u32,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for a handle and a string.
        let (delta, path) = unsafe { (share(delta)?, text(path, "path")?) };
        scope.enter(&delta.context)?;
        let storage = fpga_storage::from_code(storage, "storage")?;
        (delta.context).run(|| Ok(save_delta(&delta.delta, Path::new(path), storage)?))
    })
}

/// Makes the model with a delta added: the same as merging, for any fine-tune of the model that the delta
/// was computed for. `model` stays as it is.
///
/// `strength` is 1 as trained, 0 for nothing.
///
/// Ownership: inputs are borrowed for the call. `*merged` is the caller's; free it with
/// `fpga_model_free`. It shares with `model` what the delta does not change, and keeps it alive.
/// Threads: any.
/// NULL: no pointer may be NULL.
/// Errors: those of `fpga_model_with_rep_controlnets`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_model_with_delta(
    model: *const fpga_model,
    delta: *const fpga_delta,
    strength: f64,
    merged: *mut *mut fpga_model,
) -> fpga_status {
    // SAFETY: the caller's contract.
    guard(|scope| unsafe { changed(scope, (model, delta), strength, merged) })
}

/// Makes the model without a delta that was added with this `strength`, up to the rounding of its weights.
/// `model` stays as it is.
///
/// Ownership: inputs are borrowed for the call. `*base` is the caller's; free it with `fpga_model_free`.
/// Threads: any.
/// NULL: no pointer may be NULL.
/// Errors: those of `fpga_model_with_rep_controlnets`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_model_without_delta(
    model: *const fpga_model,
    delta: *const fpga_delta,
    strength: f64,
    base: *mut *mut fpga_model,
) -> fpga_status {
    // SAFETY: the caller's contract.
    guard(|scope| unsafe { changed(scope, (model, delta), -strength, base) })
}

/// # Safety
/// Handles are NULL or live, `out` is NULL or valid for a write.
unsafe fn changed(
    scope: &Scope,
    (model, delta): (*const fpga_model, *const fpga_delta),
    strength: f64,
    out: *mut *mut fpga_model,
) -> Outcome {
    // SAFETY: this function's contract.
    let (out, model, delta) = unsafe { (Out::handle(out)?, share(model)?, share(delta)?) };
    scope.enter(&model.context)?;
    model.context.check_device("delta", &delta.context)?;
    let changed = delta.delta.weights.count();
    out.give(model.with_unet(changed, |unet| Ok(delta.delta.apply(unet, strength)?))?);
    Ok(())
}

/// Gives up the caller's reference to a delta. Its memory goes when its last job is gone too.
///
/// Threads: any, but not while another thread still calls with this pointer.
/// NULL: does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_delta_free(delta: *mut fpga_delta) {
    release(delta);
}

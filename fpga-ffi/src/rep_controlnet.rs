//! `fpga_rep_controlnet`: spatial guidance that is merged into a model and costs nothing at every step.

use std::ffi::c_char;
use std::path::Path;
use std::sync::Arc;

use fpga_core::control::{Coefficients, RepControlNet, blend};
use fpga_core::error::LoadReport;
use fpga_core::weights::{Storage, TensorSource, rep_controlnet_from_source, save_rep_controlnet};

use crate::context::fpga_context;
use crate::fault::Outcome;
use crate::growing::{self, Growing};
use crate::guard::{guard, release};
use crate::handle::{Handle, borrow, share};
use crate::memory::Reservation;
use crate::model::{fpga_model, fpga_storage};
use crate::source::fpga_source;
use crate::status::fpga_status;
use crate::text::{copy_out, json};
use crate::view::{Out, flag, text, zero};

/// More modalities than anybody merges: such a number was never set.
const MOST_MERGED: usize = 64;

/// A RepControlNet: modal weights and the encoder of its condition picture. Nothing in it ever changes.
pub struct fpga_rep_controlnet {
    pub(crate) context: Arc<fpga_context>,
    pub(crate) net: RepControlNet,
    report: LoadReport,
    /// What its weights take.
    _memory: Reservation,
}

impl Handle for fpga_rep_controlnet {
    const NAME: &'static str = "rep_controlnet";
}

/// One RepControlNet in a merged model. Start from `FPGA_REP_CONTROLNET_USE_INIT`.
///
/// Merging makes `W + strength * ((alpha - 1) * W + beta * modal)` of every weight that has a modal copy;
/// several add up. In an array every element has the same `struct_size`, and elements are that many bytes
/// apart.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fpga_rep_controlnet_use {
    /// Size of this struct.
    pub struct_size: usize,
    /// Which one. Borrowed for the call.
    pub rep_controlnet: *const fpga_rep_controlnet,
    /// 1 as trained, 0 not at all.
    pub strength: f64,
    /// Factor of the model's own weight. Read only if `has_coefficients` is 1.
    pub alpha: f64,
    /// Factor of the modal weight. Read only if `has_coefficients` is 1.
    pub beta: f64,
    /// 1 if `alpha` and `beta` are set, 0 for those of the file.
    pub has_coefficients: u32,
    /// Must be 0.
    pub reserved: u32,
}

// SAFETY: `repr(C)`, `struct_size` first, one pointer, floats and integers.
unsafe impl Growing for fpga_rep_controlnet_use {
    const NAME: &'static str = "fpga_rep_controlnet_use";
    const FIRST_SIZE: usize = 2 * size_of::<usize>() + 3 * size_of::<f64>() + 8;

    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            rep_controlnet: std::ptr::null(),
            strength: 1.0,
            alpha: Coefficients::PUBLISHED.alpha,
            beta: Coefficients::PUBLISHED.beta,
            has_coefficients: 0,
            reserved: 0,
        }
    }
}

impl fpga_rep_controlnet {
    fn load(
        model: &fpga_model,
        storage: Storage,
        open: impl FnOnce() -> fpga_core::Result<TensorSource> + Send,
    ) -> Outcome<Arc<Self>> {
        let context = &model.context;
        let ((net, report), memory) = context.run(|| {
            let source = open()?;
            let bytes = source.loaded_bytes(storage);
            let memory = context.ledger.reserve(bytes, "RepControlNet")?;
            let (unet, device) = (&model.model.unet, &model.model.device);
            let loaded = rep_controlnet_from_source(&source, unet, storage, device)?;
            Ok((loaded, memory))
        })?;
        Ok(Arc::new(Self {
            context: Arc::clone(context),
            net,
            report,
            _memory: memory,
        }))
    }
}

/// Sets every field to its default, as `FPGA_REP_CONTROLNET_USE_INIT` does.
///
/// `size` is `sizeof *net_use`; it becomes `struct_size`.
///
/// Ownership: `net_use` stays the caller's.
/// Threads: any.
/// NULL: `net_use` must not be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_rep_controlnet_use_init(
    net_use: *mut fpga_rep_controlnet_use,
    size: usize,
) -> fpga_status {
    // SAFETY: the caller says that `net_use` has `size` bytes.
    guard(|_| unsafe { growing::write(&fpga_rep_controlnet_use::defaults(), net_use, size) })
}

/// Loads a RepControlNet in the published layout: one `.safetensors`, `.bin` or `.pth` file.
///
/// `storage` is one of `fpga_storage`.
///
/// Ownership: inputs are borrowed for the call. `*rep_controlnet` is the caller's; free it with
/// `fpga_rep_controlnet_free`. It serves every model that has the sizes and the device of `model`, which
/// may be freed before it.
/// Threads: any. A RepControlNet may be used by many threads at once.
/// NULL: no pointer may be NULL.
/// Errors: those of `fpga_model_load`; `FPGA_STATUS_WEIGHTS` if it was made for another model.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_rep_controlnet_load(
    model: *const fpga_model,
    path: *const c_char,
    storage: u32,
    rep_controlnet: *mut *mut fpga_rep_controlnet,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for an output.
        let out = unsafe { Out::handle(rep_controlnet) }?;
        // SAFETY: the caller's contract for a handle and a string.
        let (model, path) = unsafe { (share(model)?, text(path, "path")?) };
        scope.enter(&model.context)?;
        let storage = fpga_storage::from_code(storage, "storage")?;
        let open = || TensorSource::open(path);
        out.give(fpga_rep_controlnet::load(&model, storage, open)?);
        Ok(())
    })
}

/// Loads a RepControlNet from the caller's memory or through the caller's reading.
///
/// `storage` is one of `fpga_storage`.
///
/// Ownership: inputs are borrowed for the call. `*rep_controlnet` is the caller's; free it with
/// `fpga_rep_controlnet_free`. It does not need the source any more.
/// Threads: any.
/// NULL: no pointer may be NULL.
/// Errors: those of `fpga_rep_controlnet_load`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_rep_controlnet_load_source(
    model: *const fpga_model,
    source: *const fpga_source,
    storage: u32,
    rep_controlnet: *mut *mut fpga_rep_controlnet,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for an output.
        let out = unsafe { Out::handle(rep_controlnet) }?;
        // SAFETY: the caller's contract for handles.
        let (model, source) = unsafe { (share(model)?, share(source)?) };
        scope.enter(&model.context)?;
        let storage = fpga_storage::from_code(storage, "storage")?;
        let open = || Ok(source.tensors.clone());
        out.give(fpga_rep_controlnet::load(&model, storage, open)?);
        Ok(())
    })
}

/// Writes the factors with which it was trained to be merged: those that its file notes, or 1 and 1.
///
/// Ownership: all pointers are borrowed for the call.
/// Threads: any.
/// NULL: no pointer may be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_rep_controlnet_coefficients(
    rep_controlnet: *const fpga_rep_controlnet,
    alpha: *mut f64,
    beta: *mut f64,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for outputs and a handle.
        let (alpha, beta, found) = unsafe {
            (
                Out::new(alpha, "alpha")?,
                Out::new(beta, "beta")?,
                borrow(rep_controlnet)?,
            )
        };
        let coefficients = found.net.coefficients();
        alpha.set(coefficients.alpha);
        beta.set(coefficients.beta);
        Ok(())
    })
}

/// Copies what became of every tensor, as JSON: the lists `applied`, `missing`, `unused` and
/// `mismatched`.
///
/// With `buffer` NULL and `capacity` 0 it only writes the size to `needed`, the final NUL included.
///
/// Ownership: the text is copied into `buffer`, which stays the caller's.
/// Threads: any.
/// NULL: `rep_controlnet` must not be NULL; either `buffer` or `needed` may be, not both.
/// Errors: `FPGA_STATUS_BUFFER_TOO_SMALL` (then only `needed` is written),
/// `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_rep_controlnet_load_report_json(
    rep_controlnet: *const fpga_rep_controlnet,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for a handle, `buffer` and `needed`.
        unsafe {
            let report = json(&borrow(rep_controlnet)?.report)?;
            copy_out(&report, buffer, capacity, needed)
        }
    })
}

/// Writes a RepControlNet in the published layout, its factors noted in the header. A file that is there
/// is replaced once the new one is whole.
///
/// `storage` is one of `fpga_storage`.
///
/// Ownership: inputs are borrowed for the call.
/// Threads: any.
/// NULL: no pointer may be NULL.
/// Errors: `FPGA_STATUS_IO`, `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_INVALID_UTF8`,
/// `FPGA_STATUS_POISONED`, `FPGA_STATUS_PANIC`, `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_rep_controlnet_save(
    rep_controlnet: *const fpga_rep_controlnet,
    path: *const c_char,
    storage: u32,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for a handle and a string.
        let (found, path) = unsafe { (share(rep_controlnet)?, text(path, "path")?) };
        scope.enter(&found.context)?;
        let storage = fpga_storage::from_code(storage, "storage")?;
        (found.context).run(|| Ok(save_rep_controlnet(&found.net, Path::new(path), storage)?))
    })
}

/// Makes the model with RepControlNets merged into it: as many weights and as much work as before. It
/// expects a condition picture of every one at each job (`fpga_modality`). `model` stays as it is.
///
/// Ownership: inputs are borrowed for the call. `*merged` is the caller's; free it with
/// `fpga_model_free`. It shares with `model` what has no modal copy, and keeps it alive.
/// Threads: any.
/// NULL: `uses` may be NULL if `num_uses` is 0; nothing else may.
/// Errors: `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_SHAPE` if one was made for a model of other sizes,
/// lies on another device, or a factor is not finite; `FPGA_STATUS_MEMORY_BUDGET` before anything is
/// computed; `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_UNSUPPORTED`, `FPGA_STATUS_POISONED`,
/// `FPGA_STATUS_PANIC`, `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_model_with_rep_controlnets(
    model: *const fpga_model,
    uses: *const fpga_rep_controlnet_use,
    num_uses: usize,
    merged: *mut *mut fpga_model,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for an output.
        let out = unsafe { Out::handle(merged) }?;
        // SAFETY: the caller's contract for a handle.
        let model = unsafe { share(model) }?;
        scope.enter(&model.context)?;
        // SAFETY: the caller's contract for an array of structs.
        let nets = unsafe { copy_in(uses, num_uses, &model.context) }?;
        let nets: Vec<_> = nets
            .iter()
            .map(|(net, strength)| (net, *strength))
            .collect();
        let changed = nets.iter().map(|(net, _)| net.modal().count()).sum();
        out.give(model.with_unet(changed, |unet| Ok(blend(unet, &nets)?))?);
        Ok(())
    })
}

/// Gives up the caller's reference to a RepControlNet. Its memory goes when its last job is gone too.
///
/// Threads: any, but not while another thread still calls with this pointer.
/// NULL: does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_rep_controlnet_free(rep_controlnet: *mut fpga_rep_controlnet) {
    release(rep_controlnet);
}

/// # Safety
/// `uses` is NULL, or points to `count` structs of one version whose handles live during the call.
unsafe fn copy_in(
    uses: *const fpga_rep_controlnet_use,
    count: usize,
    context: &fpga_context,
) -> Outcome<Vec<(RepControlNet, f64)>> {
    // SAFETY: this function's contract.
    let uses = unsafe { growing::read_all(uses, count, ("use", MOST_MERGED)) }?;
    let one = |(index, found)| {
        // SAFETY: this function's contract.
        let net = unsafe { to_core(found, context) };
        net.map_err(|fault| fault.context(format!("use {index}")))
    };
    uses.iter().enumerate().map(one).collect()
}

/// # Safety
/// The handle lives during the call.
unsafe fn to_core(
    found: &fpga_rep_controlnet_use,
    context: &fpga_context,
) -> Outcome<(RepControlNet, f64)> {
    zero(found.reserved, "fpga_rep_controlnet_use.reserved")?;
    let chosen = flag(
        found.has_coefficients,
        "fpga_rep_controlnet_use.has_coefficients",
    )?;
    // SAFETY: this function's contract.
    let handle = unsafe { borrow(found.rep_controlnet) }?;
    context.check_device("rep_controlnet", &handle.context)?;
    let net = handle.net.clone();
    let net = match chosen {
        true => net.with_coefficients(Coefficients {
            alpha: found.alpha,
            beta: found.beta,
        })?,
        false => net,
    };
    Ok((net, found.strength))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_a_plain_sum_as_trained() {
        let found = fpga_rep_controlnet_use::defaults();
        assert_eq!((found.strength, found.alpha, found.beta), (1.0, 1.0, 1.0));
    }
}

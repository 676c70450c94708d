//! `fpga_lora`: a low-rank change of a model's weights, from a file.

use std::ffi::c_char;
use std::sync::Arc;

use fpga_core::Context as _;
use fpga_core::weights::{Lora, LoraPart, Storage, TensorSource};

use crate::context::fpga_context;
use crate::fault::{Fault, Outcome};
use crate::growing::{self, Growing};
use crate::guard::{guard, release};
use crate::handle::{Handle, borrow, share};
use crate::memory::Reservation;
use crate::model::fpga_model;
use crate::source::fpga_source;
use crate::status::fpga_status;
use crate::view::{Out, flag, text, zero};

/// More LoRAs than anybody adds up: such a number was never set.
const MOST_LORAS: usize = 256;

/// A network that a LoRA may change.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum fpga_lora_part {
    /// What predicts the noise.
    Unet = 1,
    /// The only text model, or the first of SDXL.
    Text = 2,
    /// The second text model of SDXL.
    SecondText = 3,
}

fn part(code: u32) -> Outcome<LoraPart> {
    match code {
        1 => Ok(LoraPart::Unet),
        2 => Ok(LoraPart::Text),
        3 => Ok(LoraPart::SecondText),
        _ => Err(Fault::argument("part", format!("no such part: {code}"))),
    }
}

/// A low-rank change of a model's weights. Nothing in it ever changes.
pub struct fpga_lora {
    lora: Lora,
    /// What of it is kept in memory: nothing of a file.
    _memory: Reservation,
}

impl Handle for fpga_lora {
    const NAME: &'static str = "lora";
}

/// One LoRA on a model, and how strongly. Start from `FPGA_LORA_USE_INIT`.
///
/// In an array every element has the same `struct_size`, and elements are that many bytes apart.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fpga_lora_use {
    /// Size of this struct.
    pub struct_size: usize,
    /// Which one. Borrowed for the call.
    pub lora: *const fpga_lora,
    /// 1 as trained, 0 nothing, less than 0 the opposite.
    pub strength: f64,
    /// 1 to leave text models as they are, 0 to change all that the file changes.
    pub unet_only: u32,
    /// Must be 0.
    pub reserved: u32,
}

// SAFETY: `repr(C)`, `struct_size` first, one pointer, floats and integers.
unsafe impl Growing for fpga_lora_use {
    const NAME: &'static str = "fpga_lora_use";
    const FIRST_SIZE: usize = 2 * size_of::<usize>() + size_of::<f64>() + 8;

    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            lora: std::ptr::null(),
            strength: 1.0,
            unet_only: 0,
            reserved: 0,
        }
    }
}

/// Sets every field to its default, as `FPGA_LORA_USE_INIT` does.
///
/// `size` is `sizeof *lora_use`; it becomes `struct_size`.
///
/// Ownership: `lora_use` stays the caller's.
/// Threads: any.
/// NULL: `lora_use` must not be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_lora_use_init(
    lora_use: *mut fpga_lora_use,
    size: usize,
) -> fpga_status {
    // SAFETY: the caller says that `lora_use` has `size` bytes.
    guard(|_| unsafe { growing::write(&fpga_lora_use::defaults(), lora_use, size) })
}

/// Opens a LoRA file of any usual spelling (kohya's, PEFT's, diffusers'): `.safetensors`, `.bin`, `.pt`.
/// Its values are read when it is put on a model; until then the file must stay as it is.
///
/// Ownership: inputs are borrowed for the call. `*lora` is the caller's; free it with `fpga_lora_free`.
/// It serves any model, on any device.
/// Threads: any. A LoRA may be used by many threads at once.
/// NULL: no pointer may be NULL.
/// Errors: `FPGA_STATUS_IO`, `FPGA_STATUS_FORMAT`; `FPGA_STATUS_UNSUPPORTED` if it holds something else
/// than pairs of a LoRA (LoHa, LoKr, DoRA); `FPGA_STATUS_INVALID_UTF8`, `FPGA_STATUS_POISONED`,
/// `FPGA_STATUS_PANIC`, `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_lora_load(
    context: *const fpga_context,
    path: *const c_char,
    lora: *mut *mut fpga_lora,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for an output.
        let out = unsafe { Out::handle(lora) }?;
        // SAFETY: the caller's contract for a handle and a string.
        let (context, path) = unsafe { (share(context)?, text(path, "path")?) };
        scope.enter(&context)?;
        let source = TensorSource::open(path).context(|| format!("LoRA {path}"))?;
        out.give(Arc::new(fpga_lora {
            lora: Lora::from_source(source).context(|| format!("LoRA {path}"))?,
            _memory: context.ledger.reserve(0, "LoRA")?,
        }));
        Ok(())
    })
}

/// Copies a LoRA from the caller's memory or through the caller's reading.
///
/// Ownership: inputs are borrowed for the call. `*lora` is the caller's; free it with `fpga_lora_free`.
/// It does not need the source any more.
/// Threads: any.
/// NULL: no pointer may be NULL.
/// Errors: those of `fpga_lora_load`; `FPGA_STATUS_MEMORY_BUDGET` before anything is copied.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_lora_load_source(
    context: *const fpga_context,
    source: *const fpga_source,
    lora: *mut *mut fpga_lora,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for an output.
        let out = unsafe { Out::handle(lora) }?;
        // SAFETY: the caller's contract for handles.
        let (context, source) = unsafe { (share(context)?, share(source)?) };
        scope.enter(&context)?;
        let found = Lora::from_source(source.tensors.clone())?;
        let bytes = source.tensors.loaded_bytes(Storage::AsStored);
        let memory = context.ledger.reserve(bytes, "LoRA")?;
        out.give(Arc::new(fpga_lora {
            lora: found.kept()?,
            _memory: memory,
        }));
        Ok(())
    })
}

/// Writes how many weights it changes in a part of a model; `part` is one of `fpga_lora_part`.
///
/// Ownership: both pointers are borrowed for the call.
/// Threads: any.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_INVALID_ARGUMENT`, `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_lora_num_changes(
    lora: *const fpga_lora,
    part: u32,
    num_changes: *mut usize,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output and a handle.
        let (out, lora) = unsafe { (Out::new(num_changes, "num_changes")?, borrow(lora)?) };
        out.set(lora.lora.changes(self::part(part)?));
        Ok(())
    })
}

/// Writes how many bytes a model with this LoRA will not share with the model without it, at most.
///
/// Ownership: both pointers are borrowed for the call.
/// Threads: any.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_SHAPE` if the halves of a pair do not fit each other; `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_lora_memory(lora: *const fpga_lora, bytes: *mut u64) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output and a handle.
        let (out, lora) = unsafe { (Out::new(bytes, "bytes")?, borrow(lora)?) };
        out.set(lora.lora.changed_bytes()?);
        Ok(())
    })
}

/// Makes the model with LoRAs added up. `model` stays as it is, bit for bit: taking a LoRA off is freeing
/// the model with it.
///
/// Ownership: inputs are borrowed for the call. `*changed` is the caller's; free it with
/// `fpga_model_free`. It shares with `model` what no LoRA changes, keeps it alive, and does not need the
/// LoRAs any more.
/// Threads: any.
/// NULL: `loras` may be NULL if `num_loras` is 0; nothing else may.
/// Errors: `FPGA_STATUS_WEIGHTS` if a LoRA was made for another model, with the weights' names;
/// `FPGA_STATUS_INVALID_ARGUMENT` if a strength is not finite, or if a LoRA changes a text model that this
/// model does not have; `FPGA_STATUS_MEMORY_BUDGET` before anything is computed; `FPGA_STATUS_IO`,
/// `FPGA_STATUS_NOT_FINITE`, `FPGA_STATUS_INVALID_STRUCT_SIZE`, `FPGA_STATUS_UNSUPPORTED`,
/// `FPGA_STATUS_POISONED`, `FPGA_STATUS_PANIC`, `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_model_with_loras(
    model: *const fpga_model,
    loras: *const fpga_lora_use,
    num_loras: usize,
    changed: *mut *mut fpga_model,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for an output.
        let out = unsafe { Out::handle(changed) }?;
        // SAFETY: the caller's contract for a handle and an array of structs.
        let (model, loras) = unsafe { (share(model)?, copy_in(loras, num_loras)?) };
        scope.enter(&model.context)?;
        let borrowed: Vec<_> = loras
            .iter()
            .map(|(lora, strength)| (lora, *strength))
            .collect();
        out.give(model.with_loras(&borrowed)?);
        Ok(())
    })
}

/// Gives up the caller's reference to a LoRA.
///
/// Threads: any, but not while another thread still calls with this pointer.
/// NULL: does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_lora_free(lora: *mut fpga_lora) {
    release(lora);
}

/// # Safety
/// `loras` is NULL, or points to `count` structs of one version whose handles live during the call.
unsafe fn copy_in(loras: *const fpga_lora_use, count: usize) -> Outcome<Vec<(Lora, f64)>> {
    // SAFETY: this function's contract.
    let loras = unsafe { growing::read_all(loras, count, ("lora", MOST_LORAS)) }?;
    let one = |(index, lora)| {
        // SAFETY: this function's contract.
        unsafe { to_core(lora) }.map_err(|fault| fault.context(format!("lora {index}")))
    };
    loras.iter().enumerate().map(one).collect()
}

/// # Safety
/// The handle lives during the call.
unsafe fn to_core(found: &fpga_lora_use) -> Outcome<(Lora, f64)> {
    zero(found.reserved, "fpga_lora_use.reserved")?;
    let unet_only = flag(found.unet_only, "fpga_lora_use.unet_only")?;
    // SAFETY: this function's contract.
    let lora = unsafe { borrow(found.lora) }?.lora.clone();
    let lora = match unet_only {
        true => lora.unet_only(),
        false => lora,
    };
    Ok((lora, found.strength))
}

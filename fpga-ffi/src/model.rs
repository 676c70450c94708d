//! `fpga_model`: everything a job needs from one checkpoint.

use std::collections::BTreeMap;
use std::ffi::c_char;
use std::sync::Arc;

use fpga_core::Context as _;
use fpga_core::pipeline::{LoadOptions, Precision, StableDiffusion};
use fpga_core::unet::UNet;
use fpga_core::weights::{Checkpoint, Lora, SingleFile, Storage};

use crate::context::fpga_context;
use crate::fault::{Fault, Outcome};
use crate::growing::{self, Growing};
use crate::guard::{guard, release};
use crate::handle::{Handle, borrow, share};
use crate::memory::Reservation;
use crate::source::fpga_source;
use crate::status::fpga_status;
use crate::text::{copy_out, json};
use crate::view::{Out, optional_text, text};

/// In which type weights are kept.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum fpga_storage {
    /// As the checkpoint has them.
    AsStored = 1,
    /// Four bytes per weight.
    F32 = 2,
    /// Two bytes, 11 bits of precision, up to 65504.
    F16 = 3,
    /// Two bytes, 8 bits of precision, the range of `F32`.
    Bf16 = 4,
}

impl fpga_storage {
    pub(crate) fn from_code(code: u32, field: &str) -> Outcome<Storage> {
        Ok(match code {
            1 => Storage::AsStored,
            2 => Storage::F32,
            3 => Storage::F16,
            4 => Storage::BF16,
            _ => {
                let why = format!("no such storage: {code}");
                return Err(Fault::argument(field, why));
            }
        })
    }
}

/// In which type the UNet computes. The CPU computes in 32 bits whatever this says.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum fpga_precision {
    /// Every device can; what a zeroed field means.
    F32 = 0,
    /// Half the memory traffic; sums, norms and the VAE stay in 32 bits.
    F16 = 1,
    /// The same with the range of `F32` and fewer digits.
    Bf16 = 2,
}

impl fpga_precision {
    fn from_code(code: u32, field: &str) -> Outcome<Precision> {
        Ok(match code {
            0 => Precision::F32,
            1 => Precision::F16,
            2 => Precision::Bf16,
            _ => {
                let why = format!("no such precision: {code}");
                return Err(Fault::argument(field, why));
            }
        })
    }
}

/// How a model is loaded. Start from `FPGA_MODEL_PARAMS_INIT`. Strings are borrowed for the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fpga_model_params {
    /// Size of this struct.
    pub struct_size: usize,
    /// Prefer weight files of this variant, such as `"fp16"`, where the folder has them; NULL for
    /// none.
    pub variant: *const c_char,
    /// Folder of the tokenizer's files, for checkpoints without one; NULL for the checkpoint's own.
    pub tokenizer: *const c_char,
    /// The same for the second tokenizer of SDXL.
    pub tokenizer_2: *const c_char,
    /// One of `fpga_storage`.
    pub storage: u32,
    /// One of `fpga_precision`.
    pub precision: u32,
}

// SAFETY: `repr(C)`, `struct_size` first, pointers and integers.
unsafe impl Growing for fpga_model_params {
    const NAME: &'static str = "fpga_model_params";
    const FIRST_SIZE: usize = size_of::<usize>() + 3 * size_of::<*const c_char>() + 8;

    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            variant: std::ptr::null(),
            tokenizer: std::ptr::null(),
            tokenizer_2: std::ptr::null(),
            storage: fpga_storage::AsStored as u32,
            precision: fpga_precision::F32 as u32,
        }
    }
}

/// UNet, VAE, text models and noise schedule of one checkpoint, on one device.
pub struct fpga_model {
    pub(crate) context: Arc<fpga_context>,
    pub(crate) model: StableDiffusion,
    /// What its weights take.
    memory: Reservation,
    /// Whose weights it shares.
    _base: Option<Arc<Self>>,
}

/// What a load takes beyond the weights: the largest tensor twice, and one small picture.
const LOADING: u64 = 192 << 20;

impl fpga_model {
    /// Refuses what does not fit the context's budget before any weight is read.
    fn load(
        context: Arc<fpga_context>,
        options: &LoadOptions,
        open: impl FnOnce() -> Outcome<Checkpoint> + Send,
    ) -> Outcome<Arc<Self>> {
        let device = context.device.open()?;
        let (model, memory) = context.run(|| {
            let checkpoint = open()?;
            let weights = checkpoint.loaded_bytes(options.storage)?;
            let mut memory = (context.ledger).reserve(weights.saturating_add(LOADING), "model")?;
            let model = StableDiffusion::load_parts(&checkpoint, options, &device)?;
            memory.shrink_to(weights);
            Ok((model, memory))
        })?;
        Ok(Arc::new(Self {
            context,
            model,
            memory,
            _base: None,
        }))
    }

    /// The same model with LoRAs, each as strong as its number.
    pub(crate) fn with_loras(self: &Arc<Self>, loras: &[(&Lora, f64)]) -> Outcome<Arc<Self>> {
        let context = &self.context;
        let (model, memory) = context.run(|| {
            let mut bytes = 0_u64;
            for (lora, _) in loras {
                bytes = bytes.saturating_add(lora.changed_bytes()?);
            }
            let memory = context.ledger.reserve(bytes, "model with LoRA")?;
            Ok((self.model.with_loras(loras)?, memory))
        })?;
        Ok(Arc::new(Self {
            context: Arc::clone(context),
            model,
            memory,
            _base: Some(Arc::clone(self)),
        }))
    }
}

impl fpga_model {
    /// The same model with another UNet of the same sizes, of which so many weights are its own.
    pub(crate) fn with_unet(
        self: &Arc<Self>,
        changed: usize,
        change: impl FnOnce(UNet) -> Outcome<UNet> + Send,
    ) -> Outcome<Arc<Self>> {
        let context = &self.context;
        let (model, memory) = context.run(|| {
            let bytes = 4 * changed as u64;
            let memory = context.ledger.reserve(bytes, "merged model")?;
            let model = StableDiffusion {
                unet: change(self.model.unet.clone())?,
                ..self.model.clone()
            };
            Ok((model, memory))
        })?;
        Ok(Arc::new(Self {
            context: Arc::clone(context),
            model,
            memory,
            _base: Some(Arc::clone(self)),
        }))
    }
}

impl Handle for fpga_model {
    const NAME: &'static str = "model";
}

/// Sets every field to its default, as `FPGA_MODEL_PARAMS_INIT` does.
///
/// `size` is `sizeof *params`; it becomes `struct_size`.
///
/// Ownership: `params` stays the caller's.
/// Threads: any.
/// NULL: `params` must not be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_model_params_init(
    params: *mut fpga_model_params,
    size: usize,
) -> fpga_status {
    // SAFETY: the caller says that `params` has `size` bytes.
    guard(|_| unsafe { growing::write(&fpga_model_params::defaults(), params, size) })
}

/// Loads a checkpoint: a folder in the layout of diffusers, or one `.safetensors` or `.ckpt` file.
///
/// Ownership: inputs are borrowed for the call. `*model` is the caller's; free it with
/// `fpga_model_free`. Jobs keep their model alive, so it may be freed before them.
/// Threads: any. A model may be used by many threads at once, and loads may run side by side.
/// NULL: `params` may be NULL for the defaults; nothing else may.
/// Errors: `FPGA_STATUS_IO`, `FPGA_STATUS_FORMAT`, `FPGA_STATUS_WEIGHTS`, `FPGA_STATUS_UNSUPPORTED`,
/// `FPGA_STATUS_DEVICE`, `FPGA_STATUS_INVALID_ARGUMENT`, each naming part and file;
/// `FPGA_STATUS_MEMORY_BUDGET` before any weight is read;
/// `FPGA_STATUS_POISONED`, `FPGA_STATUS_PANIC`; those of `fpga_context_new`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_model_load(
    context: *const fpga_context,
    path: *const c_char,
    params: *const fpga_model_params,
    model: *mut *mut fpga_model,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for an output.
        let out = unsafe { Out::handle(model) }?;
        // SAFETY: the caller's contract for a handle, a string and a params struct.
        let (context, path, options) =
            unsafe { (share(context)?, text(path, "path")?, options(params)?) };
        scope.enter(&context)?;
        let open = || Ok(options.open(path).context(|| format!("model {path}"))?);
        out.give(fpga_model::load(context, &options, open)?);
        Ok(())
    })
}

/// Loads a single-file checkpoint from the caller's memory or through the caller's reading.
///
/// Such a checkpoint has no tokenizer: name a folder that has one in `params`, or prompts are refused.
///
/// Ownership: inputs are borrowed for the call. `*model` is the caller's; free it with
/// `fpga_model_free`. It does not need the source any more.
/// Threads: any. Loads from one source may run side by side; their reads take turns.
/// NULL: `params` may be NULL for the defaults; nothing else may.
/// Errors: those of `fpga_model_load`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_model_load_source(
    context: *const fpga_context,
    source: *const fpga_source,
    params: *const fpga_model_params,
    model: *mut *mut fpga_model,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for an output.
        let out = unsafe { Out::handle(model) }?;
        // SAFETY: the caller's contract for handles and a params struct.
        let (context, source, options) =
            unsafe { (share(context)?, share(source)?, options(params)?) };
        scope.enter(&context)?;
        let open = || {
            let file = SingleFile::from_source(source.tensors.clone())?;
            Ok(Checkpoint::File(Box::new(file)))
        };
        out.give(fpga_model::load(context, &options, open)?);
        Ok(())
    })
}

/// Writes how many bytes the weights of a checkpoint will take, without reading them.
///
/// Ownership: all pointers are borrowed for the call.
/// Threads: any.
/// NULL: `params` may be NULL for the defaults; nothing else may.
/// Errors: `FPGA_STATUS_IO`, `FPGA_STATUS_FORMAT`, `FPGA_STATUS_UNSUPPORTED`; those that
/// `fpga_model_load` has for its arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_model_estimate_memory(
    path: *const c_char,
    params: *const fpga_model_params,
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
        out.set(options.open(path)?.loaded_bytes(options.storage)?);
        Ok(())
    })
}

/// Writes how many bytes the weights of a model take, by the library's estimate; of a model that shares
/// weights with another one, only its own.
///
/// Ownership: both pointers are borrowed for the call.
/// Threads: any.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_model_memory(
    model: *const fpga_model,
    bytes: *mut u64,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output and a handle.
        let (out, model) = unsafe { (Out::new(bytes, "bytes")?, borrow(model)?) };
        out.set(model.memory.bytes());
        Ok(())
    })
}

/// # Safety
/// `params` is NULL, or a struct whose strings live during the call.
unsafe fn options(params: *const fpga_model_params) -> Outcome<LoadOptions> {
    if params.is_null() {
        return Ok(LoadOptions::default());
    }
    // SAFETY: this function's contract.
    let params = unsafe { growing::read(params) }?;
    // SAFETY: this function's contract.
    let string = |pointer, name| unsafe { optional_text(pointer, name) };
    Ok(LoadOptions {
        storage: fpga_storage::from_code(params.storage, "fpga_model_params.storage")?,
        precision: fpga_precision::from_code(params.precision, "fpga_model_params.precision")?,
        variant: string(params.variant, "fpga_model_params.variant")?.map(Into::into),
        tokenizer: string(params.tokenizer, "fpga_model_params.tokenizer")?.map(Into::into),
        tokenizer_2: string(params.tokenizer_2, "fpga_model_params.tokenizer_2")?.map(Into::into),
    })
}

/// Copies what became of every tensor, as JSON: by part (`unet`, `vae`, `text_encoder`, ...) the lists
/// `applied`, `missing`, `unused` and `mismatched`.
///
/// With `buffer` NULL and `capacity` 0 it only writes the size to `needed`, the final NUL included.
///
/// Ownership: the text is copied into `buffer`, which stays the caller's.
/// Threads: any.
/// NULL: `model` must not be NULL; either `buffer` or `needed` may be, not both.
/// Errors: `FPGA_STATUS_BUFFER_TOO_SMALL` (then only `needed` is written),
/// `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_POISONED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_model_load_report_json(
    model: *const fpga_model,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for a handle.
        let model = unsafe { borrow(model) }?;
        scope.enter(&model.context)?;
        let reports: BTreeMap<_, _> = (model.model.load_reports.iter())
            .map(|(part, report)| (part, report))
            .collect();
        // SAFETY: the caller's contract for `buffer` and `needed`.
        unsafe { copy_out(&json(&reports)?, buffer, capacity, needed) }
    })
}

/// Gives up the caller's reference to a model. Its memory goes when its last job is gone too.
///
/// Threads: any, but not while another thread still calls with this pointer.
/// NULL: does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_model_free(model: *mut fpga_model) {
    release(model);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_reaches_the_options() {
        let params = fpga_model_params {
            variant: c"fp16".as_ptr(),
            tokenizer: c"one".as_ptr(),
            tokenizer_2: c"two".as_ptr(),
            ..fpga_model_params::defaults()
        };
        for (code, storage) in [
            (fpga_storage::AsStored, Storage::AsStored),
            (fpga_storage::F32, Storage::F32),
            (fpga_storage::F16, Storage::F16),
            (fpga_storage::Bf16, Storage::BF16),
        ] {
            let expected = LoadOptions {
                storage,
                variant: Some("fp16".to_owned()),
                tokenizer: Some("one".into()),
                tokenizer_2: Some("two".into()),
                ..LoadOptions::default()
            };
            let params = fpga_model_params {
                storage: code as u32,
                ..params
            };
            // SAFETY: the strings are static.
            let found = unsafe { options(&raw const params) }.unwrap();
            assert_eq!(format!("{found:?}"), format!("{expected:?}"));
        }
    }

    #[test]
    fn precisions_are_those_of_the_core_and_no_others() {
        for (code, expected) in [
            (fpga_precision::F32, Precision::F32),
            (fpga_precision::F16, Precision::F16),
            (fpga_precision::Bf16, Precision::Bf16),
        ] {
            let params = fpga_model_params {
                precision: code as u32,
                ..fpga_model_params::defaults()
            };
            // SAFETY: it has no strings.
            let found = unsafe { options(&raw const params) }.unwrap();
            assert_eq!(found.precision, expected);
        }
        let params = fpga_model_params {
            precision: 3,
            ..fpga_model_params::defaults()
        };
        // SAFETY: it has no strings.
        assert!(unsafe { options(&raw const params) }.is_err());
    }

    #[test]
    fn the_defaults_are_those_of_the_core() {
        let params = fpga_model_params::defaults();
        // SAFETY: it has no strings.
        let found = unsafe { options(&raw const params) }.unwrap();
        assert_eq!(
            format!("{found:?}"),
            format!("{:?}", LoadOptions::default())
        );
    }
}

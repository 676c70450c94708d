//! `fpga_controlnet`: a network that guides generation by a picture.

use std::ffi::c_char;
use std::path::Path;
use std::sync::Arc;

use fpga_core::control::ControlNet;
use fpga_core::error::LoadReport;
use fpga_core::weights::{ModelFolder, TensorSource, controlnet_from_source};
use fpga_core::{Context as _, Result};

use crate::context::fpga_context;
use crate::fault::Outcome;
use crate::guard::{guard, release};
use crate::handle::{Handle, borrow, share};
use crate::memory::Reservation;
use crate::model::fpga_storage;
use crate::source::fpga_source;
use crate::status::fpga_status;
use crate::text::{copy_out, json};
use crate::view::{Out, text};

/// A network that guides generation by a picture: a skeleton, landmarks, edges, ...
pub struct fpga_controlnet {
    pub(crate) context: Arc<fpga_context>,
    pub(crate) net: ControlNet,
    report: LoadReport,
    /// What its weights take.
    _memory: Reservation,
}

impl Handle for fpga_controlnet {
    const NAME: &'static str = "controlnet";
}

/// Where a ControlNet's weights lie.
enum Place {
    /// With a `config.json` beside them, as diffusers writes them.
    Folder(ModelFolder),
    /// In the original layout, which shows its own sizes.
    Weights(TensorSource),
}

impl Place {
    fn open(path: &str) -> Result<Self> {
        match Path::new(path).is_dir() {
            true => ModelFolder::open(path, None).map(Self::Folder),
            false => TensorSource::open(path).map(Self::Weights),
        }
        .context(|| format!("controlnet {path}"))
    }

    fn weights(&self) -> &TensorSource {
        match self {
            Self::Folder(folder) => folder.weights(),
            Self::Weights(source) => source,
        }
    }
}

impl fpga_controlnet {
    fn load(
        context: Arc<fpga_context>,
        storage: u32,
        open: impl FnOnce() -> Result<Place> + Send,
    ) -> Outcome<Arc<Self>> {
        let storage = fpga_storage::from_code(storage, "storage")?;
        let device = context.device.open()?;
        let (loaded, memory) = context.run(|| {
            let place = open()?;
            let bytes = place.weights().loaded_bytes(storage);
            let memory = context.ledger.reserve(bytes, "controlnet")?;
            let loaded = match place {
                Place::Folder(folder) => folder.controlnet(storage, &device),
                Place::Weights(source) => controlnet_from_source(source, storage, &device),
            };
            Ok((loaded?, memory))
        })?;
        let (net, report) = loaded;
        Ok(Arc::new(Self {
            context,
            net,
            report,
            _memory: memory,
        }))
    }
}

/// Loads a ControlNet: a folder in the layout of diffusers, or one file in the original layout.
///
/// `storage` is one of `fpga_storage`.
///
/// Ownership: inputs are borrowed for the call. `*controlnet` is the caller's; free it with
/// `fpga_controlnet_free`. Jobs keep their ControlNets alive, so it may be freed before them.
/// Threads: any. A ControlNet may be used by many threads at once.
/// NULL: no pointer may be NULL.
/// Errors: those of `fpga_model_load`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_controlnet_load(
    context: *const fpga_context,
    path: *const c_char,
    storage: u32,
    controlnet: *mut *mut fpga_controlnet,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for an output.
        let out = unsafe { Out::handle(controlnet) }?;
        // SAFETY: the caller's contract for a handle and a string.
        let (context, path) = unsafe { (share(context)?, text(path, "path")?) };
        scope.enter(&context)?;
        out.give(fpga_controlnet::load(context, storage, || {
            Place::open(path)
        })?);
        Ok(())
    })
}

/// Loads a ControlNet in the original layout from the caller's memory or through the caller's reading.
///
/// `storage` is one of `fpga_storage`.
///
/// Ownership: inputs are borrowed for the call. `*controlnet` is the caller's; free it with
/// `fpga_controlnet_free`. It does not need the source any more.
/// Threads: any.
/// NULL: no pointer may be NULL.
/// Errors: those of `fpga_model_load`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_controlnet_load_source(
    context: *const fpga_context,
    source: *const fpga_source,
    storage: u32,
    controlnet: *mut *mut fpga_controlnet,
) -> fpga_status {
    guard(|scope| {
        // SAFETY: the caller's contract for an output.
        let out = unsafe { Out::handle(controlnet) }?;
        // SAFETY: the caller's contract for handles.
        let (context, source) = unsafe { (share(context)?, share(source)?) };
        scope.enter(&context)?;
        let open = || Ok(Place::Weights(source.tensors.clone()));
        out.give(fpga_controlnet::load(context, storage, open)?);
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
/// NULL: `controlnet` must not be NULL; either `buffer` or `needed` may be, not both.
/// Errors: `FPGA_STATUS_BUFFER_TOO_SMALL` (then only `needed` is written),
/// `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_controlnet_load_report_json(
    controlnet: *const fpga_controlnet,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for a handle, `buffer` and `needed`.
        unsafe {
            copy_out(
                &json(&borrow(controlnet)?.report)?,
                buffer,
                capacity,
                needed,
            )
        }
    })
}

/// Gives up the caller's reference to a ControlNet. Its memory goes when its last job is gone too.
///
/// Threads: any, but not while another thread still calls with this pointer.
/// NULL: does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_controlnet_free(controlnet: *mut fpga_controlnet) {
    release(controlnet);
}

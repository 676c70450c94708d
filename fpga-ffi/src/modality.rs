//! `fpga_modality`: the condition picture of a modality that is merged into a model.

use std::sync::Arc;

use fpga_core::RgbImage;
use fpga_core::control::RepControlNet;
use fpga_core::pipeline::ModalControl;

use crate::context::fpga_context;
use crate::delta::fpga_delta;
use crate::fault::{Fault, Outcome};
use crate::growing::{self, Growing};
use crate::guard::guard;
use crate::handle::share;
use crate::image::{self, fpga_image_view};
use crate::rep_controlnet::fpga_rep_controlnet;
use crate::status::fpga_status;

/// More modalities than any model has: such a number was never set.
const MOST_MODALITIES: usize = 64;

/// The condition picture of a modality that is merged into the model of the job. Start from
/// `FPGA_MODALITY_INIT`. Pointers are borrowed for the call.
///
/// In an array every element has the same `struct_size`, and elements are that many bytes apart.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fpga_modality {
    /// Size of this struct.
    pub struct_size: usize,
    /// What was merged; its encoder reads the condition. The job keeps its own reference. NULL if `delta`
    /// is set.
    pub rep_controlnet: *const fpga_rep_controlnet,
    /// The delta that was added, in place of `rep_controlnet`; NULL if that is set.
    pub delta: *const fpga_delta,
    /// What it looks at: RGB, as large as the picture that is made.
    pub condition: *const fpga_image_view,
    /// Factor of what the encoder makes of the condition: 1 as trained.
    pub strength: f64,
}

// SAFETY: `repr(C)`, `struct_size` first, pointers and floats.
unsafe impl Growing for fpga_modality {
    const NAME: &'static str = "fpga_modality";
    const FIRST_SIZE: usize = 4 * size_of::<usize>() + size_of::<f64>();

    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            rep_controlnet: std::ptr::null(),
            delta: std::ptr::null(),
            condition: std::ptr::null(),
            strength: 1.0,
        }
    }
}

/// Sets every field to its default, as `FPGA_MODALITY_INIT` does.
///
/// `size` is `sizeof *modality`; it becomes `struct_size`.
///
/// Ownership: `modality` stays the caller's.
/// Threads: any.
/// NULL: `modality` must not be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_modality_init(
    modality: *mut fpga_modality,
    size: usize,
) -> fpga_status {
    // SAFETY: the caller says that `modality` has `size` bytes.
    guard(|_| unsafe { growing::write(&fpga_modality::defaults(), modality, size) })
}

/// A modality with its condition, owned.
pub(crate) struct OwnModality {
    pub(crate) context: Arc<fpga_context>,
    net: RepControlNet,
    condition: RgbImage,
    strength: f64,
    /// Whose weights' memory is counted, as long as this lives.
    _holder: Holder,
}

enum Holder {
    Net(#[expect(dead_code, reason = "held, not read")] Arc<fpga_rep_controlnet>),
    Delta(#[expect(dead_code, reason = "held, not read")] Arc<fpga_delta>),
}

impl OwnModality {
    pub(crate) fn borrowed(&self) -> ModalControl<'_> {
        ModalControl {
            net: &self.net,
            condition: &self.condition,
            strength: self.strength,
        }
    }
}

/// # Safety
/// `modalities` is NULL, or points to `count` structs of one version whose pointers live during the call.
pub(crate) unsafe fn copy_in(
    modalities: *const fpga_modality,
    count: usize,
) -> Outcome<Vec<OwnModality>> {
    let limit = ("modality", MOST_MODALITIES);
    // SAFETY: this function's contract.
    let modalities = unsafe { growing::read_all(modalities, count, limit) }?;
    let one = |(index, modality)| {
        // SAFETY: this function's contract.
        unsafe { own(modality) }.map_err(|fault| fault.context(format!("modality {index}")))
    };
    modalities.iter().enumerate().map(one).collect()
}

/// # Safety
/// The pointers of `modality` live during the call.
unsafe fn own(modality: &fpga_modality) -> Outcome<OwnModality> {
    let (net, delta) = (modality.rep_controlnet, modality.delta);
    if net.is_null() == delta.is_null() {
        let why = "set either rep_controlnet or delta";
        return Err(Fault::argument("fpga_modality", why));
    }
    // SAFETY: this function's contract.
    let condition = unsafe { image::picture(modality.condition) };
    let condition = condition.map_err(|fault| fault.context("condition"))?;
    let (context, net, holder) = if delta.is_null() {
        // SAFETY: this function's contract.
        let net = unsafe { share(net) }?;
        (Arc::clone(&net.context), net.net.clone(), Holder::Net(net))
    } else {
        // SAFETY: this function's contract.
        let delta = unsafe { share(delta) }?;
        let encoder = delta.condition()?;
        (Arc::clone(&delta.context), encoder, Holder::Delta(delta))
    };
    Ok(OwnModality {
        context,
        net,
        condition,
        strength: modality.strength,
        _holder: holder,
    })
}

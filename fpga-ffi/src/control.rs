//! `fpga_control`: what one ControlNet says to a job.

use std::sync::Arc;

use fpga_core::RgbImage;
use fpga_core::pipeline::{Control, ControlMode};

use crate::controlnet::fpga_controlnet;
use crate::fault::{Fault, Outcome};
use crate::growing::{self, Growing};
use crate::guard::guard;
use crate::handle::share;
use crate::image::{self, fpga_image_view};
use crate::status::fpga_status;
use crate::view::zero;

/// More ControlNets than any job has: such a number was never set.
const MOST_CONTROLS: usize = 256;

/// To which half of the guidance a ControlNet speaks.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum fpga_control_mode {
    /// To prompt and negative prompt alike, with one strength everywhere.
    Balanced = 1,
    /// Only to the prompt, and the softer the finer the features: the picture follows the condition even
    /// where the prompt is empty.
    Guess = 2,
}

impl fpga_control_mode {
    fn from_code(code: u32) -> Outcome<ControlMode> {
        match code {
            1 => Ok(ControlMode::Balanced),
            2 => Ok(ControlMode::Guess),
            _ => {
                let why = format!("no such mode: {code}");
                Err(Fault::argument("fpga_control.mode", why))
            }
        }
    }
}

/// What one ControlNet says to a job. Start from `FPGA_CONTROL_INIT`. Pointers are borrowed for the
/// call.
///
/// In an array every element has the same `struct_size`, and elements are that many bytes apart.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fpga_control {
    /// Size of this struct.
    pub struct_size: usize,
    /// The network. The job keeps its own reference.
    pub controlnet: *const fpga_controlnet,
    /// What it looks at: RGB, as large as the picture that is made.
    pub condition: *const fpga_image_view,
    /// 1 as trained, 0 silent.
    pub scale: f64,
    /// Share of the steps at which it starts to speak: 0 to 1.
    pub window_start: f64,
    /// Share of the steps at which it ends: 0 to 1.
    pub window_end: f64,
    /// One of `fpga_control_mode`.
    pub mode: u32,
    /// Must be 0.
    pub reserved: u32,
}

// SAFETY: `repr(C)`, `struct_size` first, pointers, floats and integers.
unsafe impl Growing for fpga_control {
    const NAME: &'static str = "fpga_control";
    const FIRST_SIZE: usize = 3 * size_of::<usize>() + 3 * size_of::<f64>() + 8;

    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            controlnet: std::ptr::null(),
            condition: std::ptr::null(),
            scale: 1.0,
            window_start: 0.0,
            window_end: 1.0,
            mode: fpga_control_mode::Balanced as u32,
            reserved: 0,
        }
    }
}

/// Sets every field to its default, as `FPGA_CONTROL_INIT` does.
///
/// `size` is `sizeof *control`; it becomes `struct_size`.
///
/// Ownership: `control` stays the caller's.
/// Threads: any.
/// NULL: `control` must not be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`, `FPGA_STATUS_INVALID_STRUCT_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_control_init(control: *mut fpga_control, size: usize) -> fpga_status {
    // SAFETY: the caller says that `control` has `size` bytes.
    guard(|_| unsafe { growing::write(&fpga_control::defaults(), control, size) })
}

/// A ControlNet with its condition, owned.
pub(crate) struct OwnControl {
    pub(crate) controlnet: Arc<fpga_controlnet>,
    condition: RgbImage,
    scale: f64,
    window: (f64, f64),
    mode: ControlMode,
}

impl OwnControl {
    pub(crate) fn borrowed(&self) -> Control<'_> {
        Control {
            net: &self.controlnet.net,
            condition: &self.condition,
            scale: self.scale,
            window: self.window,
            mode: self.mode,
        }
    }
}

/// # Safety
/// `controls` is NULL, or points to `count` structs of one version whose pointers live during the call.
pub(crate) unsafe fn copy_in(
    controls: *const fpga_control,
    count: usize,
) -> Outcome<Vec<OwnControl>> {
    // SAFETY: this function's contract.
    let controls = unsafe { growing::read_all(controls, count, ("control", MOST_CONTROLS)) }?;
    let one = |(index, control): (usize, &fpga_control)| {
        // SAFETY: this function's contract.
        unsafe { own_control(control) }.map_err(|fault| fault.context(format!("control {index}")))
    };
    controls.iter().enumerate().map(one).collect()
}

/// # Safety
/// The pointers of `control` live during the call.
unsafe fn own_control(control: &fpga_control) -> Outcome<OwnControl> {
    zero(control.reserved, "fpga_control.reserved")?;
    // SAFETY: this function's contract.
    unsafe {
        Ok(OwnControl {
            controlnet: share(control.controlnet)?,
            condition: image::picture(control.condition)
                .map_err(|fault| fault.context("condition"))?,
            scale: control.scale,
            window: (control.window_start, control.window_end),
            mode: fpga_control_mode::from_code(control.mode)?,
        })
    }
}

//! `fpga_device_list`: the devices of this machine.

use std::ffi::c_char;
use std::sync::Arc;

use fpga_core::pipeline::{DeviceChoice, DeviceEntry};

use crate::fault::{Fault, Outcome};
use crate::guard::{guard, release};
use crate::handle::{Handle, borrow};
use crate::status::fpga_status;
use crate::text::copy_out;
use crate::view::Out;

/// The devices that this machine has and this build can use. It never changes.
pub struct fpga_device_list {
    devices: Vec<DeviceEntry>,
}

impl Handle for fpga_device_list {
    const NAME: &'static str = "device list";
}

impl fpga_device_list {
    fn entry(&self, index: usize) -> Outcome<&DeviceEntry> {
        let count = self.devices.len();
        let absent = || Fault::argument("device", format!("{index} of {count} devices"));
        self.devices.get(index).ok_or_else(absent)
    }
}

/// Looks for devices, the CPU first. Cards are opened to find out whether they work, which may take
/// seconds.
///
/// Ownership: `*list` is the caller's; free it with `fpga_device_list_free`.
/// Threads: any.
/// NULL: `list` must not be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn fpga_device_list_new(list: *mut *mut fpga_device_list) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output.
        let out = unsafe { Out::handle(list) }?;
        let devices = DeviceChoice::list();
        out.give(Arc::new(fpga_device_list { devices }));
        Ok(())
    })
}

/// Writes the number of devices.
///
/// Ownership: both pointers are borrowed for the call.
/// Threads: any.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_device_list_count(
    list: *const fpga_device_list,
    count: *mut usize,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for an output and a handle.
        let (out, list) = unsafe { (Out::new(count, "count")?, borrow(list)?) };
        out.set(list.devices.len());
        Ok(())
    })
}

/// Copies how device `index` is asked for: what `fpga_context_params.device` takes, such as `"cuda:0"`.
///
/// With `buffer` NULL and `capacity` 0 it only writes the size to `needed`, the final NUL included.
///
/// Ownership: the text is copied into `buffer`, which stays the caller's.
/// Threads: any.
/// NULL: `list` must not be NULL; either `buffer` or `needed` may be, not both.
/// Errors: `FPGA_STATUS_BUFFER_TOO_SMALL` (then only `needed` is written),
/// `FPGA_STATUS_INVALID_ARGUMENT` (no such device), `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_device_list_id(
    list: *const fpga_device_list,
    index: usize,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for a handle, `buffer` and `needed`.
        unsafe {
            let id = borrow(list)?.entry(index)?.choice.to_string();
            copy_out(&id, buffer, capacity, needed)
        }
    })
}

/// Copies what device `index` is, for people.
///
/// With `buffer` NULL and `capacity` 0 it only writes the size to `needed`, the final NUL included.
///
/// Ownership: the text is copied into `buffer`, which stays the caller's.
/// Threads: any.
/// NULL: `list` must not be NULL; either `buffer` or `needed` may be, not both.
/// Errors: `FPGA_STATUS_BUFFER_TOO_SMALL` (then only `needed` is written),
/// `FPGA_STATUS_INVALID_ARGUMENT` (no such device), `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_device_list_name(
    list: *const fpga_device_list,
    index: usize,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for a handle, `buffer` and `needed`.
        unsafe { copy_out(&borrow(list)?.entry(index)?.name, buffer, capacity, needed) }
    })
}

/// Frees a list.
///
/// Threads: any, but not while another thread still calls with this pointer.
/// NULL: does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_device_list_free(list: *mut fpga_device_list) {
    release(list);
}

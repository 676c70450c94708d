//! `fpga_device_list`: the devices of this machine.

use std::ffi::c_char;
use std::sync::Arc;

use fpga_core::pipeline::{DeviceChoice, DeviceEntry, Precision};

use crate::fault::{Fault, Outcome};
use crate::growing::{self, Growing};
use crate::guard::{guard, release};
use crate::handle::{Handle, borrow};
use crate::status::fpga_status;
use crate::text::copy_out;
use crate::view::Out;

/// What a device has.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct fpga_device_info {
    /// Size of this struct.
    pub struct_size: usize,
    /// Bytes of its memory. Read it only if `has_memory` is 1.
    pub memory: u64,
    /// 1 if `memory` is known; 0 where nobody says, which is so for cards.
    pub has_memory: u32,
    /// 1 if it computes in 32-bit floats. Weights may be kept in any `fpga_storage` on every device.
    pub computes_f32: u32,
    /// 1 if it computes in 16-bit floats (IEEE 754).
    pub computes_f16: u32,
    /// 1 if it computes in bfloat16.
    pub computes_bf16: u32,
}

// SAFETY: `repr(C)`, `struct_size` first, integers.
unsafe impl Growing for fpga_device_info {
    const NAME: &'static str = "fpga_device_info";
    const FIRST_SIZE: usize = size_of::<usize>() + 24;

    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            memory: 0,
            has_memory: 0,
            computes_f32: 0,
            computes_f16: 0,
            computes_bf16: 0,
        }
    }
}

impl From<&DeviceEntry> for fpga_device_info {
    fn from(device: &DeviceEntry) -> Self {
        let computes = |precision| u32::from(device.precisions.contains(&precision));
        Self {
            struct_size: size_of::<Self>(),
            memory: device.memory.unwrap_or(0),
            has_memory: u32::from(device.memory.is_some()),
            computes_f32: computes(Precision::F32),
            computes_f16: computes(Precision::F16),
            computes_bf16: computes(Precision::Bf16),
        }
    }
}

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

/// Writes what device `index` has.
///
/// `size` is `sizeof *info`; it becomes `struct_size`.
///
/// Ownership: both pointers are borrowed for the call.
/// Threads: any.
/// NULL: neither pointer may be NULL.
/// Errors: `FPGA_STATUS_INVALID_ARGUMENT` (no such device), `FPGA_STATUS_INVALID_STRUCT_SIZE`,
/// `FPGA_STATUS_NULL_POINTER`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fpga_device_list_info(
    list: *const fpga_device_list,
    index: usize,
    info: *mut fpga_device_info,
    size: usize,
) -> fpga_status {
    guard(|_| {
        // SAFETY: the caller's contract for a handle and a struct of `size` bytes.
        unsafe {
            let found = fpga_device_info::from(borrow(list)?.entry(index)?);
            growing::write(&found, info, size)
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_reaches_c() {
        let entry = |memory, precisions| DeviceEntry {
            choice: DeviceChoice::Cpu,
            name: "a device".to_owned(),
            memory,
            precisions,
        };
        let nothing = fpga_device_info::from(&entry(None, Vec::new()));
        assert_eq!(nothing, fpga_device_info::defaults());
        // Without `..`: a new field must be added here.
        let all = fpga_device_info {
            struct_size: size_of::<fpga_device_info>(),
            memory: 1 << 40,
            has_memory: 1,
            computes_f32: 1,
            computes_f16: 1,
            computes_bf16: 1,
        };
        let every = entry(
            Some(1 << 40),
            vec![Precision::F32, Precision::F16, Precision::Bf16],
        );
        assert_eq!(fpga_device_info::from(&every), all);
        for (precision, one) in [
            (
                Precision::F32,
                fpga_device_info {
                    computes_f32: 1,
                    ..nothing
                },
            ),
            (
                Precision::F16,
                fpga_device_info {
                    computes_f16: 1,
                    ..nothing
                },
            ),
            (
                Precision::Bf16,
                fpga_device_info {
                    computes_bf16: 1,
                    ..nothing
                },
            ),
        ] {
            assert_eq!(
                fpga_device_info::from(&entry(None, vec![precision])),
                one,
                "{precision}"
            );
        }
    }
}

//! Which library this is, and which version of its ABI.

use std::ffi::c_char;

/// Major version of the library that this header belongs to.
pub const FPGA_VERSION_MAJOR: u32 = 0;
/// Minor version of the library that this header belongs to.
pub const FPGA_VERSION_MINOR: u32 = 1;
/// Patch version of the library that this header belongs to.
pub const FPGA_VERSION_PATCH: u32 = 0;

/// Version of the binary interface that this header describes.
///
/// It goes up only when a program that was built with an older header would break. Additions
/// (functions, status codes, fields at the end of a struct) leave it alone.
pub const FPGA_ABI_VERSION: u32 = 1;

/// The version of the library that runs, for example `"0.1.0"`.
///
/// Ownership: the string is static; never free it. Never NULL.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn fpga_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The ABI version of the library that runs; compare it with `FPGA_ABI_VERSION`, or use
/// `FPGA_CHECK_ABI()`.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn fpga_abi_version() -> u32 {
    FPGA_ABI_VERSION
}

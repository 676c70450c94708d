//! What C passes, checked before it is touched: outputs, strings, arrays, flags.

use std::ffi::{CStr, c_char};
use std::ptr::NonNull;
use std::sync::Arc;

use crate::fault::{Fault, Outcome};
use crate::handle::Handle;
use crate::status::fpga_status;

/// A checked place for one output.
pub(crate) struct Out<T>(NonNull<T>);

impl<T> Out<T> {
    /// # Safety
    /// `pointer` is NULL or valid for one write during the call.
    pub(crate) unsafe fn new(pointer: *mut T, name: &str) -> Outcome<Self> {
        aligned(pointer, name)?;
        NonNull::new(pointer)
            .map(Self)
            .ok_or_else(|| Fault::null(name))
    }

    /// Writes the output.
    pub(crate) fn set(self, value: T) {
        // SAFETY: valid for one write by the contract of `new`, aligned by its check.
        unsafe { self.0.write(value) };
    }
}

impl<T: Handle> Out<*mut T> {
    /// A place for a handle: set to NULL at once, so that a failed call leaves NULL.
    ///
    /// # Safety
    /// As [`Out::new`].
    pub(crate) unsafe fn handle(pointer: *mut *mut T) -> Outcome<Self> {
        // SAFETY: this function's contract.
        let out = unsafe { Self::new(pointer, &format!("output {}", T::NAME)) }?;
        // SAFETY: valid for writes by this function's contract.
        unsafe { out.0.write(std::ptr::null_mut()) };
        Ok(out)
    }

    /// Hands one reference to C.
    pub(crate) fn give(self, value: Arc<T>) {
        self.set(Arc::into_raw(value).cast_mut());
    }
}

/// A NUL-terminated UTF-8 string.
///
/// # Safety
/// `pointer` is NULL or points to a NUL-terminated string that lives during `'a`.
pub(crate) unsafe fn text<'a>(pointer: *const c_char, name: &str) -> Outcome<&'a str> {
    // SAFETY: this function's contract.
    unsafe { optional_text(pointer, name) }?.ok_or_else(|| Fault::null(name))
}

/// As [`text`], with `None` for NULL.
///
/// # Safety
/// As [`text`].
pub(crate) unsafe fn optional_text<'a>(
    pointer: *const c_char,
    name: &str,
) -> Outcome<Option<&'a str>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, and NUL-terminated by this function's contract.
    let bytes = unsafe { CStr::from_ptr(pointer) };
    match bytes.to_str() {
        Ok(text) => Ok(Some(text)),
        Err(error) => Err(Fault::new(
            fpga_status::InvalidUtf8,
            format!("{name}: {error}"),
        )),
    }
}

/// `count` values; NULL is fine for none.
///
/// # Safety
/// `pointer` is NULL or points to `count` values that live, unchanged, during `'a`.
pub(crate) unsafe fn array<'a, T>(pointer: *const T, count: usize, name: &str) -> Outcome<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(Fault::null(name));
    }
    aligned(pointer, name)?;
    if count > isize::MAX as usize / size_of::<T>().max(1) {
        return Err(Fault::argument(name, format!("{count} is too many")));
    }
    // SAFETY: not NULL, aligned, no larger than an allocation may be, and alive by the contract.
    Ok(unsafe { std::slice::from_raw_parts(pointer, count) })
}

/// # Errors
/// `pointer` cannot hold a `T` where it points. NULL passes.
pub(crate) fn aligned<T>(pointer: *const T, name: &str) -> Outcome {
    if pointer.is_aligned() {
        return Ok(());
    }
    let needed = align_of::<T>();
    Err(Fault::argument(
        name,
        format!("{pointer:p} is not aligned to {needed} bytes"),
    ))
}

/// A C flag: 0 or 1, nothing else.
pub(crate) fn flag(value: u32, name: &str) -> Outcome<bool> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(Fault::argument(
            name,
            format!("must be 0 or 1, found {other}"),
        )),
    }
}

/// A field that no version uses yet.
pub(crate) fn zero(value: u32, name: &str) -> Outcome {
    match value {
        0 => Ok(()),
        other => Err(Fault::argument(name, format!("must be 0, found {other}"))),
    }
}

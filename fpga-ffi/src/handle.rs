//! Opaque handles: what C holds is an [`Arc`], so that an object that another one needs, or that a
//! running job uses, outlives the caller's `_free`.

use std::sync::Arc;

use crate::fault::{Fault, Outcome};

/// A type that crosses to C as a pointer.
pub(crate) trait Handle: Send + Sync + 'static {
    /// How error messages call it.
    const NAME: &'static str;
}

/// The object behind a handle, borrowed for the call.
///
/// # Safety
/// `pointer` is NULL or came from [`give`](crate::view::Out::give) and is not freed during `'a`.
pub(crate) unsafe fn borrow<'a, T: Handle>(pointer: *const T) -> Outcome<&'a T> {
    // SAFETY: by this function's contract it points to a live `T`.
    unsafe { pointer.as_ref() }.ok_or_else(|| Fault::null(T::NAME))
}

/// The object behind a handle, kept alive for as long as the result.
///
/// # Safety
/// As [`borrow`].
pub(crate) unsafe fn share<T: Handle>(pointer: *const T) -> Outcome<Arc<T>> {
    if pointer.is_null() {
        return Err(Fault::null(T::NAME));
    }
    // SAFETY: a live handle is an `Arc` turned raw; the caller's own count stays with the caller.
    Ok(unsafe {
        Arc::increment_strong_count(pointer);
        Arc::from_raw(pointer)
    })
}

/// As [`share`], with `None` for NULL.
///
/// # Safety
/// As [`borrow`].
pub(crate) unsafe fn share_optional<T: Handle>(pointer: *const T) -> Outcome<Option<Arc<T>>> {
    match pointer.is_null() {
        true => Ok(None),
        // SAFETY: this function's contract.
        false => unsafe { share(pointer) }.map(Some),
    }
}

/// Drops the reference that C owns.
///
/// # Safety
/// `pointer` is NULL, or a handle whose reference C gives up with this call.
pub(crate) unsafe fn drop_handle<T: Handle>(pointer: *mut T) {
    if !pointer.is_null() {
        // SAFETY: a live handle is an `Arc` turned raw.
        drop(unsafe { Arc::from_raw(pointer.cast_const()) });
    }
}

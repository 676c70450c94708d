//! Structs that grow between versions: `size_t struct_size` comes first, fields are only appended.
//!
//! A caller may be older than the library (its struct is shorter: the fields that it lacks get
//! their defaults) or newer (longer: what this library does not know must be zero).

use crate::fault::{Fault, Outcome};
use crate::status::fpga_status;
use crate::view::aligned;

/// No struct of this library will ever be larger: a larger size is an uninitialised struct.
const LARGEST: usize = 4096;

/// A struct whose first field is `size_t struct_size`.
///
/// # Safety
/// The implementor is `repr(C)`, starts with that field, and has only integers, floats, nullable
/// pointers and arrays of these, so that any bytes are a valid value.
pub(crate) unsafe trait Growing: Copy {
    /// Its name in the header.
    const NAME: &'static str;
    /// Its size when it was first published: no caller has a shorter one.
    const FIRST_SIZE: usize;

    /// What the `_INIT` macro holds; also fills what an older caller's struct lacks.
    fn defaults() -> Self;
}

/// How many bytes the caller's struct has.
///
/// # Safety
/// `pointer` is NULL or points to a `T` of some version.
pub(crate) unsafe fn declared_size<T: Growing>(pointer: *const T) -> Outcome<usize> {
    if pointer.is_null() {
        return Err(Fault::null(T::NAME));
    }
    aligned(pointer, T::NAME)?;
    // SAFETY: every version starts with `struct_size`, and the pointer is aligned for it.
    let size = unsafe { pointer.cast::<usize>().read() };
    check_size::<T>(size)?;
    Ok(size)
}

/// Reads a struct of any version.
///
/// # Safety
/// `pointer` is NULL or points to a `T` of some version: its first field says how many bytes may be
/// read.
pub(crate) unsafe fn read<T: Growing>(pointer: *const T) -> Outcome<T> {
    // SAFETY: this function's contract.
    let size = unsafe { declared_size(pointer) }?;
    // SAFETY: the caller says that it has `size` bytes.
    let bytes = unsafe { std::slice::from_raw_parts(pointer.cast::<u8>(), size) };
    let known = size.min(size_of::<T>());
    if let Some(index) = bytes[known..].iter().position(|&byte| byte != 0) {
        let at = known + index;
        let why = format!(
            "{}: byte {at} is set, this library knows {known} bytes",
            T::NAME
        );
        return Err(Fault::new(fpga_status::Unsupported, why));
    }
    let mut value = T::defaults();
    // SAFETY: `known` is no larger than either side, and any bytes are a valid `T`.
    unsafe {
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), (&raw mut value).cast::<u8>(), known);
    }
    Ok(value)
}

/// Reads an array of structs of any version: each has the same `struct_size`, and they are that many
/// bytes apart. `what` names one in messages, `most` is more than any caller can mean.
///
/// # Safety
/// `pointer` is NULL, or points to `count` such structs.
pub(crate) unsafe fn read_all<T: Growing>(
    pointer: *const T,
    count: usize,
    (what, most): (&str, usize),
) -> Outcome<Vec<T>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    if count > most {
        let why = format!("needs 0 to {most}, found {count}");
        return Err(Fault::argument(&format!("num_{what}s"), why));
    }
    // SAFETY: this function's contract.
    let stride = unsafe { declared_size(pointer) }?;
    let one = |index: usize| {
        // SAFETY: elements lie as far apart as the first one is large, by the contract.
        unsafe { read_one(pointer.byte_add(index * stride), stride) }
            .map_err(|fault| fault.context(format!("{what} {index}")))
    };
    (0..count).map(one).collect()
}

/// # Safety
/// `pointer` is an element of an array whose elements are `stride` bytes apart.
unsafe fn read_one<T: Growing>(pointer: *const T, stride: usize) -> Outcome<T> {
    // SAFETY: this function's contract.
    let size = unsafe { declared_size(pointer) }?;
    if size != stride {
        let why = format!("is {size}, the first one's is {stride}");
        return Err(Fault::argument(&format!("{}.struct_size", T::NAME), why));
    }
    // SAFETY: this function's contract, and the element is as large as the array says.
    unsafe { read(pointer) }
}

/// Writes a struct for a caller whose version has `size` bytes; its `struct_size` becomes `size`.
///
/// # Safety
/// `pointer` is NULL or valid for writes of `size` bytes.
pub(crate) unsafe fn write<T: Growing>(value: &T, pointer: *mut T, size: usize) -> Outcome {
    if pointer.is_null() {
        return Err(Fault::null(T::NAME));
    }
    aligned(pointer, T::NAME)?;
    check_size::<T>(size)?;
    let known = size.min(size_of::<T>());
    // SAFETY: the caller has `size` bytes, `known` is within both, `struct_size` is the first field.
    unsafe {
        pointer.cast::<u8>().write_bytes(0, size);
        std::ptr::copy_nonoverlapping(
            std::ptr::from_ref(value).cast::<u8>(),
            pointer.cast::<u8>(),
            known,
        );
        pointer.cast::<usize>().write(size);
    }
    Ok(())
}

fn check_size<T: Growing>(size: usize) -> Outcome {
    if (T::FIRST_SIZE..=LARGEST).contains(&size) {
        return Ok(());
    }
    let why = format!(
        "{}: struct_size is {size}, needs {} to {LARGEST}; start from the _INIT macro",
        T::NAME,
        T::FIRST_SIZE
    );
    Err(Fault::new(fpga_status::InvalidStructSize, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First published with two fields; `added` came later.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Params {
        struct_size: usize,
        steps: u64,
        added: u64,
    }

    // SAFETY: `repr(C)`, integers only, `struct_size` first.
    unsafe impl Growing for Params {
        const NAME: &'static str = "params";
        const FIRST_SIZE: usize = 16;

        fn defaults() -> Self {
            Self {
                struct_size: size_of::<Self>(),
                steps: 30,
                added: 7,
            }
        }
    }

    fn read_words(words: &[usize]) -> Outcome<Params> {
        // SAFETY: every test passes as many bytes as the first word says, or an invalid size.
        unsafe { read(words.as_ptr().cast()) }
    }

    #[test]
    fn an_older_caller_gets_the_defaults_of_newer_fields() {
        let params = read_words(&[16, 5]).unwrap();
        assert_eq!((params.steps, params.added), (5, 7));
    }

    #[test]
    fn a_newer_caller_may_only_leave_unknown_fields_zero() {
        let params = read_words(&[32, 5, 6, 0]).unwrap();
        assert_eq!((params.steps, params.added), (5, 6));
        let fault = read_words(&[32, 5, 6, 1]).unwrap_err();
        assert_eq!(fault.status, fpga_status::Unsupported);
    }

    #[test]
    fn impossible_sizes_are_refused() {
        for size in [0, 8, 15, LARGEST + 1, usize::MAX] {
            let fault = read_words(&[size, 0, 0]).unwrap_err();
            assert_eq!(fault.status, fpga_status::InvalidStructSize, "{size}");
        }
    }

    #[test]
    fn writing_respects_the_size_of_the_caller() {
        let mut words = [99usize; 5];
        for (size, expected) in [(16, [16, 30, 99, 99, 99]), (32, [32, 30, 7, 0, 99])] {
            words.fill(99);
            // SAFETY: `words` has 40 bytes.
            unsafe { write(&Params::defaults(), words.as_mut_ptr().cast(), size) }.unwrap();
            assert_eq!(words, expected);
        }
    }
}
